"""Every fault of a segmentation, a plan or a dose that the readers know, as dicom_faults.

Each ``make`` writes a faulty object into an empty folder and returns it; ``look`` reads it and
returns the findings. ``outcome`` is ``"refused"`` where reading must raise an error with ``code``,
``"finding"`` where a finding with ``code`` tells what was done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from tests import dicom_factory as factory
from tests import dicom_factory_rt as factory_rt
from tests.dicom_faults import put
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.segments.seg import SegSegment
from tumor_response.imaging.dicom.series.series import read_series_geometry
from tumor_response.imaging.dicom.treatment.dose import read_dose
from tumor_response.imaging.dicom.treatment.dose_in_mask import mean_dose_gy
from tumor_response.imaging.dicom.treatment.plan import read_plan
from tumor_response.imaging.findings import Finding

SIZE = (12, 10, 8)  # columns, rows, slices


@dataclass(frozen=True)
class Fault:
    kind: Literal["SEG", "RTPLAN", "RTDOSE"]
    name: str
    make: Callable[[Path], Path]
    what: str
    code: str
    names: str = ""
    outcome: Literal["refused", "finding"] = "refused"

    def look(self, file: Path) -> tuple[Finding, ...]:
        return {"SEG": look_seg, "RTPLAN": look_plan, "RTDOSE": look_dose}[self.kind](file)


def ct(folder: Path, **options: object) -> list[Path]:
    return factory.ct_series(folder / "ct", n_slices=SIZE[2], size=SIZE[:2], **options)  # type: ignore[arg-type]


def block() -> np.ndarray:
    """A tumour on slices 3 to 6 (z index 2 to 5), frames 1 to 4 of its segmentation."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[2:6, 3:7, 4:9] = 1
    mask[3, 3, 4] = 0
    return mask


def look_seg(file: Path) -> tuple[Finding, ...]:
    files = tuple(DicomFile(f) for f in sorted((file.parent / "ct").iterdir()))
    return SegSegment(DicomFile(file), 1, "GTV").findings(read_series_geometry(files).grid)


def look_plan(file: Path) -> tuple[Finding, ...]:
    return read_plan(DicomFile(file)).findings


def look_dose(file: Path) -> tuple[Finding, ...]:
    """Read the dose, and its mean in a block at 5 to 10 mm of each axis."""
    dose = read_dose(DicomFile(file))
    mask = sitk.GetImageFromArray(np.ones((6, 6, 6), np.uint8))
    mask.SetOrigin((5.0, 5.0, 5.0))
    return dose.findings + mean_dose_gy(dose, mask).findings


def seg(
    edit: Callable[[Dataset], object] | None = None, **options: object
) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        return factory_rt.seg(
            folder / "seg.dcm", ct(folder), {"GTV": block()}, edit=edit, **options
        )  # type: ignore[arg-type]

    return make


def drawn_on(**options: object) -> Callable[[Path], Path]:
    """A segmentation of another series than the one it is read on."""

    def make(folder: Path) -> Path:
        other = factory.ct_series(
            folder / "other",
            n_slices=SIZE[2],
            size=SIZE[:2],
            **options,  # type: ignore[arg-type]
        )
        ct(folder)
        return factory_rt.seg(folder / "seg.dcm", other, {"GTV": block()})

    return make


def frame(dataset: Dataset, index: int) -> Dataset:
    return dataset.PerFrameFunctionalGroupsSequence[index]  # type: ignore[no-any-return]


def moved(dataset: Dataset, index: int, x: float = 0.0, z: float = 0.0) -> None:
    plane = frame(dataset, index).PlanePositionSequence[0]
    position = np.add(np.array(plane.ImagePositionPatient, float), (x, 0.0, z))
    plane.ImagePositionPatient = [float(v) for v in position]


def frame_moved(**by: float) -> Callable[[Dataset], None]:
    return lambda dataset: moved(dataset, 2, **by)


def all_moved(**by: float) -> Callable[[Dataset], None]:
    def change(dataset: Dataset) -> None:
        for index in range(4):
            moved(dataset, index, **by)

    return change


def turned(dataset: Dataset) -> None:
    shared = dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    shared.ImageOrientationPatient = [0.99619, 0.08716, 0, -0.08716, 0.99619, 0]


def tilted(dataset: Dataset) -> None:
    shared = dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    shared.ImageOrientationPatient = [1, 0, 0, 0, 0.99619, 0.08716]


