"""SEG, RTPLAN and RTDOSE made up for tests, by pydicom alone; as :mod:`tests.dicom_factory`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    RTDoseStorage,
    RTPlanStorage,
    SegmentationStorage,
)

from tests.dicom_factory import patient, save, uid

LABELMAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"

Edit = Callable[[Dataset], object]


def seg(
    path: Path,
    series: Sequence[Path],
    masks: Mapping[str, np.ndarray],
    *,
    kind: str = "BINARY",
    fractional_type: str = "PROBABILITY",
    largest: int = 255,
    omit_empty: bool = True,
    transfer_syntax: str = ExplicitVRLittleEndian,
    series_number: int = 200,
    edit: Edit | None = None,
) -> Path:
    """Write a segmentation of a series: per label an array (z, y, x) of 0 and 1, or of shares.

    Segments are numbered from 1 in the order of ``masks``; frames follow segment by segment.
    """
    images = [pydicom.dcmread(file, stop_before_pixels=True) for file in series]
    dataset = _of(images[0], "SEG", series_number, (kind, tuple(masks)))
    dataset.SOPClassUID = LABELMAP_STORAGE if kind == "LABELMAP" else SegmentationStorage
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.ContentLabel = "TEST"
    dataset.ContentCreatorName = "SECRET^CREATOR"
    dataset.SegmentationType = kind
    if kind == "FRACTIONAL":
        dataset.SegmentationFractionalType = fractional_type
        dataset.MaximumFractionalValue = largest
    dataset.SegmentSequence = Items(
        [_segment(number, label) for number, label in enumerate(masks, start=1)]
    )
    referenced = Dataset()
    referenced.SeriesInstanceUID = images[0].SeriesInstanceUID
    referenced.ReferencedInstanceSequence = Items([reference(image) for image in images])
    dataset.ReferencedSeriesSequence = Items([referenced])

    measures = Dataset()
    measures.PixelSpacing = images[0].PixelSpacing
    measures.SliceThickness = images[0].SliceThickness
    measures.SpacingBetweenSlices = images[0].SliceThickness
    orientation = Dataset()
    orientation.ImageOrientationPatient = images[0].ImageOrientationPatient
    shared = Dataset()
    shared.PixelMeasuresSequence = Items([measures])
    shared.PlaneOrientationSequence = Items([orientation])
    dataset.SharedFunctionalGroupsSequence = Items([shared])

    frames, planes = [], []
    if kind == "LABELMAP":
        arrays = list(masks.values())
        labels = sum(n * (a > 0) for n, a in enumerate(arrays, start=1)).astype(np.uint8)
        drawn = [(0, k, labels[k]) for k in range(len(images))]
    else:
        drawn = [(n, k, a[k]) for n, a in enumerate(masks.values(), start=1) for k in range(len(a))]
    for number, k, plane in drawn:
        if omit_empty and not plane.any():
            continue
        position = Dataset()
        position.ImagePositionPatient = images[k].ImagePositionPatient
        frame = Dataset()
        frame.PlanePositionSequence = Items([position])
        if number:
            identity = Dataset()
            identity.ReferencedSegmentNumber = number
            frame.SegmentIdentificationSequence = Items([identity])
        frames.append(frame)
        planes.append(np.round(plane * largest) if kind == "FRACTIONAL" else plane)
    dataset.PerFrameFunctionalGroupsSequence = Items(frames)
    dataset.NumberOfFrames = len(frames)
    bits = 1 if kind == "BINARY" else 8
    _describe_pixels(dataset, images[0].Rows, images[0].Columns, bits)
    stored = np.array(planes).astype(np.uint8)
    data = np.packbits(stored.ravel(), bitorder="little") if bits == 1 else stored
    dataset.PixelData = data.tobytes() + b"\0" * (data.nbytes % 2)
    if edit is not None:
        edit(dataset)
    return _saved(dataset, path, transfer_syntax)


def plan(
    path: Path,
    structures: Path,
    *,
    fractions: Sequence[int] = (30,),
    beam_doses_gy: Sequence[Sequence[float]] = ((1.0, 1.0),),
    targets_gy: Mapping[int, float] | None = None,
    approval: str = "APPROVED",
    intent: str = "CURATIVE",
    series_number: int = 300,
    edit: Edit | None = None,
) -> Path:
    """Write a plan on a structure set: fractions and beam doses per fraction group.

    ``targets_gy`` is the prescribed dose by ROI number; by default 60 Gy to ROI 1.
    """
    drawn = pydicom.dcmread(structures)
    targets_gy = {1: 60.0} if targets_gy is None else targets_gy
    key = (tuple(fractions), tuple(map(tuple, beam_doses_gy)), tuple(targets_gy.items()))
    dataset = _of(drawn, "RTPLAN", series_number, key)
    dataset.SOPClassUID = RTPlanStorage
    dataset.RTPlanLabel = "SECRET PLAN"
    dataset.RTPlanDate, dataset.RTPlanTime = drawn.StudyDate, "140000"
    dataset.RTPlanGeometry = "PATIENT"
    dataset.PlanIntent = intent
    dataset.ApprovalStatus = approval
    dataset.ReferencedStructureSetSequence = Items([reference(drawn)])
    prescribed = []
    for number, (roi, gy) in enumerate(targets_gy.items(), start=1):
        target = Dataset()
        target.DoseReferenceNumber = number
        target.DoseReferenceStructureType = "VOLUME"
        target.DoseReferenceDescription = "SECRET DESCRIPTION"
        target.DoseReferenceType = "TARGET"
        target.ReferencedROINumber = roi
        target.TargetPrescriptionDose = gy
        prescribed.append(target)
    dataset.DoseReferenceSequence = Items(prescribed)
    groups, beams = [], []
    for number, (n, doses) in enumerate(zip(fractions, beam_doses_gy, strict=True), start=1):
        group = Dataset()
        group.FractionGroupNumber = number
        group.NumberOfFractionsPlanned = n
        group.NumberOfBeams = len(doses)
        group.NumberOfBrachyApplicationSetups = 0
        used = []
        for gy in doses:
            beam = Dataset()
            beam.BeamNumber = len(beams) + 1
            beam.BeamName = "SECRET BEAM"
            beam.RadiationType = "PHOTON"
            beam.TreatmentDeliveryType = "TREATMENT"
            beams.append(beam)
            use = Dataset()
            use.ReferencedBeamNumber = beam.BeamNumber
            use.BeamDose = gy
            used.append(use)
        group.ReferencedBeamSequence = Items(used)
        groups.append(group)
    dataset.FractionGroupSequence = Items(groups)
    dataset.BeamSequence = Items(beams)
    if edit is not None:
        edit(dataset)
    return _saved(dataset, path, ExplicitVRLittleEndian)


def dose(
    path: Path,
    planned: Path,
    gy: np.ndarray,
    *,
    spacing_mm: tuple[float, float, float] = (2.5, 2.5, 3.0),
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    absolute: bool = False,
    descending: bool = False,
    bits: int = 32,
    units: str = "GY",
    dose_type: str = "PHYSICAL",
    summation: str = "PLAN",
    transfer_syntax: str = ExplicitVRLittleEndian,
    series_number: int = 400,
    edit: Edit | None = None,
) -> Path:
    """Write the dose ``gy`` (z, y, x) whose voxel (0, 0, 0) lies at ``origin_mm``.

    The planes are stored along the normal, or against it if ``descending``; the offsets are the
    patient's z if ``absolute``.
    """
    source = pydicom.dcmread(planned)
    dataset = _of(source, "RTDOSE", series_number, (gy.shape, bits, units, summation))
    dataset.SOPClassUID = RTDoseStorage
    dataset.DoseUnits, dataset.DoseType, dataset.DoseSummationType = units, dose_type, summation
    dataset.DoseComment = "SECRET COMMENT"
    dataset.ReferencedRTPlanSequence = Items([reference(source)])
    normal = np.cross(orientation[:3], orientation[3:])
    steps = np.arange(len(gy)) * spacing_mm[2]
    if descending:
        gy, steps = gy[::-1], steps[::-1]
    first = np.array(origin_mm) + steps[0] * normal
    dataset.ImagePositionPatient = [round(float(v), 6) for v in first]
    dataset.ImageOrientationPatient = [float(v) for v in orientation]
    dataset.PixelSpacing = [spacing_mm[1], spacing_mm[0]]
    offsets = steps - steps[0] + (first[2] if absolute else 0.0)
    dataset.GridFrameOffsetVector = [round(float(v), 6) for v in offsets]
    dataset.FrameIncrementPointer = 0x3004000C
    dataset.NumberOfFrames = len(gy)
    _describe_pixels(dataset, gy.shape[1], gy.shape[2], bits)
    largest = 2 ** min(bits, 24) - 1
    dataset.DoseGridScaling = f"{max(float(gy.max()), 1e-6) / largest:.10g}"
    stored = np.round(gy / float(dataset.DoseGridScaling)).clip(0, largest)
    dataset.PixelData = stored.astype(f"<u{bits // 8}").tobytes()
    dataset.PixelData += b"\0" * (len(dataset.PixelData) % 2)
    if edit is not None:
        edit(dataset)
    return _saved(dataset, path, transfer_syntax)


def reference(instance: Dataset) -> Dataset:
    """An item that refers to an instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = instance.SOPClassUID
    item.ReferencedSOPInstanceUID = instance.SOPInstanceUID
    return item


