"""Diameters from a table that people filled in: nothing guessed in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.frames import IntoFrame
from tumor_response.outcomes.recist.cells import read_cells
from tumor_response.outcomes.recist.measurements import LARGEST_MM
from tumor_response.outcomes.recist.read_ids import Ids, patients_of
from tumor_response.outcomes.recist.refuse import as_columns, listed, refuse
from tumor_response.outcomes.recist.rules import TOO_SMALL_MM

__all__ = ["DiameterTable", "read_diameters"]

FINDING_COLUMNS = ("code", "row", "patient_id", "received", "done")


@dataclass(frozen=True)
class DiameterTable:
    """What :func:`read_diameters` read, and all that it noticed.

    Parameters
    ----------
    measurements
        One row per patient and day, for :func:`recist_response`: ``patient_id``, ``lesion_id``,
        ``visit`` (0, 1, ... in the order of days), ``days``, ``longest_diameter_mm``, ``status``,
        ``row`` (of the file, the header being 1), ``id_in_file`` and the ``constant`` columns.
    findings
        One row per oddity: ``code``, ``row`` (of the file; empty if it concerns several),
        ``patient_id``, ``received``, ``done``.
    """

    measurements: pd.DataFrame
    findings: pd.DataFrame


def read_diameters(
    path: str | Path | IntoFrame,
    *,
    patient: str,
    day: str,
    diameter: str,
    figure: Literal["single_lesion", "sum_of_targets"],
    zero: Literal["absent", "missing"] | None = None,
    ids: Ids = "exact",
    not_evaluable: Sequence[str] = ("NOT EVALUABLE",),
    constant: Sequence[str] = (),
    sheet: str | None = None,
    separator: str = ",",
) -> DiameterTable:
    r"""Read one diameter per patient and day from an xlsx or csv file.

    Parameters
    ----------
    path
        The file, ``.xlsx`` or ``.csv`` (UTF-8, decimal points); or a frame of its cells.
    patient, day, diameter
        The names of its columns: identifier, days from the start of treatment (negative before
        it), diameter in mm.
    figure
        What a diameter is, which no file tells: of one lesion, or the sum over the targets. Of a
        sum, the rules for single lesions (nodes, size at baseline, what of it was not evaluated)
        cannot be applied; a finding says so.
    zero
        What a 0 means: ``"absent"`` (gone) or ``"missing"``. ``None``: zeros are refused.
    ids
        ``"exact"``: numbers that are rounded are refused. Excel keeps 15 digits of a number, and
        a float is exact up to 2**53 only, so that two long identifiers may have become one.
        ``"as_text"``: they are used as they stand. ``"row_groups"``: rows that follow each other
        with one identifier are one patient, named ``group_01`` and so on. Either way it is looked
        for signs that two patients fell together: one identifier in separate places of the file
        (refused by ``"as_text"``), two scans at or before day 0, a ``constant`` that differs.
    not_evaluable
        Words in the diameter's column, in capitals, that mean so; other words are refused.
    constant
        Columns that have one value per patient, such as the arm. They are kept.
    sheet
        Of an xlsx file with several.
    separator
        Of a csv file.

    Returns
    -------
    DiameterTable
        Measurements and findings.

    Raises
    ------
    OutcomeError
        Codes ``ids_not_exact``, ``ids_fell_together``, ``id_missing``, ``patient_inconsistent``,
        ``day_missing``, ``measured_twice``, ``zero_undeclared``, ``not_a_number``,
        ``diameter_negative``, ``units_suspected``, ``figure_undeclared``, and those of the file.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from tumor_response.outcomes.recist import read_diameters
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "diameters.csv"
    ...     _ = file.write_text("id,day,mm\nA,-3,40\nA,80,NOT EVALUABLE\nA,40,25\n")
    ...     read = read_diameters(
    ...         file, patient="id", day="day", diameter="mm", figure="single_lesion"
    ...     )
    >>> read.measurements["status"].tolist()
    ['measured', 'measured', 'not_evaluable']
    >>> read.findings["code"].tolist()
    ['figure_declared', 'days_before_treatment', 'not_evaluable', 'days_unordered']
    """
    if figure not in ("single_lesion", "sum_of_targets"):
        raise OutcomeError(
            f"figure={figure!r}: say whether a diameter is of a single_lesion or the "
            "sum_of_targets; the file does not.",
            code="figure_undeclared",
        )
    raw = read_cells(path, sheet=sheet, separator=separator)
    as_columns(raw, [patient, day, diameter, *constant], _name_of(path))
    notes: list[tuple[str, object, object, object, str]] = []
    empty = raw.isna().all(axis=1)
    notes += [("row_empty", row, "", "", "passed over") for row in raw.index[empty]]
    raw = raw[~empty]
    table = pd.DataFrame({"row": raw.index}, index=raw.index)
    table["days"] = _days(raw[day], day)
    table["patient_id"], table["id_in_file"], found = patients_of(
        raw[patient], table["days"], raw[list(constant)], ids
    )
    notes += found
    notes += _figure_notes(figure)
    notes += _day_notes(table)
    table["lesion_id"] = "1" if figure == "single_lesion" else "sum"
    _diameters(table, raw[diameter], diameter, zero, not_evaluable, notes)
    for name in constant:
        table[name] = raw[name]
    notes += _order_notes(table)
    refuse(
        "measured_twice",
        "One patient has two rows of one day.",
        table[table.duplicated(["patient_id", "days"], keep=False)],
        ["row", "patient_id", "days", "longest_diameter_mm"],
        "Keep one of them; several lesions need a table with a lesion_id (recist_response).",
    )
    first = table.groupby("patient_id")["row"].transform("min")
    table = table.assign(first=first).sort_values(["first", "days"], ignore_index=True)
    table["visit"] = table.groupby("patient_id", sort=False).cumcount()
    names = ["patient_id", "lesion_id", "visit", "days", "longest_diameter_mm", "status"]
    return DiameterTable(
        table[[*names, "row", "id_in_file", *constant]],
        pd.DataFrame(notes, columns=list(FINDING_COLUMNS)),
    )


def _name_of(path: str | Path | IntoFrame) -> str:
    return Path(path).name if isinstance(path, str | Path) else "the frame"


def _number(cell: Any) -> float | None:
    """Return a cell's number, or None for what is none: words, dates, yes and no."""
    if isinstance(cell, bool):
        return None
    if isinstance(cell, (int, float, np.integer, np.floating)):
        return float(cell)
    try:
        found = float(cell) if isinstance(cell, str) else None
    except ValueError:
        return None
    return found if found is not None and np.isfinite(found) else None


