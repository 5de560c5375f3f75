"""How one lesion's prediction comes about, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.explanation.figures.labels import (
    label_rows,
    row_height_mm,
    unit_of,
)
from tumor_response.explanation.figures.parts import (
    OUTPUTS,
    PLURALS,
    WHERE,
    at_least_one,
    faintness,
    listed_words,
    shares_of,
    values_of,
)
from tumor_response.explanation.stability.ranks import Level
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

    from tumor_response.explanation.result import Explanation

__all__ = ["draw_patient"]


def draw_patient(
    explanation: Explanation,
    at: int,
    ax: Axes | None = None,
    n_rows: int = 10,
    level: Level = "column",
    names: bool = False,
) -> Axes:
    """Draw one lesion's way from base value to output; returns the axes.

    The fewer resamples list a row among the most important, the fainter its bar. The thin line is
    the standard deviation of the lesion's value over the resamples that it was left out of.

    Parameters
    ----------
    explanation
        What is drawn.
    at
        The lesion's row in ``values``.
    ax
        Axes to draw on; a new figure by default.
    n_rows
        How many columns, families or blocks to draw singly; the others are summed up.
    level
        ``"column"``, ``"family"`` or ``"block"``.
    names
        Whether to write patient and lesion.
    """
    at_least_one("n_columns", n_rows)
    frame = values_of(explanation, level)
    key = frame.index[at]
    values = pd.Series(frame.to_numpy()[at], index=frame.columns)
    shares = shares_of(explanation, level)
    spread = {
        "column": explanation.spread,
        "family": explanation.family_spread,
        "block": explanation.block_spread,
    }[level]
    order = values.abs().sort_values(ascending=False, kind="stable").index
    single = [name for name in order[:n_rows] if values[name] != 0]
    rest = values.drop(index=single)
    labels = [_label(explanation, at, str(name), level, float(values[name])) for name in single]
    steps = [float(values[name]) for name in single]
    if len(rest):
        steps.append(float(rest.sum()))
        labels.append(f"{len(rest)} other {PLURALS[level]}  {steps[-1]:+.3f}")
    base, output = float(explanation.base_values.iloc[at]), float(explanation.outputs.iloc[at])
    named = [*(str(name) for name in single), *([""] if len(rest) else [])]
    with figure_style():
        if ax is None:
            ax = new_axes(
                DOUBLE_COLUMN_MM, 26 + row_height_mm(explanation, named) * max(len(steps), 1)
            )
        ax.axvline(base, color=NEUTRAL, linewidth=0.8, linestyle=":")
        start = base
        for line, step in enumerate(steps):
            colour = COLOURS[1] if step > 0 else COLOURS[0]
            share = 1.0 if shares is None or line >= len(single) else float(shares[single[line]])
            ax.barh(
                line,
                step,
                left=start,
                color=(colour, faintness(share)),
                edgecolor=colour,
                linewidth=0.6,
                height=0.7,
            )
            ax.plot([start + step] * 2, [line - 0.35, line + 1.35], color=NEUTRAL, linewidth=0.5)
            if spread is not None and line < len(single):
                reach = float(spread[single[line]].iloc[at])
                if np.isfinite(reach):
                    ends = [start + step - reach, start + step + reach]
                    ax.plot(ends, [line, line], color="black", linewidth=0.6)
            start += step
        label_rows(ax, explanation, named, range(len(steps)), labels)
        ax.set_ylim(len(steps) - 0.3, -0.7)
        ax.use_sticky_edges = False
        ax.margins(x=0.06)
        notes = [f"from {round(base, 3) + 0.0:.3f} (mean of training rows) to {output:.3f}"]
        if shares is not None:
            notes.append(f"the fainter a bar, the fewer resamples have it {listed_words(level)}")
        ax.set_xlabel("\n".join([OUTPUTS[explanation.output], *notes]))
        # the names of the columns take the room on the left, so that the title starts there
        parts = [explanation.name]
        if names:
            parts.append(" ".join(map(str, key)) if isinstance(key, tuple) else str(key))
        ax.set_title(f"{', '.join(parts)}\n{WHERE[explanation.mode]}", loc="right")
    return ax


def _label(explanation: Explanation, at: int, name: str, level: Level, step: float) -> str:
    """Return the row's name, the lesion's own value of a column with its unit, and the step."""
    if "family" in (level, explanation.level) or level == "block":
        return f"{broken_name(name)}  {step:+.3f}"
    value = explanation.features[name].iloc[at]
    shown = f"{value:.4g}" if isinstance(value, float) else str(value)
    unit = unit_of(explanation.dictionary, name)
    unit = f" {unit}" if unit else ""
    return f"{broken_name(name)} = {shown}{unit}  {step:+.3f}"
