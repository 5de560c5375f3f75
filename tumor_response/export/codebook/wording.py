"""What all three forms of a codebook say in the same words."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tumor_response.formats import Sheet

__all__ = ["Group", "groups_of", "notes_of", "number_text", "range_text", "share_text"]

_SHEETS = {"features": "Features", "outcomes": "Outcomes"}


@dataclass(frozen=True)
class Group:
    """Columns that are shown together: a family of a block.

    Parameters
    ----------
    sheet, block, family
        Whose they are.
    facts
        What all of them share, as one line: role, settings.
    columns
        Their rows of the codebook.
    """

    sheet: str
    block: str
    family: str
    facts: str
    columns: Sequence[Mapping[Hashable, Any]]

    @property
    def title(self) -> str:
        """The heading."""
        named = " · ".join(part for part in (self.block, self.family) if part)
        return named or _SHEETS.get(self.sheet, self.sheet)


def groups_of(columns: pd.DataFrame) -> Iterator[Group]:
    """Yield the columns by sheet, block and family, in their order."""
    keys = ("sheet", "block", "family", "role", "settings_sha256")
    found: dict[tuple[str, ...], list[dict[Hashable, Any]]] = {}
    for row in columns.to_dict("records"):
        found.setdefault(tuple(str(row[key]) for key in keys), []).append(row)
    for (sheet, block, family, role, settings), rows in found.items():
        facts = [f"role: {role}"] if role else []
        if settings:
            facts.append(f"settings: {settings[:12]}")
        yield Group(sheet, block, family, "; ".join(facts), rows)


def notes_of(columns: pd.DataFrame, sheets: Sequence[Sheet]) -> list[str]:
    """Return how the codebook is to be read, a sentence or two each."""
    attrs = columns.attrs
    fewest = attrs["fewest"]
    notes = [
        f"{len(columns)} columns; {attrs['n_lesions']} lesions of {attrs['n_patients']} patients"
        + (f"; further tables: {', '.join(sheet.name for sheet in sheets)}." if sheets else ".")
    ]
    if fewest > 1:
        notes.append(
            f"No number is about fewer than {fewest} patients: where a range reads “below” and "
            f"“above”, fewer lie further out than told; bars and levels of fewer are counted "
            f"together, and a column that fewer than {2 * fewest} patients have is not described. "
            "Numbers are rounded to about a hundredth of the range; the tables hold them in full."
        )
    else:
        notes.append("Ranges and counts are exact, also where they are about single patients.")
    volume = attrs["volume"]
    notes.append(
        f"ρ volume: Spearman's rank correlation to the baseline volume ({volume}) over lesions."
        if volume
        else "No correlation to volume: no column holds the baseline volume."
    )
    if icc := attrs["icc"]:
        notes.append(
            f"ICC: {icc}, with its confidence interval. For reading, not for selecting: whoever "
            "keeps the columns that are stable here and evaluates on the same patients has used "
            "the test patients in the choice."
        )
    notes.append("For research; not a medical device.")
    return notes


def number_text(number: float) -> str:
    """Return a number in at most five significant digits, "" for none.

    Examples
    --------
    >>> number_text(-1234567.0), number_text(0.25), number_text(float("nan"))
    ('−1.2346e+06', '0.25', '')
    """
    return "" if math.isnan(number) else f"{number:.5g}".replace("-", "−", 1)


def range_text(row: Mapping[Hashable, Any]) -> str:
    """Return the range of a column in words.

    Examples
    --------
    >>> range_text({"minimum": 41.0, "maximum": 80.0, "shown": "coarsened"})
    'below 41 to above 80'
    """
    if row["shown"] == "withheld":
        return "too few patients" if row["n"] else "no values"
    if math.isnan(row["minimum"]):
        return ""
    low, high = number_text(row["minimum"]), number_text(row["maximum"])
    return f"{low} to {high}" if row["shown"] == "exact" else f"below {low} to above {high}"


def share_text(share: float) -> str:
    """Return a share in per cent, never rounded to none or all.

    Examples
    --------
    >>> share_text(0.0), share_text(0.0004), share_text(0.125)
    ('0', '<0.1 %', '12.5 %')
    """
    if math.isnan(share) or share == 0:
        return "" if math.isnan(share) else "0"
    if share < 0.001:
        return "<0.1 %"
    return f"{100 * share:.3g} %" if share == 1 or share < 0.999 else ">99.9 %"
