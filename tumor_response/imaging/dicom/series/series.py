"""One DICOM series as one image: Hounsfield units, SUVbw, or MR values as they are.

Either the volume is right, or reading it is refused with a code and the slices at fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.series.acquisition import ACQUISITION_TAGS, acquisition_facts
from tumor_response.imaging.dicom.series.headers import Slice, naming, read_slices
from tumor_response.imaging.dicom.series.pixels import StoredPlane, stored_plane
from tumor_response.imaging.dicom.series.stacking import Stack, stack
from tumor_response.imaging.dicom.series.suv import SUV_TAGS, suv_scale
from tumor_response.imaging.dicom.series.values import (
    Notes,
    check_rescale,
    physical_plane,
    same_plane,
)
from tumor_response.imaging.findings import Finding
from tumor_response.imaging.geometry import Geometry

__all__ = [
    "DicomSeries",
    "SeriesGeometry",
    "SeriesImage",
    "SliceTable",
    "read_series",
    "read_series_geometry",
]


@dataclass(frozen=True)
class SliceTable:
    """Where each slice of the volume comes from; position k belongs to z index k."""

    sop_instance_uids: tuple[str, ...]
    instance_numbers: tuple[int, ...]
    """-1 where the object has none."""
    files: tuple[DicomFile, ...]
    frames: tuple[int, ...]
    """Index of the frame within its object, 0 in single-frame objects."""

    @classmethod
    def of(cls, slices: Sequence[Slice]) -> SliceTable:
        """Return the table of slices in their order."""
        return cls(
            tuple(s.sop_instance_uid for s in slices),
            tuple(-1 if s.instance_number is None else s.instance_number for s in slices),
            tuple(s.file for s in slices),
            tuple(s.frame for s in slices),
        )


@dataclass(frozen=True)
class SeriesGeometry:
    """The voxel grid of a series, its slices, and what was noticed in the headers."""

    grid: Geometry
    slices: SliceTable
    findings: tuple[Finding, ...]


@dataclass(frozen=True, eq=False)
class SeriesImage:
    """A series as an image (HU, SUVbw or MR units), its slices, and what was noticed."""

    image: sitk.Image
    slices: SliceTable
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class DicomSeries:
    """A series on disk, as the image of a case: small, comparable, picklable.

    Parameters
    ----------
    files
        The objects of one series, in any order.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tumor_response.imaging.dicom.files import DicomFile
    >>> DicomSeries((DicomFile(Path("CT/1.dcm")), DicomFile(Path("CT/2.dcm")))).name
    '1.dcm and 1 more'
    """

    files: tuple[DicomFile, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, or the archives they are members of."""
        return tuple(dict.fromkeys(file.path for file in self.files))

    @property
    def name(self) -> str:
        """How messages name the series."""
        first = min((file.name for file in self.files), default="an empty series")
        rest = len(self.files) - 1
        return f"{first} and {rest} more" if rest > 0 else first

    def load(self) -> tuple[sitk.Image, tuple[Finding, ...]]:
        """Return the image and what was noticed in reading it; as :func:`read_series`."""
        series = read_series(self.files)
        return series.image, series.findings

    def read(self) -> sitk.Image:
        """Return the image; as :func:`read_series`."""
        return read_series(self.files).image

    def geometry(self) -> Geometry:
        """Return the voxel grid from the headers; as :func:`read_series_geometry`."""
        return read_series_geometry(self.files).grid

    def acquisition(self) -> dict[str, str | float]:
        """Return how the series was made, as far as all its objects agree.

        As :func:`tumor_response.imaging.dicom.series.acquisition.acquisition_facts`.
        """
        facts = [acquisition_facts(file.read(tags=ACQUISITION_TAGS)) for file in self.files]
        first = facts[0] if facts else {}
        return {k: v for k, v in first.items() if all(one.get(k) == v for one in facts)}


