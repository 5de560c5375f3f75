"""What an object derived from a series takes over from it, and writing it whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian

from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging.dicom.archive.tree import walk
from tumor_response.imaging.dicom.files import DicomFile, text
from tumor_response.imaging.dicom.series.series import DicomSeries

__all__ = [
    "PATIENT_AND_STUDY",
    "SeriesLike",
    "as_series",
    "check_target",
    "patient_and_study",
    "set_text",
    "write_whole",
]

SeriesLike: TypeAlias = "DicomSeries | str | Path | Sequence[str | Path | DicomFile]"
"""A series, the folder that holds it, or its files."""

PATIENT_AND_STUDY = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "StudyDescription",
)
"""Attributes that have to be the same for an object to be filed with its images."""

_OPTIONAL = ("IssuerOfPatientID", "StudyDescription")


def as_series(series: SeriesLike) -> DicomSeries:
    """Return the one image series that is meant.

    Parameters
    ----------
    series
        A series, its files, or a folder in which it is the only CT, MR or PET series (structure
        sets, doses and other objects beside it do not matter).

    Raises
    ------
    CaseError
        Codes ``series_missing`` and ``series_ambiguous``.
    """
    if isinstance(series, DicomSeries):
        return series
    if not isinstance(series, str | Path):
        files = (f if isinstance(f, DicomFile) else DicomFile(Path(f)) for f in series)
        return DicomSeries(tuple(files))
    folder = Path(series)
    if not folder.exists():
        raise CaseError(f"{folder}: no such folder.", code="series_missing")
    root = folder if folder.is_dir() else folder.parent
    found: dict[str, list[DicomFile]] = {}
    for entry in walk(folder):
        file = DicomFile(root / entry.relative)
        try:
            header = file.read(tags=["Modality", "SeriesInstanceUID"])
            if text(header, "Modality") in ("CT", "MR", "PT"):
                found.setdefault(text(header, "SeriesInstanceUID"), []).append(file)
        except CaseError:  # no DICOM object; a folder may hold anything beside the series
            continue
    if not found:
        raise CaseError(f"{folder}: holds no CT, MR or PET series.", code="series_missing")
    if len(found) > 1:
        raise CaseError(
            f"{folder}: holds {len(found)} image series; give the folder or the files of one.",
            code="series_ambiguous",
        )
    return DicomSeries(tuple(next(iter(found.values()))))


def patient_and_study(header: Dataset) -> Dataset:
    """Return a data set with the patient and the study of an image, as it has them.

    A viewer files an object with the images only if these agree to the letter, so even what
    breaks the standard's length limits is taken over.

    Parameters
    ----------
    header
        Of any image of the series.
    """
    dataset = Dataset()
    values = {keyword: text(header, keyword) for keyword in PATIENT_AND_STUDY}
    everything = "".join(values.values())
    if not everything.isascii():
        try:
            everything.encode("latin-1")
            dataset.SpecificCharacterSet = "ISO_IR 100"
        except UnicodeEncodeError:
            dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in values.items():
        if value or keyword not in _OPTIONAL:
            set_text(dataset, keyword, value)
    return dataset


def set_text(dataset: Dataset, keyword: str, value: str) -> None:
    """Set an attribute to a value as it is, whatever the standard says about its form."""
    tag = tag_for_keyword(keyword)
    if tag is None:  # pragma: no cover - a misspelt keyword of ours
        raise ValueError(keyword)
    vr = dictionary_VR(tag)
    dataset[keyword] = DataElement(tag, vr, value, validation_mode=config.IGNORE)


def write_whole(dataset: Dataset, path: str | Path, *, overwrite: bool) -> Path:
    """Write an object in implicit VR little endian: completely, or not at all.

    Implicit VR, because explicit VR has no room for a contour of more than 65,534 bytes.

    Parameters
    ----------
    dataset
        With its SOP Class and SOP Instance UIDs.
    path
        Where to.
    overwrite
        Whether a file that is there already may be replaced.

    Raises
    ------
    SettingsError
        If the folder is not there, or the file is and may not be replaced.
    """
    path = Path(path)
    check_target(path, overwrite=overwrite)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.file_meta = meta
    part = path.with_name(f".{path.name}.part")
    try:
        dataset.save_as(part, enforce_file_format=True)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def check_target(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that cannot be written there, before any work is done for it.

    Raises
    ------
    SettingsError
        If the folder is not there, or the file is and may not be replaced.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise SettingsError(f"{path}: expected a file name in a folder that exists.")
    if path.exists() and not overwrite:
        raise SettingsError(f"{path}: is there already; choose another name, or overwrite=True.")
