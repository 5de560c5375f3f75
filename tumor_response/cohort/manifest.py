"""Reading and validating a manifest as a whole: all its faults in one error, with their rows."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import difflib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tumor_response.cohort.case import Case
from tumor_response.cohort.roles import Role, roles_of
from tumor_response.cohort.row import RESERVED, Row, RowRules
from tumor_response.exceptions import ManifestError

__all__ = ["Rows", "cases_from_rows", "listed", "read_rows", "rows_of_frame"]

REQUIRED = ("patient_id", "image")
OUTCOMES = (
    "volume_follow_up_cc",
    "volume_change_cc",
    "volume_change_percent",
    "log_volume_ratio",
    "sgr_per_day",
    "shrinkage_percent",
    "rate_percent_per_day",
    "rate_cc_per_day",
    "responder",
)
"""Names that mean what is computed from the follow-up; no clinical variable may bear one."""

SHOWN_FAULTS = 50


@dataclass(frozen=True)
class Rows:
    """A manifest before validation: cells as text (or as the frame's own objects), and where."""

    columns: list[str]
    cells: list[dict[str, Any]]
    places: list[str]
    decimal_comma: bool = False


def _near(path: Path) -> str:
    """Name the files beside that are called much the same."""
    there = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, sorted(there), 2)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def read_rows(path: Path) -> Rows:
    """Read a CSV manifest as text; separators ``,``, ``;`` or tab, with or without a BOM."""
    if not path.is_file():
        if path.is_dir():
            raise ManifestError(
                f"{path} is a folder, and no such manifest. Expected a CSV file.",
                code="file_missing",
            )
        raise ManifestError(
            f"{path}: no such manifest. Expected a CSV file.{_near(path)}", code="file_missing"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifestError(
            f"{path}: not UTF-8 text (byte {error.start}). Save it as 'CSV UTF-8'."
        ) from None
    lines = text.splitlines()
    header = next((line for line in lines if line.strip()), "")
    separator = max(",;\t", key=header.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        records = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ManifestError(f"{path}: line {reader.line_num}: not CSV ({error}).") from None
    if not records:
        raise ManifestError(f"{path}: the manifest is empty; expected {', '.join(REQUIRED)} ...")
    columns = [cell.strip() for cell in records[0][1]]
    ragged = [
        f"line {number}: {len(row)} cells, the header has {len(columns)}"
        for number, row in records[1:]
        if len(row) != len(columns)
    ]
    if ragged:
        raise ManifestError(listed(str(path), ragged))
    return Rows(
        columns,
        [dict(zip(columns, (c.strip() for c in row), strict=True)) for _, row in records[1:]],
        [f"line {number}" for number, _ in records[1:]],
        decimal_comma=separator == ";",
    )


def rows_of_frame(frame: pd.DataFrame) -> Rows:
    """Take a DataFrame's rows; missing values become empty cells."""
    columns = [str(name).strip() for name in frame.columns]
    cells = [
        {
            name: ""
            if value is None or (pd.api.types.is_scalar(value) and pd.isna(value))
            else value
            for name, value in zip(columns, row, strict=True)
        }
        for row in frame.itertuples(index=False, name=None)
    ]
    return Rows(columns, cells, [f"row {i}" for i in range(len(frame))])


def cases_from_rows(
    rows: Rows,
    base: Path,
    where: str,
    *,
    roles: Mapping[str, str] | None = None,
    rules: RowRules | None = None,
) -> tuple[list[Case], dict[str, Role]]:
    """Validate all rows and return their cases, and every variable's role.

    Raises
    ------
    ManifestError
        Listing all faults, each with its row.
    """
    faults = _faults_of_columns(rows.columns)
    if faults:
        raise ManifestError(listed(where, faults))
    if not rows.cells:
        raise ManifestError(f"{where}: no rows; a manifest has one row per lesion.")
    known = roles_of([name for name in rows.columns if name not in RESERVED], roles)
    cases: list[Case] = []
    days: list[dt.date | None] = []
    seen: dict[tuple[str, str], str] = {}
    for cells, place in zip(rows.cells, rows.places, strict=True):
        row = Row(cells, base, rows.decimal_comma, known, rules or RowRules())
        for case in row.cases():
            if case.patient_id:
                first = seen.setdefault(case.key, place)
                if case.key in {c.key for c in cases}:
                    row.faults.append(
                        f"patient_id {case.patient_id!r}, lesion_id {case.lesion_id!r} is already "
                        f"in {first}; give each lesion of a patient its own lesion_id"
                    )
            cases.append(case)
            days.append(row.date)
        faults += [f"{place}: {fault}" for fault in row.faults]
    if faults:
        raise ManifestError(listed(where, faults))
    return _numbered_days(cases, days), known


def _numbered_days(cases: list[Case], dates: list[dt.date | None]) -> list[Case]:
    """Give each case the days from the cohort's earliest baseline scan to its own."""
    first = min((date for date in dates if date is not None), default=None)
    if first is None:
        return cases
    return [
        case if date is None else dataclasses.replace(case, day=float((date - first).days))
        for case, date in zip(cases, dates, strict=True)
    ]


def _faults_of_columns(columns: list[str]) -> list[str]:
    faults = [
        f"column {name!r} is there {columns.count(name)} times"
        for name in dict.fromkeys(columns)
        if columns.count(name) > 1
    ]
    for name in REQUIRED:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, n=1)
            hint = f" (is it {near[0]!r}?)" if near else ""
            faults.append(f"column {name!r} is missing{hint}; there are: {', '.join(columns)}")
    if "mask" not in columns and not {"rtstruct", "roi"} <= set(columns):
        near = difflib.get_close_matches("mask", columns, n=1)
        hint = f" (is it {near[0]!r}?)" if near else ""
        faults.append(
            f"column 'mask' is missing{hint}, and so is the pair 'rtstruct' and 'roi'; there are: "
            f"{', '.join(columns)}"
        )
    for name in columns:
        # a misspelt follow-up column would otherwise pass as a clinical variable: a leak
        of_follow_up = name.lower().replace("-", "_").startswith(("follow_up", "followup"))
        if of_follow_up and name not in RESERVED:
            known = [c for c in RESERVED if c.startswith("follow_up")]
            faults.append(
                f"column {name!r} looks like a follow-up but is none of {', '.join(known)}; "
                "what is known only afterwards cannot be a clinical variable"
            )
        if name in OUTCOMES:
            faults.append(
                f"column {name!r} is an outcome; tr.shrinkage computes it from the follow-up, and "
                "it cannot be a clinical variable"
            )
    if "" in columns:
        faults.append("a column has no name")
    return faults


def listed(where: str, faults: list[str]) -> str:
    """Return one message that names all faults, or the first fifty."""
    shown = [f"  - {fault}" for fault in faults[:SHOWN_FAULTS]]
    if len(faults) > SHOWN_FAULTS:
        shown.append(f"  ... and {len(faults) - SHOWN_FAULTS} more")
    noun = "fault" if len(faults) == 1 else "faults"
    return "\n".join([f"{where}: {len(faults)} {noun}:", *shown])
