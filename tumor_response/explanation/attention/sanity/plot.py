"""The figure of the cascade."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tumor_response.style import (
    COLOURS,
    DOUBLE_COLUMN_MM,
    NEUTRAL,
    broken_name,
    figure_style,
    new_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.explanation.attention.sanity.result import AttentionSanity

__all__ = ["draw_cascade"]

_NAME_WIDTH = 24


def draw_cascade(sanity: AttentionSanity, ax: Axes | None) -> Axes:
    """Draw what :meth:`AttentionSanity.plot` describes: mean over lesions, a line per method."""
    with figure_style():
        if ax is None:
            longest = min(_NAME_WIDTH, sanity.cascade["randomised"].str.len().max())
            ax = new_axes(DOUBLE_COLUMN_MM, 68 + 0.9 * longest)
        means = sanity.cascade.groupby(["method", "step"])["rank_correlation"].mean()
        steps = sanity.cascade.drop_duplicates("step").sort_values("step")["randomised"].tolist()
        ax.axhspan(sanity.settings.flag_above, 1.05, color="#f0e0d0", zorder=0, linewidth=0)
        ax.annotate(
            "flagged at the first or the last step",
            (0.995, 1.0),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="center",
            color=NEUTRAL,
        )
        places = np.arange(len(steps) + 1)
        for number, method in enumerate(sanity.methods):
            colour = COLOURS[number % len(COLOURS)]
            line = np.concatenate([[1.0], means.loc[method].to_numpy()])
            ax.plot(places, line, "o-", color=colour, markersize=3, label=method)
            between = sanity.between["rank_correlation"].to_numpy()[number]
            ax.axhline(between, color=colour, linewidth=0.7, linestyle=":")
        ax.axhline(0, color=NEUTRAL, linewidth=0.6)
        ax.set_xticks(
            places,
            ["nothing", *(broken_name(step, _NAME_WIDTH) for step in steps)],
            rotation=35,
            ha="right",
        )
        ax.set_xlabel("randomised from the top down to")
        ax.set_ylabel("rank correlation with the map before")
        ax.set_ylim(min(-0.3, float(means.min()) - 0.05), 1.05)
        ax.set_title("Dotted: maps of different tumours by the same method", loc="left")
        ax.legend(loc="lower left", ncols=3)
    return ax
