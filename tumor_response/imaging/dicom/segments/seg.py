"""DICOM segmentations (SEG): which segments there are, and one of them as a mask on a grid.

Written after PS3.3 A.51 and C.8.20. A frame is placed by its own plane position and orientation,
never by its order or by what it says it was derived from, so that a segmentation comes out right
on the DICOM series it was drawn on, on that series as NIfTI (axes flipped or exchanged), and not
at all on any other grid. highdicom, with which :mod:`.seg_writer` writes, fills a volume of the
segmentation's own geometry instead; the tests compare the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset

from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging.dicom.files import DicomFile, items, text, whole_number
from tumor_response.imaging.dicom.segments.seg_frames import (
    OFF_SLICE_MM,
    damaged,
    group,
    locate,
    mismatch,
    paint,
)
from tumor_response.imaging.dicom.series.headers import naming
from tumor_response.imaging.dicom.series.multiframe import StoredFrames
from tumor_response.imaging.findings import Finding
from tumor_response.imaging.geometry import Geometry, with_grid

__all__ = ["SegSegment", "Segment", "Segmentation", "list_segments", "read_segmentation"]

_SOP_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_KINDS = ("BINARY", "FRACTIONAL", "LABELMAP")
_BITS = {"BINARY": (1, 8), "FRACTIONAL": (8,), "LABELMAP": (8, 16)}
_HEADER = (
    "SOPClassUID",
    "SOPInstanceUID",
    "FrameOfReferenceUID",
    "SegmentationType",
    "SegmentationFractionalType",
    "SegmentSequence",
    "PixelPaddingValue",
    "ReferencedSeriesSequence",
    "SourceImageSequence",
)


@dataclass(frozen=True)
class Segment:
    """One segment as a segmentation describes it.

    Parameters
    ----------
    number
        By which frames refer to it, unique within the object.
    label
        Its name, as its author chose.
    category, property_type
        The meanings of its coded category and type, such as "Morphologically Abnormal
        Structure" and "Neoplasm"; ``""`` where absent.
    """

    number: int
    label: str
    category: str = ""
    property_type: str = ""


@dataclass(frozen=True)
class Segmentation:
    """What a segmentation says of itself, without its frames.

    Parameters
    ----------
    kind
        ``"BINARY"``, ``"FRACTIONAL"`` or ``"LABELMAP"``.
    fractional_type
        ``"PROBABILITY"``, ``"OCCUPANCY"`` or ``""``.
    segments
        By their numbers; the background of a label map is none.
    sop_instance_uid, frame_of_reference_uid
        Of the object; ``""`` where absent.
    series_uids, sop_instance_uids
        The series and images that it says it was drawn on.
    """

    kind: str
    fractional_type: str
    segments: tuple[Segment, ...]
    sop_instance_uid: str
    frame_of_reference_uid: str
    series_uids: tuple[str, ...]
    sop_instance_uids: tuple[str, ...]


def read_segmentation(file: DicomFile) -> Segmentation:
    """Read what a segmentation holds and refers to, without its frames and pixels.

    Raises
    ------
    CaseError
        Codes ``file_missing``, ``not_dicom``, ``sop_class`` (no segmentation),
        ``segmentation_damaged`` and ``dicom_attribute``.
    """
    try:
        return _described(file.read(tags=_HEADER))
    except CaseError as error:
        raise naming(file, error) from None


def list_segments(file: DicomFile) -> tuple[Segment, ...]:
    """Return the segments of a segmentation by their numbers; errors as :func:`read_segmentation`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tumor_response.imaging.dicom.files import DicomFile
    >>> from tumor_response.imaging.dicom.segments.seg import list_segments
    >>> list_segments(DicomFile(Path("nowhere.dcm")))
    Traceback (most recent call last):
    ...
    tumor_response.exceptions.CaseError: nowhere.dcm: no such file.
    """
    return read_segmentation(file).segments


@dataclass(frozen=True)
class SegSegment:
    """One segment of a segmentation, to be read as a mask on any grid its frames lie on.

    Parameters
    ----------
    file
        The segmentation.
    segment_number
        Which segment.
    name
        Its label; a file in which the number has another label by now is refused. ``""`` takes
        whatever label it has.
    threshold
        From which share on a voxel of a ``FRACTIONAL`` segmentation is inside: probability or
        occupancy, over 0 and at most 1. The other kinds have no use for it.

    Raises
    ------
    SettingsError
        If the threshold is out of range.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tumor_response.imaging.dicom.files import DicomFile
    >>> from tumor_response.imaging.dicom.segments.seg import SegSegment
    >>> SegSegment(DicomFile(Path("lesions.dcm")), segment_number=2, name="GTV").threshold
    0.5
    """

    file: DicomFile
    segment_number: int
    name: str
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise SettingsError(
                f"threshold={self.threshold!r}: expected a share over 0 and at most 1."
            )

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file."""
        return (self.file.path,)

    def read(self, grid: Geometry) -> sitk.Image:
        """Return the mask on ``grid``; errors as :meth:`load`."""
        return self.load(grid)[0]

    def findings(self, grid: Geometry) -> tuple[Finding, ...]:
        """Return what is to be known of the mask; errors as :meth:`load`."""
        return self.load(grid)[1]

    def load(self, grid: Geometry | None) -> tuple[sitk.Image, tuple[Finding, ...]]:
        """Return the segment as a mask on ``grid``, and what is to be known of it.

        Slices without a frame are empty, and so is the mask of a segment without frames.

        Returns
        -------
        mask
            8-bit unsigned, 0 outside and 1 inside.
        findings
            Codes ``segment_fractional`` (info) and ``segment_off_slice`` (warning).

        Raises
        ------
        GeometryError
            Code ``geometry_mismatch``: frames that do not lie on the grid's slices, naming them.
        CaseError
            Codes as :func:`read_segmentation`, ``segment_missing``, ``pixel_data``,
            ``pixel_format``, ``pixel_bits`` and ``transfer_syntax``.
        """
        grid = with_grid(grid, self.name)
        placed = self._placed(grid)
        inside = placed.inside(self.threshold)
        found = []
        if placed.header.kind == "FRACTIONAL":
            found.append(self._fractional(placed, inside, float(np.prod(grid.spacing_mm)) / 1000))
        if placed.off_slice_mm > OFF_SLICE_MM:
            found.append(
                Finding(
                    "segment_off_slice",
                    "warning",
                    f"The frames of segment {self.segment_number} lie up to "
                    f"{placed.off_slice_mm:.3g} mm beside the slices they were given to.",
                    measured=f"{placed.off_slice_mm:.3g} mm",
                    limit=f"{OFF_SLICE_MM:g} mm",
                    remedy="Check that the segmentation was drawn on this series.",
                )
            )
        return _on_grid(inside, grid), tuple(found)

    def read_fraction(self, grid: Geometry) -> sitk.Image:
        """Return each voxel's share, 32-bit float; errors as :meth:`load`.

        Of a ``FRACTIONAL`` segmentation the probability or occupancy, else 0 or 1.
        """
        placed = self._placed(grid)
        return _on_grid(placed.voxels / np.float32(placed.scale), grid)

    def _fractional(self, placed: _Placed, inside: np.ndarray, voxel_cc: float) -> Finding:
        inside_cc = int(np.count_nonzero(inside)) * voxel_cc
        shares_cc = int(placed.voxels.sum(dtype=int)) / placed.scale * voxel_cc
        return Finding(
            "segment_fractional",
            "info",
            f"Segment {self.segment_number} holds shares of voxels "
            f"({placed.header.fractional_type.lower()}); those of at least {self.threshold:g} are "
            f"inside: {inside_cc:.4g} cc, where the shares add up to {shares_cc:.4g} cc.",
            measured=f"{inside_cc:.4g} cc",
            limit=f"threshold {self.threshold:g}",
            remedy="Set the threshold if another one was meant.",
        )

    def _placed(self, grid: Geometry) -> _Placed:
        try:
            dataset = self.file.read(pixels=True)
            return _place(dataset, _described(dataset), self.segment_number, self.name, grid)
        except CaseError as error:
            raise naming(self.file, error) from None


