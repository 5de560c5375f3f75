"""``tumor-response check``: what a folder of DICOM holds, and what is wrong with a cohort."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

import tumor_response as tr
from tumor_response.cli.console import say, show_records
from tumor_response.cli.output import current, found
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging.dicom.archive.listing import list_series

__all__ = ["check_folder", "check_manifest"]

_SHOWN_STRUCTURES = 200
_READABLE = 20
_SHOWN_LEFT_OUT = 100
_SHOWN_LESIONS = 8
_SEVERITIES = ("error", "warning", "info")


def check_folder(
    folder: Path,
    roi: str | None,
    html: Path | None,
    csv: Path | None,
    index: Path | None,
    n_jobs: int,
) -> bool:
    """Show the series and structures of a folder, and with ``roi`` the findings of that cohort.

    Returns whether a finding is an error.
    """
    if roi is None and (html or csv):
        raise SettingsError("--html and --csv are for findings; say which structure with --roi.")
    series = list_series(folder, index=index, n_jobs=n_jobs)
    if series.empty:
        raise CaseError(f"{folder}: no DICOM image series.", code="series_missing")
    found(series=json.loads(series[list(_SERIES)].to_json(orient="records")))
    listing = tr.list_rois(folder, index=index, n_jobs=n_jobs)
    if not listing.empty:
        found(structures=json.loads(listing[list(_LISTED)].to_json(orient="records")))
    _show_folder(folder, series, listing)
    if roi is None:
        if not listing.empty:
            say("Name the tumour's structure with --roi to check the cohort it makes.")
        return False
    cohort = tr.Cohort.from_dicom(folder, roi, index=index, n_jobs=n_jobs)
    say(
        f"{roi!r} gives {len(cohort)} lesions of {cohort.n_patients} patients; "
        f"{sum(case.follow_up.mask is not None for case in cohort)} with a contoured follow-up."
    )
    if len(cohort.left_out):
        show_records("Left out", cohort.left_out, _SHOWN_LEFT_OUT)
    return _findings(cohort, html, csv, n_jobs)


def check_manifest(manifest: Path, html: Path | None, csv: Path | None, n_jobs: int) -> bool:
    """Show the findings of a manifest's cohort; return whether one is an error."""
    return _findings(tr.Cohort.from_csv(manifest), html, csv, n_jobs)


def _show_folder(folder: Path, series: pd.DataFrame, listing: pd.DataFrame) -> None:
    """Show what is there: row by row as long as that can be read, or with ``--verbose``."""
    scans = series.groupby("modality")["patient_id"].agg(["size", "nunique"])
    told = ", ".join(f"{size} {name} of {n} patients" for name, size, n in scans.itertuples())
    say(f"Series in {folder}: {told}.")
    in_full = current().verbose or len(listing) <= _READABLE
    if in_full:
        show_records(f"Series in {folder}", series[list(_SERIES)], _SHOWN_STRUCTURES)
    if listing.empty:
        say("No structure set or segmentation (RTSTRUCT, SEG).")
        return
    if in_full:
        show_records(f"Structures in {folder}", listing[list(_LISTED)], _SHOWN_STRUCTURES)
    show_records("Structures by name", _by_name(listing), _SHOWN_STRUCTURES)
    unread = listing[listing["reason"].astype(str).ne("")]
    for reason, rows in unread.groupby("reason", sort=False):
        whose = ", ".join(dict.fromkeys(rows["patient_id"].head(_SHOWN_LESIONS)))
        say(f"{reason}: {len(rows)} structures ({whose}): {rows.iloc[0]['message']}")
    if not in_full:
        say("Say --verbose to see every series and every structure.")


def _by_name(listing: pd.DataFrame) -> pd.DataFrame:
    """Return one row per structure name, those of most patients first."""
    grouped = listing.groupby("roi")
    cc = grouped["volume_cc"]
    names = pd.DataFrame(
        {
            "tg263": grouped["tg263"].first(),
            "patients": grouped["patient_id"].nunique(),
            "structures": grouped.size(),
            "median_cc": cc.median(),
            "min_cc": cc.min(),
            "max_cc": cc.max(),
        }
    )
    return names.sort_values(["patients", "structures"], ascending=False).reset_index()


_SERIES = ("patient_id", "day", "modality", "series_number", "n_slices", "n_structures")
_LISTED = ("patient_id", "day", "modality", "roi", "tg263", "volume_cc", "reason")


def _findings(cohort: tr.Cohort, html: Path | None, csv: Path | None, n_jobs: int) -> bool:
    table = tr.check(cohort, html=html, n_jobs=n_jobs)
    if csv is not None:
        csv.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(csv, index=False)
    found(
        findings=json.loads(table.to_json(orient="records")),
        n_lesions=len(cohort),
        n_patients=cohort.n_patients,
    )
    counts = table["severity"].value_counts()
    told = ", ".join(f"{counts.get(s, 0)} {s}" for s in _SEVERITIES)
    say(f"Findings: {told}.")
    for severity in _SEVERITIES:
        of_severity = table[table["severity"] == severity]
        for code, rows in of_severity.groupby("code", sort=False):
            say(f"{severity} {code}: {_whose(rows)}")
            first = rows.iloc[0]
            say(f"    {first['message']} {first['remedy']}".rstrip())
    for path in (html, csv):
        if path is not None:
            say(f"All of them: {path}")
    return bool(counts.get("error", 0))


def _whose(rows: pd.DataFrame) -> str:
    """Say which lesions a finding is of: the first few by name."""
    keys = rows[["patient_id", "lesion_id", "time_point"]].to_numpy().tolist()
    names = [" ".join(key) if key[0] else "the cohort" for key in keys]
    more = f" and {len(names) - _SHOWN_LESIONS} more" if len(names) > _SHOWN_LESIONS else ""
    return ", ".join(names[:_SHOWN_LESIONS]) + more
