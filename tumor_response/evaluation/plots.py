"""The figures of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.evaluation.metrics import roc_curve
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

__all__ = ["NAME_WIDTH", "draw_roc", "words_of_headline"]

NAME_WIDTH = 26
"""Characters of a model's name on a line of the legend, with the numbers behind it."""

_TITLE_MM = 70.0

_MEASURES = {"auc": "AUC", "r2": "R²", "c_index": "C-index"}
_HOW = {"oob": "out of bag", "cv": "left out", "test": "test set"}


def words_of_headline(headline: str) -> str:
    """Return what an estimate is called in a figure; an unknown one by its own name.

    Examples
    --------
    >>> words_of_headline("auc_oob"), words_of_headline("brier_oob")
    ('AUC, out of bag (95 % interval)', 'brier, out of bag (95 % interval)')
    """
    measure, _, how = headline.rpartition("_")
    return f"{_MEASURES.get(measure, measure)}, {_HOW.get(how, how)} (95 % interval)"


def draw_roc(result: EvaluationResult, names: list[str], ax: Axes | None) -> Axes:
    """Draw what :meth:`EvaluationResult.plot_roc` describes.

    Raises
    ------
    EvaluationError
        Code ``task``: rates and thirds have no ROC curve.
    """
    if result.task != "response":
        raise EvaluationError(
            f"A ROC curve is of two classes; this evaluation is of {result.task}.", code="task"
        )
    summary = result.summary()
    grid = np.linspace(0.0, 1.0, 101)
    with figure_style():
        if ax is None:
            shown = [broken_name(name, NAME_WIDTH) for name in names]
            n_lines = sum(1 + text.count("\n") for text in shown)
            ax = new_axes(SINGLE_COLUMN_MM, SINGLE_COLUMN_MM + 19 + 3.6 * n_lines)
        ax.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.8, linestyle=":")
        looks = model_looks(result.models)
        for name in names:
            look = looks[name]
            curves = np.array(
                [
                    np.interp(grid, *roc_curve(one.y_test, one.scores[name]))
                    for one in result.out_of_bag
                    if len(np.unique(one.y_test)) == 2
                ]
            )
            if len(curves) > 1:
                low, high = np.percentile(curves, (2.5, 97.5), axis=0)
                ax.fill_between(grid, low, high, color=look["color"], alpha=0.10, linewidth=0)
            unseen = result.bagged_scores[name].dropna()
            y = pd.Series(result.rows.y, index=result.rows.X.index)[unseen.index]
            row = summary.loc[name]
            text = f"{row[result.headline]:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})"
            label = f"{broken_name(name, NAME_WIDTH)}: {text}"
            ax.plot(*roc_curve(y, unseen), label=label, **look)
        ax.set(
            xlim=(-0.01, 1.01),
            ylim=(-0.01, 1.01),
            aspect="equal",
            xlabel="1 − specificity",
            ylabel="Sensitivity",
        )
        n = len(result.resamples)
        told = (
            f"lines: each lesion's mean score\nbands: 95 % of {n} resamples"
            if n > 1
            else "lines: scores of the test set"
        )
        ax.set_title(wrapped(f"ROC of patients the model has not seen\n{told}", _TITLE_MM))
        legend_below(ax, title=words_of_headline(result.headline))
    return ax