@dataclass(frozen=True, eq=False)
class _Placed:
    header: Segmentation
    voxels: np.ndarray  # stored values, (z, y, x) of the grid
    scale: int  # the stored value that means 1
    off_slice_mm: float

    def inside(self, threshold: float) -> np.ndarray:
        """Return 0 and 1 by the threshold; stored values are few, so that a table decides."""
        table = (np.arange(256) / self.scale >= threshold).astype(np.uint8)
        return np.asarray(table[self.voxels])


def _described(dataset: Dataset) -> Segmentation:
    if text(dataset, "SOPClassUID") not in _SOP_CLASSES:
        raise CaseError(
            "this is no DICOM segmentation (SEG); give the file that holds one.",
            code="sop_class",
        )
    kind = text(dataset, "SegmentationType").upper()
    fractional_type = text(dataset, "SegmentationFractionalType").upper()
    if kind not in _KINDS:
        raise damaged("its Segmentation Type is none of BINARY, FRACTIONAL and LABELMAP")
    if kind == "FRACTIONAL" and fractional_type not in ("PROBABILITY", "OCCUPANCY"):
        raise damaged("its Segmentation Fractional Type is neither PROBABILITY nor OCCUPANCY")
    segments = []
    for item in items(dataset, "SegmentSequence"):
        number = whole_number(item, "SegmentNumber")
        if number is None or not 0 <= number <= 65535:
            raise damaged("a segment has no number")
        if kind == "LABELMAP" and number == (whole_number(dataset, "PixelPaddingValue") or 0):
            continue  # the background, which a label map may describe as a segment
        segments.append(
            Segment(
                number,
                text(item, "SegmentLabel"),
                _meaning(item, "SegmentedPropertyCategoryCodeSequence"),
                _meaning(item, "SegmentedPropertyTypeCodeSequence"),
            )
        )
    twice = [number for number, n in Counter(s.number for s in segments).items() if n > 1]
    if twice:
        raise damaged(f"segment number {twice[0]} is given twice")
    series = items(dataset, "ReferencedSeriesSequence")
    images = [i for s in series for i in items(s, "ReferencedInstanceSequence")]
    images += items(dataset, "SourceImageSequence")
    return Segmentation(
        kind,
        fractional_type if kind == "FRACTIONAL" else "",
        tuple(sorted(segments, key=lambda segment: segment.number)),
        text(dataset, "SOPInstanceUID"),
        text(dataset, "FrameOfReferenceUID"),
        _distinct([text(s, "SeriesInstanceUID") for s in series]),
        _distinct([text(image, "ReferencedSOPInstanceUID") for image in images]),
    )


