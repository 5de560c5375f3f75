"""The table of scans between baseline and follow-up: read and checked as a whole."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tumor_response.cohort import Case, Cohort
from tumor_response.cohort.case import FollowUp
from tumor_response.cohort.manifest import Rows, listed, read_rows, rows_of_frame
from tumor_response.cohort.row import Row, RowRules
from tumor_response.exceptions import ManifestError
from tumor_response.frames import IntoFrame, as_frame
from tumor_response.imaging import ImageFile, MaskFile

__all__ = ["COLUMNS", "STATUSES", "first_fraction_day", "read_time_points"]

STATUSES = (
    "measured",
    "complete_response",
    "missing",
    "death",
    "surgery",
    "too_small",
    "not_evaluable",
)
"""What a visit may be declared to be; the last two are RECIST's and have no place in a manifest."""

COLUMNS = (
    "patient_id",
    "lesion_id",
    "date",
    "days",
    "treatment_days",
    "image",
    "mask",
    "mask_label",
    "rtstruct",
    "roi",
    "status",
)
"""Columns that mean something; others are left alone."""

_OF_THE_SCAN = ("image", "mask", "mask_label", "rtstruct", "roi", "date")

Key = tuple[str, str]


def read_time_points(
    time_points: str | Path | IntoFrame, cohort: Cohort
) -> dict[Key, list[FollowUp]]:
    """Return the scans in between of each lesion, in the order of the table.

    Parameters
    ----------
    time_points
        CSV file as a manifest may be written, or a frame; columns of :data:`COLUMNS`. Relative
        paths start at the file's folder, those of a frame at the working directory.
    cohort
        What the rows belong to.

    Raises
    ------
    ManifestError
        Listing all faults with their rows, each with its code: ``visit_unknown_lesion``,
        ``visit_duplicate``, ``visit_before_baseline``, ``visit_days_unknown``,
        ``visit_days_contradict``, ``visit_faulty`` (a file that is not there, a cell that is no
        date ...). The error's own code is that of its faults, or ``time_points`` if they differ.
    """
    time_points = as_frame(time_points, "time_points")
    if isinstance(time_points, pd.DataFrame):
        rows, base, where = rows_of_frame(time_points), Path(), "the frame of time points"
    else:
        path = Path(time_points)
        rows, base, where = read_rows(path), path.parent, str(path)
    faults = [("time_points", fault) for fault in _faults_of_columns(rows.columns)]
    if not faults:
        found, faults = _visits(rows, base, cohort)
    if faults:
        codes = {code for code, _ in faults}
        raise ManifestError(
            listed(where, [fault for _, fault in faults]),
            code=codes.pop() if len(codes) == 1 else "time_points",
        )
    return found


def _faults_of_columns(columns: list[str]) -> list[str]:
    faults = [
        f"column {name!r} is there {columns.count(name)} times"
        for name in COLUMNS
        if columns.count(name) > 1
    ]
    needed = {"patient_id": ["patient_id"], "days or date": ["days", "date"]}
    needed["mask, rtstruct or status"] = ["mask", "rtstruct", "status"]
    faults += [
        f"column {told} is missing; there are: {', '.join(columns)}"
        for told, names in needed.items()
        if not set(names) & set(columns)
    ]
    for name in columns:
        # a misspelt optional column would be passed over in silence
        near = difflib.get_close_matches(name, COLUMNS, n=1, cutoff=0.8)
        if name not in COLUMNS and near and near[0] not in columns:
            faults.append(f"column {name!r} is none of {', '.join(COLUMNS)}; is it {near[0]!r}?")
    return faults


def _visits(
    rows: Rows, base: Path, cohort: Cohort
) -> tuple[dict[Key, list[FollowUp]], list[tuple[str, str]]]:
    known = {case.key: case for case in cohort}
    found: dict[Key, list[FollowUp]] = {}
    faults: list[tuple[str, str]] = []
    places: dict[tuple[Key, float], str] = {}
    for cells, place in zip(rows.cells, rows.places, strict=True):
        key = (_identifier(cells, "patient_id", ""), _identifier(cells, "lesion_id", "1"))
        case = known.get(key)
        if case is None:
            of_patient = [lesion for patient, lesion in known if patient == key[0]]
            lesions = (
                f"its lesions are {', '.join(of_patient)}" if of_patient else "no such patient"
            )
            told = f"patient_id {key[0]!r}, lesion_id {key[1]!r} is not in the cohort ({lesions})"
            faults.append(("visit_unknown_lesion", f"{place}: {told}"))
            continue
        visit, of_row = _visit(cells, base, case, rows.decimal_comma)
        if visit.interval_days is not None and not of_row:
            of_row = _faults_of_day(visit.interval_days, case, places, place)
        faults += [(code, f"{place}: {told}") for code, told in of_row]
        found.setdefault(key, []).append(visit)
    return found, faults