def _days(cells: pd.Series, name: str) -> pd.Series:
    days = cells.map(_number)
    refuse(
        "day_missing",
        f"{name} has to hold a number of days in every row.",
        pd.DataFrame({"row": cells.index, name: cells})[days.isna()],
        ["row", name],
        "Fill it in as days from the start of treatment, or remove these rows.",
    )
    return days.astype(float)


def _figure_notes(figure: str) -> list[tuple[str, object, object, object, str]]:
    if figure == "single_lesion":
        done = "taken as one lesion per patient, as declared; the file does not say so"
    else:
        done = (
            "taken as the sum over the targets, as declared; rules for single lesions (nodes, "
            "size at baseline, parts that were not evaluated) cannot be applied"
        )
    return [("figure_declared", pd.NA, "", figure, done)]


def _day_notes(table: pd.DataFrame) -> list[tuple[str, object, object, object, str]]:
    before = table["days"] < 0
    if not before.any():
        return []
    text = (
        f"{int(before.sum())} rows of {table.loc[before, 'patient_id'].nunique()} patients, from "
        f"day {table['days'].min():g} on"
    )
    done = "kept: scans before the start of treatment, one of them the baseline"
    return [("days_before_treatment", pd.NA, "", text, done)]


def _diameters(
    table: pd.DataFrame,
    cells: pd.Series,
    name: str,
    zero: str | None,
    not_evaluable: Sequence[str],
    notes: list[tuple[str, object, object, object, str]],
) -> None:
    """Add ``longest_diameter_mm`` and ``status``, with a note for every cell that is special."""
    numbers = cells.map(_number).astype(float)
    words = {word.strip().upper() for word in not_evaluable}
    said = cells.map(lambda cell: isinstance(cell, str) and cell.upper() in words)
    shown = table.assign(**{name: cells})
    columns = ["row", "patient_id", "days", name]
    refuse(
        "not_a_number",
        f"{name} holds what is neither a number nor one of {', '.join(sorted(words))}.",
        shown[numbers.isna() & cells.notna() & ~said],
        columns,
        "Correct these cells, or name the words that mean it with not_evaluable=[...].",
    )
    refuse(
        "diameter_negative",
        "A diameter below 0 mm.",
        shown[numbers < 0],
        columns,
        "Correct these rows.",
    )
    refuse(
        "units_suspected",
        f"A diameter above {LARGEST_MM:g} mm.",
        shown[numbers > LARGEST_MM],
        columns,
        "Diameters have to be in mm.",
    )
    zeros = numbers.eq(0)
    if zeros.any() and zero is None:
        raise OutcomeError(
            f"{int(zeros.sum())} diameters of 0 mm, of patients "
            f"{listed(table.loc[zeros, 'patient_id'].unique())}: a lesion that is gone, or nothing "
            'filled in? Declare zero="absent" or zero="missing".',
            code="zero_undeclared",
        )
    status = pd.Series("measured", index=cells.index, dtype=object)
    status[said] = "not_evaluable"
    status[cells.isna()] = "missing"
    if zero is not None:
        status[zeros] = zero
        if zero == "missing":
            numbers = numbers.mask(zeros)
    table["longest_diameter_mm"] = numbers
    table["status"] = status
    small = numbers.gt(0) & numbers.lt(TOO_SMALL_MM)
    for code, where, done in (
        ("not_evaluable", said, "kept as a visit that is not evaluable"),
        ("diameter_empty", cells.isna(), "kept as a missing measurement"),
        ("zero_declared", zeros, f"taken as {zero}, as declared"),
        ("below_5_mm", small, "kept: a figure counts, however small (section 4.3.2)"),
    ):
        notes += [
            (code, row, table.loc[row, "patient_id"], cells[row], done)
            for row in cells.index[where]
        ]


def _order_notes(table: pd.DataFrame) -> list[tuple[str, object, object, object, str]]:
    notes: list[tuple[str, object, object, object, str]] = []
    for patient, days in table.groupby("patient_id", sort=False)["days"]:
        late = days[days < days.cummax()]
        notes += [
            ("days_unordered", row, patient, f"day {day:g} below a later one", "put in order")
            for row, day in late.items()
        ]
    return notes