def _place(
    dataset: Dataset, header: Segmentation, number: int, name: str, grid: Geometry
) -> _Placed:
    numbers = {segment.number for segment in header.segments if name in ("", segment.label)}
    if number not in numbers:
        known = ", ".join(f"{s.number} {s.label[:64]!r}" for s in header.segments[:20])
        raise CaseError(
            f"there is no segment {number} {name!r}; there are: {known or 'none'}. If the file "
            "was changed since it was listed, read the folder again.",
            code="segment_missing",
        )
    voxels = np.zeros(grid.size[::-1], np.uint8)
    scale = _scale(dataset, header)
    every = items(dataset, "PerFrameFunctionalGroupsSequence")
    shared = next(iter(items(dataset, "SharedFunctionalGroupsSequence")), Dataset())
    frames = {
        i: frame
        for i, frame in enumerate(every)
        if header.kind == "LABELMAP" or _segment_of(frame, shared, i) == number
    }
    if not frames:
        return _Placed(header, voxels, scale, 0.0)
    if header.kind == "LABELMAP":  # may have a palette to be looked at; its values are the labels
        dataset.PhotometricInterpretation = "MONOCHROME2"
    stored = StoredFrames.of(dataset, _BITS[header.kind])
    if stored.n_frames != len(every):
        raise damaged(f"it says that it has {stored.n_frames} frames and describes {len(every)}")
    spots, off_slice_mm = locate(frames, shared, (stored.columns, stored.rows), grid)
    outside = []
    for i, values in zip(frames, stored.frames(list(frames)), strict=True):
        own = values == number if header.kind == "LABELMAP" else values
        if own.max() > scale:
            raise damaged(f"frame {i + 1} holds values over the largest allowed, {scale}")
        if not paint(voxels, own, spots[i]):
            outside.append(i)
    if outside:
        raise mismatch(outside, "have pixels of the segment outside of the image")
    return _Placed(header, voxels, scale, off_slice_mm)


def _segment_of(frame: Dataset, shared: Dataset, index: int) -> int:
    found = group(frame, shared, "SegmentIdentificationSequence")
    number = whole_number(found, "ReferencedSegmentNumber")
    if number is None:
        raise damaged(f"frame {index + 1} names no segment")
    return number


def _scale(dataset: Dataset, header: Segmentation) -> int:
    if header.kind != "FRACTIONAL":
        return 1
    largest = whole_number(dataset, "MaximumFractionalValue")
    if largest is None or not 1 <= largest <= 255:
        raise damaged("its Maximum Fractional Value is not one of 1 to 255")
    return largest


def _meaning(item: Dataset, keyword: str) -> str:
    codes = items(item, keyword)
    return text(codes[0], "CodeMeaning") if codes else ""


def _distinct(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _on_grid(voxels: np.ndarray, grid: Geometry) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(grid.origin_mm)
    image.SetDirection(grid.direction)
    return image