def without_position(dataset: Dataset) -> None:
    del frame(dataset, 1).PlanePositionSequence


def without_segment(dataset: Dataset) -> None:
    del frame(dataset, 1).SegmentIdentificationSequence


def in_segment(**values: object) -> Callable[[Dataset], None]:
    return lambda dataset: put(**values)(dataset.SegmentSequence[0])


def numbered_twice(dataset: Dataset) -> None:
    dataset.SegmentSequence.append(dataset.SegmentSequence[0])


def not_all_frames(dataset: Dataset) -> None:
    dataset.NumberOfFrames = 3


def short(dataset: Dataset) -> None:
    dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 2 // 2 * 2]


def over_the_largest(dataset: Dataset) -> None:
    dataset.MaximumFractionalValue = 100


def rest_outside(folder: Path) -> Path:
    """Drawn on the whole series, read on the half of it that is left."""
    series = ct(folder)
    written = factory_rt.seg(folder / "seg.dcm", series, {"GTV": block()})
    for path in series[4:]:
        path.unlink()
    return written


def every_second_slice(folder: Path) -> Path:
    """Drawn on slices of 6 mm, read on slices of 3 mm."""
    coarse = factory.ct_series(
        folder / "coarse", n_slices=4, size=SIZE[:2], spacing_mm=(1.0, 1.0, 6.0)
    )
    ct(folder)
    return factory_rt.seg(folder / "seg.dcm", coarse, {"GTV": block()[2:6]})


def halves(folder: Path) -> Path:
    """Drawn on slices of 1.5 mm, read on slices of 3 mm."""
    fine = factory.ct_series(folder / "fine", n_slices=4, size=SIZE[:2], spacing_mm=(1.0, 1.0, 1.5))
    ct(folder)
    return factory_rt.seg(folder / "seg.dcm", fine, {"GTV": block()[2:6]})


def twice_on_a_slice(dataset: Dataset) -> None:
    moved(dataset, 2, z=-3.0)


def no_segmentation(folder: Path) -> Path:
    series = ct(folder)
    copy = folder / "seg.dcm"
    copy.write_bytes(series[0].read_bytes())
    return copy


def one_bit_compressed(folder: Path) -> Path:
    """The same bytes under the name of a compressed transfer syntax (of the same length)."""
    path = seg()(folder)
    syntax = ExplicitVRLittleEndian.encode() + b"\0"
    named = path.read_bytes().replace(syntax, RLELossless.encode() + b"\0", 1)
    path.write_bytes(named)
    return path


def not_dicom(folder: Path) -> Path:
    ct(folder)
    path = folder / "object.dcm"
    path.write_bytes(b"not a DICOM object" * 20)
    return path


def structures(folder: Path) -> Path:
    square = np.array([[4, 4, 6], [8, 4, 6], [8, 8, 6], [4, 8, 6]], float)
    return factory.rtstruct(folder / "rs.dcm", ct(folder), {"GTV": [square]})


def plan(
    edit: Callable[[Dataset], object] | None = None, **options: object
) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        return factory_rt.plan(folder / "plan.dcm", structures(folder), edit=edit, **options)  # type: ignore[arg-type]

    return make


def in_group(**values: object) -> Callable[[Dataset], None]:
    return lambda dataset: put(**values)(dataset.FractionGroupSequence[0])


def without_prescription(dataset: Dataset) -> None:
    del dataset.DoseReferenceSequence
    del dataset.FractionGroupSequence[0].ReferencedBeamSequence[1].BeamDose
    dataset.FractionGroupSequence[0].ReferencedBeamSequence[1].BeamMeterset = 100.0


def uniform_gy() -> np.ndarray:
    return np.full((6, 8, 8), 60.0)


def dose(
    edit: Callable[[Dataset], object] | None = None, **options: object
) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        return factory_rt.dose(
            folder / "dose.dcm",
            plan()(folder),
            edit=edit,
            **{"gy": uniform_gy(), **options},  # type: ignore[arg-type]
        )

    return make


def offsets(*values: float) -> Callable[[Dataset], None]:
    return put(GridFrameOffsetVector=list(values))


