"""The figures of an explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.style import COLOURS, DOUBLE_COLUMN_MM, NEUTRAL, figure_style, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.explanation.result import Explanation

__all__ = ["draw_patient", "draw_summary"]

FloatArray = npt.NDArray[np.float64]

_WHERE = {
    "out_of_bag": "out of bag: by models that had not seen the patient",
    "in_sample": "IN SAMPLE: on patients the model was fitted to",
    "new_rows": "on patients the model was not fitted to",
}


def draw_summary(explanation: Explanation, ax: Axes | None, n_columns: int) -> Axes:
    """Draw what :meth:`Explanation.plot_summary` describes."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    table = explanation.table().head(n_columns)
    colours = LinearSegmentedColormap.from_list(
        "low_high", [COLOURS[0], "#dddddd", COLOURS[1]]
    ).with_extremes(bad=NEUTRAL)
    with figure_style():
        if ax is None:
            ax = new_axes(DOUBLE_COLUMN_MM, 18 + 6.5 * len(table))
        ax.axvline(0, color=NEUTRAL, linewidth=0.6)
        for line, column in enumerate(table.index):
            height = len(table) - 1 - line
            values = explanation.values[column].to_numpy()
            ax.scatter(
                values,
                height + _swarm(values),
                c=_ranks(explanation.features[column]),
                cmap=colours,
                vmin=0,
                vmax=1,
                plotnonfinite=True,  # a lesion without the value has a point, too, in grey
                s=5,
                linewidths=0,
            )
        ax.set_yticks(range(len(table)), list(table.index[::-1]))
        ax.set_ylim(-0.6, len(table) - 0.4)
        ax.set_xlabel("SHAP value (log-odds of response)")
        # two lines, the second left of the column that says how often a row is in the top ten
        ax.set_title(f"{explanation.name}\n{_WHERE[explanation.mode]}", loc="left")
        if explanation.top_ten_share is not None:
            for line, share in enumerate(table["top_ten_share"]):
                place = (1.01, len(table) - 1 - line)
                ax.text(*place, f"{share:.0%}", transform=ax.get_yaxis_transform(), va="center")
            ax.text(
                1.01,
                len(table) - 0.3,
                "in top\nten",
                transform=ax.get_yaxis_transform(),
                va="bottom",
            )
        bar = ax.figure.colorbar(
            ScalarMappable(Normalize(0, 1), colours), ax=ax, ticks=[0, 1], pad=0.09, aspect=40
        )
        bar.ax.set_yticklabels(["low", "high"])
        bar.set_label("value of the column", labelpad=-8)
        bar.outline.set_visible(False)
    return ax


def draw_patient(explanation: Explanation, at: int, ax: Axes | None, n_columns: int) -> Axes:
    """Draw what :meth:`Explanation.plot_patient` describes, of the lesion in row ``at``."""
    key = explanation.values.index[at]
    values = pd.Series(explanation.values.to_numpy()[at], index=explanation.values.columns)
    order = values.abs().sort_values(ascending=False, kind="stable").index
    single = [column for column in order[:n_columns] if values[column] != 0]
    steps = [(_with_value(explanation, at, column), float(values[column])) for column in single]
    rest = values.drop(index=single)
    if len(rest):
        steps.append((f"{len(rest)} other columns", float(rest.sum())))
    base, output = float(explanation.base_values.iloc[at]), float(explanation.outputs.iloc[at])
    with figure_style():
        if ax is None:
            ax = new_axes(DOUBLE_COLUMN_MM, 22 + 6 * len(steps))
        ax.axvline(base, color=NEUTRAL, linewidth=0.8, linestyle=":")
        start = base
        for line, (_, step) in enumerate(steps):
            colour = COLOURS[1] if step > 0 else COLOURS[0]
            ax.barh(line, step, left=start, color=colour, height=0.7)
            ax.plot([start + step] * 2, [line - 0.35, line + 1.35], color=NEUTRAL, linewidth=0.5)
            start += step
        ax.set_yticks(range(len(steps)), [f"{text}  {step:+.3f}" for text, step in steps])
        ax.set_ylim(len(steps) - 0.3, -0.7)
        ax.use_sticky_edges = False
        ax.margins(x=0.06)
        ax.set_xlabel(
            f"log-odds of response\nfrom {base:.3f} (mean of training rows) to {output:.3f}"
        )
        # the names of the columns take the room on the left, so that the title starts there
        who = " ".join(key) if isinstance(key, tuple) else key
        ax.set_title(f"{explanation.name}, {who}\n{_WHERE[explanation.mode]}", loc="right")
    return ax


def _with_value(explanation: Explanation, at: int, column: str) -> str:
    value = explanation.features[column].iloc[at]
    return f"{column} = {value:.4g}" if isinstance(value, float) else f"{column} = {value!s}"


def _ranks(column: pd.Series) -> FloatArray:
    """Return values' ranks from 0 to 1; categories by the order of their levels."""
    numbers = column.cat.codes.where(column.notna()) if column.dtype == "category" else column
    ranks = numbers.astype(np.float64).rank().to_numpy()
    highest = max(int(np.count_nonzero(~np.isnan(ranks))) - 1, 1)
    scaled: FloatArray = (ranks - 1) / highest
    return scaled


def _swarm(values: FloatArray, n_bins: int = 60, width: float = 0.38) -> FloatArray:
    """Return vertical offsets that keep points of similar value apart, the same every time."""
    span = float(np.ptp(values))
    if span == 0:
        return np.linspace(-width, width, len(values))
    bins = np.floor((values - values.min()) / span * (n_bins - 1)).astype(int)
    fullest = np.bincount(bins).max()
    offsets = np.zeros(len(values))
    for one in np.unique(bins):
        members = np.nonzero(bins == one)[0]
        # alternately above and below the line, starting on it
        place = (np.arange(len(members)) + 1) // 2 * np.where(np.arange(len(members)) % 2, 1, -1)
        offsets[members] = place * min(2 * width / max(fullest - 1, 1), 0.12)
    return offsets
