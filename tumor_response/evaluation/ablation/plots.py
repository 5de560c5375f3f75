"""The figures of an ablation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.evaluation.plots import words_of_headline
from tumor_response.style import (
    DOUBLE_COLUMN_MM,
    NEUTRAL,
    SINGLE_COLUMN_MM,
    broken_name,
    figure_style,
    model_looks,
    new_axes,
    new_figure,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from tumor_response.evaluation.ablation.study import AblationStudy

__all__ = ["draw_combinations", "draw_forest"]

_BASELINES = {"volume_only": "--", "clinical_only": ":"}
_CHANCE = {"auc": 0.5, "c_index": 0.5, "r2": 0.0}


def draw_forest(study: AblationStudy, ax: Axes | None) -> Axes:
    """Draw what :meth:`AblationStudy.plot_forest` describes."""
    frame = study.summary()
    names = list(dict.fromkeys(frame["model_name"]))
    with figure_style():
        if ax is None:
            n_lines = sum(1 + broken_name(str(one)).count("\n") for one in frame.index)
            ax = new_axes(DOUBLE_COLUMN_MM, 26 + 4.2 * n_lines)
        ax.axvline(_CHANCE[study.result.measure], color=NEUTRAL, linewidth=0.6)
        height = 0.0
        places, told = [], []
        looks = model_looks(names)
        for name in names:
            group = frame[frame["model_name"] == name].sort_values("n_blocks", kind="stable")
            combined = bool((group["n_blocks"] > 0).any())
            for row_name, row in group.iterrows():
                text = broken_name(str(row_name))
                height -= 0.5 * text.count("\n")
                _interval(ax, row, study.result.headline, height, looks[name]["color"])
                places.append(height)
                told.append(text)
                height -= 1.0 + 0.5 * text.count("\n")
            height -= 0.5 if combined else 0.0
        ax.set_yticks(places, told)
        ax.set_ylim(height + 0.5, 0.7)
        ax.set_xlabel(words_of_headline(study.result.headline))
        ax.set_title(wrapped(study.best_of_k().text.replace("; ", "\n"), 115.0))
    return ax


def draw_combinations(study: AblationStudy, figure: Figure | SubFigure | None) -> tuple[Axes, Axes]:
    """Draw what :meth:`AblationStudy.plot_combinations` describes."""
    headline = study.result.headline
    frame = study.summary()
    combined = frame[frame["n_blocks"] > 0]
    blocks = list(dict.fromkeys(b for one in study.configurations for b in one.blocks))
    models = list(dict.fromkeys(combined["model_name"]))
    order = combined.groupby("blocks", sort=False)[headline].mean()
    order = order.sort_values(ascending=False, kind="stable")
    with figure_style():
        if figure is None:
            needed_mm = 45 + 9 * len(order) + 2 * len(order) * len(models)
            width_mm = SINGLE_COLUMN_MM if needed_mm <= SINGLE_COLUMN_MM else DOUBLE_COLUMN_MM
            figure = new_figure(width_mm, 62 + 5 * len(blocks))
        ratios = [50, 3 + 5 * len(blocks)]
        ax, matrix = figure.subplots(2, 1, sharex=True, height_ratios=ratios)
        looks = model_looks([*models, *_BASELINES])
        ax.axhline(_CHANCE[study.result.measure], color=NEUTRAL, linewidth=0.6)
        step = 0.6 / max(1, len(models))
        for number, name in enumerate(models):
            group = combined[combined["model_name"] == name].set_index("blocks").loc[order.index]
            at = np.arange(len(order)) + (number - (len(models) - 1) / 2) * step
            colour = looks[name]["color"]
            ax.vlines(at, group["ci_low"], group["ci_high"], color=colour, linewidth=1)
            ax.plot(at, group[headline], "o", color=colour, markersize=3.5, label=name)
        for name, style in _BASELINES.items():
            if name in frame.index:
                value, colour = frame.loc[name, headline], looks[name]["color"]
                ax.axhline(value, color=colour, linewidth=0.8, linestyle=style, label=name)
        ax.set_ylabel(words_of_headline(headline))
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
        inside = {"+".join(one.blocks): one.blocks for one in study.configurations}
        _draw_matrix(matrix, blocks, [inside[str(label)] for label in order.index])
    return ax, matrix


def _draw_matrix(ax: Axes, blocks: list[str], columns: list[tuple[str, ...]]) -> None:
    for place, inside in enumerate(columns):
        rows = [blocks.index(block) for block in inside]
        ax.plot([place, place], [min(rows), max(rows)], color="black", linewidth=1)
        for row in range(len(blocks)):
            colour = "black" if row in rows else "#DDDDDD"
            ax.plot(place, row, "o", color=colour, markersize=5)
    ax.set_yticks(range(len(blocks)), [broken_name(block, 24) for block in blocks])
    ax.set_ylim(len(blocks) - 0.5, -0.5)
    ax.set_xlim(-0.6, len(columns) - 0.4)
    ax.set_xticks([])
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(length=0)


def _interval(ax: Axes, row: pd.Series, headline: str, height: float, colour: str) -> None:
    ax.plot([row["ci_low"], row["ci_high"]], [height, height], color=colour, linewidth=1)
    ax.plot(row[headline], height, "o", color=colour, markersize=3.5)
    ax.text(
        1.02,
        height,
        f"{row[headline]:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})",
        transform=ax.get_yaxis_transform(),
        va="center",
    )