def read_series_geometry(files: Sequence[DicomFile]) -> SeriesGeometry:
    """Return the grid of a series from its headers.

    Pixels are read of slices alone that share their position, to tell copies from clashes.

    Parameters
    ----------
    files
        The objects of one series, in any order.

    Raises
    ------
    GeometryError, CaseError
        As :func:`tumor_response.imaging.dicom.series.stacking.stack` and
        :func:`tumor_response.imaging.dicom.series.headers.read_slices`.
    """
    stacked = _stacked(files)
    return SeriesGeometry(stacked.grid, SliceTable.of(stacked.slices), stacked.findings)


def read_series(files: Sequence[DicomFile]) -> SeriesImage:
    """Read a series of CT (to HU), PET (to SUVbw) or MR (values as they are).

    Slices are ordered by their positions, each is rescaled by its own slope and intercept in
    double precision. The image is int16 or int32 where every value is whole (CT, MR), else
    float32. CT voxels declared as padding are set to -1024 HU
    (:data:`tumor_response.imaging.dicom.series.values.OUTSIDE_HU`) where they are below
    it, and a finding tells their share.

    Parameters
    ----------
    files
        The objects of one series, in any order.

    Raises
    ------
    GeometryError, CaseError
        What :func:`read_series_geometry` raises, and: ``rescale_missing``, ``rescale_type`` (CT
        values that are not HU), ``pixel_format``, ``transfer_syntax``, ``pixel_data``,
        ``pixel_bits``, and for PET the ``suv_*`` codes of
        :func:`tumor_response.imaging.dicom.series.suv.suv_scale`.

    Notes
    -----
    MONOCHROME1 says how values are shown (PS3.3 C.7.6.3.1.2), not what they are: nothing is
    inverted.
    """
    stacked = _stacked(files)
    slices, findings = stacked.slices, list(stacked.findings)
    modality = slices[0].modality
    check_rescale(slices)
    factor = 1.0
    if modality == "PT":
        scale = suv_scale([s.file.read(tags=SUV_TAGS) for s in slices])
        factor = scale.factor
        findings.append(Finding("suv_scale", "info", f"SUVbw: {scale.how}."))
    stored, notes = _Planes(), Notes()
    planes = [physical_plane(s, stored.of(s), factor, notes) for s in slices]
    kind = np.result_type(*{plane.dtype for plane in planes})
    if modality == "PT" or kind.kind == "f":
        kind = np.dtype(np.float32)
    image = sitk.GetImageFromArray(np.stack([plane.astype(kind) for plane in planes]))
    image.SetSpacing(stacked.grid.spacing_mm)
    image.SetOrigin(stacked.grid.origin_mm)
    image.SetDirection(stacked.grid.direction)
    findings += notes.findings()
    return SeriesImage(image, SliceTable.of(slices), tuple(findings))


def _stacked(files: Sequence[DicomFile]) -> Stack:
    planes = _Planes()

    def same_values(a: Slice, b: Slice) -> bool:
        return same_plane(a, planes.of(a), b, planes.of(b))

    return stack([s for file in files for s in read_slices(file)], same_values)


class _Planes:
    """Stored planes of slices; an object that holds many frames is read once in a row."""

    def __init__(self) -> None:
        self._file: DicomFile | None = None
        self._dataset = Dataset()

    def of(self, s: Slice) -> StoredPlane:
        try:
            if s.file != self._file:
                self._dataset, self._file = _with_pixels(s.file), s.file
            return stored_plane(self._dataset, s.frame, s.rows, s.columns)
        except CaseError as error:
            raise type(error)(
                f"slice {s.label}: {naming(s.file, error)}", code=error.code
            ) from None


def _with_pixels(file: DicomFile) -> Dataset:
    try:
        return file.read(pixels=True)
    except CaseError as error:
        if error.code != "not_dicom":
            raise
        # the header was readable a moment ago
        raise CaseError(
            f"{file.name}: the object is damaged or breaks off in its pixel data; fetch it again.",
            code="pixel_data",
        ) from None
