"""Reading and validating a manifest as a whole: all its faults in one error, with their rows."""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import io
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from tumor_response.cohort.case import Case, FollowUp, Value
from tumor_response.exceptions import ManifestError

__all__ = ["Rows", "cases_from_rows", "read_rows", "rows_of_frame"]

REQUIRED = ("patient_id", "image", "mask")
OPTIONAL = (
    "lesion_id",
    "mask_label",
    "date",
    "follow_up_image",
    "follow_up_mask",
    "follow_up_mask_label",
    "follow_up_date",
    "follow_up_status",
    "rt_start_date",
    "fractions_at_follow_up",
    "dose_gy_at_follow_up",
    "site",
)
RESERVED = (*REQUIRED, *OPTIONAL)
FROM_CONTOURS = ("rtstruct", "roi", "follow_up_rtstruct")
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

NOT_GIVEN = ("", "NA", "N/A", "NaN", "nan")  # R and pandas write these for an empty cell
STATUSES = ("measured", "complete_response", "missing", "death", "surgery")
SHOWN_FAULTS = 50
_IDS = ("patient_id", "lesion_id")

T = TypeVar("T")


@dataclass(frozen=True)
class Rows:
    """A manifest before validation: cells as text (or as the frame's own objects), and where."""

    columns: list[str]
    cells: list[dict[str, Any]]
    places: list[str]
    decimal_comma: bool = False


def read_rows(path: Path) -> Rows:
    """Read a CSV manifest as text; separators ``,``, ``;`` or tab, with or without a BOM."""
    if not path.is_file():
        raise ManifestError(f"{path}: no such manifest. Expected a CSV file.", code="file_missing")
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
        raise ManifestError(_listed(str(path), ragged))
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


def cases_from_rows(rows: Rows, base: Path, where: str) -> list[Case]:
    """Validate all rows and return their cases.

    Raises
    ------
    ManifestError
        Listing all faults, each with its row.
    """
    faults = _faults_of_columns(rows.columns)
    if faults:
        raise ManifestError(_listed(where, faults))
    if not rows.cells:
        raise ManifestError(f"{where}: no rows; a manifest has one row per lesion.")
    cases: list[Case] = []
    seen: dict[tuple[str, str], str] = {}
    for cells, place in zip(rows.cells, rows.places, strict=True):
        row = _Row(cells, base, rows.decimal_comma)
        case = row.case()
        if case.patient_id:
            first = seen.setdefault(case.key, place)
            if first != place:
                row.faults.append(
                    f"patient_id {case.patient_id!r}, lesion_id {case.lesion_id!r} is already in "
                    f"{first}; give each lesion of a patient its own lesion_id"
                )
        faults += [f"{place}: {fault}" for fault in row.faults]
        cases.append(case)
    if faults:
        raise ManifestError(_listed(where, faults))
    return cases


def _faults_of_columns(columns: list[str]) -> list[str]:
    faults = [
        f"column {name!r} is there {columns.count(name)} times"
        for name in dict.fromkeys(columns)
        if columns.count(name) > 1
    ]
    if any(name in columns for name in FROM_CONTOURS):
        faults.append(
            "contours (rtstruct, roi) are not read in this version; convert them to a mask "
            "image and name it in the mask column"
        )
    for name in REQUIRED:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, n=1)
            hint = f" (is it {near[0]!r}?)" if near else ""
            faults.append(f"column {name!r} is missing{hint}; there are: {', '.join(columns)}")
    for name in columns:
        # a misspelt follow-up column would otherwise pass as a clinical variable: a leak
        of_follow_up = name.lower().replace("-", "_").startswith(("follow_up", "followup"))
        if of_follow_up and name not in RESERVED and name not in FROM_CONTOURS:
            known = [c for c in OPTIONAL if c.startswith("follow_up")]
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


