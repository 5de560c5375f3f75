"""Figures inside the page: drawn in the library's style, embedded as SVG, never linked."""

from __future__ import annotations

import base64
import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tumor_response.reporting.wording import Interval
from tumor_response.style import (
    COLOURS,
    FORMATS,
    NEUTRAL,
    broken_name,
    figure_of,
    figure_style,
    mm_to_inch,
    rendered,
    save_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from tumor_response.reporting.parts import Page
    from tumor_response.style import Drawn

__all__ = [
    "Figure",
    "draw",
    "draw_intervals",
    "draw_outcomes",
    "embedded",
    "write_figure",
    "write_figures",
]

CSS_PIXELS_PER_INCH = 96
SCALE = 1.5  # the figures are drawn for print, with 7 pt text; on a screen they need to be larger

LIST = "figures.csv"

_LISTED = ("figure", *FORMATS, "section", "caption", "alternative_text", "columns")

_WIDE_MM = 100.0
"""A figure that is wider on the page gets two columns as a file."""


@dataclass(frozen=True)
class Figure:
    """One embedded figure: data URI, alternative text, caption, size in CSS pixels.

    ``canvas`` is the figure itself, for :func:`write_figures`.
    """

    source: str
    alt: str
    caption: str
    width: int
    height: int
    kind: str = "figure"
    canvas: Canvas | None = field(default=None, repr=False, compare=False)


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


def embedded(drawn: Drawn, *, alt: str, caption: str) -> Figure:
    """Embed a figure that was drawn already, and close it where pyplot keeps it open."""
    canvas = figure_of(drawn)
    svg = rendered(canvas, "svg", description=alt)
    _close(canvas)
    width, height = canvas.get_size_inches()  # a plot may resize what it was given
    encoded = base64.b64encode(svg).decode("ascii")
    pixels = CSS_PIXELS_PER_INCH * SCALE
    return Figure(
        f"data:image/svg+xml;base64,{encoded}",
        alt,
        caption,
        round(float(width) * pixels),
        round(float(height) * pixels),
        canvas=canvas,
    )


def write_figure(drawn: Drawn, path: Path) -> list[Path]:
    """Write what a plot drew as ``path.svg``, ``.png`` and ``.pdf``, and close it."""
    files = save_figure(drawn, path)
    _close(figure_of(drawn))
    return files


def write_figures(page: Page, directory: str | Path) -> Path:
    """Write every figure of a page as SVG, PNG and PDF, one or two columns wide; return the list.

    The list, ``figures.csv``, has a line for each: its files, the section it stands in, the
    caption, the text for those who cannot see it, and its size in mm. What an earlier list names
    is removed first: it would pass for this page's.
    """
    directory = Path(directory)
    listed = directory / LIST
    _remove_listed(listed)
    rows: list[dict[str, str]] = []
    for name, section, figure in _named(page):
        if figure.canvas is None:
            continue
        wide = float(figure.canvas.get_size_inches()[0]) > mm_to_inch(_WIDE_MM)
        columns: Literal[1, 2] = 2 if wide else 1
        path = directory / name
        files = save_figure(figure.canvas, path, columns=columns, description=figure.alt)
        rows.append(
            {
                "figure": name,
                **{file.suffix.removeprefix("."): file.name for file in files},
                "section": section,
                "caption": figure.caption,
                "alternative_text": figure.alt,
                "columns": str(columns),
            }
        )
    directory.mkdir(parents=True, exist_ok=True)
    with listed.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _LISTED, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return listed


def _named(page: Page) -> Iterator[tuple[str, str, Figure]]:
    """Return each figure with a name for its files and the title of its section."""
    yield "intervals", "What was found", page.intervals
    for section in page.sections:
        drawn = [part for part in section.parts if isinstance(part, Figure)]
        stem = re.sub(r"[^A-Za-z0-9-]+", "_", section.anchor)
        for number, figure in enumerate(drawn, 1):
            yield stem if len(drawn) == 1 else f"{stem}_{number}", section.title, figure


def _remove_listed(listed: Path) -> None:
    if not listed.is_file():
        return
    with listed.open(encoding="utf-8", newline="") as file:
        old = [row.get(kind) or "" for row in csv.DictReader(file) for kind in FORMATS]
    for name in old:
        # nothing but files of this folder, whatever the list says
        if name and Path(name).name == name and Path(name).suffix.removeprefix(".") in FORMATS:
            (listed.parent / name).unlink(missing_ok=True)


def _close(canvas: Canvas) -> None:
    import matplotlib.pyplot as plt

    plt.close(canvas)


def _drawn(plot: Callable[[Axes], object], width_mm: float, height_mm: float) -> Canvas:
    from matplotlib.figure import Figure as Canvas

    with figure_style():
        canvas = Canvas(figsize=(mm_to_inch(width_mm), mm_to_inch(height_mm)), layout="constrained")
        plot(canvas.add_subplot())
    return canvas


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
    axes.set_yticks(list(rows), [broken_name(name, 28) for name in names])
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
