"""A folder of DICOM files as what a clinician sees in it: patients, scans, contours, plans."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.archive.copies import same_content
from tumor_response.imaging.dicom.archive.entries import (
    CatalogSeries,
    DoseEntry,
    PlanEntry,
    SegmentationEntry,
    StructureSetEntry,
    UnreadableFile,
)
from tumor_response.imaging.dicom.archive.grouping import (
    dose_entries,
    each_once,
    plan_entries,
    segmentation_entries,
    series_entries,
    structure_set_entries,
)
from tumor_response.imaging.dicom.archive.index import Indexed, IndexedFile, read_index
from tumor_response.imaging.dicom.archive.references import References, Resolver
from tumor_response.imaging.findings import Finding
from tumor_response.settings import checked_n_jobs

__all__ = ["Catalog", "open_index", "printable"]


@dataclass(frozen=True)
class Catalog:
    """Everything a folder holds, tied together by what references what.

    Parameters
    ----------
    series
        Images, by patient, date, time and series number.
    structure_sets, segmentations, plans, doses
        By patient, date and time.
    unreadable_files
        What says to be DICOM and could not be used.
    findings
        About the folder as a whole: ``index_rebuilt``, ``dicomdir_files_absent``.
    n_files
        Files and members of archives that were looked at.
    """

    series: tuple[CatalogSeries, ...]
    structure_sets: tuple[StructureSetEntry, ...] = ()
    segmentations: tuple[SegmentationEntry, ...] = ()
    plans: tuple[PlanEntry, ...] = ()
    doses: tuple[DoseEntry, ...] = ()
    unreadable_files: tuple[UnreadableFile, ...] = ()
    findings: tuple[Finding, ...] = ()
    n_files: int = 0

    @property
    def patient_ids(self) -> tuple[str, ...]:
        """All patients, sorted."""
        entries = (self.series, self.structure_sets, self.segmentations, self.plans, self.doses)
        return tuple(sorted({entry.patient_id for kind in entries for entry in kind}))

    @property
    def unreadable(self) -> pd.DataFrame:
        """``unreadable_files`` as a table: file (without its folders), reason, message."""
        rows = [
            tuple(printable(text) for text in (one.file.name, one.reason, one.message))
            for one in self.unreadable_files
        ]
        return pd.DataFrame(rows, columns=["file", "reason", "message"], dtype=str)

    def series_of(
        self, entry: StructureSetEntry | SegmentationEntry, roi_number: int | None = None
    ) -> tuple[CatalogSeries | None, tuple[Finding, ...]]:
        """Return the series that contours or segments were drawn on.

        The images that the contours themselves name go before those the structure set names as
        a whole: it may reference a PET as well that only was looked at.

        Parameters
        ----------
        entry
            Of this catalogue.
        roi_number
            Asks for one structure of a structure set, which may have been drawn on several series.

        Returns
        -------
        tuple
            The series, or ``None`` where it is missing or not unique; and the findings of
            :meth:`tumor_response.imaging.dicom.archive.references.Resolver.series_of`.
        """
        images, frames = entry.referenced_sop_uids, entry.frame_uids
        if isinstance(entry, StructureSetEntry):
            rois = [r for r in entry.rois if roi_number is None or r.number == roi_number]
            drawn_on = each_once(uid for roi in rois for uid in roi.sop_uids)
            images = drawn_on or images
            frames = each_once(roi.frame_uid for roi in rois) or frames
        return self._resolver.series_of(
            References(
                entry.file.name, entry.patient_id, images, entry.referenced_series_uids, frames
            )
        )

    def plans_of(self, structure_set: StructureSetEntry) -> tuple[PlanEntry, ...]:
        """Return the plans that were made on a structure set, by their references."""
        return tuple(p for p in self.plans if structure_set.sop_uid in p.structure_set_uids)

    def doses_of(self, plan: PlanEntry) -> tuple[DoseEntry, ...]:
        """Return the doses that were computed for a plan, by their references."""
        return tuple(d for d in self.doses if plan.sop_uid in d.plan_uids)

    def copies_that_differ(
        self, entry: CatalogSeries | StructureSetEntry | SegmentationEntry | PlanEntry | DoseEntry
    ) -> tuple[Finding, ...]:
        """Return a finding (``copies_differ``, error) if an object is there in two versions.

        Both files of every pair are read, pixels included; nothing is read where there are no
        copies, and therefore of most series nothing at all.
        """
        differing = []
        for used, other in entry.copies:
            try:
                same = same_content(used, other)
            except CaseError:
                same = False
            if not same:
                differing.append((used, other))
        if not differing:
            return ()
        used, other = differing[0]
        more = f" ({len(differing) - 1} more such pairs)" if len(differing) > 1 else ""
        finding = Finding(
            "copies_differ",
            "error",
            f"{used.name} and {other.name} have one SOP Instance UID and different contents"
            f"{more}; which of them is meant is not said.",
            measured=f"{len(differing)} of {len(entry.copies)} copies",
            limit="0 copies",
            remedy="Remove the one that is not meant.",
        )
        return (finding,)

    @cached_property
    def _resolver(self) -> Resolver:
        return Resolver(self.series)


def open_index(folder: str | Path, *, index: str | Path | None = None, n_jobs: int = 1) -> Catalog:
    """Read what a folder of DICOM files holds; the second time only what changed since.

    Headers are read, pixels are not. What was read is kept in an SQLite file, so that a run that
    was stopped goes on where it stood.

    Parameters
    ----------
    folder
        A tree of any shape, zip archives in it included; or one zip archive. Only read.
    index
        The SQLite file; by default in the user's cache folder, readable by the user alone.
    n_jobs
        Processes that read headers, as in joblib.

    Raises
    ------
    CaseError
        Codes ``folder_missing``, ``folder_unreadable`` and ``index_unusable``.
    SettingsError
        If ``n_jobs`` is no number of processes, or ``index`` another kind of file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     catalog = open_index(folder, index=Path(folder) / "index.sqlite")
    >>> catalog.series
    ()
    """
    place = None if index is None else Path(index)
    return _catalog(read_index(Path(folder), place, checked_n_jobs(n_jobs)))


def printable(text: str) -> str:
    """Return a text that every table can hold: names of files need not be text."""
    return text.encode("utf-8", "backslashreplace").decode()


def _catalog(indexed: Indexed) -> Catalog:
    unreadable = [
        UnreadableFile(f.file, str(f.facts["reason"]), str(f.facts["message"]))
        for f in indexed.files
        if f.kind == "unreadable"
    ]
    nameless: dict[str, list[IndexedFile]] = defaultdict(list)
    by_kind: dict[str, list[IndexedFile]] = defaultdict(list)
    for one in indexed.files:
        if one.kind in ("unreadable", "dicomdir"):
            continue
        if one.facts["patient_id"]:
            by_kind[one.kind].append(one)
        else:
            nameless[one.facts["study_uid"]].append(one)
    unreadable += [_without_patient(files) for files in nameless.values()]
    return Catalog(
        series=series_entries(by_kind["image"]),
        structure_sets=structure_set_entries(by_kind["rtstruct"]),
        segmentations=segmentation_entries(by_kind["seg"]),
        plans=plan_entries(by_kind["plan"]),
        doses=dose_entries(by_kind["dose"]),
        unreadable_files=tuple(sorted(unreadable, key=lambda one: (one.file, one.reason))),
        findings=_findings(indexed),
        n_files=indexed.n_files,
    )


def _without_patient(files: list[IndexedFile]) -> UnreadableFile:
    first = files[0].file
    rest = f" and {len(files) - 1} more objects of its study" if len(files) > 1 else ""
    return UnreadableFile(
        first,
        "patient_id_missing",
        f"{first.name}{rest} without a Patient ID, so that nothing can be paired with it. Give "
        "the study one when it is exported.",
    )


def _findings(indexed: Indexed) -> tuple[Finding, ...]:
    found = []
    if indexed.rebuilt:
        found.append(
            Finding("index_rebuilt", "info", "the index was damaged; it has been made anew.")
        )
    for directory, n_listed, n_absent in indexed.listed_and_absent:
        if n_absent:
            found.append(
                Finding(
                    "dicomdir_files_absent",
                    "warning",
                    f"{directory.name} lists {n_listed} files, and {n_absent} of them are not "
                    "there.",
                    measured=f"{n_absent} files",
                    limit="0 files",
                    remedy="Copy the whole disc, unless they were left out on purpose.",
                )
            )
    return tuple(found)