class _Row:
    """One row on its way to a case; collects what is wrong with it."""

    def __init__(self, cells: Mapping[str, Any], base: Path, decimal_comma: bool) -> None:
        self._cells = cells
        self._base = base
        self._decimal_comma = decimal_comma
        self.faults: list[str] = []

    def case(self) -> Case:
        label = self._label("mask_label")
        # the same number is the same lesion at both times, unless the manifest says otherwise
        follow_up_label = self._label("follow_up_mask_label") or label
        follow_up = FollowUp(
            image=self._file("follow_up_image"),
            mask=self._file("follow_up_mask"),
            mask_label=follow_up_label,
            date=self._parsed("follow_up_date", _day, "a date, YYYY-MM-DD"),
            status=self._status(),
            fractions=self._parsed("fractions_at_follow_up", self._number, "a number"),
            dose_gy=self._parsed("dose_gy_at_follow_up", self._number, "a number (Gy)"),
        )
        case = Case(
            patient_id=self._text("patient_id", required=True),
            lesion_id=self._text("lesion_id") or "1",
            image=self._file("image", required=True) or Path(),
            mask=self._file("mask", required=True) or Path(),
            mask_label=label,
            date=self._parsed("date", _day, "a date, YYYY-MM-DD"),
            rt_start_date=self._parsed("rt_start_date", _day, "a date, YYYY-MM-DD"),
            site=self._text("site") or None,
            variables={name: self._value(name) for name in self._cells if name not in RESERVED},
            follow_up=follow_up,
        )
        if case.date and follow_up.date and follow_up.date < case.date:
            self.faults.append(
                f"follow_up_date {follow_up.date} is before the baseline's date {case.date}; "
                "are the two scans swapped?"
            )
        if case.rt_start_date and follow_up.date and follow_up.date < case.rt_start_date:
            self.faults.append(
                f"follow_up_date {follow_up.date} is before rt_start_date {case.rt_start_date}"
            )
        return case

    def _text(self, column: str, required: bool = False) -> str:
        # an identifier may well read "NA"; everywhere else that means an empty cell
        value = self._cells.get(column, "") if column in _IDS else self._given(column)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # a column of ids with one gap arrives as 7.0 from a frame
        text = "" if value is None else str(value).strip()
        if required and not text:
            self.faults.append(f"{column} is empty")
        return text

    def _file(self, column: str, required: bool = False) -> Path | None:
        text = self._text(column, required)
        if not text:
            return None
        path = (self._base / Path(text)).absolute()
        if not path.is_file():
            kind = "is a folder" if path.is_dir() else "does not exist"
            self.faults.append(f"{column} {text!r} {kind} (looked for {path})")
        return path

    def _parsed(self, column: str, parse: Callable[[Any], T], expected: str) -> T | None:
        value = self._given(column)
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError:
            self.faults.append(f"{column} {value!r} is not {expected}")
            return None

    def _label(self, column: str) -> int | None:
        return self._parsed(column, _whole_number, "a whole number above 0")

    def _status(self) -> str:
        text = self._text("follow_up_status") or "measured"
        if text not in STATUSES:
            self.faults.append(f"follow_up_status {text!r} is none of {', '.join(STATUSES)}")
        return text

    def _number(self, value: Any) -> float:
        text = str(value).strip()
        if self._decimal_comma and re.fullmatch(r"[-+]?\d+,\d+", text):
            text = text.replace(",", ".")
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(text)
        return number

    def _given(self, column: str) -> Any:
        value = self._cells.get(column, "")
        return None if isinstance(value, str) and value.strip() in NOT_GIVEN else value

    def _value(self, column: str) -> Value:
        value = self._given(column)
        if value is None:
            return None
        try:
            return self._number(value)
        except ValueError:
            return str(value).strip()


def _day(value: Any) -> dt.date:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    return dt.datetime.fromisoformat(str(value).strip()).date()


def _whole_number(value: Any) -> int:
    number = float(value)
    if not number.is_integer() or number < 1:
        raise ValueError(value)
    return int(number)


def _listed(where: str, faults: list[str]) -> str:
    shown = [f"  - {fault}" for fault in faults[:SHOWN_FAULTS]]
    if len(faults) > SHOWN_FAULTS:
        shown.append(f"  ... and {len(faults) - SHOWN_FAULTS} more")
    noun = "fault" if len(faults) == 1 else "faults"
    return "\n".join([f"{where}: {len(faults)} {noun}:", *shown])
