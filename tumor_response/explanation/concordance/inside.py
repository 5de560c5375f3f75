"""How much of the attention lies inside the tumour, and how much would anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.explanation.concordance.matched import Outline
from tumor_response.explanation.concordance.scene import Scene
from tumor_response.explanation.concordance.settings import ConcordanceSettings

__all__ = ["INSIDE_COLUMNS", "InsideFound", "inside_found", "inside_shifted"]

FloatArray = npt.NDArray[np.float64]

INSIDE_COLUMNS = (
    "inside",
    "rim",
    "outside",
    "tumour_share",
    "inside_matched",
    "matched_low",
    "matched_high",
    "excess",
    "p_value",
    "n_matched",
    "inside_shifted",
    "centre_shifted",
    "follows",
    "shift_mm",
)
"""The numeric columns of :meth:`Concordance.inside`."""


@dataclass(frozen=True, eq=False)
class InsideFound:
    """Where the attention of one lesion lay.

    Parameters
    ----------
    row
        Some of :data:`INSIDE_COLUMNS`.
    null
        The inside fractions of other patients' masks in this tumour's place.
    reason
        A code, empty if nothing is missing.
    """

    row: dict[str, float]
    null: FloatArray
    reason: str = ""


def inside_found(
    scene: Scene, matched: Sequence[Outline], settings: ConcordanceSettings
) -> InsideFound:
    """Return the shares of the attention in tumour, rim and outside, and the null.

    Parameters
    ----------
    scene
        The lesion.
    matched
        Other patients' tumours.
    settings
        The rim, and with how few there is no null.

    Notes
    -----
    Another patient's mask is stretched along the patient's axes until its box is this tumour's.
    Crop, scale and slices depend on a tumour through its box alone, so that the other tumour would
    have been shown in exactly these views. If the network looks at places in a view, whatever is
    there, then the tumour's own mask is one of these masks, drawn at random.
    """
    attention = scene.attention[scene.shown]
    total = float(attention.sum())
    if total <= 0.0:
        return InsideFound({}, np.empty(0), "attention_constant")
    inside = scene.inside[scene.shown]
    rim = scene.rim(settings.rim_mm)[scene.shown]
    own = float(attention[inside].sum()) / total
    in_rim = float(attention[rim].sum()) / total
    row = {
        "inside": own,
        "rim": in_rim,
        "outside": 1.0 - own - in_rim,
        "tumour_share": float(inside.mean()),
        "n_matched": float(len(matched)),
    }
    if len(matched) < settings.min_matched:
        return InsideFound(row, np.empty(0), "too_few_matched")
    places = scene.in_box(scene.shown)
    null = np.array([float(attention[other.at(places)].sum()) for other in matched]) / total
    low, high = np.quantile(null, (0.5 - settings.level / 2, 0.5 + settings.level / 2))
    row |= {
        "inside_matched": float(null.mean()),
        "matched_low": float(low),
        "matched_high": float(high),
        "excess": own - float(null.mean()),
        "p_value": (1 + np.count_nonzero(null >= own - 1e-12)) / (len(null) + 1),
    }
    return InsideFound(row, null)


def inside_shifted(shifted: Scene, offset_mm: FloatArray) -> dict[str, float]:
    """Return how the attention of shifted crops divides between the tumour and their middle.

    Parameters
    ----------
    shifted
        The lesion with the maps of crops shifted off its centre.
    offset_mm
        By which, in the patient.

    Returns
    -------
    dict
        ``inside_shifted``, the share inside the tumour's true place; ``centre_shifted``, inside of
        the tumour moved to where a crop shows a tumour as a rule; and ``follows``, the former less
        the latter: below zero for a network that looks at the middle whatever is there. Empty
        where there is no attention.
    """
    attention = np.where(shifted.shown, shifted.attention, 0.0)
    total = float(attention.sum())
    if total <= 0.0:
        return {}
    true = float(attention[shifted.inside].sum()) / total
    centre = float(attention[shifted.moved(offset_mm)].sum()) / total
    return {
        "inside_shifted": true,
        "centre_shifted": centre,
        "follows": true - centre,
        "shift_mm": float(np.linalg.norm(offset_mm)),
    }
