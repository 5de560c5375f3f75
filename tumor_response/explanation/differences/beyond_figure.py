"""One figure: columns at equal volume and age by block, and what the models gain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tumor_response.exceptions import ExplanationError
from tumor_response.style import (
    COLOURS,
    DOUBLE_COLUMN_MM,
    NEUTRAL,
    block_colours,
    broken_name,
    figure_style,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.explanation.differences.beyond import BeyondVolumeAndAge

__all__ = ["draw_beyond"]

_ROW_MM, _REST_MM = 11.0, 34.0


def draw_beyond(beyond: BeyondVolumeAndAge, ax: Sequence[Axes] | None) -> tuple[Axes, Axes]:
    """Draw both panels; see :meth:`BeyondVolumeAndAge.plot`."""
    if ax is not None and len(ax) != 2:
        raise ExplanationError(f"plot: {len(ax)} axes, expected 2.", code="settings")
    n_rows = max(len(beyond.blocks), len(beyond.increments), 3)
    with figure_style():
        if ax is None:
            ax = new_figure(DOUBLE_COLUMN_MM, _REST_MM + _ROW_MM * n_rows).subplots(1, 2)
        left, right = ax
        _draw_blocks(beyond, left)
        _draw_increments(beyond, right)
    return left, right


def _draw_blocks(beyond: BeyondVolumeAndAge, ax: Axes) -> None:
    columns = beyond.differences.columns
    rng = np.random.default_rng(0)
    colours = block_colours([str(block) for block in beyond.blocks.index])
    for line, (block, row) in enumerate(beyond.blocks.iterrows()):
        effect = columns.loc[columns["block"] == block, "delta_adjusted"].dropna().to_numpy()
        limit = row["chance_strongest"]
        ax.fill_between(
            [-limit, limit], line - 0.4, line + 0.4, color=NEUTRAL, alpha=0.22, linewidth=0
        )
        ax.scatter(
            effect,
            line + rng.uniform(-0.3, 0.3, len(effect)),
            s=5,
            c=colours[str(block)],
            alpha=0.5,
            linewidths=0,
        )
    names = [
        f"{broken_name(str(block), 24)}\n{row['n_columns']:.0f} columns\np = {row['p_value']:.2g}"
        for block, row in beyond.blocks.iterrows()
    ]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.axvline(0, color=NEUTRAL, linewidth=0.6, linestyle=":")
    ax.set_xlabel(
        "difference in mean rank (as Cliff's delta)\np: the block's squared scores, "
        f"{beyond.blocks['n_permutations'].iloc[0]} permutations\n"
        "grey: where the block's largest lies by chance, 95 %"
    )
    ax.set_title(f"At equal {' and '.join(beyond.differences.adjusted_for)}", loc="left")


def _draw_increments(beyond: BeyondVolumeAndAge, ax: Axes) -> None:
    frame = beyond.increments
    for line, row in enumerate(frame.to_dict("records")):
        ax.plot([row["ci_low"], row["ci_high"]], [line, line], color=COLOURS[0], linewidth=1.6)
        ax.plot([row["difference"]], [line], "o", color=COLOURS[0], markersize=4.5)
    names = [
        f"{broken_name(row['model_a'], 26)}\nless {broken_name(row['model_b'], 22)}\n"
        f"p = {row['p_holm']:.2g}"
        for row in frame.to_dict("records")
    ]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.axvline(0, color=NEUTRAL, linewidth=0.6, linestyle=":")
    ax.margins(x=0.08)
    methods = " / ".join(frame["ci_method"].unique())
    what = f"difference in {beyond.measure}, 95 % interval"
    ax.set_xlabel(f"{what}\n({methods};\np by Holm over the rows)")
    ax.set_title("What models gain", loc="left")
