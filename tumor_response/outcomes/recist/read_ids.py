"""Whose row is it? Identifiers of a file, and signs that two patients fell together."""

from __future__ import annotations

import itertools
import re
from typing import Any, Literal

import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.recist.refuse import listed, refuse

__all__ = ["Ids", "patients_of"]

Ids = Literal["exact", "as_text", "row_groups"]

_EXACT_BELOW = 10**15  # Excel keeps 15 digits; above 2**53, about 9 * 10**15, no float is exact
_FLOAT_TEXT = re.compile(r"[+-]?\d+(\.\d+)?[eE][+-]?\d+")

Note = tuple[str, object, object, object, str]


def patients_of(
    cells: pd.Series, days: pd.Series, constant: pd.DataFrame, ids: Ids
) -> tuple[pd.Series, pd.Series, list[Note]]:
    """Return patient_id and the identifier as it stands in the file, for every row, and findings.

    Raises
    ------
    OutcomeError
        Codes ``ids_not_exact``, ``ids_fell_together``, ``id_missing``, ``patient_inconsistent``.
    """
    if ids not in ("exact", "as_text", "row_groups"):
        raise OutcomeError(f"ids={ids!r}: expected exact, as_text or row_groups.")
    refuse(
        "id_missing",
        "A row without an identifier.",
        pd.DataFrame({"row": cells.index, "id": cells})[cells.isna()],
        ["row"],
        "Fill it in or remove the row.",
    )
    text = cells.map(_text)
    rounded = cells.map(_is_rounded)
    run = (text != text.shift()).cumsum()
    notes: list[Note] = []
    if rounded.any():
        if ids == "exact":
            raise OutcomeError(
                f"{int(rounded.sum())} identifiers are rounded numbers, such as "
                f"{text[rounded].iloc[0]}: digits are lost, and two patients may have become one. "
                f"{_visible(text, run, days)} Ask for the file with identifiers as text, or accept "
                'them with ids="as_text", or ids="row_groups" (each run of rows is a patient).',
                code="ids_not_exact",
            )
        done = "used as text" if ids == "as_text" else "each run of rows is a patient"
        notes.append(("ids_rounded", pd.NA, "", _visible(text, run, days), done))
    scattered = run.groupby(text).nunique()
    scattered = scattered[scattered > 1]
    patient = text
    if ids == "row_groups":
        width = len(str(run.max()))
        patient = run.map(lambda number: f"group_{number:0{width}d}")
        notes += [
            ("id_in_several_runs", pd.NA, "", f"{name} in {n} places", "one patient each")
            for name, n in scattered.items()
        ]
    elif ids == "as_text" and rounded.any() and len(scattered):
        raise OutcomeError(
            f"Rounded identifiers stand in separate places of the file: {listed(scattered.index)}. "
            'They may be different patients: use ids="row_groups", or sort the file.',
            code="ids_fell_together",
        )
    table = pd.DataFrame({"row": cells.index, "patient_id": patient, "days": days})
    if rounded.any():
        before = table[(days <= 0) & rounded]
        refuse(
            "ids_fell_together",
            "A rounded identifier has two scans at or before day 0: these may be two patients.",
            before[before.duplicated("patient_id", keep=False)],
            ["row", "patient_id", "days"],
            "Get the file with identifiers as text.",
        )
    for name in map(str, constant):
        values = constant[name].groupby(patient).transform("nunique", dropna=False)
        refuse(
            "patient_inconsistent",
            f"A patient has different {name}; two patients may have fallen together.",
            table.assign(**{name: constant[name]})[values > 1],
            ["row", "patient_id", name],
            "Correct it, or leave it out of constant=.",
        )
    return patient, text, notes


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT_BELOW:
        return str(int(cell))  # Excel has no integers
    return str(cell)


def _is_rounded(cell: Any) -> bool:
    if isinstance(cell, str):
        return _FLOAT_TEXT.fullmatch(cell) is not None
    return bool(abs(cell) >= _EXACT_BELOW or cell != int(cell))


def _visible(text: pd.Series, run: pd.Series, days: pd.Series) -> str:
    """Say what the file shows of patients that fell together."""
    numbers = sorted(pd.to_numeric(text.drop_duplicates(), errors="coerce").dropna())
    gaps = [after - before for before, after in itertools.pairwise(numbers)]
    baselines = (days <= 0).groupby(text).sum()
    nearest = f" The nearest two are {min(gaps):.2g} apart." if gaps else ""
    return (
        f"{text.nunique()} different ones stand in {run.nunique()} runs of rows, and "
        f"{int((baselines > 1).sum())} of them have two scans at or before day 0: more runs than "
        f"identifiers, or two such scans, would be signs of patients fallen together.{nearest}"
    )
