"""Bars of columns, families or blocks before what permuted labels give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.explanation.figures.labels import label_rows, row_height_mm
from tumor_response.explanation.figures.parts import (
    OUTPUTS,
    PLURALS,
    WHERE,
    at_least_one,
    faintness,
    listed_words,
    ranked,
    write_shares,
)
from tumor_response.explanation.stability.ranks import Level, block_of_each
from tumor_response.style import DOUBLE_COLUMN_MM, NEUTRAL, block_colours, figure_style, new_axes

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from tumor_response.explanation.result import Explanation
    from tumor_response.explanation.stability.band import ExplanationNull

__all__ = ["draw_bars"]

_BAND = "#e3e3e3"
_UNSTABLE = 0.5


def draw_bars(
    explanation: Explanation, level: Level = "column", ax: Axes | None = None, n_rows: int = 12
) -> Axes:
    """Draw how much each column, family or block moves the output; returns the axes.

    Out of bag a bar is the mean over resamples of the mean ``|SHAP|`` over each one's out-of-bag
    lesions. The fewer resamples list it (columns: in the top 10; families: in the top 3; blocks:
    first), the fainter it is; below half of them it is hatched as well. Share and gauge stand at
    the right.

    With a null (:meth:`Explanation.with_null`), the grey band behind a bar is what 95 % of
    permutations of the outcome stay below, the line in it their median, and the dashed line at its
    right what the largest of all rows stays below. The diamond is the statistic for the outcome as
    it is, from as many resamples as each permutation had: it is what band and lines are compared
    with. It is filled where the row's part of the sum leaves its band as well, which does not grow
    with the model's strength.

    Parameters
    ----------
    explanation
        What is drawn.
    level
        ``"column"``, ``"family"`` or ``"block"``.
    ax
        Axes to draw on; a new figure by default.
    n_rows
        How many rows at most.
    """
    at_least_one("n_rows", n_rows)
    table = ranked(explanation, level).head(n_rows)
    names = [str(name) for name in table.index]
    heights = [float(len(names) - 1 - line) for line in range(len(names))]
    colour_of, block_of = block_colours(explanation.blocks), block_of_each(explanation, level)
    stable = table["share"].notna().all()
    with figure_style():
        own_figure = ax is None
        if ax is None:
            height_mm = 24 + (row_height_mm(explanation, names)) * len(names)
            ax = new_axes(DOUBLE_COLUMN_MM, height_mm + (10 if explanation.null else 0) + 8)
        lengths, shares = table["length"].to_numpy(), table["share"].to_numpy()
        for name, height, length, share in zip(names, heights, lengths, shares, strict=True):
            colour = colour_of[block_of[name]]
            ax.barh(
                height,
                length,
                height=0.5,
                color=(colour, faintness(share)),
                edgecolor=colour,
                linewidth=0.7,
                hatch="/////" if share < _UNSTABLE else None,
                zorder=2,
            )
        notes = []
        if explanation.null is not None:
            notes.append(_draw_null(ax, explanation.null, level, names, heights))
        label_rows(ax, explanation, names, heights)
        ax.set_ylim(-0.6, len(names) - 0.4)
        ax.set_xlim(left=0)
        over = "mean over resamples of mean" if explanation.mode == "out_of_bag" else "mean"
        unit = OUTPUTS[explanation.output]
        ax.set_xlabel("\n".join([f"{over} |SHAP value| ({unit})", *notes]))
        ax.set_title(f"{explanation.name}\n{WHERE[explanation.mode]}", loc="left")
        if stable:
            write_shares(ax, level, table["share"].tolist(), heights)
        handles = _legend(explanation, level, table, block_of)
        if handles and own_figure:
            ax.figure.legend(handles=handles, loc="outside lower left", ncols=3)
        elif handles:
            ax.legend(
                handles=handles,
                loc="lower right",
                frameon=True,
                framealpha=0.9,
                edgecolor="none",
            )
    return ax


def _draw_null(
    ax: Axes, null: ExplanationNull, level: Level, names: list[str], heights: list[float]
) -> str:
    """Draw band, median, maximum and what is compared; return what is to be said of them."""
    table = null.table(level).loc[names]
    drawn = table[["limit", "median", "limit_all", "observed"]].to_numpy(dtype=np.float64)
    filled = table["part_outside"].to_numpy()
    for (limit, median, limit_all, observed), fill, height in zip(
        drawn, filled, heights, strict=True
    ):
        reach = [height - 0.43, height + 0.43]
        ax.barh(height, limit, height=0.86, color=_BAND, linewidth=0, zorder=0)
        ax.plot([median] * 2, reach, color=NEUTRAL, linewidth=0.7, zorder=3)
        ax.plot([limit_all] * 2, reach, color="black", linewidth=0.8, linestyle="--", zorder=3)
        ax.plot(
            observed,
            height,
            "D",
            markeredgecolor="black",
            markerfacecolor="black" if fill else "white",
            markeredgewidth=0.6,
            markersize=3.2,
            zorder=4,
        )
    summary = null.summary().loc[level]
    means, parts = summary.loc["mean_abs"], summary.loc["part"]
    return (
        f"{means['n_outside']:.0f} of {means['n']:.0f} {PLURALS[level]} leave the band, "
        f"{means['expected']:.1f} expected by chance, up to {means['permuted_most']:.0f} in "
        f"{null.n_permutations} permutations\nby their part of the sum: "
        f"{parts['n_outside']:.0f}, up to {parts['permuted_most']:.0f} in the permutations"
    )


def _legend(
    explanation: Explanation, level: Level, table: pd.DataFrame, block_of: dict[str, str]
) -> list[Artist]:
    """Return what has to be explained: blocks by colour, shares by faintness, band and marks."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = []
    colours = block_colours(explanation.blocks)
    if level != "block":
        shown = dict.fromkeys(block_of[str(name)] for name in table.index)
        handles += [Patch(color=colours[block], label=block) for block in shown]
    if table["share"].notna().all():
        handles += [
            Patch(
                facecolor=("black", faintness(share)),
                edgecolor="black",
                linewidth=0.7,
                hatch="/////" if share < _UNSTABLE else None,
                label=f"{listed_words(level)} in {share:.0%} of resamples",
            )
            for share in (1.0, 0.6, 0.2)
        ]
    if explanation.null is not None:
        n = explanation.null.n_resamples
        handles += [
            Patch(color=_BAND, label="95 % of permuted outcomes"),
            Line2D([], [], color=NEUTRAL, linewidth=0.7, label="their median"),
            Line2D(
                [],
                [],
                color="black",
                linestyle="--",
                linewidth=0.8,
                label=f"95 % of the largest of all {PLURALS[level]}",
            ),
            Line2D(
                [],
                [],
                color="black",
                marker="D",
                markersize=3.2,
                linestyle="none",
                label=f"own outcome, {n} resamples as well",
            ),
            Line2D(
                [],
                [],
                color="black",
                marker="D",
                markersize=3.2,
                linestyle="none",
                markerfacecolor="white",
                label="the same, its part of the sum in the band",
            ),
        ]
    return handles
