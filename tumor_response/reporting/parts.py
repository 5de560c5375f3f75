"""The building blocks of a page: texts, tables, sections; everything in them is plain text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tumor_response.reporting.figures import Figure
from tumor_response.reporting.wording import Conclusions, minus

__all__ = [
    "Copy",
    "Fold",
    "Heading",
    "Page",
    "Paragraph",
    "Part",
    "Section",
    "Table",
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
    """Parts that are looked up rather than read: closed on a screen, open in print."""

    summary: str
    parts: Sequence[Heading | Paragraph | Table | Figure | Copy]
    kind: str = "fold"


Part = Heading | Paragraph | Table | Figure | Copy | Fold
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
