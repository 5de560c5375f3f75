"""CT series as DICOM files: of a NIfTI image, or of an image in place of that of real files."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian


def uid(*parts: object) -> str:
    """Return a UID that depends on the arguments alone."""
    digest = hashlib.sha256("|".join(map(repr, parts)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:15], 'big')}"


def write_ct(
    folder: Path, image: sitk.Image, patient_id: str, sex: str, day: date, name: str
) -> None:
    """Write an axial CT of whole HU as one file per slice."""
    folder.mkdir(parents=True)
    voxels = sitk.GetArrayFromImage(image)
    x_mm, y_mm, z_mm = image.GetSpacing()
    for k, plane in enumerate(voxels):
        dataset = Dataset()
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.PatientName = f"SIMULATED^{patient_id}"
        dataset.PatientID, dataset.PatientSex, dataset.PatientBirthDate = patient_id, sex, ""
        dataset.StudyInstanceUID = uid("study", patient_id, name)
        dataset.StudyID, dataset.AccessionNumber, dataset.ReferringPhysicianName = "1", "", ""
        dataset.Modality, dataset.Manufacturer = "CT", "SIMULATED"
        dataset.KVP, dataset.PatientPosition = 120, "HFS"
        dataset.SOPClassUID = CTImageStorage
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.SeriesNumber, dataset.AcquisitionNumber, dataset.InstanceNumber = 1, 1, k + 1
        dataset.PositionReferenceIndicator = ""
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        corner = image.TransformIndexToPhysicalPoint((0, 0, k))
        dataset.ImagePositionPatient = [round(float(mm), 4) for mm in corner]
        dataset.PixelSpacing, dataset.SliceThickness = [y_mm, x_mm], z_mm
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.Rows, dataset.Columns = plane.shape
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation = 15, 1
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, 0, "HU"
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        _finish(dataset, plane, (patient_id, name), k, day)
        dataset.save_as(folder / f"CT_{k:04d}.dcm", enforce_file_format=True)


def rewrite_ct(folder: Path, series: list[Path], image: sitk.Image, day: date, name: str) -> None:
    """Write a series with the headers of real files (in the order of ``image``) and new voxels."""
    folder.mkdir(parents=True)
    voxels = sitk.GetArrayFromImage(image)
    for k, (file, plane) in enumerate(zip(series, voxels, strict=True)):
        dataset = pydicom.dcmread(file)
        dataset.StudyInstanceUID = uid("study", str(dataset.PatientID), name)
        slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
        stored = np.round((plane - intercept) / slope)
        _finish(dataset, stored, (str(dataset.PatientID), name), k, day)
        dataset.save_as(folder / f"CT_{k:04d}.dcm")


def _finish(dataset: Dataset, stored: np.ndarray, key: tuple[str, str], k: int, day: date) -> None:
    dataset.SOPInstanceUID = uid("instance", *key, k)
    dataset.SeriesInstanceUID = uid("series", *key)
    dataset.FrameOfReferenceUID = uid("frame", *key)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    for element in ("StudyDate", "SeriesDate", "ContentDate", "AcquisitionDate"):
        setattr(dataset, element, f"{day:%Y%m%d}")
    for element in ("StudyTime", "SeriesTime", "ContentTime", "AcquisitionTime"):
        setattr(dataset, element, "120000")
    kind = np.dtype("<i2" if dataset.PixelRepresentation else "<u2")
    dataset.PixelData = stored.astype(kind).tobytes()
    dataset["PixelData"].VR = "OW"
