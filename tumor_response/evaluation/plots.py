"""The figures of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.evaluation.metrics import roc_curve
from tumor_response.exceptions import EvaluationError
from tumor_response.style import COLOURS, NEUTRAL, SINGLE_COLUMN_MM, figure_style, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["draw_roc"]


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
            ax = new_axes(SINGLE_COLUMN_MM, SINGLE_COLUMN_MM + 14 + 4 * len(names))
        ax.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.8, linestyle=":")
        for position, name in enumerate(names):
            colour = COLOURS[position % len(COLOURS)]
            curves = np.array(
                [
                    np.interp(grid, *roc_curve(one.y_test, one.scores[name]))
                    for one in result.out_of_bag
                    if len(np.unique(one.y_test)) == 2
                ]
            )
            if len(curves) > 1:
                low, high = np.percentile(curves, (2.5, 97.5), axis=0)
                ax.fill_between(grid, low, high, color=colour, alpha=0.10, linewidth=0)
            unseen = result.bagged_scores[name].dropna()
            y = pd.Series(result.rows.y, index=result.rows.X.index)[unseen.index]
            row = summary.loc[name]
            text = f"{row[result.headline]:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})"
            ax.plot(*roc_curve(y, unseen), color=colour, label=f"{name}: {text}")
        ax.set(
            xlim=(-0.01, 1.01),
            ylim=(-0.01, 1.01),
            aspect="equal",
            xlabel="1 - specificity",
            ylabel="Sensitivity",
        )
        n = len(result.resamples)
        ax.set_title(
            "ROC of patients the model has not seen\n"
            + (
                f"lines: each lesion's mean score; bands: 95 % of {n} resamples"
                if n > 1
                else "lines: scores of the test set"
            ),
            fontsize=6.5,
        )
        methods = sorted({str(summary.loc[name, "ci_method"]) for name in names})
        ax.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.16),
            title=f"{result.headline} (95 % interval: {', '.join(methods)})",
        )
    return ax
