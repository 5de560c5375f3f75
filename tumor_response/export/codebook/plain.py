"""The codebook as Markdown and as CSV."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from tumor_response._version import __version__
from tumor_response.export.codebook.formulas import symbols_of
from tumor_response.export.codebook.wording import (
    groups_of,
    notes_of,
    number_text,
    range_text,
    share_text,
)
from tumor_response.formats import Sheet

__all__ = ["csv_of", "markdown_of"]

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")
_PLAIN = re.compile(r"[\w.-]+")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def markdown_of(columns: pd.DataFrame, sheets: Sequence[Sheet]) -> str:
    """Return the codebook as Markdown: a table for each family of columns."""
    lines = ["# Codebook", ""]
    for note in [*notes_of(columns, sheets), *symbols_of(columns["formula"])]:
        lines += [_text(note), ""]
    for group in groups_of(columns):
        lines += [f"## {_text(group.title)}", ""]
        lines += [_text(group.facts), ""] if group.facts else []
        lines += [_row(_HEADS), _row(["---"] * len(_HEADS))]
        lines += [_row(_cells(row)) for row in group.columns]
        lines.append("")
    for sheet in sheets:
        lines += [f"## {_text(sheet.name)}", "", _text(sheet.label), ""]
        lines += [_row(["column", "meaning", "kind", "unit"]), _row(["---"] * 4)]
        lines += [
            _row([_name(v.name), _text(v.label), v.kind, _text(v.unit)]) for v in sheet.variables
        ]
        lines.append("")
    return "\n".join([*lines, f"Made by tumor_response {__version__}.", ""])


def csv_of(columns: pd.DataFrame) -> str:
    """Return the codebook as CSV.

    A text that a spreadsheet would take for a formula has an apostrophe in front; names stay as
    they are.
    """
    safe = columns.copy()
    for name in safe.columns.drop(["sheet", "name"]):
        if pd.api.types.is_string_dtype(safe[name].dtype):
            dangerous = safe[name].str.startswith(_FORMULA_STARTS)
            safe[name] = safe[name].where(~dangerous, "'" + safe[name])
    return safe.to_csv(index=False, lineterminator="\n")


_HEADS = [
    *("column", "definition", "formula", "IBSI", "unit", "n", "missing"),
    *("quartiles", "range or levels", "ρ volume", "ICC"),
]


def _cells(row: Mapping[Hashable, Any]) -> list[str]:
    quartiles = [number_text(row[name]) for name in ("q1", "median", "q3")]
    icc = _two(row["icc"])
    return [
        _name(row["name"]),
        _text(row["description"]),
        _text(row["formula"]),
        _text(" ".join([row["ibsi_code"], row["ibsi_name"]]).strip()),
        _text(row["unit"]),
        str(row["n"]),
        _text(" ".join([share_text(row["missing_share"]), row["missing_reasons"]]).strip()),
        " · ".join(quartiles) if any(quartiles) else "",
        _text("; ".join(part for part in (range_text(row), row["levels"]) if part)),
        _two(row["spearman_volume"]),
        f"{icc} ({_two(row['icc_low'])} to {_two(row['icc_high'])})" if icc else "",
    ]


def _two(number: float) -> str:
    return "" if number != number else f"{number:.2f}".replace("-", "−")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(words: str) -> str:
    """Return words that Markdown, and the HTML made of it, take for words."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(words.split()))


def _name(name: str) -> str:
    """Return a column's name, as code if it is a plain one: code knows no escapes."""
    return f"`{name}`" if _PLAIN.fullmatch(name) else _text(name)
