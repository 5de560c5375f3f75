"""What a tree of DICOM files holds, one frozen object each: series, structure sets, plans, doses.

For use inside the library: dates and UIDs are in here, and leave it only as intervals and not at
all.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TypeAlias

from tumor_response.imaging.dicom.files import DicomFile

__all__ = [
    "CatalogSeries",
    "Copies",
    "DoseEntry",
    "PlanEntry",
    "SegmentEntry",
    "SegmentationEntry",
    "StructureEntry",
    "StructureSetEntry",
    "UnreadableFile",
]

Copies: TypeAlias = tuple[tuple[DicomFile, DicomFile], ...]
"""Pairs of files of one SOP Instance UID: the one that is used, and the other."""


@dataclass(frozen=True)
class CatalogSeries:
    """A series: images of one patient, study, series, kind and frame of reference.

    What slices of a series state differently is ``None`` (numbers) or ``""`` (texts).

    Parameters
    ----------
    patient_id
        Patient ID without the spaces around it.
    study_uid, series_uid, frame_uid
        UIDs of study, series and frame of reference, the last ``""`` where there is none.
    modality
        ``"CT"``, ``"MR"``, ``"PT"`` ...
    date
        When it was acquired; else the date of the series; else that of the study.
    time
        Of the series or study as in the file (``HHMMSS``), to order what is of one day.
    series_number
        As the scanner counted; ``None`` where it did not.
    files, sop_uids
        One file for every SOP Instance UID, by path.
    copies
        Further files of a UID that is among ``sop_uids``.
    n_slices
        Images in these files; more than files where one holds many (multi-frame).
    image_type
        Image Type, its values separated by backslashes.
    slice_thickness_mm, kvp, kernel, manufacturer, contrast_agent
        How it was acquired; ``contrast_agent`` is whether one is recorded.
    age_years, sex, weight_kg
        Of the patient at that time; the age in whole years where it had to be computed.
    """

    patient_id: str
    study_uid: str
    series_uid: str
    frame_uid: str
    modality: str
    date: dt.date | None
    time: str
    series_number: int | None
    files: tuple[DicomFile, ...]
    sop_uids: tuple[str, ...]
    copies: Copies = ()
    n_slices: int = 0
    image_type: str = ""
    slice_thickness_mm: float | None = None
    kvp: float | None = None
    kernel: str = ""
    manufacturer: str = ""
    contrast_agent: bool | None = None
    age_years: float | None = None
    sex: str = ""
    weight_kg: float | None = None

    @property
    def n(self) -> int:
        """Number of objects."""
        return len(self.files)

    @property
    def n_copies(self) -> int:
        """Number of files that hold an object once more."""
        return len(self.copies)

    @property
    def is_localizer(self) -> bool:
        """Whether it is a scout view."""
        return "LOCALIZER" in self.image_type.upper()

    @property
    def label(self) -> str:
        """How messages name it: without UIDs and dates."""
        number = "" if self.series_number is None else f" {self.series_number}"
        return f"{self.modality or 'image'} series{number} ({self.n_slices} slices)"


@dataclass(frozen=True)
class StructureEntry:
    """One structure of a structure set.

    Parameters
    ----------
    number, name, interpreted_type
        ROI Number, ROI Name, RT ROI Interpreted Type (``"GTV"``, ``"ORGAN"`` ...).
    frame_uid
        Frame of reference its contours are in.
    n_contours
        How many there are.
    sop_uids
        The images that its contours name.
    """

    number: int
    name: str
    interpreted_type: str = ""
    frame_uid: str = ""
    n_contours: int = 0
    sop_uids: tuple[str, ...] = ()


@dataclass(frozen=True)
class StructureSetEntry:
    """An RTSTRUCT: what is in it and what it was drawn on.

    Parameters
    ----------
    patient_id, study_uid, series_uid, sop_uid
        Its own identifiers.
    date, time
        Of the structure set; of its series where it has none.
    series_number
        Of the series it lies in.
    file, copies
        Where it is.
    rois
        Its structures.
    approval
        ``"APPROVED"``, ``"UNAPPROVED"``, ``"REJECTED"`` or ``""``.
    referenced_sop_uids, referenced_series_uids, frame_uids
        What it was drawn on.
    """

    patient_id: str
    study_uid: str
    series_uid: str
    sop_uid: str
    date: dt.date | None
    time: str
    series_number: int | None
    file: DicomFile
    copies: Copies = ()
    rois: tuple[StructureEntry, ...] = ()
    approval: str = ""
    referenced_sop_uids: tuple[str, ...] = ()
    referenced_series_uids: tuple[str, ...] = ()
    frame_uids: tuple[str, ...] = ()


@dataclass(frozen=True)
class SegmentEntry:
    """One segment of a segmentation: number and label."""

    number: int
    name: str


@dataclass(frozen=True)
class SegmentationEntry:
    """A SEG object; fields as in :class:`StructureSetEntry`.

    ``segmentation_type`` is ``"BINARY"``, ``"FRACTIONAL"`` or ``"LABELMAP"``.
    """

    patient_id: str
    study_uid: str
    series_uid: str
    sop_uid: str
    date: dt.date | None
    time: str
    series_number: int | None
    file: DicomFile
    copies: Copies = ()
    segments: tuple[SegmentEntry, ...] = ()
    segmentation_type: str = ""
    referenced_sop_uids: tuple[str, ...] = ()
    referenced_series_uids: tuple[str, ...] = ()
    frame_uids: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlanEntry:
    """An RTPLAN (photon or ion) and the structure sets it was made on."""

    patient_id: str
    study_uid: str
    sop_uid: str
    date: dt.date | None
    time: str
    file: DicomFile
    copies: Copies = ()
    approval: str = ""
    frame_uid: str = ""
    structure_set_uids: tuple[str, ...] = ()


@dataclass(frozen=True)
class DoseEntry:
    """An RTDOSE and the plans and structure sets it names.

    ``summation_type`` is Dose Summation Type: ``"PLAN"``, ``"FRACTION"``, ``"BEAM"`` ...
    """

    patient_id: str
    study_uid: str
    sop_uid: str
    date: dt.date | None
    time: str
    file: DicomFile
    copies: Copies = ()
    frame_uid: str = ""
    summation_type: str = ""
    plan_uids: tuple[str, ...] = ()
    structure_set_uids: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnreadableFile:
    """A file that says to be DICOM, or could not be asked, and why it is not used."""

    file: DicomFile
    reason: str
    message: str
