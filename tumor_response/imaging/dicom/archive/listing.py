"""Tables of what a folder holds: its scans, and its structures with their volumes.

Days are counted from a patient's first scan: dates stay inside.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import SimpleITK as sitk

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.archive.catalog import Catalog, open_index, printable
from tumor_response.imaging.dicom.archive.entries import (
    CatalogSeries,
    SegmentationEntry,
    StructureSetEntry,
)
from tumor_response.imaging.dicom.archive.names import suggest_tg263
from tumor_response.imaging.dicom.contours.rasterise import rasterise
from tumor_response.imaging.dicom.contours.rtstruct import RoiContours, read_contours
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.segments.seg import SegSegment
from tumor_response.imaging.dicom.series.series import read_series_geometry
from tumor_response.imaging.geometry import Geometry
from tumor_response.imaging.volume import volume_cc
from tumor_response.parallel import spread
from tumor_response.settings import checked_n_jobs

__all__ = ["ROI_COLUMNS", "SERIES_COLUMNS", "list_rois", "list_series"]

ROI_COLUMNS = {
    "patient_id": "str",
    "study": "Int64",
    "day": "Int64",
    "modality": "str",
    "series_number": "Int64",
    "n_slices": "Int64",
    "slice_thickness_mm": "float64",
    "kind": "str",
    "structure_set": "Int64",
    "file": "str",
    "roi_number": "Int64",
    "roi": "str",
    "interpreted_type": "str",
    "tg263": "str",
    "n_contours": "Int64",
    "volume_cc": "float64",
    "reason": "str",
    "message": "str",
}
SERIES_COLUMNS = {
    "patient_id": "str",
    "study": "Int64",
    "day": "Int64",
    "modality": "str",
    "series_number": "Int64",
    "n_slices": "Int64",
    "n_copies": "Int64",
    "is_localizer": "bool",
    "slice_thickness_mm": "float64",
    "kvp": "float64",
    "kernel": "str",
    "manufacturer": "str",
    "contrast_agent": "boolean",
    "n_structures": "Int64",
}


class _Measured(NamedTuple):
    volume_cc: float
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class _Task:
    """One structure set or segmentation with the series of each of its structures."""

    file: DicomFile
    kind: str
    files_of: dict[int, tuple[DicomFile, ...]]


def list_rois(
    folder: str | Path | Catalog,
    *,
    index: str | Path | None = None,
    n_jobs: int = 1,
    volumes: bool = True,
) -> pd.DataFrame:
    """List every structure and segment of a folder: whose, on which scan, how large.

    Parameters
    ----------
    folder
        A tree of DICOM files, a zip archive, or what :func:`open_index` returned for one.
    index
        Where the index is kept; by default in the user's cache folder. Not with a catalogue.
    n_jobs
        Processes, as in joblib.
    volumes
        Whether to rasterise every structure on its series. Without, ``volume_cc`` is NaN and the
        table takes no longer than the index.

    Returns
    -------
    pandas.DataFrame
        A row per structure, by patient, day and structure set, with ``patient_id``, ``study``
        (of the patient, counted from 1), ``day`` (since the patient's first scan), ``modality``,
        ``series_number``, ``n_slices`` and ``slice_thickness_mm`` of the series it was drawn on,
        ``kind`` (``"RTSTRUCT"`` or ``"SEG"``), ``structure_set`` (of the patient, counted from 1
        by date), ``file``, ``roi_number``, ``roi`` (as the planner wrote it),
        ``interpreted_type``, ``tg263`` (a suggestion, ``""`` where none can be given),
        ``n_contours`` (missing for segments), ``volume_cc`` (contours as drawn, slices without
        contours not filled), and ``reason`` and ``message`` that say why a volume or a series is
        missing.

    Raises
    ------
    CaseError, SettingsError
        As :func:`tumor_response.imaging.dicom.archive.catalog.open_index`. What is wrong with one
        structure is in its row instead.

    Examples
    --------
    >>> from tumor_response.imaging.dicom.archive.catalog import Catalog
    >>> list_rois(Catalog(series=())).empty
    True
    """
    catalog = _catalog_of(folder, index, n_jobs)
    calendar = _Calendar(catalog)
    rows: list[dict[str, Any]] = []
    tasks: list[_Task] = []
    counted: dict[str, int] = defaultdict(int)
    entries: list[StructureSetEntry | SegmentationEntry] = sorted(
        [*catalog.structure_sets, *catalog.segmentations],
        key=lambda entry: (entry.patient_id, entry.date or dt.date.max, entry.time, entry.sop_uid),
    )
    for entry in entries:
        counted[entry.patient_id] += 1
        task = _Task(entry.file, _kind_of(entry), {})
        tasks.append(task)
        for row, series in _rows_of(entry, catalog, calendar):
            row["structure_set"], row["task"] = counted[entry.patient_id], len(tasks) - 1
            rows.append(row)
            if series is not None:
                task.files_of[row["roi_number"]] = series.files
    if volumes:
        n_jobs = checked_n_jobs(n_jobs)
        measured = list(spread(_measure_all, tasks, n_jobs, "measuring structures"))
        for row in rows:
            found = measured[row["task"]].get(row["roi_number"])
            if found is not None:
                row["volume_cc"] = found.volume_cc
                if not row["reason"]:
                    row["reason"], row["message"] = found.reason, found.message
    order = ["patient_id", "day", "structure_set", "roi_number"]
    frame = _frame(rows, ROI_COLUMNS)
    return frame.sort_values(order, kind="stable", ignore_index=True)


def list_series(
    folder: str | Path | Catalog, *, index: str | Path | None = None, n_jobs: int = 1
) -> pd.DataFrame:
    """List every image series of a folder, with how many structures were drawn on it.

    Parameters
    ----------
    folder, index, n_jobs
        As in :func:`list_rois`.

    Returns
    -------
    pandas.DataFrame
        A row per series, by patient and day; what slices of a series state differently is missing.

    Raises
    ------
    CaseError, SettingsError
        As :func:`tumor_response.imaging.dicom.archive.catalog.open_index`.

    Examples
    --------
    >>> from tumor_response.imaging.dicom.archive.catalog import Catalog
    >>> list_series(Catalog(series=())).empty
    True
    """
    catalog = _catalog_of(folder, index, n_jobs)
    calendar = _Calendar(catalog)
    drawn: dict[int, int] = defaultdict(int)
    entries: list[StructureSetEntry | SegmentationEntry] = [
        *catalog.structure_sets,
        *catalog.segmentations,
    ]
    for entry in entries:
        for _, series in _rows_of(entry, catalog, calendar):
            drawn[id(series)] += 1
    rows = [
        _series_columns(series, calendar)
        | {
            "n_copies": series.n_copies,
            "is_localizer": series.is_localizer,
            "kvp": series.kvp,
            "kernel": series.kernel,
            "manufacturer": series.manufacturer,
            "contrast_agent": series.contrast_agent,
            "n_structures": drawn[id(series)],
        }
        for series in catalog.series
    ]
    return _frame(rows, SERIES_COLUMNS)


def _catalog_of(folder: str | Path | Catalog, index: str | Path | None, n_jobs: int) -> Catalog:
    if isinstance(folder, Catalog):
        return folder
    return open_index(folder, index=index, n_jobs=n_jobs)


class _Calendar:
    """Days and studies of each patient, counted from the first scan."""

    def __init__(self, catalog: Catalog) -> None:
        days: dict[str, list[dt.date]] = defaultdict(list)
        studies: dict[str, dict[str, tuple[dt.date, str]]] = defaultdict(dict)
        for series in catalog.series:
            when = (series.date or dt.date.max, series.time)
            known = studies[series.patient_id].setdefault(series.study_uid, when)
            studies[series.patient_id][series.study_uid] = min(known, when)
            if series.date is not None:
                days[series.patient_id].append(series.date)
        self._first = {patient: min(dates) for patient, dates in days.items()}
        self._study = {
            (patient, uid): number
            for patient, of_patient in studies.items()
            for number, uid in enumerate(
                sorted(of_patient, key=lambda uid: (of_patient[uid], uid)), start=1
            )
        }

    def day(self, series: CatalogSeries) -> int | None:
        """Return the days between the patient's first scan and this one."""
        if series.date is None:
            return None
        return (series.date - self._first[series.patient_id]).days

    def study(self, series: CatalogSeries) -> int:
        """Return which study of the patient it is of, counted from 1."""
        return self._study[series.patient_id, series.study_uid]


def _series_columns(series: CatalogSeries, calendar: _Calendar) -> dict[str, Any]:
    return {
        "patient_id": series.patient_id,
        "study": calendar.study(series),
        "day": calendar.day(series),
        "modality": series.modality,
        "series_number": series.series_number,
        "n_slices": series.n_slices,
        "slice_thickness_mm": series.slice_thickness_mm,
    }


def _rows_of(
    entry: StructureSetEntry | SegmentationEntry, catalog: Catalog, calendar: _Calendar
) -> Iterable[tuple[dict[str, Any], CatalogSeries | None]]:
    """Yield the row of every structure, without its volume, and the series it was drawn on."""
    structures: list[tuple[int, str, str, int | None]]
    if isinstance(entry, StructureSetEntry):
        structures = [(r.number, r.name, r.interpreted_type, r.n_contours) for r in entry.rois]
    else:
        structures = [(s.number, s.name, "", None) for s in entry.segments]
    for number, name, interpreted_type, n_contours in structures:
        series, findings = catalog.series_of(entry, number)
        errors = [finding for finding in findings if finding.severity == "error"]
        row: dict[str, Any] = {} if series is None else _series_columns(series, calendar)
        row |= {
            "patient_id": entry.patient_id,
            "kind": _kind_of(entry),
            "file": entry.file.name,
            "roi_number": number,
            "roi": name,
            "interpreted_type": interpreted_type,
            "tg263": suggest_tg263(name),
            "n_contours": n_contours,
            "reason": errors[0].code if errors else "",
            "message": errors[0].message if errors else "",
        }
        yield row, series


def _kind_of(entry: StructureSetEntry | SegmentationEntry) -> str:
    return "RTSTRUCT" if isinstance(entry, StructureSetEntry) else "SEG"


def _frame(rows: list[dict[str, Any]], columns: dict[str, str]) -> pd.DataFrame:
    """Return the rows as a table of these columns and types; a text that is not there is ``""``."""
    empty = {name: "" if kind == "str" else None for name, kind in columns.items()}
    full: list[dict[str, Any]] = [
        {name: row.get(name, empty[name]) for name in columns} for row in rows
    ]
    for row in full:
        row.update({name: printable(row[name]) for name in columns if columns[name] == "str"})
    return pd.DataFrame(full, columns=list(columns)).astype(columns)


def _measure_all(tasks: list[_Task]) -> list[dict[int, _Measured]]:
    return [_measure(task) for task in tasks]


def _measure(task: _Task) -> dict[int, _Measured]:
    """Measure every structure of one file; each failure stays with its structure."""
    grids = _Grids()
    found: dict[int, _Measured] = {}
    if task.kind == "SEG":
        for number, files in task.files_of.items():
            segment = SegSegment(task.file, number, "")
            found[number] = _attempt(segment.read, grids, files)
        return found
    try:
        for roi, drawn in read_contours(task.file):
            files = task.files_of.get(roi.number, ())
            if not files:
                continue
            if isinstance(drawn, CaseError):
                found[roi.number] = _failed(drawn)
                continue
            mask = partial(_rasterised, drawn, f"structure {roi.name!r} of {task.file.name}")
            found[roi.number] = _attempt(mask, grids, files)
    except CaseError as error:  # the file as a whole
        for number in task.files_of:
            found.setdefault(number, _failed(error))
    return found


class _Grids:
    """Grids of series, each read once; an error is raised again for every structure on it."""

    def __init__(self) -> None:
        self._found: dict[tuple[DicomFile, ...], Geometry | CaseError] = {}

    def of(self, files: tuple[DicomFile, ...]) -> Geometry:
        if files not in self._found:
            try:
                self._found[files] = read_series_geometry(files).grid
            except CaseError as error:
                self._found[files] = error
        found = self._found[files]
        if isinstance(found, CaseError):
            raise found
        return found


def _rasterised(drawn: RoiContours, what: str, grid: Geometry) -> sitk.Image:
    return rasterise(drawn.planes, grid, what=what)[0]


def _attempt(
    mask_on: Callable[[Geometry], sitk.Image], grids: _Grids, files: tuple[DicomFile, ...]
) -> _Measured:
    try:
        return _Measured(volume_cc(mask_on(grids.of(files))))
    except CaseError as error:
        return _failed(error)


def _failed(error: CaseError) -> _Measured:
    return _Measured(math.nan, error.code, str(error))
