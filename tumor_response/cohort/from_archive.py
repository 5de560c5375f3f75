"""A cohort's cases from an archive: what was found, joined with what is known besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from tumor_response.cohort.archive import (
    ArchiveRules,
    FollowUpChoice,
    Found,
    StructureSetChoice,
    search,
)
from tumor_response.cohort.case import Case
from tumor_response.cohort.clinical_table import ClinicalTable
from tumor_response.cohort.manifest import Rows, cases_from_rows, listed
from tumor_response.cohort.roles import Role
from tumor_response.cohort.row import RowRules, Several
from tumor_response.exceptions import ManifestError
from tumor_response.imaging.dicom.archive.catalog import open_index
from tumor_response.settings import checked_n_jobs

__all__ = ["cases_of_archive"]

SHOWN_NAMES = 5


def cases_of_archive(
    folder: Path,
    roi: str,
    *,
    modality: str,
    several: Several,
    follow_up: FollowUpChoice,
    structure_set: StructureSetChoice,
    clinical: str | Path | pd.DataFrame | None,
    roles: Mapping[str, str] | None,
    fill_gaps: bool,
    alpha_beta_gy: float,
    age_cap: float | None,
    index: str | Path | None,
    n_jobs: int,
) -> tuple[list[Case], dict[str, Role], pd.DataFrame]:
    """Return cases, roles and who was left out; see :meth:`Cohort.from_dicom`."""
    _check_choice("follow_up", follow_up, get_args(FollowUpChoice))
    _check_choice("structure_set", structure_set, get_args(StructureSetChoice))
    table = None if clinical is None else ClinicalTable(clinical)
    rules = ArchiveRules(
        roi=roi,
        modality=modality,
        several=several,
        fill_gaps=fill_gaps,
        follow_up=follow_up,
        structure_set=structure_set,
        alpha_beta_gy=alpha_beta_gy,
        age_cap=age_cap,
    )
    found = search(open_index(folder, index=index, n_jobs=checked_n_jobs(n_jobs)), rules)
    cells = [row.cells if table is None else table.join(row.cells) for row in found.rows]
    given = {name for one in cells for name, value in one.items() if value not in (None, "")}
    left_out = _left_out(found, table)
    if not cells:
        raise ManifestError(_nobody(folder, rules, left_out), code="no_lesion_found")
    rows = Rows(
        [name for name in dict.fromkeys(name for one in cells for name in one) if name in given],
        [{name: "" if value is None else value for name, value in one.items()} for one in cells],
        [f"patient {one['patient_id']!r}" for one in cells],
        decimal_comma=table is not None and table.decimal_comma,
    )
    cases, known = cases_from_rows(
        rows,
        base=folder,
        where=str(folder),
        roles=roles,
        rules=RowRules(several=several, fill_gaps=fill_gaps, hide_dates=True),
    )
    noticed = [
        replace(
            case,
            findings=row.findings,
            follow_up=replace(case.follow_up, findings=row.follow_up_findings),
        )
        for case, row in zip(cases, found.rows, strict=True)
    ]
    return noticed, known, left_out


def _left_out(found: Found, table: ClinicalTable | None) -> pd.DataFrame:
    rows = list(found.left_out)
    if table is not None:
        present = [str(row.cells["patient_id"]) for row in found.rows]
        present += [patient for patient, _, _ in found.left_out]
        rows += [
            (patient, "not_in_archive", "The clinical table has a row, the archive no object.")
            for patient in table.unused(present)
        ]
    return pd.DataFrame(rows, columns=["patient_id", "reason", "message"], dtype="str")


def _nobody(folder: Path, rules: ArchiveRules, left_out: pd.DataFrame) -> str:
    what = f"{folder}: no {rules.modality} series with a structure that matches {rules.roi!r}"
    if left_out.empty:
        return f"{what}: there is no DICOM object."
    # in an archive the same fault is mostly everybody's
    whom = [
        f"{_names(rows['patient_id'])}{message}"
        for message, rows in left_out.groupby("message", sort=False)
    ]
    return listed(what, whom)


def _names(patients: pd.Series) -> str:
    """Return who it is, for the beginning of a sentence; nobody in particular: nothing."""
    known = [repr(name) for name in patients if name]
    if len(known) > SHOWN_NAMES:
        more = len(known) - SHOWN_NAMES
        return f"{', '.join(known[:SHOWN_NAMES])} and {more} more: "
    return f"{', '.join(known)}: " if known else ""


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ManifestError(f"{name}={value!r}: expected one of {', '.join(choices)}.")
