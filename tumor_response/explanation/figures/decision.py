"""All lesions' ways from base value to output, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tumor_response.explanation.figures.labels import label_rows, row_height_mm
from tumor_response.explanation.figures.parts import (
    OUTPUTS,
    WHERE,
    at_least_one,
    low_high,
    ranked,
    ranks,
    values_of,
    write_shares,
)
from tumor_response.explanation.stability.ranks import Level
from tumor_response.style import DOUBLE_COLUMN_MM, NEUTRAL, figure_style, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.explanation.result import Explanation

__all__ = ["draw_decision"]


def draw_decision(
    explanation: Explanation,
    ax: Axes | None = None,
    n_rows: int = 12,
    level: Level = "column",
    highlight: Sequence[int] = (),
) -> Axes:
    """Draw each lesion's way from its base value, at the bottom, to its output; returns the axes.

    Rows come in order of importance, the most important at the top, as in the bars; what is not
    drawn singly is the lowest step. A line's colour is the rank of its lesion's output.

    Parameters
    ----------
    explanation
        What is drawn.
    ax
        Axes to draw on; a new figure by default.
    n_rows
        How many columns, families or blocks to draw singly.
    level
        ``"column"``, ``"family"`` or ``"block"``.
    highlight
        Rows of ``values`` to draw in bold, with the lesion's name.
    """
    at_least_one("n_rows", n_rows)
    frame = values_of(explanation, level)
    table = ranked(explanation, level)
    shown = table.head(n_rows)
    names = [str(name) for name in shown.index]
    rest = frame.drop(columns=list(shown.index))
    others = [f"{rest.shape[1]} others"] if rest.shape[1] else []
    upwards = [*others, *reversed(names)]
    steps = np.column_stack(
        [
            explanation.base_values.to_numpy(),
            *(rest.sum(axis=1).to_numpy() for _ in others),
            frame[names[::-1]].to_numpy(),
        ]
    )
    paths = steps.cumsum(axis=1)
    shades = ranks(explanation.outputs)
    # a path reaches a row's height when the row is added to it
    heights = np.arange(len(upwards) + 1) - 1.0
    colours = low_high("#a6a6a6")  # lines in a paler grey would not be seen
    with figure_style():
        if ax is None:
            height_mm = 26 + row_height_mm(explanation, names) * len(upwards)
            ax = new_axes(DOUBLE_COLUMN_MM, max(height_mm, 45))
        ax.axvline(
            float(explanation.base_values.mean()), color=NEUTRAL, linewidth=0.8, linestyle=":"
        )
        faint = 0.6 if len(frame) < 150 else 0.3
        for at, (path, shade) in enumerate(zip(paths, shades, strict=True)):
            bold = at in highlight
            ax.plot(
                path,
                heights,
                color=colours(shade),
                linewidth=2.0 if bold else 0.6,
                alpha=1.0 if bold else faint,
                zorder=3 if bold else 2,
            )
            if bold:
                key = frame.index[at]
                who = " ".join(key) if isinstance(key, tuple) else str(key)
                ax.annotate(
                    who,
                    (path[-1], heights[-1]),
                    (0, 2),
                    textcoords="offset points",
                    ha="center",
                    va="bottom",
                )
        at_heights = [float(height) for height in heights[1:]]
        label_rows(ax, explanation, upwards, at_heights)
        for height in at_heights:
            ax.axhline(height, color="#eeeeee", linewidth=0.5, zorder=0)
        ax.set_ylim(-1.05, heights[-1] + 0.5)
        ax.set_xlabel(f"{OUTPUTS[explanation.output]}, from the base value upwards")
        ax.set_title(f"{explanation.name}\n{WHERE[explanation.mode]}", loc="left")
        if shown["share"].notna().all():
            places = at_heights[len(others) :]
            write_shares(ax, level, shown["share"].tolist()[::-1], places)
    return ax