def _of(source: Dataset, modality: str, series_number: int, key: object) -> Dataset:
    """A data set of the same patient, study and frame of reference, with UIDs of its own."""
    study = str(source.StudyInstanceUID)
    dataset = patient(str(source.PatientID), str(source.StudyDate), modality, study)
    what = (modality, str(source.SOPInstanceUID), series_number, key)
    dataset.SOPInstanceUID = uid("instance", *what)
    dataset.SeriesInstanceUID = uid("series", *what)
    dataset.SeriesNumber = series_number
    dataset.InstanceNumber = 1
    dataset.FrameOfReferenceUID = source.FrameOfReferenceUID
    dataset.PositionReferenceIndicator = ""
    return dataset


def _segment(number: int, label: str) -> Dataset:
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = label
    item.SegmentDescription = "SECRET DESCRIPTION"
    item.SegmentAlgorithmType = "MANUAL"
    item.SegmentedPropertyCategoryCodeSequence = Items(
        [_code("49755003", "Morphologically Abnormal Structure")]
    )
    item.SegmentedPropertyTypeCodeSequence = Items([_code("108369006", "Neoplasm")])
    return item


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "SCT", meaning
    return code


def _describe_pixels(dataset: Dataset, rows: int, columns: int, bits: int) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = int(rows), int(columns)
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 0


def _saved(dataset: Dataset, path: Path, transfer_syntax: str) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if transfer_syntax == ExplicitVRBigEndian and dataset.BitsAllocated == 8:
        # values of 8 bits are written in words of 16 (OW), whose bytes big-endian files exchange
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()
    return save(dataset, path, transfer_syntax)
