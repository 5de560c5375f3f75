"""The figure of a learning curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tumor_response.style import (
    NEUTRAL,
    SINGLE_COLUMN_MM,
    broken_name,
    figure_style,
    legend_below,
    model_looks,
    new_axes,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.evaluation.planning.learning_result import LearningCurve

__all__ = ["draw_learning_curve"]

_NAME_WIDTH = 28


def draw_learning_curve(
    curve: LearningCurve, names: list[str], ax: Axes | None, auc: float | None
) -> Axes:
    """Draw what :meth:`LearningCurve.plot` describes."""
    from matplotlib.patheffects import withStroke

    table = curve.table()
    first, last, beyond = curve.sizes[0], curve.sizes[-1], 2 * curve.n_patients
    measured, further = np.linspace(first, last, 100), np.linspace(last, beyond, 100)
    with figure_style():
        if ax is None:
            ax = new_axes(
                SINGLE_COLUMN_MM,
                68 + 3.6 * sum(1 + broken_name(name, _NAME_WIDTH).count("\n") for name in names),
            )
        ax.axhline(0.5, color=NEUTRAL, linewidth=0.8, linestyle=":")
        ax.axvline(curve.n_patients, color=NEUTRAL, linewidth=0.8)
        if auc is not None:
            ax.axhline(auc, color=NEUTRAL, linewidth=0.8, linestyle="--")
        # models beside each other, or their intervals would hide one another
        aside = (np.arange(len(names)) - (len(names) - 1) / 2) * 0.006 * (beyond - first)
        looks = model_looks(curve.models)
        for position, name in enumerate(names):
            colour = looks[name]["color"]
            points, fit = table.loc[name], curve.fits[name]
            reached = f"{points['auc'].iloc[-1]:.2f} with {last} patients"
            ax.errorbar(
                np.array(curve.sizes) + aside[position],
                points["auc"],
                yerr=[points["auc"] - points["ci_low"], points["ci_high"] - points["auc"]],
                color=colour,
                linestyle="none",
                marker="o",
                markersize=3,
                elinewidth=0.8,
            )
            ax.plot(
                measured,
                fit.at(measured),
                color=colour,
                label=f"{broken_name(name, _NAME_WIDTH)}: {reached}",
            )
            ax.plot(further, fit.at(further), color=colour, linestyle=(0, (3, 2)))
            band = curve.expected(name, further)
            ax.fill_between(
                further, band["ci_low"], band["ci_high"], color=colour, alpha=0.12, linewidth=0
            )
        ax.annotate(
            f"the cohort: {curve.n_patients}",
            (curve.n_patients, 0.02),
            xycoords=("data", "axes fraction"),
            xytext=(2, 0),
            textcoords="offset points",
            rotation=90,
            va="bottom",
            color=NEUTRAL,
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )
        ax.set(xlabel="Training patients", ylabel="AUC on held-out patients")
        ax.set_title(
            wrapped(
                "Learning curve: points measured, lines fitted,\ndashed and shaded: extrapolated, "
                "95 % intervals",
                70.0,
            )
        )
        legend_below(ax)
    return ax
