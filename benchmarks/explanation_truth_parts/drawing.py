"""The figure: what came first, what left the band, where the maps lay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.lines import Line2D

from tumor_response.style import COLOURS, DOUBLE_COLUMN_MM, NEUTRAL, figure_style, mm_to_inch

from .frozen import FIGURES
from .judged import KINDS, LEVEL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCENARIO_NAMES = {
    "texture": "one texture family",
    "region": "sensitive sub-region",
    "volume": "volume alone",
    "nothing": "nothing",
}
KIND_NAMES = {
    "strict": "the very family",
    "near": "tells the driver, R² ≥ 0.8",
    "far": "tells the driver, R² ≥ 0.5",
}
MODEL_NAMES = {"logistic": "ridge logistic", "xgboost": "boosted trees"}
METHOD_NAMES = {
    "grad_cam": "Grad-CAM",
    "grad_cam_pp": "Grad-CAM++",
    "hires_cam": "HiResCAM",
    "layer_cam": "LayerCAM",
    "eigen_cam": "Eigen-CAM",
    "score_cam": "Score-CAM",
    "occlusion": "occlusion",
    "integrated_gradients": "integrated gradients",
    "texture_energy": "fine texture itself",
    "field_through_cells": "the field in 7 × 7 cells",
}


def draw(seeds: pd.DataFrame, shares: pd.DataFrame, attention: pd.DataFrame) -> None:
    """Draw the three subjects side by side into the docs."""
    import matplotlib.pyplot as plt

    with figure_style():
        size = (mm_to_inch(DOUBLE_COLUMN_MM), mm_to_inch(150.0))
        figure, axes = plt.subplots(2, 2, figsize=size, layout="constrained")
        models = [model for model in MODEL_NAMES if model in set(shares["model"])]
        for ax, model in zip(axes[0], models, strict=False):
            _firsts(ax, shares[shares["model"] == model], MODEL_NAMES[model])
        axes[0][-1].tick_params(labelleft=False)
        _legend_of_firsts(figure)
        _leavers(axes[1][0], seeds, models)
        _maps(axes[1][1], attention)
        FIGURES.mkdir(exist_ok=True)
        figure.savefig(FIGURES / "explanation_truth.png", dpi=160, metadata={"Software": None})
        plt.close(figure)


def _firsts(ax: Axes, of: pd.DataFrame, title: str) -> None:
    """Draw how often a right family came first, and how often where nothing drives."""
    ticks, labels = [], []
    place = 0.0
    for scenario in ("texture", "region", "volume"):
        for kind in KINDS:
            known = of[(of["asked"] == scenario) & (of["measure"] == f"first_{kind}")]
            own = known[known["scenario"] == scenario]
            if own.empty or not own["n"].iloc[0]:
                continue
            _share(ax, place, own.iloc[0], COLOURS[KINDS.index(kind)], "o")
            over = of[(of["asked"] == scenario) & (of["measure"] == f"ratio_first_{kind}")]
            over = over[over["scenario"] == scenario]
            _share(ax, place + 0.22, over.iloc[0], COLOURS[KINDS.index(kind)], "^")
            chance = known[known["scenario"] == "nothing"]
            if len(chance):
                ax.plot([chance["share"].iloc[0]] * 2, [place - 0.3, place + 0.5], color=NEUTRAL)
            ticks.append(place)
            labels.append(f"{SCENARIO_NAMES[scenario]}:\n{KIND_NAMES[kind]}")
            place += 1.0
        place += 0.4
    ax.set_yticks(ticks, labels)
    ax.invert_yaxis()
    ax.set_xlim(-0.03, 1.03)
    ax.set_xlabel("share of cohorts in which such a family is first")
    ax.set_title(title)


def _legend_of_firsts(figure: Figure) -> None:
    marks = ("o", "^", "|")
    handles = [Line2D([], [], color=NEUTRAL, marker=m, linestyle="none", ms=5) for m in marks]
    words = ["by mean |value|", "by its ratio to permuted outcomes", "where nothing drives"]
    figure.legend(handles, words, loc="outside upper center", ncols=3)


def _share(ax: Axes, place: float, row: pd.Series, colour: str, marker: str) -> None:
    ax.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=0.8)
    ax.plot(row["share"], place, marker, color=colour, ms=3.5)


def _leavers(ax: Axes, seeds: pd.DataFrame, models: list[str]) -> None:
    """Draw the share of families without relation to the driver that leave the band."""
    labels, place = [], 0.0
    rows = []
    for scenario, name in SCENARIO_NAMES.items():
        for model in models:
            of = seeds[(seeds["scenario"] == scenario) & (seeds["model"] == model)]
            of = of.drop_duplicates("seed")
            for column, what in (("", 0), ("part_", 1)):
                counted = "n_outside" if scenario == "nothing" else "n_wrong_outside"
                among = of["n_families"] if scenario == "nothing" else of["n_wrong"]
                found = of[f"{column}{counted}"] / among.where(among > 0)
                if found.notna().any():
                    rows.append((place + 0.25 * what, found.dropna(), COLOURS[what]))
            labels.append(f"{name},\n{MODEL_NAMES[model]}")
            place += 1.0
    for height, found, colour in rows:
        ax.plot(found, [height] * len(found), "|", color=colour, ms=4, alpha=0.5)
        ax.plot(found.mean(), height, "o", color=colour, ms=3.5)
    ax.axvline(LEVEL, color=NEUTRAL, linestyle="--", linewidth=0.6)
    ax.set_yticks(range(len(labels)), labels, fontsize=5.5)
    ax.invert_yaxis()
    ax.set_xlabel("share of unrelated families that leave the null band\n(dashed: nominal)")
    for colour, word in zip(COLOURS, ("values", "parts of the sum"), strict=False):
        ax.plot([], [], "o", color=colour, ms=3.5, label=word)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _maps(ax: Axes, attention: pd.DataFrame) -> None:
    """Draw how well maps tell the sensitive region's voxels, by method and scenario."""
    chosen = attention[attention["sign"].isin(["both", "none"])]
    methods = [name for name in METHOD_NAMES if name in set(chosen["method"])]
    scenarios = [
        name for name in ("region", "volume", "nothing") if name in set(chosen["scenario"])
    ]
    for place, method in enumerate(methods):
        for number, scenario in enumerate(scenarios):
            row = chosen[(chosen["method"] == method) & (chosen["scenario"] == scenario)].iloc[0]
            colour = COLOURS[number] if row["sign"] == "both" else NEUTRAL
            height = place + 0.22 * (number - 1)
            if row["sign"] == "none" and number:
                continue
            ax.plot([row["low"], row["high"]], [height] * 2, color=colour, linewidth=0.8)
            ax.plot(row["auc"], height, "o", color=colour, ms=3.5)
    for number, scenario in enumerate(scenarios):
        ax.plot([], [], "o", color=COLOURS[number], ms=3.5, label=SCENARIO_NAMES[scenario])
    ax.axvline(0.5, color=NEUTRAL, linestyle="--", linewidth=0.6)
    ax.set_yticks(range(len(methods)), [METHOD_NAMES[name] for name in methods])
    ax.invert_yaxis()
    ax.set_xlabel("AUC of the signed map for sensitive voxels")
    ax.set_xlim(0.3, 1.03)
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3, columnspacing=1.0)
