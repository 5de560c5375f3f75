"""Structure sets: what they hold, what they were drawn on, and one structure as a mask.

Names and references are read without the contours, whose coordinates are nearly all of a file.
A damaged contour stops the structure it belongs to, not its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import RTStructureSetStorage

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.contours.contour_images import check_contour_images
from tumor_response.imaging.dicom.contours.contours import PlanarContour
from tumor_response.imaging.dicom.contours.rasterise import rasterise
from tumor_response.imaging.dicom.files import DicomFile, items, numbers, text, whole_number
from tumor_response.imaging.dicom.series.headers import naming
from tumor_response.imaging.dicom.series.series import DicomSeries, read_series_geometry
from tumor_response.imaging.findings import Finding
from tumor_response.imaging.geometry import Geometry, with_grid

__all__ = [
    "Roi",
    "RoiContours",
    "RtstructRoi",
    "StructureSet",
    "read_contours",
    "read_structures",
]

_HEADER = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SpecificCharacterSet",
    "FrameOfReferenceUID",
    "ReferencedFrameOfReferenceSequence",
    "StructureSetROISequence",
    "RTROIObservationsSequence",
    "ApprovalStatus",
)
_CONTOURS = ("SOPClassUID", "StructureSetROISequence", "SpecificCharacterSet", "ROIContourSequence")
_CONTOUR_DATA = 0x30060050


@dataclass(frozen=True)
class Roi:
    """One structure, without its contours.

    Parameters
    ----------
    number
        ROI Number, by which the file refers to it.
    name
        ROI Name as the planner wrote it.
    interpreted_type
        RT ROI Interpreted Type (``"GTV"``, ``"ORGAN"`` ...), ``""`` where there is none.
    frame_of_reference_uid
        Of the space its contours are in.

    Examples
    --------
    >>> Roi(1, "GTVp", "GTV").name
    'GTVp'
    """

    number: int
    name: str
    interpreted_type: str = ""
    frame_of_reference_uid: str = ""


@dataclass(frozen=True)
class StructureSet:
    """What an RTSTRUCT holds and what it was drawn on.

    Parameters
    ----------
    file
        Where it was read.
    sop_instance_uid
        Of the structure set itself.
    rois
        In the order of the file.
    frame_of_reference_uids, referenced_series_uids, referenced_sop_uids
        What it says it was drawn on, each once, in the order of the file.
    approval
        Approval Status: ``"APPROVED"``, ``"UNAPPROVED"``, ``"REJECTED"`` or ``""``.

    Examples
    --------
    >>> from pathlib import Path
    >>> StructureSet(DicomFile(Path("RS.dcm")), "1.2", (Roi(1, "GTVp"),)).rois[0].number
    1
    """

    file: DicomFile
    sop_instance_uid: str
    rois: tuple[Roi, ...]
    frame_of_reference_uids: tuple[str, ...] = ()
    referenced_series_uids: tuple[str, ...] = ()
    referenced_sop_uids: tuple[str, ...] = ()
    approval: str = ""

    @property
    def referenced_series_uid(self) -> str:
        """The one series it was drawn on; ``""`` where it names none or several."""
        found = self.referenced_series_uids
        return found[0] if len(found) == 1 else ""


@dataclass(frozen=True)
class RoiContours:
    """The contours of one structure.

    Parameters
    ----------
    planes
        As in the file; empty for a structure that was named and never drawn.
    gaps_declared
        Whether the file says that there are contours wherever the structure is, so that a slice
        without any is a gap (Source Pixel Planes Characteristics, PS3.3 C.8.8.6.4).

    Examples
    --------
    >>> RoiContours(()).gaps_declared
    False
    """

    planes: tuple[PlanarContour, ...]
    gaps_declared: bool = False


def read_structures(file: DicomFile) -> StructureSet:
    """Read names and references of a structure set, not its contours.

    Where the file does not say on which images it was drawn as a whole, its contours are asked.

    Parameters
    ----------
    file
        An RTSTRUCT.

    Raises
    ------
    CaseError
        Codes ``file_missing``, ``not_dicom``, ``not_rtstruct``, ``dicom_attribute``,
        ``structure_set_damaged``.
    """
    with _naming(file):
        header = _read(file, _HEADER)
        types = {
            number: text(item, "RTROIInterpretedType").upper()
            for item in items(header, "RTROIObservationsSequence")
            if (number := whole_number(item, "ReferencedROINumber")) is not None
        }
        rois = tuple(_rois(header, types))
        frames, series, images = [text(header, "FrameOfReferenceUID")], [], []
        frames += [roi.frame_of_reference_uid for roi in rois]
        for frame in items(header, "ReferencedFrameOfReferenceSequence"):
            frames.append(text(frame, "FrameOfReferenceUID"))
            for study in items(frame, "RTReferencedStudySequence"):
                for one in items(study, "RTReferencedSeriesSequence"):
                    series.append(text(one, "SeriesInstanceUID"))
                    images += _image_uids(one)
        if not images:
            for drawn in items(_read(file, _CONTOURS), "ROIContourSequence"):
                for contour in items(drawn, "ContourSequence"):
                    images += _image_uids(contour)
        return StructureSet(
            file,
            text(header, "SOPInstanceUID"),
            rois,
            _each_once(frames),
            _each_once(series),
            _each_once(images),
            text(header, "ApprovalStatus").upper(),
        )


def read_contours(file: DicomFile) -> Iterator[tuple[Roi, RoiContours | CaseError]]:
    """Read a structure set once and yield every structure with its contours.

    Parameters
    ----------
    file
        An RTSTRUCT.

    Yields
    ------
    tuple
        A structure (number and name) and its contours, or the error that keeps them from being
        read (codes ``contour_damaged``, ``contour_offset``, ``dicom_attribute``).

    Raises
    ------
    CaseError
        If the file as a whole cannot be read; as :func:`read_structures`.
    """
    with _naming(file):
        dataset = _read(file, _CONTOURS)
        rois = tuple(_rois(dataset, {}))
        drawn: dict[int, list[Dataset]] = {}
        for item in items(dataset, "ROIContourSequence"):
            number = whole_number(item, "ReferencedROINumber")
            if number is not None:
                drawn.setdefault(number, []).append(item)
    for roi in rois:
        try:
            with _naming(file):
                yield roi, _contours_of(roi, drawn.get(roi.number, []))
        except CaseError as error:
            yield roi, error


@dataclass(frozen=True)
class RtstructRoi:
    """A mask that is one structure of an RTSTRUCT, rasterised on whatever grid is asked for.

    Parameters
    ----------
    file
        The RTSTRUCT.
    roi_number
        ROI Number of the structure.
    name
        Its name; a file in which the number has another name by now is refused.
    fill_gaps
        Whether slices without contours between others are filled.
    drawn_on
        The series it was drawn on, to see whether its contours lie on the images they name.

    Examples
    --------
    >>> from pathlib import Path
    >>> RtstructRoi(DicomFile(Path("RS.dcm")), 1, "GTVp").what
    "RS.dcm: structure 'GTVp'"
    """

    file: DicomFile
    roi_number: int
    name: str
    fill_gaps: bool = False
    drawn_on: DicomSeries | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The structure set, and the series it was drawn on."""
        return (self.file.path, *(self.drawn_on.paths if self.drawn_on is not None else ()))

    @property
    def what(self) -> str:
        """How messages name it."""
        return f"{self.file.name}: structure {self.name!r}"

    def contours(self) -> RoiContours:
        """Read its contours.

        Raises
        ------
        CaseError
            As :func:`read_contours`; code ``roi_missing`` where the file has no such structure.
        """
        for roi, found in read_contours(self.file):
            if roi.number == self.roi_number and roi.name == self.name:
                if isinstance(found, CaseError):
                    raise found
                return found
        raise CaseError(
            f"{self.file.name}: there is no structure number {self.roi_number} of name "
            f"{self.name!r}. The file was changed since it was listed; read the folder again.",
            code="roi_missing",
        )

    def load(self, grid: Geometry | None) -> tuple[sitk.Image, tuple[Finding, ...]]:
        """Return the mask (uint8, 0 and 1) on a grid, and what is to be known of it.

        Raises
        ------
        CaseError
            As :meth:`contours` and
            :func:`tumor_response.imaging.dicom.contours.rasterise.rasterise`.
        """
        drawn = self.contours()
        grid = with_grid(grid, self.what)
        mask, found = rasterise(
            drawn.planes,
            grid,
            what=self.what,
            fill_gaps=self.fill_gaps,
            gaps_declared=drawn.gaps_declared,
        )
        if self.drawn_on is not None:
            series = read_series_geometry(self.drawn_on.files)
            uids = series.slices.sop_instance_uids
            found += check_contour_images(drawn.planes, series.grid, uids, self.what)
        return mask, found

    def read(self, grid: Geometry) -> sitk.Image:
        """Return the mask (uint8, 0 and 1) on a grid; errors as :meth:`load`."""
        return self.load(grid)[0]

    def findings(self, grid: Geometry) -> tuple[Finding, ...]:
        """Return what is to be known of the mask; errors as :meth:`load`."""
        return self.load(grid)[1]


