"""One figure style for every plot: sizes in millimetres, colour-blind-safe colours, one font.

The style lives inside a context manager, so a user's global ``rcParams`` are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "COLOURS",
    "DOUBLE_COLUMN_MM",
    "NEUTRAL",
    "SINGLE_COLUMN_MM",
    "figure_style",
    "mm_to_inch",
    "new_axes",
]

SINGLE_COLUMN_MM = 85.0
"""Width of one journal column."""

DOUBLE_COLUMN_MM = 174.0
"""Width of a journal page's text."""

COLOURS: tuple[str, ...] = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#000000",
)
"""Okabe and Ito (2008), distinguishable with every common colour vision deficiency; the yellow,
too pale for lines on white, is left out."""

NEUTRAL = "#808080"
"""Reference lines, ties, whatever is not data."""

_RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: same figure on every machine
    "font.size": 7.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 7.0,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "figure.dpi": 150.0,
    "savefig.dpi": 300.0,
    "text.parse_math": False,  # a "$" in a name from a file starts no formula
    "svg.hashsalt": "tumor_response",  # the same figure gives the same bytes
}


def mm_to_inch(length_mm: float) -> float:
    """Convert millimetres to the inches that matplotlib counts in.

    Examples
    --------
    >>> mm_to_inch(25.4)
    1.0
    """
    return length_mm / 25.4


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply the library's figure style inside a ``with`` block and restore what was there.

    Examples
    --------
    >>> import matplotlib
    >>> before = matplotlib.rcParams["font.size"]
    >>> with figure_style():
    ...     inside = matplotlib.rcParams["font.size"]
    >>> inside, matplotlib.rcParams["font.size"] == before
    (7.0, True)
    """
    import matplotlib as mpl
    from cycler import cycler

    with mpl.rc_context({**_RC, "axes.prop_cycle": cycler(color=list(COLOURS))}):
        yield


def new_axes(width_mm: float = SINGLE_COLUMN_MM, height_mm: float = SINGLE_COLUMN_MM) -> Axes:
    """Return the axes of a new pyplot figure of that size; call it inside :func:`figure_style`.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> with figure_style():
    ...     ax = new_axes(85, 60)
    >>> [round(float(side) * 25.4) for side in ax.figure.get_size_inches()]
    [85, 60]
    >>> plt.close(ax.figure)
    """
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(
        figsize=(mm_to_inch(width_mm), mm_to_inch(height_mm)), layout="constrained"
    )
    return ax
