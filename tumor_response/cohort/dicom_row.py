"""A manifest's cells that name DICOM: a folder of one series, a structure set, a segmentation."""

from __future__ import annotations

from pathlib import Path

from tumor_response.cohort.lesions import checked_roi, lesion_names
from tumor_response.exceptions import ManifestError
from tumor_response.imaging import ImageSource, MaskSource
from tumor_response.imaging.dicom.archive.catalog import open_index
from tumor_response.imaging.dicom.archive.entries import CatalogSeries
from tumor_response.imaging.dicom.contours.rtstruct import RtstructRoi, read_structures
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.segments.seg import SegSegment, list_segments
from tumor_response.imaging.dicom.series.series import DicomSeries

__all__ = ["segment_of_file", "series_of_file", "series_of_folder", "structures_of_file"]


def series_of_folder(folder: Path, structure_set: Path | None) -> ImageSource:
    """Return the one image series of a folder, or the one that the structure set was drawn on.

    Raises
    ------
    ManifestError
        Code ``series_ambiguous``: none or several, and nothing to choose by.
    CaseError
        If the structure set cannot be read.
    """
    series = open_index(folder).series
    if len(series) > 1 and structure_set is not None:
        wanted = read_structures(DicomFile(structure_set)).referenced_series_uid
        series = tuple(one for one in series if one.series_uid == wanted) or series
    if len(series) == 1:
        return DicomSeries(series[0].files)
    found = f"{len(series)} image series ({_told(series)})" if series else "no DICOM image series"
    raise ManifestError(
        f"the folder {folder.name!r} holds {found}; expected one. Name the folder of one series, "
        "or read the archive with tr.Cohort.from_dicom.",
        code="series_ambiguous",
    )


def series_of_file(path: Path) -> ImageSource:
    """Return one DICOM object as an image; a multi-frame object holds a whole series."""
    return DicomSeries((DicomFile(path),))


def structures_of_file(path: Path, roi: str, fill_gaps: bool) -> dict[str, MaskSource]:
    """Return the structures whose whole names match, by name.

    Raises
    ------
    ManifestError
        Codes ``roi_pattern`` and ``roi_not_found``.
    CaseError
        If the structure set cannot be read.
    """
    pattern = checked_roi(roi)
    file = DicomFile(path)
    rois = read_structures(file).rois
    names = lesion_names((one.number, one.name) for one in rois)
    found: dict[str, MaskSource] = {
        names[one.number]: RtstructRoi(file, one.number, one.name, fill_gaps=fill_gaps)
        for one in rois
        if pattern.fullmatch(one.name)
    }
    if not found:
        there = ", ".join(map(repr, names.values())) or "none"
        raise ManifestError(
            f"no structure of {path.name!r} matches {roi!r}; there are: {there}. The expression "
            "has to match the whole name.",
            code="roi_not_found",
        )
    return found


def segment_of_file(path: Path, number: int | None) -> MaskSource:
    """Return one segment of a DICOM segmentation: the one numbered so, or the only one.

    Raises
    ------
    ManifestError
        Code ``mask_label_ambiguous``: several segments, or none of that number.
    CaseError
        If the file is no segmentation.
    """
    file = DicomFile(path)
    segments = {one.number: one for one in list_segments(file)}
    if number is None and len(segments) == 1:
        number = next(iter(segments))
    if number not in segments:
        there = ", ".join(f"{n} {one.label!r}" for n, one in segments.items()) or "none"
        raise ManifestError(
            f"{path.name}: which segment? There are: {there}. Name its number in mask_label.",
            code="mask_label_ambiguous",
        )
    return SegSegment(file, segments[number].number, segments[number].label)


def _told(series: tuple[CatalogSeries, ...]) -> str:
    return ", ".join(f"{one.modality} with {len(one.files)} objects" for one in series[:5])