@contextmanager
def _naming(file: DicomFile) -> Iterator[None]:
    """Let errors about attributes say in which file."""
    try:
        yield
    except CaseError as error:
        raise naming(file, error) from None


def _read(file: DicomFile, tags: Sequence[str]) -> Dataset:
    dataset = file.read(tags=list(tags))
    if text(dataset, "SOPClassUID") != RTStructureSetStorage:
        raise CaseError(f"{file.name}: no RT structure set.", code="not_rtstruct")
    return dataset


def _rois(dataset: Dataset, types: dict[int, str]) -> Iterator[Roi]:
    seen: set[int] = set()
    for item in items(dataset, "StructureSetROISequence"):
        number = whole_number(item, "ROINumber")
        if number is None or number in seen:
            fault = "without a number" if number is None else f"of the same number ({number})"
            raise CaseError(
                f"the structure set has structures {fault}, so that contours cannot be told "
                "apart. Export it again.",
                code="structure_set_damaged",
            )
        seen.add(number)
        yield Roi(
            number,
            text(item, "ROIName"),
            types.get(number, ""),
            text(item, "ReferencedFrameOfReferenceUID"),
        )


def _contours_of(roi: Roi, drawn: Sequence[Dataset]) -> RoiContours:
    if len(drawn) > 1:
        raise CaseError(
            f"structure {roi.name!r} has its contours in {len(drawn)} places; the standard knows "
            "one. Export the structure set again.",
            code="structure_set_damaged",
        )
    if not drawn:
        return RoiContours(())
    planes = []
    for position, item in enumerate(items(drawn[0], "ContourSequence"), start=1):
        what = f"structure {roi.name!r}, contour {position}"
        offset = numbers(item, "ContourOffsetVector")
        if offset is not None and any(offset):
            raise CaseError(
                f"{what}: it has a Contour Offset Vector, which the standard has dropped "
                "(on which side the plane lies was never clear). Export it again without one.",
                code="contour_offset",
            )
        try:
            contour = PlanarContour(
                _points_mm(item),
                text(item, "ContourGeometricType").upper(),
                tuple(_image_uids(item)),
            )
        except CaseError as error:
            raise CaseError(f"{what}: {error}", code=error.code) from None
        planes.append(contour)
    return RoiContours(
        tuple(planes), bool(items(drawn[0], "SourcePixelPlanesCharacteristicsSequence"))
    )


