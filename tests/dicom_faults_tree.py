"""Every fault of a folder as a whole that the catalogue knows, as dicom_faults.

Each ``make`` fills an empty folder; ``look`` opens it and returns what is told of it, code and
message: unreadable files, findings about the folder, about copies, and about which series contours
belong to.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian

from tests import dicom_factory as factory
from tumor_response.imaging.dicom.archive.catalog import open_index

SQUARE = np.array([(4, 4, 3), (20, 4, 3), (20, 20, 3), (4, 20, 3)], float)


@dataclass(frozen=True)
class Fault:
    name: str
    make: Callable[[Path], object]
    what: str
    code: str

    def look(self, folder: Path) -> list[tuple[str, str]]:
        return look(folder)


def look(folder: Path) -> list[tuple[str, str]]:
    """Everything that is told of a folder."""
    catalog = open_index(folder, index=folder.parent / f"{folder.name}.sqlite")
    findings = list(catalog.findings)
    for entry in (*catalog.structure_sets, *catalog.segmentations):
        findings += catalog.series_of(entry)[1]
    for entry in (*catalog.series, *catalog.structure_sets):
        findings += catalog.copies_that_differ(entry)
    told = [(finding.code, finding.message) for finding in findings]
    return told + [(one.reason, one.message) for one in catalog.unreadable_files]


def without_images(dataset: Dataset) -> None:
    """Leave out the referenced images everywhere: PS3.3 lets writers do so."""
    for frame in dataset.ReferencedFrameOfReferenceSequence:
        for study in frame.RTReferencedStudySequence:
            for series in study.RTReferencedSeriesSequence:
                del series.ContourImageSequence
    for roi in dataset.ROIContourSequence:
        for contour in roi.get("ContourSequence", []):
            del contour.ContourImageSequence


def without_series(dataset: Dataset) -> None:
    """Leave out all references but the frame of reference."""
    without_images(dataset)
    for frame in dataset.ReferencedFrameOfReferenceSequence:
        del frame.RTReferencedStudySequence


def dicomdir(path: Path, files: list[list[str]]) -> None:
    """Write a DICOMDIR that lists these files."""
    dataset = Dataset()
    dataset.FileSetID = "TEST"
    records = []
    with pydicom.config.disable_value_validation():  # discs do hold names with a dot
        for parts in files:
            record = Dataset()
            record.DirectoryRecordType = "IMAGE"
            record.ReferencedFileID = parts
            records.append(record)
        dataset.DirectoryRecordSequence = Items(records)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
        dataset.file_meta.MediaStorageSOPInstanceUID = "2.25.5"
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.save_as(path, enforce_file_format=True)


def drawn(folder: Path, edit: Callable[[Dataset], object] | None = None) -> list[Path]:
    """A series and a structure set on it; returns the slices."""
    series = factory.ct_series(folder / "ct")
    contours = [SQUARE, SQUARE + np.array([0, 0, 3])]
    factory.rtstruct(folder / "RS", series, {"GTV": contours}, edit=edit)
    return series


def other_patient(dataset: Dataset) -> None:
    dataset.PatientID = "P1-planning"


def series_elsewhere(folder: Path) -> None:
    drawn(folder)
    shutil.rmtree(folder / "ct")


def images_gone(folder: Path) -> None:
    drawn(folder)[1].unlink()


def pet_in_the_same_frame(folder: Path) -> None:
    series = drawn(folder, without_series)
    frame = pydicom.dcmread(series[0]).FrameOfReferenceUID
    factory.pet_series(folder / "pet", series_number=2, frame_uid=frame)


def edited_copy(folder: Path) -> None:
    series = factory.ct_series(folder / "ct")
    dataset = pydicom.dcmread(series[4])
    dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.save_as(folder / "copy.dcm")


def no_patient(folder: Path) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.PatientID = ""

    factory.ct_series(folder, edit=edit)


def cut(folder: Path) -> None:
    (path,) = factory.ct_series(folder, n_slices=1)
    path.write_bytes(path.read_bytes()[:700])


def disc(folder: Path) -> None:
    factory.ct_series(folder / "CT", n_slices=3)
    dicomdir(folder / "DICOMDIR", [["CT", f"CT000{k}.DCM"] for k in range(5)])


def archive(folder: Path, damage: Callable[[bytearray], object]) -> None:
    (path,) = factory.ct_series(folder, n_slices=1)
    with zipfile.ZipFile(folder / "export.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.write(path, path.name)
    path.unlink()
    data = bytearray((folder / "export.zip").read_bytes())
    damage(data)
    (folder / "export.zip").write_bytes(data)


def password(data: bytearray) -> None:
    data[data.find(b"PK\x01\x02") + 8] |= 1


def bomb(data: bytearray) -> None:
    at = data.find(b"PK\x01\x02") + 24
    data[at : at + 4] = b"\xff\xff\xff\x7f"


def torn(data: bytearray) -> None:
    del data[-40:]


def nested_archive(folder: Path) -> None:
    archive(folder, lambda data: None)
    with zipfile.ZipFile(folder / "outer.zip", "w") as outer:
        outer.write(folder / "export.zip", "export.zip")
    (folder / "export.zip").unlink()


def dead_link(folder: Path) -> None:
    (folder / "IM0001").symlink_to(folder / "nowhere")


def damaged_index(folder: Path) -> None:
    factory.ct_series(folder)
    look(folder)
    place = folder.parent / f"{folder.name}.sqlite"
    data = place.read_bytes()
    place.write_bytes(data[:100] + os.urandom(len(data) - 100))


TREE_FAULTS = [
    Fault("cut file", cut, "a slice of which half of the header was copied", "not_dicom"),
    Fault("no patient", no_patient, "a study without Patient ID", "patient_id_missing"),
    Fault("dead link", dead_link, "a link to a file that is gone", "file_missing"),
    Fault("torn archive", lambda f: archive(f, torn), "a zip that was cut", "archive_refused"),
    Fault("password", lambda f: archive(f, password), "a zip with a password", "archive_refused"),
    Fault("bomb", lambda f: archive(f, bomb), "a zip that claims 2 GiB", "archive_refused"),
    Fault("nested archive", nested_archive, "a zip in a zip", "archive_refused"),
    Fault("DICOMDIR", disc, "a disc of which files are missing", "dicomdir_files_absent"),
    Fault("edited copy", edited_copy, "one UID, two contents", "copies_differ"),
    Fault("damaged index", damaged_index, "an index with random bytes in it", "index_rebuilt"),
    Fault("no series", series_elsewhere, "contours without their series", "series_missing"),
    Fault("slice gone", images_gone, "contours, a slice is missing", "referenced_images_absent"),
    Fault(
        "no images named",
        lambda folder: drawn(folder, without_images),
        "contours that name their series, not its images",
        "series_by_series_uid",
    ),
    Fault(
        "no series named",
        lambda folder: drawn(folder, without_series),
        "contours that name their frame of reference alone",
        "series_by_frame",
    ),
    Fault(
        "PET and CT",
        pet_in_the_same_frame,
        "the same, with a PET and a CT in that frame",
        "series_ambiguous",
    ),
    Fault(
        "two Patient IDs",
        lambda folder: drawn(folder, other_patient),
        "contours under another Patient ID than their images",
        "patient_id_differs",
    ),
]
