"""DICOM series and structure sets made up for tests: small, deterministic, with planted secrets.

Every UID is derived from the arguments, so that two calls with the same arguments write the same
bytes; two objects differ in their UIDs as soon as their patient, date, series number, modality or
geometry differ. Every object carries ``SECRETS``, which must never come out of the library.

``edit`` functions are called with each data set and its slice index after everything is filled in
(RTSTRUCT: with the data set alone); they may plant any fault. Setting ``dataset.PixelData`` there
is allowed for uncompressed transfer syntaxes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    RTStructureSetStorage,
)

SECRETS = ("SECRET", "19420713", "SECRETACC")
"""Name, birth date and accession number planted in every object (and nowhere else)."""

STORAGE = {
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "PT": PositronEmissionTomographyImageStorage,
}
UNCOMPRESSED = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)

Edit = Callable[[Dataset, int], object]


def uid(*parts: object) -> str:
    """A UID that depends on the arguments alone."""
    digest = hashlib.sha256("|".join(map(repr, parts)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:15], 'big')}"


def phantom(shape: tuple[int, int, int]) -> np.ndarray:
    """HU of a soft-tissue block in air whose voxels all differ along every axis, (z, y, x)."""
    z, y, x = np.indices(shape)
    hu = 10 * z + y - x + 40
    air = (y < 2) | (x < 2)
    return np.where(air, -1000, hu).astype(np.int32)


def patient(patient_id: str, date: str, modality: str, study_uid: str) -> Dataset:
    """The attributes every object shares, secrets included."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "SECRET^NAME"
    dataset.PatientID = patient_id
    dataset.PatientBirthDate = "19420713"
    dataset.PatientSex = "O"
    dataset.AccessionNumber = "SECRETACC"
    dataset.ReferringPhysicianName = "SECRET^PHYSICIAN"
    dataset.StudyInstanceUID = study_uid
    dataset.StudyID = "1"
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = date
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = "120000"
    dataset.Modality = modality
    dataset.Manufacturer = "FACTORY"
    return dataset


