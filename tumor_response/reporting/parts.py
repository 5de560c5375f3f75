"""The building blocks of a page: texts, tables, sections; everything in them is plain text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tumor_response.reporting.figures import Figure
from tumor_response.reporting.rendering import Script, script
from tumor_response.reporting.wording import Conclusions, minus

__all__ = [
    "Copy",
    "Fold",
    "Heading",
    "Page",
    "Paragraph",
    "Part",
    "Section",
    "ShownLesion",
    "Table",
    "Viewer",
    "counted",
    "number",
]


def number(value: object, decimals: int = 2) -> str:
    """Return a number as the page shows it: fixed decimals, true minus, a dash for missing.

    Examples
    --------
    >>> number(-0.126), number(float("nan")), number(3, 0)
    ('−0.13', '–', '3')
    """
    if not isinstance(value, (int, float)):
        return str(value)
    if math.isnan(value):
        return "–"
    text = f"{value:.{decimals}f}"
    return minus(text.removeprefix("-") if float(text) == 0 else text)


def counted(n: int, noun: str) -> str:
    """Return a number with its noun, in the plural where there are several.

    Examples
    --------
    >>> counted(1, "lesion"), counted(1200, "lesion")
    ('1 lesion', '1,200 lesions')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    kind: str = "heading"


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Table:
    """A table of text; the first column heads the rows, ``numeric`` columns are right-aligned."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    highlight: int = -1
    kind: str = "table"


@dataclass(frozen=True)
class Copy:
    """Plain text to be taken elsewhere; one click selects all of it."""

    caption: str
    text: str
    kind: str = "copy"


@dataclass(frozen=True)
class Fold:
    """Parts that are looked up rather than read: closed at first, and printed if opened."""

    summary: str
    parts: Sequence[Heading | Paragraph | Table | Figure | Copy]
    kind: str = "fold"


@dataclass(frozen=True)
class ShownLesion:
    """One lesion on the page.

    Parameters
    ----------
    name
        What it is called: a pseudonym, unless patients are named.
    output
        The explained log-odds, in words.
    where
        Which slice the picture shows.
    still, width, height
        The slice with most of the tumour that was shown, as a data URI, and the picture's size.
    alt
        What the picture shows.
    data
        JSON for the script.
    voxels
        See :meth:`~tumor_response.reporting.viewer.excerpt.Excerpt.packed`.
    """

    name: str
    output: str
    where: str
    still: str
    width: int
    height: int
    alt: str
    data: str
    voxels: str


@dataclass(frozen=True)
class Viewer:
    """Maps of several lesions over their CT.

    Parameters
    ----------
    label
        What the colours show: method and model.
    about
        Sentences before the pictures.
    chosen
        Which lesions are shown, and by which rule.
    kept
        How exactly the page keeps the CT.
    low, high
        Ends of the common scale, as text.
    bar
        The colours as a data URI.
    data
        JSON for the script.
    lesions
        Those shown.
    """

    label: str
    about: Sequence[str]
    chosen: str
    kept: str
    low: str
    high: str
    bar: str
    data: str
    lesions: Sequence[ShownLesion]
    kind: str = "viewer"


Part = Heading | Paragraph | Table | Figure | Copy | Fold | Viewer
"""What a section is made of."""


@dataclass(frozen=True)
class Section:
    """A section with its anchor in the page."""

    anchor: str
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """All that the template shows; what stands before ``sections`` is page one.

    Page one fits a screen and a sheet, so it has no text of open length but ``notes``.
    """

    title: str
    version: str
    notes: Sequence[str]
    conclusions: Conclusions
    facts: Sequence[tuple[str, str]]
    intervals: Figure
    results: Table
    remarks: Sequence[str]
    strip: Table
    not_asked: Sequence[str]
    sections: Sequence[Section] = field(default=())

    @property
    def scripts(self) -> list[Script]:
        """The package's scripts that the page runs; most pages run none."""
        parts = [part for section in self.sections for part in section.parts]
        return [script("viewer.js")] if any(isinstance(part, Viewer) for part in parts) else []
