"""Figures inside the page: drawn in the library's style, embedded as SVG, never linked."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tumor_response.reporting.wording import Interval
from tumor_response.style import COLOURS, NEUTRAL, figure_style, mm_to_inch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = [
    "Figure",
    "draw",
    "draw_intervals",
    "draw_outcomes",
    "embedded",
    "save_figure",
    "write_figure",
]

CSS_PIXELS_PER_INCH = 96
SCALE = 1.5  # the figures are drawn for print, with 7 pt text; on a screen they need to be larger

LONGEST_NAME = 30
"""Characters of a model's name in a figure; a longer one would leave no room for the figure."""


@dataclass(frozen=True)
class Figure:
    """One embedded figure: data URI, alternative text, caption, size in CSS pixels."""

    source: str
    alt: str
    caption: str
    width: int
    height: int
    kind: str = "figure"


def draw(
    plot: Callable[[Axes], object],
    *,
    alt: str,
    caption: str,
    width_mm: float = 120.0,
    height_mm: float = 80.0,
) -> Figure:
    """Let ``plot`` draw on new axes and embed what it drew.

    The SVG goes into an ``img``, where a browser runs no script and loads nothing, so that text
    from files inside a figure can do no harm either.
    """
    return embedded(_drawn(plot, width_mm, height_mm), alt=alt, caption=caption)


def embedded(canvas: Canvas, *, alt: str, caption: str) -> Figure:
    """Embed a figure that was drawn already, and close it where pyplot keeps it open."""
    buffer = io.BytesIO()
    _save(canvas, buffer, "svg")
    _close(canvas)
    width, height = canvas.get_size_inches()  # a plot may resize what it was given
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    pixels = CSS_PIXELS_PER_INCH * SCALE
    return Figure(
        f"data:image/svg+xml;base64,{encoded}",
        alt,
        caption,
        round(float(width) * pixels),
        round(float(height) * pixels),
    )


def save_figure(
    plot: Callable[[Axes], object],
    stem: Path,
    *,
    width_mm: float = 120.0,
    height_mm: float = 80.0,
) -> list[Path]:
    """Let ``plot`` draw on new axes and write ``stem.svg`` and ``stem.png`` (300 dpi)."""
    return write_figure(_drawn(plot, width_mm, height_mm), stem)


def write_figure(canvas: Canvas, stem: Path) -> list[Path]:
    """Write a figure that was drawn already as ``stem.svg`` and ``stem.png``, and close it."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("svg", "png")]
    for path in paths:
        _save(canvas, path, path.suffix.removeprefix("."))
    _close(canvas)
    return paths


def _close(canvas: Canvas) -> None:
    import matplotlib.pyplot as plt

    plt.close(canvas)


def _drawn(plot: Callable[[Axes], object], width_mm: float, height_mm: float) -> Canvas:
    from matplotlib.figure import Figure as Canvas

    with figure_style():
        canvas = Canvas(figsize=(mm_to_inch(width_mm), mm_to_inch(height_mm)), layout="constrained")
        plot(canvas.add_subplot())
    return canvas


def _save(canvas: Canvas, target: io.BytesIO | Path, kind: str) -> None:
    with figure_style():
        # without a date the same numbers give the same bytes
        canvas.savefig(target, format=kind, metadata={"Date": None} if kind == "svg" else None)


def draw_intervals(
    axes: Axes, names: Sequence[str], intervals: Sequence[Interval], limits: str
) -> None:
    """Draw one AUC with its interval per model, chance marked, all in one colour.

    One colour for all: a figure that highlights the highest of many estimates invites the reader
    to believe in it.
    """
    rows = range(len(names))[::-1]
    for row, interval in zip(rows, intervals, strict=True):
        axes.plot([interval.low, interval.high], [row, row], color=COLOURS[0], linewidth=1.6)
        axes.plot([interval.value], [row], "o", color=COLOURS[0], markersize=4.5)
        axes.annotate(
            interval.auc(),
            (1.02, row),
            xycoords=("axes fraction", "data"),
            va="center",
            annotation_clip=False,
        )
    axes.axvline(0.5, color=NEUTRAL, linewidth=0.8, linestyle="--")
    axes.set_yticks(list(rows), [_shortened(name) for name in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    lowest = min((i.low for i in intervals if i.low == i.low), default=0.5)
    axes.set_xlim(max(0.0, min(0.3, lowest - 0.05)), 1.0)
    axes.set_xlabel(f"out-of-bag AUC and {limits} (dashed: chance)")
    axes.tick_params(axis="y", length=0)


def draw_outcomes(axes: Axes, values: Sequence[float], cut: float | None, label: str) -> None:
    """Draw the distribution of the end point with the cut between the classes."""
    from matplotlib.ticker import MaxNLocator

    axes.hist(list(values), bins="auto", color=COLOURS[4], edgecolor="white", linewidth=0.4)
    if cut is not None:
        axes.axvline(cut, color=COLOURS[1], linewidth=1.2)
        axes.annotate(
            f"cut {cut:.3g}",
            (cut, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3, -2),
            textcoords="offset points",
            va="top",
        )
    axes.set_xlabel(label)
    axes.set_ylabel("lesions")
    axes.yaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
