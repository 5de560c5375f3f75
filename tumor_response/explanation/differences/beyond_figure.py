"""One figure: columns at equal volume and age by block, and what the models gain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tumor_response.style import COLOURS, DOUBLE_COLUMN_MM, NEUTRAL, figure_style, mm_to_inch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tumor_response.explanation.differences.beyond import BeyondVolumeAndAge

__all__ = ["draw_beyond"]

_ROW_MM, _REST_MM = 11.0, 34.0


def draw_beyond(beyond: BeyondVolumeAndAge) -> Figure:
    """Draw both panels; see :meth:`BeyondVolumeAndAge.plot`."""
    import matplotlib.pyplot as plt

    n_rows = max(len(beyond.blocks), len(beyond.increments), 3)
    with figure_style():
        size = (mm_to_inch(DOUBLE_COLUMN_MM), mm_to_inch(_REST_MM + _ROW_MM * n_rows))
        figure, (left, right) = plt.subplots(1, 2, figsize=size, layout="constrained")
        _draw_blocks(beyond, left)
        _draw_increments(beyond, right)
    return figure


def _draw_blocks(beyond: BeyondVolumeAndAge, ax: Axes) -> None:
    columns = beyond.differences.columns
    rng = np.random.default_rng(0)
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
            c=COLOURS[line % len(COLOURS)],
            alpha=0.5,
            linewidths=0,
        )
    names = [
        f"{block}\n{row['n_columns']:.0f} columns\np = {row['p_value']:.2g}"
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
        f"{row['model_a']}\nless {row['model_b']}\np = {row['p_holm']:.2g}"
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
