"""The forest plot of subgroups."""

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

    from tumor_response.evaluation.subgroups.by_group import Subgroups

__all__ = ["draw_forest"]


def draw_forest(found: Subgroups, ax: Axes | None) -> Axes:
    """Draw what :meth:`Subgroups.plot` describes."""
    table = found.table
    shown = table[table["suppressed"] == ""]
    height = np.arange(len(table))[::-1]
    with figure_style():
        if ax is None:
            ax = new_axes(DOUBLE_COLUMN_MM, 26 + 6 * len(table))
        ax.axvline(0.5, color=NEUTRAL, linewidth=0.8, linestyle=":")
        ax.axvline(table["auc"].iloc[-1], color=NEUTRAL, linewidth=0.8)
        left = min(0.45, float(shown["ci_low"].min()) - 0.03)
        right = max(1.0, float(shown["ci_high"].max()) + 0.01)
        for y, (_, row) in zip(height, table.iterrows(), strict=True):
            if row["suppressed"]:
                _beside(ax, y, str(row["suppressed"]), NEUTRAL)
                continue
            is_all = y == 0
            ax.plot(
                [row["ci_low"], row["ci_high"]],
                [y, y],
                color=COLOURS[6] if is_all else COLOURS[0],
                linewidth=1.2,
            )
            ax.plot(
                row["auc"],
                y,
                marker="D" if is_all else "s",
                markersize=3 + 4 * np.sqrt(row["n_patients"] / table["n_patients"].max()),
                color=COLOURS[6] if is_all else COLOURS[0],
            )
            interval = f"{row['auc']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})"
            _beside(ax, y, f"{interval}   {row['n_patients']} / {row['n_responders']}")
        header = f"AUC ({100 * found.level:g} % interval)   patients / responders"
        _beside(ax, len(table) - 0.3, header)
        ax.set(
            yticks=height,
            yticklabels=[broken_name(str(name)) for name in table.index],
            xlim=(left, right),
            ylim=(-0.6, len(table) - 0.3),
            xlabel="AUC on lesions left out",
            ylabel=broken_name(found.by, 30),
        )
        ax.set_title(f"{found.model} in subgroups")
        ax.tick_params(axis="y", length=0)
    return ax


def _beside(ax: Axes, y: float, text: str, colour: str = COLOURS[6]) -> None:
    """Write to the right of the axes, at the height of a row."""
    place = ("axes fraction", "data")
    ax.annotate(text, (1.02, y), xycoords=place, va="center", color=colour)
