"""Every fault of a structure set that the readers know, as dicom_faults.

Each ``make`` writes a faulty structure set on ten slices (z = 0, 3, ... 27 mm, 32 x 32 pixels of
1 mm) into an empty folder and returns it; ``look`` rasterises its first structure on the series.
``outcome`` is ``"refused"`` where that must raise an error with ``code``, ``"finding"`` where a
finding with ``code`` tells what was done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from tests import dicom_factory as factory
from tumor_response.imaging.dicom.contours.contour_images import check_contour_images
from tumor_response.imaging.dicom.contours.rtstruct import RtstructRoi, read_structures
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.series.series import read_series_geometry
from tumor_response.imaging.findings import Finding

Edit = Callable[[Dataset], object]


@dataclass(frozen=True)
class Fault:
    name: str
    make: Callable[[Path], Path]
    what: str
    code: str
    outcome: Literal["refused", "finding"] = "refused"

    def look(self, file: Path) -> tuple[Finding, ...]:
        return look(file)


def look(file: Path, fill_gaps: bool = False) -> tuple[Finding, ...]:
    """What the first structure of the file is found to be, rasterised on the series beside it."""
    fill_gaps = fill_gaps or file.stem == "fill"
    series = read_series_geometry([DicomFile(f) for f in sorted((file.parent / "ct").iterdir())])
    roi = read_structures(DicomFile(file)).rois[0]
    source = RtstructRoi(DicomFile(file), roi.number, roi.name, fill_gaps=fill_gaps)
    planes = source.contours().planes
    uids = series.slices.sop_instance_uids
    return source.findings(series.grid) + check_contour_images(
        planes, series.grid, uids, source.what
    )


def square(low: float, high: float, z: float) -> np.ndarray:
    """A square in a plane of constant z, between two coordinates in x and y."""
    return np.array([(low, low, z), (high, low, z), (high, high, z), (low, high, z)])


def block(*, low: float = 8.5, high: float = 18.5, slices: Sequence[float] = (3, 4, 5, 6)) -> list:
    return [square(low, high, 3.0 * k) for k in slices]


def structures(
    contours: Sequence[np.ndarray] | Mapping[str, Sequence[np.ndarray]],
    edit: Edit | None = None,
    name: str = "RS",
    **options: object,
) -> Callable[[Path], Path]:
    rois = contours if isinstance(contours, Mapping) else {"GTV": contours}

    def make(folder: Path) -> Path:
        ct = factory.ct_series(folder / "ct")
        return factory.rtstruct(folder / f"{name}.dcm", ct, rois, edit=edit, **options)  # type: ignore[arg-type]

    return make


def contour(dataset: Dataset, index: int) -> Dataset:
    return dataset.ROIContourSequence[0].ContourSequence[index]  # type: ignore[no-any-return]


def each(change: Callable[[Dataset, int], object], only: Sequence[int] | None = None) -> Edit:
    """Change the contours of the first structure (all, or those of these indices)."""

    def edit(dataset: Dataset) -> None:
        sequence = dataset.ROIContourSequence[0].ContourSequence
        for index in range(len(sequence)) if only is None else only:
            change(sequence[index], index)

    return edit


def typed(kind: str, only: Sequence[int] | None = None) -> Edit:
    return each(lambda item, _: setattr(item, "ContourGeometricType", kind), only)


def raw(value: bytes) -> Edit:
    """Replace the coordinates of the second contour by these bytes, as they are in the file."""

    def edit(dataset: Dataset) -> None:
        from pydicom.dataelem import RawDataElement
        from pydicom.tag import Tag

        tag = Tag("ContourData")
        padded = value + b" " * (len(value) % 2)
        contour(dataset, 1)[tag] = RawDataElement(tag, "DS", len(padded), padded, 0, False, True)

    return edit


def number_twice(dataset: Dataset) -> None:
    dataset.StructureSetROISequence[1].ROINumber = 1


def drawn_twice(dataset: Dataset) -> None:
    dataset.ROIContourSequence = Items([dataset.ROIContourSequence[0]] * 2)


def other_class(dataset: Dataset) -> None:
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.481.5"


def with_offset(item: Dataset, _: int) -> None:
    item.ContourOffsetVector = [0, 0, 1.5]


def other_images(item: Dataset, _: int) -> None:
    item.ContourImageSequence[0].ReferencedSOPInstanceUID = "2.25.999"


def shifted(dataset: Dataset) -> None:
    """Let every contour refer to the image of the next one: all have moved by a slice."""
    sequence = dataset.ROIContourSequence[0].ContourSequence
    images = [item.ContourImageSequence for item in sequence]
    for item, image in zip(sequence, [*images[1:], images[0]], strict=True):
        item.ContourImageSequence = image


def declared(dataset: Dataset) -> None:
    planes = Dataset()
    planes.SpacingBetweenSlices = 3
    dataset.ROIContourSequence[0].SourcePixelPlanesCharacteristicsSequence = Items([planes])


def sagittal() -> list[np.ndarray]:
    return [square(4.0, 20.0, x)[:, [2, 0, 1]] for x in (10.0, 11.0, 12.0)]


def bent() -> list[np.ndarray]:
    contours = block()
    contours[1] = contours[1] + np.array([[0, 0, 0], [0, 0, 2], [0, 0, 0], [0, 0, 2]])
    return contours


def speckled(z: float = 9.0) -> list[np.ndarray]:
    return [square(4.5 + i / 200, 20.5 + i / 200, z) for i in range(120)]


CONTOUR_FAULTS = [
    Fault(
        "another object",
        structures(block(), other_class),
        "the file is no RTSTRUCT",
        "not_rtstruct",
    ),
    Fault(
        "a number given twice",
        structures({"GTV": block(), "CTV": block()}, number_twice),
        "two structures share a number, so that contours cannot be told apart",
        "structure_set_damaged",
    ),
    Fault(
        "contours in two places",
        structures(block(), drawn_twice),
        "the contours of one structure come in two items",
        "structure_set_damaged",
    ),
    Fault("never drawn", structures([]), "a structure was named and never drawn", "roi_empty"),
    Fault(
        "points",
        structures([square(8, 9, 9.0)[:1]], geometric_type="POINT"),
        "a structure of points, such as a marker",
        "roi_not_closed",
    ),
    Fault(
        "an open line",
        structures(block(), geometric_type="OPEN_PLANAR"),
        "a structure of open lines, such as a catheter",
        "roi_not_closed",
    ),
    Fault(
        "a point beside contours",
        structures(block(), typed("POINT", [3])),
        "one point among closed contours",
        "contour_open",
        "finding",
    ),
    Fault(
        "an unknown type",
        structures(block(), typed("CIRCLE", [0])),
        "a contour type that does not exist",
        "contour_type",
    ),
    Fault(
        "two ways to combine",
        structures(block(), typed("CLOSEDPLANAR_XOR", [0])),
        "CLOSED_PLANAR and CLOSEDPLANAR_XOR in one structure",
        "contour_types_mixed",
    ),
    Fault(
        "a number of coordinates that is not 3 n",
        structures(block(), raw(b"8\\8\\12\\18\\8\\12\\18\\18")),
        "a contour that was cut",
        "contour_damaged",
    ),
    Fault(
        "no number",
        structures(block(), raw(b"8\\8\\x")),
        "a coordinate that is no number",
        "contour_damaged",
    ),
    Fault(
        "NaN",
        structures(block(), raw(b"8\\8\\12\\NaN\\8\\12\\18\\18\\12\\8\\18\\12")),
        "a coordinate that is not finite",
        "contour_damaged",
    ),
    Fault(
        "far away",
        structures(block(), raw(b"8\\8\\12\\1e300\\8\\12\\18\\18\\12\\8\\18\\12")),
        "a coordinate that no patient has",
        "contour_damaged",
    ),
    Fault(
        "fewer points than claimed",
        structures(block(), each(lambda item, _: setattr(item, "NumberOfContourPoints", 9), [1])),
        "the number of points is not the one that the contour claims",
        "contour_damaged",
    ),
    Fault(
        "an offset",
        structures(block(), each(with_offset)),
        "Contour Offset Vector, dropped from the standard",
        "contour_offset",
    ),
    Fault(
        "a sagittal contour",
        structures(sagittal()),
        "drawn on sagittal planes, read on an axial series",
        "contour_not_parallel",
    ),
    Fault(
        "a bent contour",
        structures(bent()),
        "the points of a contour are not in one plane",
        "contour_not_planar",
    ),
    Fault(
        "above the images",
        structures(block(slices=(20, 21))),
        "every contour lies beyond the last slice",
        "roi_outside_image",
    ),
    Fault(
        "beside the images",
        structures(block(low=60.5, high=70.5)),
        "every contour lies beside the images",
        "roi_outside_image",
    ),
    Fault(
        "beyond the last slice",
        structures(block(slices=(8, 9, 10))),
        "some contours lie beyond the last slice",
        "contour_outside_slices",
        "finding",
    ),
    Fault(
        "cut by the edge",
        structures(block(low=26.5, high=36.5)),
        "contours reach beyond the edge of the images",
        "contour_outside_image",
        "finding",
    ),
    Fault(
        "smaller than a voxel",
        structures(block(low=8.6, high=8.9)),
        "the contours enclose no voxel centre",
        "roi_no_voxel",
    ),
    Fault(
        "two points",
        structures([*block(), square(8, 9, 9.0)[:2]]),
        "a closed contour of two points",
        "contour_degenerate",
        "finding",
    ),
    Fault(
        "one in another",
        structures([*block(), *block(low=11.5, high=14.5)]),
        "a CLOSED_PLANAR contour wholly inside another",
        "contour_hole",
        "finding",
    ),
    Fault(
        "one across another",
        structures([*block(), *block(low=14.5, high=24.5)]),
        "CLOSED_PLANAR contours that overlap in part",
        "contour_overlap",
        "finding",
    ),
    Fault(
        "one twice",
        structures([*block(), *block()]),
        "the same contour twice",
        "contour_duplicate",
        "finding",
    ),
    Fault(
        "too many",
        structures(speckled()),
        "more overlapping contours than anything drawn has",
        "contour_too_many",
    ),
    Fault(
        "through voxel centres",
        structures(block(low=8.0, high=18.0)),
        "contours drawn through voxel centres",
        "contour_on_centres",
        "finding",
    ),
    Fault(
        "between slices",
        structures(block(slices=(3.3, 4.3, 5.3))),
        "contours off the slices, as from a series with another spacing",
        "contour_between_slices",
        "finding",
    ),
    Fault(
        "finer than the slices",
        structures(block(slices=(3, 3.33, 3.66, 4, 4.33, 4.66, 5))),
        "contours closer together than the slices",
        "contour_planes_per_slice",
        "finding",
    ),
    Fault(
        "a slice left out",
        structures(block(slices=(3, 4, 6))),
        "a slice between contours without one",
        "contour_gap",
        "finding",
    ),
    Fault(
        "every second slice",
        structures(block(slices=(2, 4, 6))),
        "drawn on every second slice, so that half of the volume is missing",
        "contour_gap",
        "finding",
    ),
    Fault(
        "a gap, filled",
        structures(block(slices=(3, 4, 6)), name="fill"),
        "a slice between contours without one, with fill_gaps=True",
        "contour_gap_filled",
        "finding",
    ),
    Fault(
        "other images",
        structures(block(), each(other_images)),
        "drawn on images that the series does not have",
        "contour_image_missing",
        "finding",
    ),
    Fault(
        "moved by a slice",
        structures(block(), shifted),
        "contours that lie on other slices than their images",
        "contour_image_shift",
        "finding",
    ),
]
