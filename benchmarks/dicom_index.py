"""How long the index of an archive takes: the first time, again, refreshed, and after a kill.

``python benchmarks/dicom_index.py`` writes 100,000 small DICOM files (headers as long as a
scanner's, with sequences and private groups; 2 kB of pixels) into a temporary folder, measures,
and writes ``benchmarks/results/dicom_index.csv``. The files were just written, so that they are
read from memory: disks and networks come on top. pydicom's own reader of the same attributes is
measured beside, on a part of the files. ``cpu_seconds`` is what a busy machine does not change
(it includes the start of Python and of the worker processes, two to four seconds).
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage

N_SLICES = 124  # and one structure set to each series
PREFIX, PATIENT_ID = "2.25.1999999", "P999999"  # of the templates
RESULTS = Path(__file__).parent / "results" / "dicom_index.csv"


def main() -> None:
    """Write the archive, measure, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--measure", nargs=3, metavar=("FOLDER", "INDEX", "N_JOBS"))
    arguments = parser.parse_args()
    if arguments.measure:
        folder, index, n_jobs = arguments.measure
        measure(folder, index, int(n_jobs))
        return
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder, index = Path(place, "archive"), Path(place, "index.sqlite")
        n_files = write_archive(folder, arguments.files // (N_SLICES + 1))
        print(f"{n_files} files written", flush=True)

        def run(what: str, n_jobs: int) -> None:
            row = {"what": what, "n_files": n_files, "n_jobs": n_jobs, **ask(folder, index, n_jobs)}
            row["index_mb"] = round(index.stat().st_size / 1e6, 1)
            rows.append(row)
            print(row, flush=True)

        run("first", 1)
        index.unlink()
        run("first", 2)
        run("again, nothing changed", 1)
        change_some(folder, 100)
        run("again, 100 files changed", 1)
        index.unlink()
        left = kill_half_way(folder, index, n_files)
        print(f"killed with {left} files in the index")
        run(f"resumed after SIGKILL at {left} files", 2)
        rows.append(time_pydicom(folder, 2000))
        print(rows[-1])
    with RESULTS.open("w", newline="") as stream:
        names = ["what", "n_files", "n_jobs", "seconds", "cpu_seconds", "peak_mb"]
        names += ["peak_worker_mb", "index_mb", "n_series", "n_images"]
        writer = csv.DictWriter(stream, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def measure(folder: str, index: str, n_jobs: int) -> None:
    """Index a folder in this process and print what it took."""
    from joblib.externals.loky import get_reusable_executor

    from tumor_response.imaging.dicom.archive.catalog import open_index

    start = time.perf_counter()
    catalog = open_index(folder, index=index, n_jobs=n_jobs)
    seconds = time.perf_counter() - start
    if n_jobs > 1:
        get_reusable_executor().shutdown(wait=True)  # what children used is known when they ended
    own, child = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    cpu = sum(used.ru_utime + used.ru_stime for used in (own, child))
    answer = {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_mb": round(own.ru_maxrss / 1024),
        "peak_worker_mb": round(child.ru_maxrss / 1024) if n_jobs > 1 else "",
        "n_series": len(catalog.series),
        "n_images": sum(series.n for series in catalog.series),
    }
    print(json.dumps(answer))


def ask(folder: Path, index: Path, n_jobs: int) -> dict[str, object]:
    """Measure in a fresh process, so that peak memory is its own."""
    done = subprocess.run(command(folder, index, n_jobs), check=True, capture_output=True)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def command(folder: Path, index: Path, n_jobs: int) -> list[str]:
    """Return the command that measures in a fresh process."""
    return [sys.executable, __file__, "--measure", str(folder), str(index), str(n_jobs)]


def kill_half_way(folder: Path, index: Path, n_files: int) -> int:
    """Start indexing, kill it with all its workers at half of the files; return what was kept."""
    run = subprocess.Popen(
        command(folder, index, 2), start_new_session=True, stdout=subprocess.DEVNULL
    )
    while n_indexed(index) < n_files // 2:
        time.sleep(0.05)
        if run.poll() is not None:
            raise SystemExit("the run ended before it could be killed")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    return n_indexed(index)


def n_indexed(index: Path) -> int:
    """Return how many files the index holds by now."""
    if not index.exists():
        return 0
    database = sqlite3.connect(f"file:{index}?mode=ro", uri=True, timeout=10)
    try:
        return int(database.execute("SELECT count(*) FROM files").fetchone()[0])
    except sqlite3.OperationalError:  # before the first commit
        return 0
    finally:
        database.close()


def change_some(folder: Path, n: int) -> None:
    """Make some of the files longer."""
    paths = sorted(folder.rglob("CT*"))
    for path in paths[:: max(1, len(paths) // n)][:n]:
        path.write_bytes(path.read_bytes() + b"\0\0")


def time_pydicom(folder: Path, n: int) -> dict[str, object]:
    """Read the same attributes with pydicom, for comparison, and give the time per 100,000."""
    from tumor_response.imaging.dicom.archive.allow_list import COMMON

    tags = [Tag(tag) for tag in COMMON]
    paths = sorted(folder.rglob("CT*"))[:n]
    start, cpu = time.perf_counter(), time.process_time()
    for path in paths:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(tags))
        for tag in tags:
            header.get(tag)
    return {
        "what": "pydicom, the same attributes, reading alone, for 100,000 from fewer",
        "n_files": len(paths),
        "n_jobs": 1,
        "seconds": round((time.perf_counter() - start) / len(paths) * 100_000, 1),
        "cpu_seconds": round((time.process_time() - cpu) / len(paths) * 100_000, 1),
    }


def write_archive(folder: Path, n_series: int) -> int:
    """Write series of one patient each, a folder per series, and a structure set to each."""
    ct, structures = ct_bytes(), rtstruct_bytes()
    for number in range(n_series):
        place = folder / f"{number % 50:02d}" / f"{number:04d}"
        place.mkdir(parents=True)
        prefix = f"2.25.1{number:06d}"
        own = [(PREFIX, prefix), (PATIENT_ID, f"P{number:06d}")]
        slices, others = ct, structures
        for old, new in own:  # of one length: what is around them stays as it is
            slices = slices.replace(old.encode(), new.encode())
            others = others.replace(old.encode(), new.encode())
        first = f"{prefix}.1000000".encode()
        for k in range(N_SLICES):
            one = slices.replace(first, f"{prefix}.1{k:06d}".encode())
            place.joinpath(f"CT{k:04d}").write_bytes(one)
        place.joinpath("RS").write_bytes(others)
    return n_series * (N_SLICES + 1)


def ct_bytes() -> bytes:
    """Return a CT slice with a header of the usual length."""
    ct = common("CT", CTImageStorage, f"{PREFIX}.1000000", f"{PREFIX}.2")
    ct.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ct.SliceThickness, ct.KVP, ct.ConvolutionKernel = 3, 120, "STANDARD"
    ct.FrameOfReferenceUID = f"{PREFIX}.3"
    ct.ImagePositionPatient, ct.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    ct.PixelSpacing = [1, 1]
    reference = Dataset()
    reference.ReferencedSOPClassUID = CTImageStorage
    reference.ReferencedSOPInstanceUID = f"{PREFIX}.9"
    ct.ReferencedImageSequence = Sequence([reference] * 3)
    ct["ReferencedImageSequence"].is_undefined_length = True
    block = ct.private_block(0x0019, "SCANNER 1", create=True)
    for element in range(60):
        block.add_new(element, "LO", f"value {element}")
    ct.Rows = ct.Columns = 32
    ct.BitsAllocated = ct.BitsStored = 16
    ct.HighBit, ct.PixelRepresentation, ct.SamplesPerPixel = 15, 0, 1
    ct.PhotometricInterpretation = "MONOCHROME2"
    ct.RescaleSlope, ct.RescaleIntercept = 1, -1024
    ct.PixelData = bytes(2 * 32 * 32)
    ct["PixelData"].VR = "OW"
    return saved(ct)


def rtstruct_bytes() -> bytes:
    """Return a structure set of ten structures on every fourth slice."""
    rs = common("RTSTRUCT", RTStructureSetStorage, f"{PREFIX}.7", f"{PREFIX}.8")
    rois, drawn = [], []
    for roi in range(10):
        name = Dataset()
        name.ROINumber, name.ROIName = roi, f"ROI {roi}"
        name.ReferencedFrameOfReferenceUID = f"{PREFIX}.3"
        rois.append(name)
        contours = []
        for k in range(0, N_SLICES, 4):
            image = Dataset()
            image.ReferencedSOPClassUID = CTImageStorage
            image.ReferencedSOPInstanceUID = f"{PREFIX}.1{k:06d}"
            contour = Dataset()
            contour.ContourImageSequence = Sequence([image])
            contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 50
            contour.ContourData = [float(value) for value in range(150)]
            contours.append(contour)
        item = Dataset()
        item.ContourSequence, item.ReferencedROINumber = Sequence(contours), roi
        drawn.append(item)
    rs.StructureSetROISequence = Sequence(rois)
    rs.ROIContourSequence = Sequence(drawn)
    return saved(rs)


def common(modality: str, sop_class: str, uid: str, series_uid: str) -> Dataset:
    """Return a data set with the attributes all objects have."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, uid
    dataset.StudyDate = dataset.SeriesDate = "20200101"
    dataset.StudyTime = dataset.SeriesTime = "120000"
    dataset.Modality, dataset.Manufacturer = modality, "SCANNERS"
    dataset.PatientID, dataset.PatientName = PATIENT_ID, "NAME^SECRET"
    dataset.PatientBirthDate, dataset.PatientSex = "19500101", "F"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{PREFIX}.4", series_uid
    dataset.SeriesNumber = 1
    return dataset


def saved(dataset: Dataset) -> bytes:
    """Return a data set as the bytes of its file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


if __name__ == "__main__":
    """Return a data set as the bytes of its file."""
    """Return a data set with the attributes all objects have."""
    """Return a structure set of ten structures on every fourth slice."""
    """Return a CT slice with a header of the usual length."""
    """Make some of the files longer."""
    """Return how many files the index holds by now."""
    """Return the command that measures in a fresh process."""
    """Measure in a fresh process, so that peak memory is its own."""
    """Write the archive, measure, write the results."""
    main()
