"""The figures of calibration, net benefit and precision; each says which predictions it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tumor_response.evaluation.performance.arrays import FloatArray
from tumor_response.evaluation.performance.calibration import recalibration
from tumor_response.evaluation.performance.calibration_curves import (
    CalibrationCurve,
    calibration_curve,
)
from tumor_response.evaluation.performance.decision_curves import (
    THRESHOLDS,
    net_benefit,
    net_benefit_of_all,
)
from tumor_response.evaluation.performance.discrimination import (
    average_precision,
    average_precision_by_chance,
    precision_recall_curve,
)
from tumor_response.evaluation.performance.predictions import (
    check_models,
    check_probabilities,
    check_responses,
    words_for_predictions,
)
from tumor_response.exceptions import EvaluationError
from tumor_response.style import (
    NEUTRAL,
    SINGLE_COLUMN_MM,
    broken_name,
    figure_style,
    legend_below,
    model_looks,
    new_axes,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["draw_calibration", "draw_decision_curve", "draw_precision_recall"]

_TAILS = (2.5, 97.5)
_BAND: dict[str, Any] = {"alpha": 0.12, "linewidth": 0}
_TITLE_MM = 74.0
_NAME_WIDTH = 34
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_SQUARE: dict[str, Any] = {
    "xlim": (-0.01, 1.01),
    "ylim": (-0.01, 1.01),
    "xticks": _TICKS,
    "yticks": _TICKS,
    "aspect": "equal",
}


def draw_calibration(result: EvaluationResult, names: Sequence[str], ax: Axes | None) -> Axes:
    """Draw observed share over predicted probability of unseen patients, and where these lie.

    The line smooths (lowess, as ``rms::val.prob``) the outcome over the predictions that each
    resample's own fit made for the patients it had not seen; the band holds the middle 95 % of the
    resamples' own smooths. Where fewer than half of the resamples have predictions the line is thin
    and broken. The strip below is the distribution of the predictions.

    Parameters
    ----------
    result : EvaluationResult
    names
        Models that give probabilities.
    ax
        Axes to draw on; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    EvaluationError
        ``unknown_model``, ``task``, ``not_probability``.
    """
    check_probabilities(result, names)
    curves = [calibration_curve(result, name) for name in names]
    with figure_style():
        ax = _axes(ax, names, SINGLE_COLUMN_MM + 16)
        ax.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.8, linestyle=":")
        looks = model_looks(result.models)
        for curve in curves:
            look = looks[curve.name]
            ax.fill_between(curve.grid, curve.low, curve.high, color=look["color"], **_BAND)
            _calibration_line(ax, curve, look)
        ax.set(ylabel="Share that responded", **_SQUARE)
        ax.tick_params(labelbottom=False)
        strip = ax.inset_axes((0.0, -0.17, 1.0, 0.14), sharex=ax)
        edges = np.linspace(0, 1, 41)
        for curve in curves:
            look = looks[curve.name]
            share = np.histogram(curve.predictions, edges)[0] / curve.predictions.size
            strip.stairs(share, edges, linewidth=0.9, **look)
            if len(curves) == 1:
                strip.stairs(share, edges, color=look["color"], alpha=0.25, fill=True)
        strip.set(
            xlabel="Predicted probability of response, and how often", yticks=[], ylim=(0, None)
        )
        strip.spines["left"].set_visible(False)
        _title(ax, result, "Calibration", "line: lowess of all", "smooths")
        legend_below(ax, title="calibration slope; integrated calibration index", below=-0.17)
    return ax


def draw_decision_curve(result: EvaluationResult, names: Sequence[str], ax: Axes | None) -> Axes:
    """Draw net benefit over threshold probability against treating all and treating none.

    The line is the mean over resamples of the net benefit of that resample's fit among the
    patients it had not seen; the band holds the middle 95 % of the resamples. "Treat all" is the
    mean over the same patients.

    Parameters
    ----------
    result, names, ax
        As for :func:`draw_calibration`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    EvaluationError
        ``unknown_model``, ``task``, ``not_probability``.
    """
    check_probabilities(result, names)
    prevalence = float(np.mean([one.y_test.mean() for one in result.out_of_bag]))
    treat_all = net_benefit_of_all(prevalence, THRESHOLDS)
    with figure_style():
        ax = _axes(ax, [*names, "treat all", "treat none"], height_mm=66)
        looks = model_looks(result.models)
        for name in names:
            curves = np.array(
                [net_benefit(one.y_test, one.scores[name], THRESHOLDS) for one in result.out_of_bag]
            )
            _band(ax, THRESHOLDS, curves, looks[name]["color"])
            label = broken_name(name, _NAME_WIDTH)
            ax.plot(THRESHOLDS, curves.mean(axis=0), label=label, **looks[name])
        ax.plot(THRESHOLDS, treat_all, color=NEUTRAL, linewidth=0.9, label="treat all", zorder=1)
        ax.axhline(
            0.0, color=NEUTRAL, linewidth=0.9, linestyle=(0, (4, 2)), label="treat none", zorder=1
        )
        ax.set(
            xlim=(0, 1),
            xticks=_TICKS,
            ylim=(-0.25 * max(prevalence, 0.1), 1.15 * max(prevalence, 0.1)),
            xlabel="Threshold probability",
            ylabel="Net benefit (true positives per lesion)",
        )
        _title(ax, result, "Decision curve", "line: mean", "curves")
        legend_below(ax)
    return ax


def draw_precision_recall(result: EvaluationResult, names: Sequence[str], ax: Axes | None) -> Axes:
    """Draw precision over recall of unseen patients.

    The line is the mean over resamples of their staircases, precision at the first threshold that
    reaches a recall, so that the area under it is the mean average precision written beside the
    name; the band holds the middle 95 % of the resamples. The dotted line is the prevalence; the
    legend says what random scores reach with as few patients.

    Parameters
    ----------
    result, ax
        As for :func:`draw_calibration`.
    names
        Models of responses; decision values will do.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    EvaluationError
        ``unknown_model``, ``task``; ``one_class`` if no resample's test rows have both.
    """
    check_models(result, names)
    check_responses(result)
    both = [one for one in result.out_of_bag if 0 < one.y_test.mean() < 1]
    if not both:
        raise EvaluationError(
            "No resample's test rows have both classes; there is no precision over recall.",
            code="one_class",
        )
    prevalence = float(np.mean([one.y_test.mean() for one in both]))
    chance = float(
        np.mean([average_precision_by_chance(int(o.y_test.sum()), o.y_test.size) for o in both])
    )
    grid = (np.arange(400) + 0.5) / 400
    with figure_style():
        ax = _axes(ax, names)
        ax.axhline(prevalence, color=NEUTRAL, linewidth=0.8, linestyle=":")
        looks = model_looks(result.models)
        for name in names:
            curves = np.array([_staircase(one.y_test, one.scores[name], grid) for one in both])
            mean = float(np.mean([average_precision(o.y_test, o.scores[name]) for o in both]))
            _band(ax, grid, curves, looks[name]["color"])
            label = f"{broken_name(name, _NAME_WIDTH)}: {mean:.2f}"
            ax.plot(grid, curves.mean(axis=0), label=label, **looks[name])
        ax.set(xlabel="Recall (sensitivity)", ylabel="Precision (PPV)", **_SQUARE)
        _title(ax, result, "Precision and recall", "line: mean", "curves")
        told = (
            f"average precision\n(random scores {chance:.2f}; dotted: prevalence {prevalence:.2f})"
        )
        legend_below(ax, title=told)
    return ax


def _axes(ax: Axes | None, names: Sequence[str], height_mm: float = SINGLE_COLUMN_MM) -> Axes:
    if ax is not None:
        return ax
    n_lines = sum(1 + broken_name(name, _NAME_WIDTH).count("\n") for name in names)
    return new_axes(SINGLE_COLUMN_MM, height_mm + 22 + 3.6 * n_lines)


def _band(ax: Axes, grid: FloatArray, curves: FloatArray, colour: str) -> None:
    if len(curves) > 1:
        low, high = np.percentile(curves, _TAILS, axis=0)
        ax.fill_between(grid, low, high, color=colour, **_BAND)


def _staircase(y: FloatArray, score: FloatArray, grid: FloatArray) -> FloatArray:
    recall, precision, _ = precision_recall_curve(y, score)
    stairs: FloatArray = precision[
        np.searchsorted(recall, grid, side="left").clip(max=recall.size - 1)
    ]
    return stairs


def _calibration_line(ax: Axes, curve: CalibrationCurve, look: dict[str, Any]) -> None:
    """Draw the line, thin and broken where few resamples have predictions."""
    common = np.isfinite(curve.low) if curve.n_resamples > 1 else np.isfinite(curve.line)
    ax.plot(curve.grid, curve.line, color=look["color"], linewidth=0.6, linestyle=(0, (2, 2)))
    line = np.where(common, curve.line, np.nan)
    ax.plot(curve.grid, line, label=_calibration_label(curve), **look)


def _calibration_label(curve: CalibrationCurve) -> str:
    try:
        slope = f"{recalibration(curve.outcomes, curve.predictions).slope:.2f}"
    except EvaluationError as error:
        slope = f"none ({error.code})"
    return f"{broken_name(curve.name, _NAME_WIDTH)}: {slope}; {curve.errors.ici:.3f}"


def _title(ax: Axes, result: EvaluationResult, what: str, line: str, of: str) -> None:
    n = len(result.resamples)
    band = f"; band: 95 % of {n} resamples' {of}" if n > 1 else ""
    told = f"{what}, {words_for_predictions(result)}\n{line}{band}"
    ax.set_title(wrapped(told, _TITLE_MM))
