"""A table of clinical variables joined to lesions that were found without it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tumor_response.cohort.manifest import Rows, listed, read_rows, rows_of_frame
from tumor_response.cohort.row import RESERVED
from tumor_response.exceptions import ManifestError
from tumor_response.frames import IntoFrame, as_frame

__all__ = ["ClinicalTable"]

_ALLOWED = (
    "patient_id",
    "lesion_id",
    "site",
    "rt_start_date",
    "follow_up_status",
    "fractions_at_follow_up",
    "dose_gy_at_follow_up",
)


class ClinicalTable:
    """Rows of clinical variables by patient, or by patient and lesion.

    Parameters
    ----------
    source
        A CSV file or a DataFrame with ``patient_id``, optionally ``lesion_id`` (an empty one means
        all lesions of the patient), and variables; of a manifest's own columns ``site``,
        ``rt_start_date``, ``follow_up_status``, ``fractions_at_follow_up`` and
        ``dose_gy_at_follow_up`` are allowed.

    Raises
    ------
    ManifestError
        Code ``clinical_table``: no ``patient_id``, a column that images decide, or two rows for
        one lesion.
    """

    def __init__(self, source: str | Path | IntoFrame) -> None:
        source = as_frame(source, "source")
        if isinstance(source, pd.DataFrame):
            rows, where = rows_of_frame(source), "clinical"
        else:
            rows, where = read_rows(Path(source)), str(source)
        self.decimal_comma = rows.decimal_comma
        self.columns = [name for name in rows.columns if name not in ("patient_id", "lesion_id")]
        self._rows = _by_key(rows, where)
        self._used: set[str] = set()

    def join(self, cells: dict[str, Any]) -> dict[str, Any]:
        """Return a lesion's cells with the table's; the table's win where both say something."""
        patient_id, lesion_id = str(cells["patient_id"]), str(cells["lesion_id"])
        given: dict[str, Any] = dict.fromkeys(self.columns, "")
        for key in ((patient_id, ""), (patient_id, lesion_id)):
            if key in self._rows:
                self._used.add(patient_id)
                given |= {k: v for k, v in self._rows[key].items() if v != ""}
        kept = {k: v for k, v in given.items() if v != "" or k not in cells}
        return cells | kept

    def unused(self, present: Sequence[str]) -> list[str]:
        """Return the patients of the table of whom there is no lesion."""
        patients = dict.fromkeys(patient for patient, _ in self._rows)
        return [p for p in patients if p not in self._used and p not in present]


def _by_key(rows: Rows, where: str) -> dict[tuple[str, str], dict[str, Any]]:
    faults = []
    if "patient_id" not in rows.columns:
        faults.append(f"column 'patient_id' is missing; there are: {', '.join(rows.columns)}")
    faults += [
        f"column {name!r} is decided by the images; it cannot be in a clinical table"
        for name in rows.columns
        if name in RESERVED and name not in _ALLOWED
    ]
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for cells, place in zip(rows.cells, rows.places, strict=True):
        key = _id(cells.get("patient_id", "")), _id(cells.get("lesion_id", ""))
        if key in found:
            lesion = f", lesion_id {key[1]!r}" if key[1] else ""
            faults.append(f"{place}: patient_id {key[0]!r}{lesion} is there twice")
        found[key] = {k: v for k, v in cells.items() if k not in ("patient_id", "lesion_id")}
    if faults:
        raise ManifestError(listed(where, faults), code="clinical_table")
    return found


def _id(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).strip()
