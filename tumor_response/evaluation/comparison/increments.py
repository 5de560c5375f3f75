"""What a model adds to volume alone and to the clinical factors alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from tumor_response.evaluation.comparison.adjusted import adjusted_p_values
from tumor_response.evaluation.comparison.difference import Differences
from tumor_response.exceptions import EvaluationError
from tumor_response.outcomes import Coupling

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["BASELINES", "compared_pairs", "increments"]

BASELINES = ("volume_only", "clinical_only")


def increments(
    result: EvaluationResult,
    baselines: Sequence[str] | None = None,
    *,
    coupling: Coupling | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare every model with volume alone and with the clinical factors alone.

    Parameters
    ----------
    result
        From :func:`tumor_response.evaluate`.
    baselines
        Names of the models to compare with; default: ``"volume_only"`` and ``"clinical_only"``,
        as far as they were evaluated.
    coupling
        From :func:`tumor_response.coupling`, of the same end point: the AUC that volume alone
        reaches by contour error where there is nothing to find. Volume is a part of the end
        point, and a model that beats chance, or volume alone where volume is below that figure,
        has shown less than it seems.
    level
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row per baseline and other model, as :func:`compare_models` has it, and ``p_holm``,
        ``p_benjamini_hochberg``: all rows are one family. With ``coupling``, in the rows that
        compare with volume alone, ``coupling_auc``, ``coupling_low``, ``coupling_high``.

    Raises
    ------
    EvaluationError
        Code ``no_baseline``: none was evaluated, or nothing else; ``other_end_point``:
        ``coupling`` is of another end point.
    """
    present = [name for name in BASELINES if name in result.models]
    chosen = present if baselines is None else list(baselines)
    pairs = [(name, base) for base in chosen for name in result.models if name != base]
    if not pairs:
        raise EvaluationError(
            f"There is nothing to compare: models {', '.join(map(repr, result.models))}, "
            f"baselines {', '.join(map(repr, chosen)) or 'none'}. Evaluate "
            "tr.make_model('volume_only') and tr.make_model('clinical_only') beside the others.",
            code="no_baseline",
        )
    frame = compared_pairs(result, pairs, level=level)
    if coupling is not None:
        _check_end_point(result, coupling)
        of_volume = frame["model_b"] == "volume_only"
        for name in ("auc", "low", "high"):
            value = coupling.auc if name == "auc" else getattr(coupling, f"auc_{name}")
            frame[f"coupling_{name}"] = pd.Series(value, index=frame.index).where(of_volume)
    return frame


def compared_pairs(
    result: EvaluationResult, pairs: Sequence[tuple[str, str]], *, level: float = 0.95
) -> pd.DataFrame:
    """Compare pairs of models; their p values are one family.

    Parameters
    ----------
    result
        From :func:`tumor_response.evaluate`.
    pairs
        Each a model and the one that it is compared with.
    level
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row per pair, ``compare_models`` and the adjusted p values.
    """
    differences = Differences(result)
    frame = pd.DataFrame([differences.of(a, b, None, level) for a, b in pairs])
    frame = frame.reset_index(drop=True).infer_objects()
    place = list(frame.columns).index("p_method") + 1
    p = frame["p_value"].to_numpy()
    frame.insert(place, "p_holm", adjusted_p_values(p, "holm"))
    frame.insert(place + 1, "p_benjamini_hochberg", adjusted_p_values(p, "benjamini_hochberg"))
    return frame


def _check_end_point(result: EvaluationResult, coupling: Coupling) -> None:
    end_point = str(result.rows.end_point.name)
    if result.rows.label is not None and coupling.by != end_point:
        raise EvaluationError(
            f"coupling is of {coupling.by}, and {end_point} was evaluated; give "
            f"tr.coupling(outcomes, by={end_point!r}).",
            code="other_end_point",
        )
