"""How long a structure set takes: its names, its contours, all of its structures as masks.

``python benchmarks/dicom_contours.py`` writes the headers of a planning CT of 512 x 512 x 200
voxels and a structure set of 40 structures on it into a temporary folder (wavy spheres of 5
to 60 mm radius, a point for each mm of outline; one in four is a shell, written as nested
contours), and prints the seconds of each step: processor time of one thread, median of three.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage

from tumor_response.imaging import Geometry
from tumor_response.imaging.dicom.contours.rasterise import rasterise
from tumor_response.imaging.dicom.contours.rtstruct import read_contours, read_structures
from tumor_response.imaging.dicom.contours.trace import outlines
from tumor_response.imaging.dicom.files import DicomFile

GRID = Geometry(
    (512, 512, 200), (0.977, 0.977, 2.0), (-250.0, -250.0, -700.0), (1, 0, 0, 0, 1, 0, 0, 0, 1)
)
N_STRUCTURES = 40


def main() -> None:
    """Write the structure set, measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        file = DicomFile(structure_set(Path(folder) / "RS.dcm"))
        contours = list(read_contours(file))
        planes = [plane for _, drawn in contours for plane in drawn.planes]
        points = sum(len(plane.points_mm) for plane in planes)
        size = file.path.stat().st_size / 1e6
        print(
            f"{len(contours)} structures, {len(planes)} contours, {points} points, {size:.1f} MB, "
            f"on {GRID.size}"
        )
        masks = [rasterise(drawn.planes, GRID)[0] for _, drawn in contours]
        largest = max(masks, key=lambda mask: int(sitk.GetArrayViewFromImage(mask).sum()))
        slices = sitk.GetArrayFromImage(largest).astype(bool)
        timed("names and references", lambda: read_structures(file))
        timed("all contours", lambda: list(read_contours(file)))
        timed("all masks", lambda: [rasterise(drawn.planes, GRID) for _, drawn in contours])
        timed("outlines of the largest mask", lambda: [outlines(plane) for plane in slices])


def timed(what: str, work: Callable[[], object]) -> None:
    """Print the median of three runs."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    print(f"{what}: {statistics.median(seconds):.2f} s")


def structure_set(path: Path) -> Path:
    """Write spheres, every fourth of them with a hole."""
    rng = np.random.default_rng(0)
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = RTStructureSetStorage, "2.25.1"
    names, drawn = [], []
    for number in range(1, N_STRUCTURES + 1):
        radius = rng.uniform(5, 60)
        centre = rng.uniform((-60, -60, -550), (60, 60, -450))
        sizes = (radius, radius - 3) if number % 4 == 0 else (radius,)
        item = Dataset()
        item.ReferencedROINumber = number
        item.ContourSequence = Sequence(
            [contour(centre, r, z) for r in sizes for z in heights(centre[2], r)]
        )
        drawn.append(item)
        name = Dataset()
        name.ROINumber, name.ROIName = number, f"structure {number}"
        names.append(name)
    dataset.StructureSetROISequence = Sequence(names)
    dataset.ROIContourSequence = Sequence(drawn)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path


def heights(middle: float, radius: float) -> np.ndarray:
    """Return the slices that a sphere meets."""
    z = GRID.origin_mm[2] + GRID.spacing_mm[2] * np.arange(GRID.size[2])
    return z[np.abs(z - middle) < 0.99 * radius]


def contour(centre: np.ndarray, radius: float, z: float) -> Dataset:
    """Return a circle of a sphere, with a wave on it, as an item of a Contour Sequence."""
    across = float(np.sqrt(radius**2 - (z - centre[2]) ** 2))
    n = max(8, int(2 * np.pi * across / 1.0))
    angle = 2 * np.pi * np.arange(n) / n
    wavy = across * (1 + 0.02 * np.sin(7 * angle))
    x, y = centre[0] + wavy * np.cos(angle), centre[1] + wavy * np.sin(angle)
    values = np.column_stack([x, y, np.full(n, z)]).ravel()
    text = "\\".join(f"{value:.2f}" for value in values).encode()
    text += b" " * (len(text) % 2)
    item = Dataset()
    item.ContourGeometricType = "CLOSED_PLANAR"
    item.NumberOfContourPoints = n
    tag = Tag("ContourData")
    item[tag] = RawDataElement(tag, "DS", len(text), text, 0, True, True)
    return item


if __name__ == "__main__":
    main()
