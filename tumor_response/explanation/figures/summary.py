"""Beeswarms: one row per column, family or block, one point per lesion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tumor_response.explanation.figures.labels import label_rows, row_height_mm
from tumor_response.explanation.figures.parts import (
    OUTPUTS,
    WHERE,
    at_least_one,
    low_high,
    ranks,
    shares_of,
    swarm,
    values_of,
    write_shares,
)
from tumor_response.explanation.stability.ranks import Level, block_of_each
from tumor_response.style import DOUBLE_COLUMN_MM, NEUTRAL, block_colours, figure_style, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.explanation.result import Explanation

__all__ = ["draw_summary"]


def draw_summary(
    explanation: Explanation,
    ax: Axes | None = None,
    n_rows: int = 12,
    level: Level = "column",
) -> Axes:
    """Draw the largest mean ``|SHAP|``, one point per lesion; returns the axes.

    Colour is the rank of the column's value among the lesions, grey where it is missing; a family
    or a block has no single value, and its points have its block's colour. At the right, how often
    a resample's list holds the row.

    Parameters
    ----------
    explanation
        What is drawn.
    ax
        Axes to draw on; a new figure by default.
    n_rows
        How many rows at most.
    level
        ``"column"``, ``"family"`` or ``"block"``.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    at_least_one("n_columns", n_rows)
    values = values_of(explanation, level)
    order = values.abs().mean().sort_values(ascending=False, kind="stable")
    names = [str(name) for name in order.index[:n_rows]]
    shares = shares_of(explanation, level)
    heights = [float(len(names) - 1 - line) for line in range(len(names))]
    block_of, colour_of = block_of_each(explanation, level), block_colours(explanation.blocks)
    coloured = level == explanation.level == "column"
    with figure_style():
        if ax is None:
            height_mm = 20 + row_height_mm(explanation, names) * len(names)
            ax = new_axes(DOUBLE_COLUMN_MM, max(height_mm, 38))
        ax.axvline(0, color=NEUTRAL, linewidth=0.6)
        for name, height in zip(names, heights, strict=True):
            of_row = values[name].to_numpy()
            look = (
                # a lesion without the value has a point, too, in grey
                {
                    "c": ranks(explanation.features[name]),
                    "cmap": low_high(),
                    "vmin": 0,
                    "vmax": 1,
                    "plotnonfinite": True,
                }
                if coloured
                else {"color": colour_of[block_of[name]]}
            )
            ax.scatter(of_row, height + swarm(of_row), s=5, linewidths=0, **look)
        label_rows(ax, explanation, names, heights)
        ax.set_ylim(-0.6, len(names) - 0.4)
        ax.set_xlabel(f"SHAP value ({OUTPUTS[explanation.output]})")
        ax.set_title(f"{explanation.name}\n{WHERE[explanation.mode]}", loc="left")
        if shares is not None:
            write_shares(ax, level, [float(shares[name]) for name in names], heights)
        if coloured:
            bar = ax.figure.colorbar(
                ScalarMappable(Normalize(0, 1), low_high()),
                ax=ax,
                ticks=[0, 1],
                pad=0.02 if shares is None else 0.13,
                aspect=40,
            )
            bar.ax.set_yticklabels(["low", "high"])
            bar.set_label("value of the column", labelpad=1)
            bar.outline.set_visible(False)
    return ax
