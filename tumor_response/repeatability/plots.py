"""The heat map of families against perturbations."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd

from tumor_response.exceptions import RobustnessError
from tumor_response.repeatability.result import Quantity
from tumor_response.style import DOUBLE_COLUMN_MM, broken_name, figure_style, new_axes, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_heatmap"]

_MM_PER_ROW = 4.5
_MM_AROUND = 24.0
_NAME_WIDTH = 24
_PALE = 0.6  # black is read better than white on the map's colours from here on


def draw_heatmap(summary: pd.DataFrame, quantity: Quantity, ax: Axes | None, title: str) -> Axes:
    """Draw families against perturbations.

    Parameters
    ----------
    summary
        As :meth:`Robustness.by_family` gives it.
    quantity
        The column that is shown.
    ax
        Where; a new figure by default.
    title
        Above it.

    Raises
    ------
    RobustnessError
        For another quantity.
    """
    if quantity not in get_args(Quantity):
        known = ", ".join(get_args(Quantity))
        raise RobustnessError(f"quantity={quantity!r}: expected one of {known}.")
    rows = list(dict.fromkeys(key[:2] for key in summary.index))
    columns = list(summary.index.unique("perturbation"))
    value_of = summary[quantity].to_dict()
    shares = np.array([[value_of.get((*row, name), np.nan) for name in columns] for row in rows])
    several = len({block for block, _ in rows}) > 1
    labels = [f"{block}: {family}" if several else family for block, family in rows]
    with figure_style():
        if ax is None:
            slanted_mm = 0.8 * min(_NAME_WIDTH, max(len(name) for name in columns))
            ax = new_axes(DOUBLE_COLUMN_MM, _MM_AROUND + slanted_mm + _MM_PER_ROW * len(rows))
        drawn = ax.imshow(shares, vmin=0.0, vmax=1.0, cmap="cividis", aspect="auto")
        for (row, column), value in np.ndenumerate(shares):
            there = bool(np.isfinite(value))
            colour = "black" if not there or value > _PALE else "white"
            text = f"{value:.2f}" if there else "–"
            ax.text(column, row, text, ha="center", va="center", color=colour)
        told = [broken_name(name, _NAME_WIDTH) for name in columns]
        ax.set_xticks(range(len(columns)), told, rotation=30, ha="right")
        ax.set_yticks(range(len(rows)), [broken_name(label) for label in labels])
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        ax.set_title(wrapped(title, 115.0))
        ax.figure.colorbar(drawn, ax=ax, fraction=0.03, pad=0.01)
    return ax
