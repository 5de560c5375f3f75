"""Masks become a structure set that planning systems and viewers open.

The modules are those that the RT Structure Set IOD makes mandatory (PS3.3 A.19.3): Patient,
General Study, RT Series, General Equipment, Structure Set, ROI Contour, RT ROI Observations and
SOP Common, with the Frame of Reference.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag
from pydicom.uid import RTStructureSetStorage, generate_uid

from tumor_response._version import __version__
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging.dicom.contours.trace import outlines
from tumor_response.imaging.dicom.derived import (
    PATIENT_AND_STUDY,
    SeriesLike,
    as_series,
    check_target,
    patient_and_study,
    set_text,
    write_whole,
)
from tumor_response.imaging.dicom.files import text
from tumor_response.imaging.dicom.series.series import SliceTable, read_series_geometry
from tumor_response.imaging.geometry import Geometry, adopt_grid

__all__ = ["write_rtstruct"]

_DETACHED_STUDY = "1.2.840.10008.3.1.2.3.1"
_COLOURS = (
    (230, 25, 75),
    (60, 180, 75),
    (0, 130, 200),
    (245, 130, 48),
    (145, 30, 180),
    (70, 240, 240),
    (240, 50, 230),
    (210, 245, 60),
)


def write_rtstruct(
    path: str | Path,
    masks: Mapping[str, sitk.Image],
    series: SeriesLike,
    *,
    label: str = "tumor_response",
    interpreted_types: Mapping[str, str] | None = None,
    colours: Mapping[str, tuple[int, int, int]] | None = None,
    written: dt.datetime | None = None,
    uid_seed: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write masks as the structures of a DICOM RTSTRUCT.

    Contours run along pixel edges, holes are joined by keyholes
    (:mod:`tumor_response.imaging.dicom.contours.trace`), so that reading the file by voxel centres
    gives the masks back to the voxel. The file says that it has contours on every slice on which a
    structure is (Source Pixel Planes Characteristics, PS3.3 C.8.8.6.4).

    The file carries the patient's name and the study's identifiers as the series does: it is the
    hospital's own, like the series. It goes nowhere by itself.

    Parameters
    ----------
    path
        The file to write, in a folder that exists.
    masks
        Structure name (at most 64 characters) -> mask of 0 and 1 on the grid of the series.
    series
        The series the masks were drawn on: a :class:`DicomSeries`, its files, or a folder in
        which it is the only image series.
    label
        Structure Set Label, which viewers list, at most 16 characters.
    interpreted_types
        Structure name -> RT ROI Interpreted Type (``"GTV"``, ``"CTV"``, ``"ORGAN"`` ...); left
        open by default.
    colours
        Structure name -> red, green, blue, 0 to 255; from a palette by default.
    written
        Date and time of the structure set; now by default.
    uid_seed
        The same seed, series and masks give the same UIDs (and, with the same ``written``, the
        same bytes). By default they are fresh.
    overwrite
        Whether a file that is there already may be replaced.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    SettingsError
        For names, label, types and colours that the format cannot hold, and for a file that is
        there already. Nothing is read before.
    GeometryError
        Code ``geometry_mismatch``: a mask that does not lie on the grid of the series.
    CaseError
        Codes ``mask_empty`` and ``mask_not_integer`` (other values than 0 and 1),
        ``frame_of_reference_missing``, ``series_missing``, ``series_ambiguous``, and what
        reading the series raises.

    Examples
    --------
    >>> import tumor_response as tr
    >>> tr.write_rtstruct("RS.dcm", {}, series="planning_ct")
    Traceback (most recent call last):
    ...
    tumor_response.exceptions.SettingsError: write_rtstruct: masks is empty; ....
    """
    path = Path(path)
    types, colours = dict(interpreted_types or {}), dict(colours or {})
    _check_settings(masks, label, types, colours)
    check_target(path, overwrite=overwrite)
    files = as_series(series).files
    stacked = read_series_geometry(files)
    arrays = {name: _checked(mask, name, stacked.grid) for name, mask in masks.items()}
    header = stacked.slices.files[0].read(
        tags=[
            *PATIENT_AND_STUDY,
            "SOPClassUID",
            "SpecificCharacterSet",
            "SeriesInstanceUID",
            "FrameOfReferenceUID",
            "PositionReferenceIndicator",
        ]
    )
    frame_uid = text(header, "FrameOfReferenceUID")
    if not frame_uid:
        raise CaseError(
            "the series has no Frame of Reference UID, so that no structure set can refer to its "
            "space. Export it with one.",
            code="frame_of_reference_missing",
        )
    images = _Images(text(header, "SOPClassUID"), stacked.slices)
    dataset = patient_and_study(header)
    entropy = _entropy(uid_seed, header, arrays)
    _describe(dataset, label, written or dt.datetime.now(), entropy)
    dataset.FrameOfReferenceUID = frame_uid
    set_text(dataset, "PositionReferenceIndicator", text(header, "PositionReferenceIndicator"))
    dataset.ReferencedFrameOfReferenceSequence = Items([_references(header, images)])
    named, drawn, observed = [], [], []
    for number, (name, array) in enumerate(arrays.items(), start=1):
        roi = Dataset()
        roi.ROINumber = number
        roi.ReferencedFrameOfReferenceUID = frame_uid
        roi.ROIName = name
        roi.ROIGenerationAlgorithm = ""
        named.append(roi)
        colour = colours.get(name, _COLOURS[(number - 1) % len(_COLOURS)])
        drawn.append(_contours(number, array, stacked.grid, images, colour))
        observation = Dataset()
        observation.ObservationNumber = number
        observation.ReferencedROINumber = number
        observation.RTROIInterpretedType = types.get(name, "")
        observation.ROIInterpreter = ""
        observed.append(observation)
    dataset.StructureSetROISequence = Items(named)
    dataset.ROIContourSequence = Items(drawn)
    dataset.RTROIObservationsSequence = Items(observed)
    if not "".join(masks).isascii():
        dataset.SpecificCharacterSet = "ISO_IR 192"
    return write_whole(dataset, path, overwrite=overwrite)


