"""The figure of negative controls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tumor_response.evaluation.controls.null import CHANCE
from tumor_response.evaluation.controls.verdicts import CALLED, MEASURE_NAMES
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

    from tumor_response.evaluation.controls.result import NegativeControls

__all__ = ["draw_controls"]

_SHORT = 24
"""Characters of a model's name that leave room for the legend on one line."""


def draw_controls(controls: NegativeControls, ax: Axes | None) -> Axes:
    """Draw what :meth:`NegativeControls.plot` describes."""
    summary, headline = controls.summary(), controls.result.headline
    interval = controls.result.interval(controls.model)
    value = float(summary["model_value"].iloc[-1])
    n_columns = 3 if len(controls.model) <= _SHORT else 1
    with figure_style():
        if ax is None:
            ax = new_axes(DOUBLE_COLUMN_MM, 24 + 6 * (len(summary) + 1) + 4 * (n_columns < 3))
        ax.axvline(CHANCE[controls.null.measure], color=NEUTRAL, linewidth=0.6)
        ax.axvspan(interval.low, interval.high, color=COLOURS[0], alpha=0.12, linewidth=0)
        ax.axvline(value, color=COLOURS[0], linewidth=0.8)
        label = f"{broken_name(controls.model)}, 95 % interval shaded"
        ax.plot(value, 0, "o", color=COLOURS[0], ms=4, label=label)
        for place, (_, row) in enumerate(summary.iterrows(), start=1):
            first = place == 1
            ax.plot([row["ci_low"], row["ci_high"]], [place] * 2, color=COLOURS[1], linewidth=0.8)
            ax.plot(
                row[headline],
                place,
                "o",
                color=COLOURS[1],
                ms=4,
                label="control, 95 % interval" if first else None,
            )
            ax.plot(
                row["expectation"],
                place + 0.28,
                "D",
                color=COLOURS[2],
                ms=3,
                label="its expectation" if first else None,
            )
        names = [broken_name(controls.model), *(CALLED[str(name)] for name in summary.index)]
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.4, -0.6)
        measure = MEASURE_NAMES[controls.null.measure]
        ax.set_xlabel(f"{measure} (permutation p = {controls.p_value:.3f})")
        # above: the figure's height, and with it the room below, hangs on how many there are
        ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=n_columns)
    return ax