def _faults_of_day(
    days: float, case: Case, places: dict[tuple[Key, float], str], place: str
) -> list[tuple[str, str]]:
    """Return what is wrong with a visit on that day, and take note of the day."""
    if days < 0:
        told = f"{days:g} days: before the baseline; are two scans swapped?"
        return [("visit_before_baseline", told)]
    same = places.setdefault((case.key, days), place)
    if days == 0:
        same = "the manifest: it is the baseline"
    elif days == case.follow_up.interval_days:
        same = "the manifest: it is the follow-up"
    if same == place:
        return []
    told = (
        f"{case.name} has a scan after {days:g} days already, in {same}; one lesion has one scan a "
        "day, so take one out, or correct its date"
    )
    return [("visit_duplicate", told)]


def _visit(
    cells: Mapping[str, Any], base: Path, case: Case, decimal_comma: bool
) -> tuple[FollowUp, list[tuple[str, str]]]:
    """Return one row as a follow-up of its lesion, and what is wrong with it."""
    status = str(cells.get("status", "")).strip() or "measured"
    row = Row(_as_manifest(cells, case), base, decimal_comma, {}, RowRules())
    visit = dataclasses.replace(row.cases()[0].follow_up, status=status)
    own = [re.sub(r"\bfollow_up_(?=" + "|".join(_OF_THE_SCAN) + ")", "", f) for f in row.faults]
    of_day = [f for f in own if "before the baseline" in f]
    faults = [("visit_before_baseline" if f in of_day else "visit_faulty", f) for f in own]
    if status not in STATUSES:
        faults.append(("visit_faulty", f"status {status!r} is none of {', '.join(STATUSES)}"))
    numbers = {}
    for name in ("days", "treatment_days"):
        try:
            numbers[name] = _number(cells.get(name, ""), decimal_comma)
        except ValueError:
            told = f"{name} {cells[name]!r} is not a number of days"
            faults.append(("visit_faulty", told))
            numbers[name] = None
    days, dated = numbers["days"], visit.interval_days
    if days is not None and dated is not None and days != dated:
        told = f"days says {days:g}, and date is {dated:g} days after the baseline; correct one"
        faults.append(("visit_days_contradict", told))
    days = dated if days is None else days
    if days is None and not faults:
        told = "neither days nor date" if not cells.get("date") else _no_date_to_count_from(case)
        faults.append(("visit_days_unknown", told))
    return dataclasses.replace(
        visit, interval_days=days, treatment_days=_treatment_days(days, case, numbers)
    ), faults


def _as_manifest(cells: Mapping[str, Any], case: Case) -> dict[str, Any]:
    """Return the row as a manifest's, in which the scan in between is the follow-up."""
    row = {f"follow_up_{name}": cells.get(name, "") for name in _OF_THE_SCAN}
    if row["follow_up_mask_label"] == "" and isinstance(case.mask, MaskFile):
        # as in a manifest, the baseline's number means the same lesion later
        row["follow_up_mask_label"] = "" if case.mask.label is None else case.mask.label
    return row | {
        "patient_id": case.patient_id,
        "lesion_id": case.lesion_id,
        "date": "" if case.date is None else case.date,
        "image": ImageFile(Path()),  # the baseline is known; here it only stands for itself
        "mask": MaskFile(Path()),
    }


def _no_date_to_count_from(case: Case) -> str:
    return (
        f"date is given, but the cohort has no date of the baseline of {case.name} to count from "
        "(cohorts from DICOM keep intervals alone); give days, from the baseline scan"
    )


def _treatment_days(
    days: float | None, case: Case, numbers: Mapping[str, float | None]
) -> float | None:
    given = numbers["treatment_days"]
    start = first_fraction_day(case)
    if given is not None or days is None or start is None:
        return given
    return days - start


def first_fraction_day(case: Case) -> float | None:
    """Return the days from the baseline scan to the first fraction, if the follow-up tells them.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> folder = tempfile.mkdtemp()
    >>> cohort = tr.simulate_cohort(1, seed=2, directory=folder, planning_days=(7, 7))
    >>> first_fraction_day(next(iter(cohort)))
    7.0
    """
    of = case.follow_up
    if of.interval_days is None or of.treatment_days is None:
        return None
    return of.interval_days - of.treatment_days


def _number(value: Any, decimal_comma: bool) -> float | None:
    text = str(value).strip()
    if text in ("", "NA", "N/A", "NaN", "nan"):
        return None
    number = float(text.replace(",", ".") if decimal_comma else text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _identifier(cells: Mapping[str, Any], column: str, default: str) -> str:
    value = cells.get(column, "")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of ids with one gap arrives as 7.0 from a frame
    return str(value).strip() or default