class _Images:
    """References to the images of a series, slice by slice."""

    def __init__(self, sop_class: str, slices: SliceTable) -> None:
        self._class = sop_class
        self._slices = slices
        self._several = len(set(slices.sop_instance_uids)) < len(slices.sop_instance_uids)

    def __len__(self) -> int:
        return len(self._slices.sop_instance_uids)

    def reference(self, k: int) -> Dataset:
        """Return the reference to the image of slice ``k``."""
        item = Dataset()
        item.ReferencedSOPClassUID = self._class
        item.ReferencedSOPInstanceUID = self._slices.sop_instance_uids[k]
        if self._several:  # the frames of one object
            item.ReferencedFrameNumber = self._slices.frames[k] + 1
        return item


def _check_settings(
    masks: Mapping[str, sitk.Image],
    label: str,
    types: Mapping[str, str],
    colours: Mapping[str, tuple[int, int, int]],
) -> None:
    faults = []
    if not masks:
        faults.append("masks is empty; expected at least one structure")
    faults += [
        f"structure name {name!r}: expected 1 to 64 printable characters without a backslash, "
        "and no space at either end"
        for name in masks
        if not (isinstance(name, str) and _is_text(name, 64))
    ]
    if not _is_text(label, 16):
        faults.append(f"label {label!r}: expected 1 to 16 printable characters")
    for what, given in (("interpreted_types", types), ("colours", colours)):
        faults += [
            f"{what} names {name!r}, which is none of the masks" for name in set(given) - set(masks)
        ]
    faults += [
        f"interpreted type {kind!r} of {name!r}: expected 1 to 16 capital letters, digits, spaces "
        "or underscores"
        for name, kind in types.items()
        if not re.fullmatch(r"[A-Z0-9_][A-Z0-9_ ]{0,15}", kind)
    ]
    faults += [
        f"colour {colour!r} of {name!r}: expected three whole numbers from 0 to 255"
        for name, colour in colours.items()
        if len(colour) != 3 or not all(isinstance(c, int) and 0 <= c <= 255 for c in colour)
    ]
    if faults:
        raise SettingsError(f"write_rtstruct: {'; '.join(sorted(faults))}.")


def _is_text(value: str, longest: int) -> bool:
    return (
        0 < len(value) <= longest
        and value == value.strip()
        and value.isprintable()
        and "\\" not in value
    )


def _checked(mask: sitk.Image, name: str, grid: Geometry) -> np.ndarray:
    """Return a mask as a bool array on the grid of the series, or refuse it."""
    what = f"write_rtstruct: the mask {name!r}"
    if mask.GetDimension() != 3 or mask.GetNumberOfComponentsPerPixel() != 1:
        raise CaseError(f"{what} is no scalar 3-D image.", code="not_3d")
    array = sitk.GetArrayFromImage(adopt_grid(mask, grid, what))
    inside = array != 0
    if not np.array_equal(inside, array):
        raise CaseError(
            f"{what} holds other values than 0 and 1; give one structure per mask.",
            code="mask_not_integer",
        )
    if not inside.any():
        raise CaseError(f"{what} is empty: there is nothing to draw.", code="mask_empty")
    return np.asarray(inside)


