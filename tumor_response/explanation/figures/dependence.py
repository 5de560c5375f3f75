"""A column's SHAP value against the column's own value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.figures.labels import meaning
from tumor_response.explanation.figures.parts import (
    OUTPUTS,
    WHERE,
    listed_words,
    low_high,
    ranks,
    shares_of,
)
from tumor_response.style import (
    COLOURS,
    NEUTRAL,
    SINGLE_COLUMN_MM,
    broken_name,
    figure_style,
    new_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.explanation.result import Explanation

__all__ = ["draw_dependence"]

FloatArray = npt.NDArray[np.float64]

_HEIGHT_MM = 80.0


def draw_dependence(
    explanation: Explanation,
    column: str,
    colour_by: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a column's SHAP value against its value, one point per lesion; returns the axes.

    The thin line through a point is the standard deviation of the lesion's value over the
    resamples that it was left out of. Lesions without the column's value stand apart at the left.

    Parameters
    ----------
    explanation
        What is drawn.
    column
        A column of the table.
    colour_by
        Another column, whose rank among the lesions colours the points; a slope that differs by
        colour is an interaction.
    ax
        Axes to draw on; a new figure by default.

    Raises
    ------
    ExplanationError
        Code ``other_columns``: the explanation has no such column; ``level``: its players are
        families.
    """
    for name in (column, colour_by):
        if name is not None and name not in explanation.values.columns:
            raise ExplanationError(
                f"No column {name!r} in this explanation of {explanation.name!r}; expected one of "
                f"its {explanation.values.shape[1]}, such as {explanation.values.columns[0]!r}.",
                code="other_columns",
            )
    if explanation.level != "column":
        raise ExplanationError(
            "A dependence plot is of a column's own value; this explanation has families as "
            "players, which have none.",
            code="level",
        )
    feature = explanation.features[column]
    y = explanation.values[column].to_numpy()
    with figure_style():
        if ax is None:
            ax = new_axes(SINGLE_COLUMN_MM, _HEIGHT_MM)
        x = _places(ax, feature)
        ax.axhline(0, color=NEUTRAL, linewidth=0.6, zorder=0)
        if explanation.spread is not None:
            reach = explanation.spread[column].to_numpy()
            ax.vlines(x, y - reach, y + reach, color=NEUTRAL, linewidth=0.4, alpha=0.5, zorder=1)
        if colour_by is None:
            ax.scatter(x, y, s=9, color=COLOURS[0], linewidths=0, zorder=2)
        else:
            points = ax.scatter(
                x,
                y,
                c=ranks(explanation.features[colour_by]),
                cmap=low_high(),
                vmin=0,
                vmax=1,
                plotnonfinite=True,
                s=9,
                linewidths=0,
                zorder=2,
            )
            bar = ax.figure.colorbar(points, ax=ax, ticks=[0, 1], pad=0.02, aspect=40)
            bar.ax.set_yticklabels(["low", "high"])
            bar.set_label(broken_name(colour_by), labelpad=0)
            bar.outline.set_visible(False)
        said = meaning(explanation.dictionary, column)
        ax.set_xlabel("\n".join(_wrapped(text) for text in (column, said) if text))
        ax.set_ylabel(f"SHAP value ({OUTPUTS[explanation.output]})")
        shares = shares_of(explanation, "column")
        often = (
            ""
            if shares is None
            else f"\n{listed_words('column')} in {shares[column]:.0%} of resamples"
        )
        ax.set_title(f"{explanation.name}\n{WHERE[explanation.mode]}{often}", loc="left")
    return ax


def _places(ax: Axes, feature: pd.Series) -> FloatArray:
    """Return the points' places along x, and label those of categories and of what is missing."""
    missing = feature.isna().to_numpy()
    if feature.dtype == "category" or not pd.api.types.is_numeric_dtype(feature):
        levels = feature.astype("category").cat
        x: FloatArray = np.asarray(levels.codes, dtype=np.float64)  # missing: -1, left of the first
        for code in np.unique(x):
            members = x == code
            # side by side, so that the lines through the points can be told apart
            n = int(members.sum())
            x[members] += np.linspace(-0.3, 0.3, n) if n > 1 else 0.0
        names = [str(level) for level in levels.categories]
        ticks = list(range(len(names)))
        if missing.any():
            ticks, names = [-1, *ticks], ["missing", *names]
        ax.set_xticks(ticks, names)
        return x
    x = np.array(feature, dtype=np.float64)
    if not missing.any():
        return x
    there = x[~missing]
    if not len(there):
        ax.set_xticks([])
    low, high = (float(there.min()), float(there.max())) if len(there) else (0.0, 1.0)
    span = high - low or 1.0
    x[missing] = low - 0.12 * span
    if len(there):
        ax.axvline(low - 0.06 * span, color=NEUTRAL, linewidth=0.6, linestyle=":")
    ax.text(
        low - 0.12 * span,
        0.02,
        "missing",
        transform=ax.get_xaxis_transform(),
        rotation=90,
        ha="right",
        color=NEUTRAL,
    )
    return x


def _wrapped(text: str, width: int = 80) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))