def ct_series(
    folder: Path,
    *,
    patient_id: str = "P1",
    date: str = "20200101",
    n_slices: int = 10,
    size: tuple[int, int] = (32, 32),
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 3.0),
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    voxels: np.ndarray | None = None,
    modality: str = "CT",
    study_uid: str | None = None,
    series_uid: str | None = None,
    frame_uid: str | None = None,
    transfer_syntax: str = ExplicitVRLittleEndian,
    slope: float = 1.0,
    intercept: float = -1024.0,
    signed: bool = False,
    series_number: int = 1,
    edit: Edit | None = None,
) -> list[Path]:
    """Write an axial (or oblique) series, one file per slice; return the files by slice.

    ``size`` is (columns, rows), ``spacing_mm`` and ``origin_mm`` are x, y, z of the image;
    ``voxels`` are HU of shape (z, y, x), by default :func:`phantom` (not below 0 unless CT).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if voxels is None:
        voxels = phantom((n_slices, size[1], size[0]))
        voxels = voxels if modality == "CT" else voxels - voxels.min()
    key = (patient_id, date, modality, series_number, voxels.shape, *spacing_mm, *origin_mm)
    key += tuple(map(float, orientation))
    study_uid = study_uid or uid("study", patient_id, date)
    frame_uid = frame_uid or uid("frame", *key)
    series_uid = series_uid or uid("series", *key)
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    normal = np.cross(row, column)

    files = []
    for k, plane in enumerate(voxels):
        dataset = patient(patient_id, date, modality, study_uid)
        dataset.SOPClassUID = STORAGE[modality]
        dataset.SOPInstanceUID = uid("instance", series_uid, k)
        dataset.SeriesInstanceUID = series_uid
        dataset.SeriesNumber = series_number
        dataset.InstanceNumber = k + 1
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.FrameOfReferenceUID = frame_uid
        dataset.PositionReferenceIndicator = ""
        dataset.AcquisitionNumber = 1
        dataset.AcquisitionDate, dataset.AcquisitionTime = date, "120000"
        dataset.PatientPosition = "HFS"
        dataset.ImageOrientationPatient = [float(v) for v in orientation]
        position = np.array(origin_mm, float) + k * spacing_mm[2] * normal
        dataset.ImagePositionPatient = [round(float(v), 6) for v in position]
        dataset.PixelSpacing = [float(spacing_mm[1]), float(spacing_mm[0])]
        dataset.SliceThickness = float(spacing_mm[2])
        if modality == "CT":
            dataset.KVP, dataset.ConvolutionKernel = 120, "STANDARD"
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.Rows, dataset.Columns = (int(n) for n in plane.shape)
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit = 15
        dataset.PixelRepresentation = int(signed)
        if modality != "MR":
            dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
        if modality == "CT":
            dataset.RescaleType = "HU"
        dataset.PixelData = stored(plane, slope, intercept, signed).tobytes()
        if edit is not None:
            edit(dataset, k)
        files.append(save(dataset, folder / f"{modality}{k:04d}.dcm", transfer_syntax))
    return files


def mr_series(folder: Path, **options: object) -> list[Path]:
    """As :func:`ct_series` for MR: no rescale, unsigned, stored values are the voxels."""
    return ct_series(folder, **{"modality": "MR", "intercept": 0.0, **options})  # type: ignore[arg-type]


def pet_series(
    folder: Path,
    *,
    weight_kg: float = 70.0,
    dose_bq: float = 350e6,
    half_life_s: float = 6586.2,
    injection_time: str = "110000",
    edit: Edit | None = None,
    **options: object,
) -> list[Path]:
    """As :func:`ct_series` for FDG PET in Bq/ml, decay-corrected to the start (12:00:00)."""

    def fill(dataset: Dataset, k: int) -> None:
        dataset.PatientWeight = weight_kg
        dataset.Units = "BQML"
        dataset.DecayCorrection = "START"
        dataset.CorrectedImage = ["DECY", "ATTN", "SCAT"]
        dataset.SeriesType = ["STATIC", "IMAGE"]
        tracer = Dataset()
        tracer.RadionuclideTotalDose = dose_bq
        tracer.RadionuclideHalfLife = half_life_s
        tracer.RadiopharmaceuticalStartTime = injection_time
        dataset.RadiopharmaceuticalInformationSequence = Items([tracer])
        if edit is not None:
            edit(dataset, k)

    return ct_series(
        folder,
        edit=fill,
        **{"modality": "PT", "intercept": 0.0, **options},  # type: ignore[arg-type]
    )


def stored(plane: np.ndarray, slope: float, intercept: float, signed: bool) -> np.ndarray:
    """The stored values, little-endian, of a plane of HU; refuses what 16 bits cannot hold."""
    kind = np.dtype("<i2" if signed else "<u2")
    values = np.round((np.asarray(plane, float) - intercept) / slope)
    if values.min() < np.iinfo(kind).min or values.max() > np.iinfo(kind).max:
        raise ValueError("the voxels do not fit 16 bits with this slope and intercept")
    return values.astype(kind)


def save(dataset: Dataset, path: Path, transfer_syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write a data set, whose pixel data are little-endian words, in that transfer syntax."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.ImplementationClassUID = "2.25.1"
    plain = transfer_syntax in UNCOMPRESSED
    meta.TransferSyntaxUID = transfer_syntax if plain else ExplicitVRLittleEndian
    dataset.file_meta = meta
    if "PixelData" in dataset:
        dataset["PixelData"].VR = "OW"
        if transfer_syntax == ExplicitVRBigEndian:
            words = np.frombuffer(dataset.PixelData, f"<u{dataset.BitsAllocated // 8}")
            dataset.PixelData = words.astype(words.dtype.newbyteorder(">")).tobytes()
    if transfer_syntax in (RLELossless, JPEGLSLossless):
        dataset.compress(transfer_syntax, generate_instance_uid=False)
    dataset.save_as(path, enforce_file_format=True)
    if not plain and transfer_syntax not in (RLELossless, JPEGLSLossless):
        _compress_with_gdcm(path, transfer_syntax)
    return path


def _compress_with_gdcm(path: Path, transfer_syntax: str) -> None:
    import gdcm

    known = {
        JPEG2000Lossless: gdcm.TransferSyntax.JPEG2000Lossless,
        JPEGLosslessSV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    }
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(known[transfer_syntax]))  # type: ignore[index]
    if not reader.Read():
        raise ValueError(f"{path.name}: GDCM does not read it")
    change.SetInput(reader.GetImage())
    if not change.Change():
        raise ValueError(f"{path.name}: GDCM does not compress it")
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    if not writer.Write():
        raise ValueError(f"{path.name}: GDCM does not write it")


def rtstruct(
    path: Path,
    series: Sequence[Path],
    rois: Mapping[str, Sequence[np.ndarray]],
    *,
    geometric_type: str = "CLOSED_PLANAR",
    date: str | None = None,
    interpreted_type: str = "GTV",
    series_number: int = 100,
    edit: Callable[[Dataset], object] | None = None,
) -> Path:
    """Write a structure set on a series: per ROI name a sequence of contours, (k, 3) in mm.

    Each contour references the image nearest to its first point along the slice normal. An ROI
    without contours gets an item without a Contour Sequence, as planning systems write it.
    """
    import pydicom

    images = [pydicom.dcmread(file, stop_before_pixels=True) for file in series]
    first = images[0]
    when = date or str(first.SeriesDate)
    dataset = patient(str(first.PatientID), when, "RTSTRUCT", str(first.StudyInstanceUID))
    series_key = ("rtstruct", str(first.SeriesInstanceUID), series_number, tuple(rois))
    dataset.SOPClassUID = RTStructureSetStorage
    dataset.SOPInstanceUID = uid("instance", *series_key)
    dataset.SeriesInstanceUID = uid("series", *series_key)
    dataset.SeriesNumber = series_number
    dataset.InstanceNumber = 1
    dataset.FrameOfReferenceUID = first.FrameOfReferenceUID
    dataset.StructureSetLabel = "TEST"
    dataset.StructureSetDate, dataset.StructureSetTime = when, "130000"
    dataset.ApprovalStatus = "UNAPPROVED"

    in_series = Dataset()
    in_series.SeriesInstanceUID = first.SeriesInstanceUID
    in_series.ContourImageSequence = Items([_reference(image) for image in images])
    in_study = Dataset()
    in_study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"
    in_study.ReferencedSOPInstanceUID = first.StudyInstanceUID
    in_study.RTReferencedSeriesSequence = Items([in_series])
    frame = Dataset()
    frame.FrameOfReferenceUID = first.FrameOfReferenceUID
    frame.RTReferencedStudySequence = Items([in_study])
    dataset.ReferencedFrameOfReferenceSequence = Items([frame])

    orientation = np.array(first.ImageOrientationPatient, float)
    normal = np.cross(orientation[:3], orientation[3:])
    heights = np.array([np.array(i.ImagePositionPatient, float) @ normal for i in images])
    names, contours_of, observations = [], [], []
    for number, (name, contours) in enumerate(rois.items(), start=1):
        roi = Dataset()
        roi.ROINumber = number
        roi.ReferencedFrameOfReferenceUID = first.FrameOfReferenceUID
        roi.ROIName = name
        roi.ROIGenerationAlgorithm = "MANUAL"
        names.append(roi)
        drawn = Dataset()
        drawn.ROIDisplayColor = [255, 0, 0]
        drawn.ReferencedROINumber = number
        planes = []
        for points in contours:
            points = np.asarray(points, float)
            plane = Dataset()
            nearest = int(np.abs(heights - points[0] @ normal).argmin())
            plane.ContourImageSequence = Items([_reference(images[nearest])])
            plane.ContourGeometricType = geometric_type
            plane.NumberOfContourPoints = len(points)
            plane.ContourData = [round(float(v), 6) for v in points.ravel()]
            planes.append(plane)
        if planes:
            drawn.ContourSequence = Items(planes)
        contours_of.append(drawn)
        observation = Dataset()
        observation.ObservationNumber = observation.ReferencedROINumber = number
        observation.RTROIInterpretedType = interpreted_type
        observation.ROIInterpreter = "SECRET^INTERPRETER"
        observations.append(observation)
    dataset.StructureSetROISequence = Items(names)
    dataset.ROIContourSequence = Items(contours_of)
    dataset.RTROIObservationsSequence = Items(observations)
    if edit is not None:
        edit(dataset)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return save(dataset, path)


def _reference(image: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item
