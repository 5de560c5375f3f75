"""What stands beside a row: the column's name, and in grey what it means."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from tumor_response.style import NEUTRAL, broken_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.explanation.result import Explanation

__all__ = ["label_rows", "meaning", "row_height_mm", "unit_of", "wrapped_meaning"]

_MEANING_WIDTH = 48
_MEANING_LINES = 2
_LINE_MM = 3.0


def meaning(dictionary: pd.DataFrame | None, column: str) -> str:
    """Return what the feature dictionary says of a column, with its unit; empty where nothing.

    Examples
    --------
    >>> rows = pd.DataFrame({"description": ["Age at the scan."], "unit": ["years"]}, ["age"])
    >>> meaning(rows, "age"), meaning(rows, "sex"), meaning(None, "age")
    ('Age at the scan [years]', '', '')
    """
    if dictionary is None or column not in dictionary.index:
        return ""
    text, unit = _text(dictionary.loc[column].get("description")), unit_of(dictionary, column)
    text = text.rstrip(".")
    return f"{text} [{unit}]".strip() if unit else text


def unit_of(dictionary: pd.DataFrame | None, column: str) -> str:
    """Return a column's unit; empty where there is none."""
    if dictionary is None or column not in dictionary.index:
        return ""
    return _text(dictionary.loc[column].get("unit"))


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value).strip()  # NaN: nothing is said


def wrapped_meaning(dictionary: pd.DataFrame | None, column: str) -> str:
    """Return :func:`meaning` on two short lines at most."""
    text = meaning(dictionary, column)
    return "\n".join(
        textwrap.wrap(text, _MEANING_WIDTH, max_lines=_MEANING_LINES, placeholder=" ...")
    )


def row_height_mm(explanation: Explanation, names: Sequence[str]) -> float:
    """Return the height that the tallest of these labels needs."""
    n_lines = max(
        (
            broken_name(name).count("\n")
            + 1
            + len(wrapped_meaning(explanation.dictionary, name).splitlines())
            for name in names
        ),
        default=1,
    )
    return max(6.0, 1.2 + _LINE_MM * n_lines)


def label_rows(
    ax: Axes,
    explanation: Explanation,
    names: Sequence[str],
    heights: Sequence[float],
    texts: Sequence[str] | None = None,
) -> None:
    """Write the names, or what is given instead, at the rows' heights, and below the meaning."""
    shown = texts or [broken_name(name) for name in names]
    order = sorted(range(len(names)), key=lambda row: heights[row])  # ticks go upwards
    ax.set_yticks([heights[row] for row in order], [shown[row] for row in order])
    for tick, row in zip(ax.get_yticklabels(), order, strict=True):
        said = wrapped_meaning(explanation.dictionary, names[row])
        if not said:
            continue
        tick.set_verticalalignment("bottom")
        ax.annotate(
            said,
            (0, heights[row]),
            (-7, -0.5),
            xycoords=ax.get_yaxis_transform(),
            textcoords="offset points",
            ha="right",
            va="top",
            color=NEUTRAL,
            annotation_clip=False,
        )