def _entropy(
    seed: str | None, header: Dataset, arrays: Mapping[str, np.ndarray]
) -> list[str] | None:
    if seed is None:
        return None
    drawn = [
        f"{name}:{array.shape}:{hashlib.sha256(np.packbits(array).tobytes()).hexdigest()}"
        for name, array in arrays.items()
    ]
    return [seed, text(header, "SeriesInstanceUID"), *drawn]


def _describe(
    dataset: Dataset, label: str, written: dt.datetime, entropy: Sequence[str] | None
) -> None:
    """Fill in the RT Series, General Equipment, Structure Set and SOP Common modules."""

    def uid(what: str) -> str:
        return str(generate_uid(entropy_srcs=None if entropy is None else [what, *entropy]))

    date, time = written.strftime("%Y%m%d"), written.strftime("%H%M%S")
    dataset.SOPClassUID = RTStructureSetStorage
    dataset.SOPInstanceUID = uid("instance")
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = date, time
    dataset.Modality = "RTSTRUCT"
    dataset.SeriesInstanceUID = uid("series")
    dataset.SeriesNumber = 1
    dataset.SeriesDate, dataset.SeriesTime = date, time
    dataset.SeriesDescription = label
    dataset.OperatorsName = ""
    dataset.Manufacturer = "tumor_response"
    dataset.ManufacturerModelName = "write_rtstruct"
    dataset.SoftwareVersions = __version__
    dataset.InstanceNumber = 1
    dataset.StructureSetLabel = label
    dataset.StructureSetDate, dataset.StructureSetTime = date, time
    dataset.ApprovalStatus = "UNAPPROVED"


def _references(header: Dataset, images: _Images) -> Dataset:
    """Return the item that says on which frame, study, series and images it was drawn."""
    series = Dataset()
    series.SeriesInstanceUID = text(header, "SeriesInstanceUID")
    series.ContourImageSequence = Items([images.reference(k) for k in range(len(images))])
    study = Dataset()
    study.ReferencedSOPClassUID = _DETACHED_STUDY
    study.ReferencedSOPInstanceUID = text(header, "StudyInstanceUID")
    study.RTReferencedSeriesSequence = Items([series])
    frame = Dataset()
    frame.FrameOfReferenceUID = text(header, "FrameOfReferenceUID")
    frame.RTReferencedStudySequence = Items([study])
    return frame


def _contours(
    number: int,
    array: np.ndarray,
    grid: Geometry,
    images: _Images,
    colour: tuple[int, int, int],
) -> Dataset:
    """Return the item of the ROI Contour Sequence of one mask."""
    matrix = np.array(grid.direction).reshape(3, 3) * np.array(grid.spacing_mm)
    contours: list[Dataset] = []
    for k in np.flatnonzero(array.any(axis=(1, 2))).tolist():
        for outline in outlines(array[k]):
            index = np.column_stack([outline, np.full(len(outline), float(k))])
            contour = Dataset()
            contour.ContourNumber = len(contours) + 1
            contour.ContourImageSequence = Items([images.reference(k)])
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(outline)
            contour[_CONTOUR_DATA] = _decimal_strings(index @ matrix.T + np.array(grid.origin_mm))
            contours.append(contour)
    item = Dataset()
    item.ReferencedROINumber = number
    item.ROIDisplayColor = list(colour)
    item.SourcePixelPlanesCharacteristicsSequence = Items([_pixel_planes(grid)])
    item.ContourSequence = Items(contours)
    return item


def _pixel_planes(grid: Geometry) -> Dataset:
    """Return the item that says: contours are on these planes, and a plane without one is a gap."""
    direction = np.array(grid.direction).reshape(3, 3)
    item = Dataset()
    item.PixelSpacing = [_decimal(grid.spacing_mm[1]), _decimal(grid.spacing_mm[0])]
    item.SpacingBetweenSlices = _decimal(grid.spacing_mm[2])
    item.ImageOrientationPatient = [_decimal(v) for v in (*direction[:, 0], *direction[:, 1])]
    item.ImagePositionPatient = [_decimal(v) for v in grid.origin_mm]
    return item


_CONTOUR_DATA = Tag("ContourData")


def _decimal_strings(points_mm: np.ndarray) -> RawDataElement:
    """Return points as encoded Contour Data (making an object of every number takes seconds)."""
    value = "\\".join(f"{v:.4f}".rstrip("0").rstrip(".") for v in points_mm.ravel().tolist())
    value += " " * (len(value) % 2)
    return RawDataElement(_CONTOUR_DATA, "DS", len(value), value.encode("ascii"), 0, True, True)


def _decimal(value: float) -> str:
    """Return a number in at most the 16 characters that a decimal string has."""
    return f"{value:.10g}" if abs(value) >= 1e-4 else f"{value:.9f}"