SEG_FAULTS = [
    Fault(
        "SEG", "not DICOM", not_dicom, "bytes that are no DICOM object", "not_dicom", "object.dcm"
    ),
    Fault(
        "SEG",
        "no segmentation",
        no_segmentation,
        "a CT image where the SEG should be",
        "sop_class",
        "seg.dcm",
    ),
    Fault(
        "SEG",
        "unknown kind",
        seg(put(SegmentationType="CONTOUR")),
        "a Segmentation Type that there is not",
        "segmentation_damaged",
        "BINARY, FRACTIONAL",
    ),
    Fault(
        "SEG",
        "unknown share",
        seg(put(SegmentationFractionalType=None), kind="FRACTIONAL"),
        "shares that are neither probability nor occupancy",
        "segmentation_damaged",
        "Fractional Type",
    ),
    Fault(
        "SEG",
        "segment without number",
        seg(in_segment(SegmentNumber=None)),
        "a segment that nothing can refer to",
        "segmentation_damaged",
        "no number",
    ),
    Fault(
        "SEG",
        "segment numbered twice",
        seg(numbered_twice),
        "two segments of one number",
        "segmentation_damaged",
        "number 1",
    ),
    Fault(
        "SEG",
        "segment gone",
        seg(in_segment(SegmentNumber=7)),
        "a segment that is not there (any more)",
        "segment_missing",
        "there are: 7 'GTV'",
    ),
    Fault(
        "SEG",
        "segment of another name",
        seg(in_segment(SegmentLabel="LIVER")),
        "a segment that has another label by now",
        "segment_missing",
        "1 'LIVER'",
    ),
    Fault(
        "SEG",
        "frames do not add up",
        seg(not_all_frames),
        "Number of Frames 3, four frames described",
        "segmentation_damaged",
        "3 frames and describes 4",
    ),
    Fault(
        "SEG",
        "frame without position",
        seg(without_position),
        "no Plane Position",
        "segmentation_damaged",
        "frame 2",
    ),
    Fault(
        "SEG",
        "frame of no segment",
        seg(without_segment),
        "no Segment Identification",
        "segmentation_damaged",
        "frame 2",
    ),
    Fault(
        "SEG",
        "over the largest value",
        seg(over_the_largest, kind="FRACTIONAL"),
        "values over the Maximum Fractional Value",
        "segmentation_damaged",
        "frame 1",
    ),
    Fault(
        "SEG",
        "no largest value",
        seg(put(MaximumFractionalValue=0), kind="FRACTIONAL"),
        "Maximum Fractional Value 0",
        "segmentation_damaged",
        "Maximum Fractional",
    ),
    Fault(
        "SEG",
        "another origin",
        drawn_on(origin_mm=(0.4, 0.0, 0.0)),
        "drawn on a series that lies 0.4 mm beside",
        "geometry_mismatch",
        "frames (1, 2, 3, 4)",
    ),
    Fault(
        "SEG",
        "another pixel spacing",
        drawn_on(spacing_mm=(1.1, 1.1, 3.0)),
        "drawn on a series with pixels of 1.1 mm",
        "geometry_mismatch",
        "frames (1, 2, 3, 4)",
    ),
    Fault(
        "SEG",
        "half the pixel spacing",
        drawn_on(spacing_mm=(0.25, 0.25, 3.0)),
        "drawn on a series with pixels of 0.25 mm",
        "geometry_mismatch",
        "smaller pixels",
    ),
    Fault(
        "SEG",
        "turned",
        seg(turned),
        "planes turned by 5 degrees within themselves",
        "geometry_mismatch",
        "frames (1, 2, 3, 4)",
    ),
    Fault(
        "SEG",
        "tilted",
        seg(tilted),
        "planes tilted by 5 degrees",
        "geometry_mismatch",
        "frames (1, 2, 3, 4)",
    ),
    Fault(
        "SEG",
        "one frame beside",
        seg(frame_moved(x=1.5)),
        "a frame that lies 1.5 mm beside the others",
        "geometry_mismatch",
        "frames (3)",
    ),
    Fault(
        "SEG",
        "one frame between slices",
        seg(frame_moved(z=1.0)),
        "a frame that lies between two slices",
        "geometry_mismatch",
        "frames (3)",
    ),
    Fault(
        "SEG",
        "half-way",
        seg(all_moved(z=1.5)),
        "every frame half-way between two slices",
        "geometry_mismatch",
        "half-way",
    ),
    Fault(
        "SEG",
        "thicker slices",
        every_second_slice,
        "drawn on slices of 6 mm, read on 3 mm",
        "geometry_mismatch",
        "6 mm",
    ),
    Fault(
        "SEG",
        "thinner slices",
        halves,
        "drawn on slices of 1.5 mm, read on 3 mm",
        "geometry_mismatch",
        "frames (2, 4)",
    ),
    Fault(
        "SEG",
        "two frames on a slice",
        seg(twice_on_a_slice),
        "two frames of one segment at one position",
        "geometry_mismatch",
        "frames (2, 3)",
    ),
    Fault(
        "SEG",
        "outside of the image",
        rest_outside,
        "slices of the tumour that the image has not",
        "geometry_mismatch",
        "frames (3, 4)",
    ),
    Fault(
        "SEG",
        "far away",
        seg(frame_moved(x=1e8)),
        "a frame 100 km from the patient",
        "geometry_mismatch",
        "frames (3)",
    ),
    Fault("SEG", "short pixels", seg(short), "half of the pixel data", "pixel_data", "one-bit"),
    Fault(
        "SEG",
        "hostile size",
        seg(put(Rows=65535, Columns=65535)),
        "a header that claims 65,535 x 65,535 pixels",
        "pixel_data",
        "65535",
    ),
    Fault(
        "SEG",
        "hostile number of frames",
        seg(put(NumberOfFrames=2_000_000_000)),
        "a header that claims two billion frames",
        "segmentation_damaged",
        "2000000000",
    ),
    Fault(
        "SEG",
        "another depth",
        seg(put(BitsAllocated=16)),
        "a BINARY segmentation of 16 bits",
        "pixel_format",
        "16 bits",
    ),
    Fault(
        "SEG",
        "compressed bits",
        one_bit_compressed,
        "one-bit pixels in a compressed transfer syntax",
        "transfer_syntax",
        "one bit",
    ),
    Fault(
        "SEG",
        "shares",
        seg(kind="FRACTIONAL"),
        "a FRACTIONAL segmentation",
        "segment_fractional",
        "probability",
        "finding",
    ),
    Fault(
        "SEG",
        "off the slices",
        seg(all_moved(z=0.6)),
        "every frame 0.6 mm off its slice",
        "segment_off_slice",
        "0.6 mm",
        "finding",
    ),
]
PLAN_FAULTS = [
    Fault(
        "RTPLAN",
        "not DICOM",
        not_dicom,
        "bytes that are no DICOM object",
        "not_dicom",
        "object.dcm",
    ),
    Fault(
        "RTPLAN",
        "no plan",
        structures,
        "a structure set where the plan should be",
        "sop_class",
        "rs.dcm",
    ),
    Fault(
        "RTPLAN",
        "dose in cGy",
        plan(targets_gy={1: 6000.0}),
        "6000 where Gy are to be written",
        "plan_implausible",
        "6000 Gy",
    ),
    Fault(
        "RTPLAN",
        "no fraction",
        plan(in_group(NumberOfFractionsPlanned=0)),
        "zero fractions",
        "plan_implausible",
        "0 fractions",
    ),
    Fault(
        "RTPLAN",
        "too many fractions",
        plan(in_group(NumberOfFractionsPlanned=10**6)),
        "a million fractions",
        "plan_implausible",
        "1000000 fractions",
    ),
    Fault(
        "RTPLAN",
        "not approved",
        plan(approval="UNAPPROVED"),
        "a plan that nobody approved",
        "plan_not_approved",
        "unapproved",
        "finding",
    ),
    Fault(
        "RTPLAN",
        "boost",
        plan(fractions=(25, 5), beam_doses_gy=((2.0,), (2.0,))),
        "two fraction groups",
        "plan_fraction_groups",
        "25, 5",
        "finding",
    ),
    Fault(
        "RTPLAN",
        "no prescription",
        plan(without_prescription),
        "no target dose, and a beam without dose",
        "plan_without_dose",
        "dose of every beam",
        "finding",
    ),
    Fault(
        "RTPLAN",
        "fractions left open",
        plan(in_group(NumberOfFractionsPlanned=None)),
        "no number of fractions",
        "plan_without_dose",
        "no number of fractions",
        "finding",
    ),
    Fault(
        "RTPLAN",
        "brachytherapy",
        plan(in_group(NumberOfBrachyApplicationSetups=1)),
        "application setups",
        "plan_brachytherapy",
        "dose rate",
        "finding",
    ),
]
DOSE_FAULTS = [
    Fault(
        "RTDOSE",
        "not DICOM",
        not_dicom,
        "bytes that are no DICOM object",
        "not_dicom",
        "object.dcm",
    ),
    Fault("RTDOSE", "no dose", plan(), "a plan where the dose should be", "sop_class", "plan.dcm"),
    Fault(
        "RTDOSE", "relative", dose(units="RELATIVE"), "percent instead of Gy", "dose_kind", "units"
    ),
    Fault(
        "RTDOSE",
        "difference",
        dose(dose_type="ERROR"),
        "the difference of two doses",
        "dose_kind",
        "difference",
    ),
    Fault("RTDOSE", "one beam", dose(summation="BEAM"), "the dose of a beam", "dose_kind", "beam"),
    Fault(
        "RTDOSE",
        "one fraction group",
        dose(summation="FRACTION"),
        "the dose of a fraction group",
        "dose_kind",
        "fraction group",
    ),
    Fault(
        "RTDOSE",
        "no scaling",
        dose(put(DoseGridScaling=None)),
        "no Dose Grid Scaling",
        "dose_scaling",
        "DoseGridScaling",
    ),
    Fault(
        "RTDOSE",
        "scaling of zero",
        dose(put(DoseGridScaling=0)),
        "Dose Grid Scaling 0",
        "dose_scaling",
        "DoseGridScaling",
    ),
    Fault(
        "RTDOSE",
        "uneven planes",
        dose(offsets(0, 3, 6, 10, 13, 16)),
        "a gap between two planes",
        "dose_grid",
        "evenly",
    ),
    Fault(
        "RTDOSE",
        "planes at one place",
        dose(offsets(0, 0, 0, 0, 0, 0)),
        "frame offsets that are all 0",
        "dose_grid",
        "evenly",
    ),
    Fault(
        "RTDOSE",
        "not all planes",
        dose(offsets(0, 3, 6)),
        "three frame offsets for six planes",
        "dicom_attribute",
        "GridFrameOffsetVector",
    ),
    Fault(
        "RTDOSE",
        "no offsets",
        dose(put(GridFrameOffsetVector=None)),
        "no Grid Frame Offset Vector",
        "dose_grid",
        "where its planes lie",
    ),
    Fault(
        "RTDOSE",
        "offsets of neither kind",
        dose(offsets(7, 10, 13, 16, 19, 22)),
        "a first offset that is neither 0 nor the z of the position",
        "dose_grid",
        "first frame offset",
    ),
    Fault(
        "RTDOSE",
        "absolute but oblique",
        dose(absolute=True, origin_mm=(0, 0, 5.0), orientation=(-1, 0, 0, 0, -1, 0)),
        "z as offsets in a grid that is not (1,0,0,0,1,0)",
        "dose_grid",
        "transverse",
    ),
    Fault(
        "RTDOSE",
        "skewed",
        dose(put(ImageOrientationPatient=[1, 0, 0, 0.5, 1, 0])),
        "rows and columns that are not perpendicular",
        "dose_grid",
        "perpendicular",
    ),
    Fault(
        "RTDOSE",
        "a single plane",
        dose(gy=np.full((1, 8, 8), 60.0)),
        "a dose in one plane",
        "dose_grid",
        "single plane",
    ),
    Fault(
        "RTDOSE",
        "no position",
        dose(put(ImagePositionPatient=None)),
        "no Image Position",
        "dose_grid",
        "no position",
    ),
    Fault(
        "RTDOSE",
        "signed",
        dose(put(PixelRepresentation=1)),
        "signed stored values",
        "pixel_format",
        "signed",
    ),
    Fault(
        "RTDOSE", "short pixels", dose(short), "half of the pixel data", "pixel_data", "dose.dcm"
    ),
    Fault(
        "RTDOSE",
        "hostile size",
        dose(put(NumberOfFrames=200_000, Rows=4096, Columns=4096)),
        "a header that claims 3 x 10^12 voxels",
        "dose_grid",
        "voxels",
    ),
    Fault(
        "RTDOSE",
        "effective dose",
        dose(dose_type="EFFECTIVE"),
        "weighted by an RBE",
        "dose_effective",
        "effective",
        "finding",
    ),
    Fault(
        "RTDOSE",
        "dose in cGy",
        dose(gy=np.full((6, 8, 8), 6000.0)),
        "6000 Gy",
        "dose_suspicious",
        "6000 Gy",
        "finding",
    ),
    Fault(
        "RTDOSE",
        "grid too small",
        dose(gy=np.full((3, 8, 8), 60.0)),
        "a grid that ends within the tumour",
        "dose_not_covering",
        "33.3 %",
        "finding",
    ),
]
RT_FAULTS = SEG_FAULTS + PLAN_FAULTS + DOSE_FAULTS
