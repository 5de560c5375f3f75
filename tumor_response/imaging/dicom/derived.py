"""What an object derived from a series takes over from it, and writing it whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, generate_uid

from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging.dicom.archive.tree import walk
from tumor_response.imaging.dicom.files import DicomFile, number, text
from tumor_response.imaging.dicom.series.series import DicomSeries, SeriesGeometry

if TYPE_CHECKING:
    from highdicom import PixelMeasuresSequence

__all__ = [
    "PATIENT_AND_STUDY",
    "SeriesLike",
    "as_series",
    "check_target",
    "describe",
    "measures_of",
    "patient_and_study",
    "set_dimensions",
    "set_text",
    "single_frame_files",
    "source_of",
    "uids",
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

_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_GEOMETRY = (
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "Modality",
    "Rows",
    "Columns",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
)
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


def single_frame_files(found: SeriesGeometry) -> tuple[DicomFile, ...]:
    """Return the images of a series, one for each slice of its volume.

    Raises
    ------
    CaseError
        Code ``multi_frame``.
    """
    files = found.slices.files
    if len(set(files)) < len(files):
        raise CaseError(
            "the series is one of multi-frame objects; write on the series of single-frame images.",
            code="multi_frame",
        )
    return files


def source_of(file: DicomFile) -> Dataset:
    """Return what highdicom needs to know of an image; :func:`describe` fills in the patient.

    Raises
    ------
    CaseError
        Code ``dicom_attribute``: the image has no UID to refer to.
    """
    header = file.read(tags=(*_UIDS, *_GEOMETRY))
    source = Dataset()
    for keyword in (*_UIDS, *_GEOMETRY):
        if keyword in header:
            setattr(source, keyword, header.get(keyword))
    for keyword in _UIDS:
        if not text(source, keyword):
            raise CaseError(
                f"{file.name}: no {keyword}, so that nothing can refer to the image. Export the "
                "series again.",
                code="dicom_attribute",
            )
    for keyword in PATIENT_AND_STUDY:
        if keyword not in source:
            setattr(source, keyword, "")
    return source


def measures_of(source: Dataset, between_slices_mm: float) -> PixelMeasuresSequence:
    """Return spacing and thickness of frames that lie on the images of a series."""
    from highdicom import PixelMeasuresSequence

    return PixelMeasuresSequence(
        pixel_spacing=source.PixelSpacing,
        slice_thickness=number(source, "SliceThickness") or between_slices_mm,
        spacing_between_slices=round(between_slices_mm, 6),
    )


def uids(entropy: Sequence[str] | None) -> Callable[[str], str]:
    """Return a maker of UIDs: by what they are of and ``entropy``, or fresh ones for ``None``."""

    def uid(what: str) -> str:
        return str(generate_uid(entropy_srcs=None if entropy is None else [what, *entropy]))

    return uid


def set_dimensions(dataset: Dataset, uid: str) -> None:
    """Give an object's dimensions a UID of ours, where highdicom would draw one."""
    for item in (*dataset.DimensionOrganizationSequence, *dataset.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid


def describe(dataset: Dataset, header: Dataset, written: dt.datetime) -> None:
    """Fill in patient, study and times, and leave out what viewers get wrong.

    Parameters
    ----------
    dataset
        Made by highdicom of :func:`source_of` images.
    header
        Of an image of the series.
    written
        Date and time of the object.
    """
    for element in patient_and_study(header):
        dataset[element.tag] = element
    dataset.SpecificCharacterSet = "ISO_IR 192"  # labels may be in any script
    dataset.InstanceCreationDate = dataset.ContentDate = written.strftime("%Y%m%d")
    dataset.InstanceCreationTime = dataset.ContentTime = written.strftime("%H%M%S")
    for equipment in dataset.ContributingEquipmentSequence:  # highdicom, by itself
        equipment.ContributionDateTime = written.strftime("%Y%m%d%H%M%S")
    # older web viewers (dcmjs) take its n-th image for that of the n-th frame, whatever the frame
    # itself refers to, and so show the tumour on other slices; it is optional (C.12.4)
    del dataset.SourceImageSequence


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
