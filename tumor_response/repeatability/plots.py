"""The heat map of families against perturbations."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from tumor_response.exceptions import RobustnessError
from tumor_response.repeatability.result import GOOD, Quantity
from tumor_response.style import DOUBLE_COLUMN_MM, figure_style, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.repeatability.result import Robustness

__all__ = ["draw_heatmap"]

_MM_PER_ROW = 4.5
_MM_AROUND = 34.0
_PALE = 0.6  # black is read better than white on the map's colours from here on


def draw_heatmap(result: Robustness, quantity: Quantity, ax: Axes | None) -> Axes:
    """Draw what :meth:`Robustness.plot_heatmap` describes.

    Raises
    ------
    RobustnessError
        For another quantity.
    """
    if quantity not in get_args(Quantity):
        known = ", ".join(get_args(Quantity))
        raise RobustnessError(f"quantity={quantity!r}: expected one of {known}.")
    table = result.by_family()[quantity].unstack("perturbation", sort=False)
    shares = table[list(result.perturbations)].to_numpy(dtype=float)
    columns, rows = list(result.perturbations), list(table.index)
    several = len({block for block, _ in rows}) > 1
    labels = [f"{block}: {family}" if several else family for block, family in rows]
    with figure_style():
        if ax is None:
            ax = new_axes(DOUBLE_COLUMN_MM, _MM_AROUND + _MM_PER_ROW * len(rows))
        drawn = ax.imshow(shares, vmin=0.0, vmax=1.0, cmap="cividis", aspect="auto")
        for (row, column), value in np.ndenumerate(shares):
            there = bool(np.isfinite(value))
            colour = "black" if not there or value > _PALE else "white"
            text = f"{value:.2f}" if there else "–"
            ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=5.5)
        ax.set_xticks(range(len(columns)), columns, rotation=30, ha="right")
        ax.set_yticks(range(len(rows)), labels)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        what = {
            "share_good": f"Share of columns whose ICC({result.headline}) is {GOOD} or more "
            "by its lower 95 % limit",
            "median_icc": f"Median ICC({result.headline})",
        }[quantity]
        ax.set_title(f"{what}; {result.n_cases} lesions", fontsize=7)
        ax.figure.colorbar(drawn, ax=ax, fraction=0.03, pad=0.01)
    return ax