def _points_mm(item: Dataset) -> np.ndarray:
    """Return the points of a contour, shape (n, 3), mm."""
    values = _coordinates(item)
    claimed = whole_number(item, "NumberOfContourPoints")
    if values is None:
        fault = "it holds coordinates that are no numbers"
    elif not len(values) or len(values) % 3:
        fault = f"it has {len(values)} coordinates, expected three for each point"
    elif claimed is not None and claimed != len(values) // 3:
        fault = f"it says that it has {claimed} points, and has {len(values) // 3}"
    else:
        return values.reshape(-1, 3)
    raise CaseError(
        f"{fault}. The file is damaged or was cut; export the structure set again.",
        code="contour_damaged",
    )


def _coordinates(item: Dataset) -> np.ndarray | None:
    """Return the numbers of Contour Data, ``None`` if they are none.

    Straight from the bytes: pydicom makes an object of every number, which takes ten times as
    long, and contours are nearly all of a file.
    """
    try:
        element: Any = item.get_item(_CONTOUR_DATA) if _CONTOUR_DATA in item else None
    except Exception:  # of an element whose kind is damaged, in any way pydicom may fail
        return None
    value = getattr(element, "value", None)
    if not isinstance(value, bytes):
        found = numbers(item, "ContourData")
        return np.array(found or (), dtype=float)
    value = value.strip(b" \0")
    try:
        return np.fromiter(map(float, value.split(b"\\") if value else ()), dtype=float)
    except ValueError:
        return None


def _image_uids(item: Dataset) -> list[str]:
    found = [text(i, "ReferencedSOPInstanceUID") for i in items(item, "ContourImageSequence")]
    return [uid for uid in found if uid]


def _each_once(uids: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(uid for uid in uids if uid))
