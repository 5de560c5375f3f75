"""The viewer as a part of a page: its pictures, its data and its words."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import CaseError, ExplanationError
from tumor_response.explanation.attention import AttentionMaps
from tumor_response.explanation.attention.plots import window_of
from tumor_response.features.deep.views import WINDOWS_HU
from tumor_response.features.deep.views.settings import Range
from tumor_response.reporting.parts import ShownLesion, Viewer
from tumor_response.reporting.viewer.choosing import chosen_lesions
from tumor_response.reporting.viewer.excerpt import Excerpt, knots_hu, knots_linear
from tumor_response.reporting.viewer.settings import ViewerSettings
from tumor_response.reporting.viewer.still import (
    ACROSS,
    CONTOUR,
    OPACITY,
    Scale,
    best_slice,
    drawn_still,
    png_uri,
)
from tumor_response.reporting.viewer.wording import about, choice
from tumor_response.reporting.wording import minus

if TYPE_CHECKING:
    import SimpleITK as sitk

    from tumor_response.cohort import Cohort

__all__ = ["viewer_of"]

WINDOWS: dict[str, Range] = {
    "soft tissue": WINDOWS_HU["soft_tissue"],
    "lung": WINDOWS_HU["lung"],
    "bone": WINDOWS_HU["bone"],
    "brain": (0.0, 80.0),
}
"""Presets for CT, HU."""

_UNSIGNED, _SIGNED = "inferno", "RdBu_r"


def viewer_of(
    maps: AttentionMaps,
    cohort: Cohort,
    names: Mapping[str, str] | None = None,
    settings: ViewerSettings | None = None,
) -> Viewer:
    """Return the viewer of a cohort's maps.

    Parameters
    ----------
    maps
        From :func:`tumor_response.attention`.
    cohort
        That the maps are of.
    names
        What patients are called; ``None``: by their ``patient_id``.
    settings
        What to show; ``None``: the defaults.

    Raises
    ------
    ExplanationError
        Code ``unknown_lesion``: the cohort lacks a lesion; ``map_grid``: a CT on another grid.
    """
    settings = settings or ViewerSettings()
    known = set(cohort.keys)
    absent = [key for key in maps if key not in known]
    if absent:
        raise ExplanationError(
            f"The cohort has no lesion {absent[0]!r}, of which there is a map; give the cohort "
            "that the maps are of.",
            code="unknown_lesion",
        )
    excerpts: dict[tuple[str, str], tuple[Excerpt, dict[str, Range]]] = {}
    unread = []
    drawn = chosen_lesions(maps, settings)
    is_ct = maps.views.window_hu is not None
    for key in drawn:
        try:
            image, mask = cohort[key].read_image(), cohort[key].read_mask()
        except CaseError as error:
            unread.append(error.code)
            continue
        knots = knots_hu() if is_ct else knots_linear(image)
        excerpt = Excerpt.cut(maps[key], image, mask, settings, knots)
        excerpts[key] = excerpt, _windows(maps, image)
    scale = _scale([excerpt for excerpt, _ in excerpts.values()], maps.signed)
    lesions = [
        _shown(_name(key, names), maps[key].output, *found, scale)
        for key, found in excerpts.items()
    ]
    return Viewer(
        label=f"{maps.method.replace('_', ' ')} of {maps.model}",
        about=about(maps),
        chosen=choice(len(maps), len(lesions), unread, list(maps.failures["reason"]), settings),
        kept=_kept([excerpt for excerpt, _ in excerpts.values()], is_ct),
        low=_text(scale.low),
        high=_text(scale.high),
        bar=png_uri(scale.colours[None]),
        data=_json(
            {
                "colours": base64.b64encode(scale.colours.tobytes()).decode("ascii"),
                "contour": CONTOUR,
                "scale": [scale.low, scale.high],
                "opacity": OPACITY,
                "unit": "HU" if is_ct else "",
            }
        ),
        lesions=lesions,
    )


def _windows(maps: AttentionMaps, image: sitk.Image) -> dict[str, Range]:
    """Return the windows to choose from; first what the network was shown."""
    computed = maps.views.windows_hu
    if len(computed) > 1:
        found = {f"as computed, channel {n}": window for n, window in enumerate(computed, 1)}
    else:
        found = {"as computed": window_of(maps.views, image)}
    return found | (WINDOWS if computed else {})


def _scale(excerpts: Sequence[Excerpt], signed: bool) -> Scale:
    """Return one scale for all lesions, to the 99th percentile of what was shown."""
    from matplotlib import colormaps

    shown = [np.abs(excerpt.values()) for excerpt in excerpts]
    high = float(np.percentile(np.concatenate(shown), 99.0)) if shown else 1.0
    high = high if np.isfinite(high) and high > 0 else 1.0  # maps of zeros have no colours
    colours = colormaps[_SIGNED if signed else _UNSIGNED](np.arange(256), bytes=True)
    return Scale(-high if signed else 0.0, high, np.asarray(colours)[:, :3].copy())


def _shown(
    name: str, output: float, excerpt: Excerpt, windows: dict[str, Range], scale: Scale
) -> ShownLesion:
    plane, index = best_slice(excerpt)
    across = ACROSS[plane]
    n_slices = excerpt.marks.shape[2 - across]
    at_mm = excerpt.start_mm[across] + index * excerpt.step_mm[across]
    picture = drawn_still(excerpt, plane, index, next(iter(windows.values())), scale)
    at = f"{'xyz'[across]} = {minus(f'{at_mm:.1f}')} mm"
    own = float(np.percentile(np.abs(excerpt.values()), 99.0))
    return ShownLesion(
        name=name,
        output=f"log-odds {minus(f'{output:+.2f}')}",
        where=f"{plane}, {at}",
        still=png_uri(picture),
        width=picture.shape[1],
        height=picture.shape[0],
        alt=f"{name}: {plane} slice {index + 1} of {n_slices}, {at}. CT with the tumour's contour "
        "and the map over it.",
        data=_json(
            {
                "size": excerpt.marks.shape[::-1],
                "spacing": excerpt.spacing_mm,
                "start": excerpt.start_mm,
                "step": excerpt.step_mm,
                "knots": excerpt.knots,
                "map": [excerpt.lowest, excerpt.highest],
                "own": own if own > 0 else 1.0,
                "windows": [[label, *window] for label, window in windows.items()],
                "plane": plane,
                "slice": index,
            }
        ),
        voxels=excerpt.packed(),
    )


def _kept(excerpts: Sequence[Excerpt], is_ct: bool) -> str:
    said = "Shown is the part of the CT around the tumour and around what the network was shown."
    if is_ct:
        said += (
            " Intensities are kept to 1.5 HU between −160 and 240 HU, to 6 HU below and to 28 HU "
            "above."
        )
    pooled = sum(excerpt.pooled > 1 for excerpt in excerpts)
    if pooled:
        said += (
            f" In {pooled} of {len(excerpts)} lesions, the larger ones, a pixel is the mean of "
            f"{max(excerpt.pooled for excerpt in excerpts)} × "
            f"{max(excerpt.pooled for excerpt in excerpts)} at most."
        )
    return said


def _name(key: tuple[str, str], names: Mapping[str, str] | None) -> str:
    return f"{key[0] if names is None else names[key[0]]}, lesion {key[1]}"


def _text(value: float) -> str:
    return minus(f"{value:.3g}")


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=_plain)


def _plain(value: npt.NDArray[Any] | np.generic) -> Any:
    return value.tolist()
