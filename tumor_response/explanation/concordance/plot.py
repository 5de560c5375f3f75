"""Each lesion's inside fraction and agreement, on the band that its null spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.explanation.concordance.by_group import GROUPS
from tumor_response.style import (
    DOUBLE_COLUMN_MM,
    NEUTRAL,
    NON_RESPONDER,
    RESPONDER,
    figure_style,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from tumor_response.explanation.concordance.result import Concordance

__all__ = ["draw"]

_NAMES = {"responder": "responders", "non_responder": "non-responders", "": "no group"}
_COLOURS = dict(zip(_NAMES, (RESPONDER, NON_RESPONDER, NEUTRAL), strict=True))
_BAND = "#D9D9D9"


def draw(found: Concordance, figure: Figure | SubFigure | None) -> tuple[Axes, ...]:
    """Draw what :meth:`Concordance.plot` describes."""
    panels = []
    if found.inside_table is not None:
        panels.append(
            (found.inside_table, ("inside", "matched_low", "matched_high"), "Attention inside")
        )
    for target in found.shrinkage_table.index.unique("target"):
        table = found.shrinkage_table
        table = table[table.index.get_level_values("target") == target]
        name = "retreat" if target == "retreat" else "shrinkage by log-Jacobian"
        columns = ("rho_adjusted", "null_low", "null_high")
        panels.append((table, columns, f"Attention against {name}"))
    with figure_style():
        if figure is None:
            figure = new_figure(DOUBLE_COLUMN_MM, 72.0)
        axes = figure.subplots(1, len(panels), squeeze=False)
        for ax, (table, columns, title) in zip(axes[0], panels, strict=True):
            _panel(ax, table, columns)
            ax.set_title(title, loc="left")
            ax.set_xticks([])
            ax.set_xlabel("lesions, by group and value")
        for ax, (_, columns, _) in zip(axes[0], panels, strict=True):
            if columns[0] == "inside":
                ax.set_ylabel("share inside the contour")
                ax.set_ylim(0, 1)
            else:
                ax.set_ylabel("correlation, depth taken out")
                ax.set_ylim(-1, 1)
                ax.axhline(0, color=NEUTRAL, linewidth=0.6, zorder=0)
        handles = _legend({group for table, _, _ in panels for group in table["group"]})
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return tuple(axes[0])


def _panel(ax: Axes, table: pd.DataFrame, columns: tuple[str, str, str]) -> None:
    value, low, high = columns
    order = {name: place for place, name in enumerate([*reversed(GROUPS.values()), ""])}
    known = table.dropna(subset=[value])
    known = known.assign(place=known["group"].map(order)).sort_values(["place", value])
    if known.empty:
        ax.text(0.5, 0.5, "no lesion with an answer", transform=ax.transAxes, ha="center")
    # a gap between the groups
    x = np.arange(len(known)) + 2.0 * known["place"].rank(method="dense").to_numpy()
    band = known[low].notna().to_numpy()
    ax.bar(
        x[band],
        (known[high] - known[low])[band],
        bottom=known[low][band],
        width=0.8,
        color=_BAND,
        zorder=1,
    )
    for group in _NAMES:
        of = (known["group"] == group).to_numpy()
        if of.any():
            ax.plot(
                x[of],
                known[value][of],
                "o",
                markersize=3.0,
                color=_COLOURS[group],
                clip_on=False,
                zorder=3,
            )


def _legend(groups: set[str]) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    points: list[Artist] = [
        Line2D([], [], marker="o", linestyle="none", markersize=3.0, color=colour, label=name)
        for (group, name), colour in zip(_NAMES.items(), _COLOURS.values(), strict=True)
        if group in groups
    ]
    return [*points, Patch(color=_BAND, label="null band")]
