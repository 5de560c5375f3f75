"""Measure how long the end point of many lesions takes where only masks are needed.

Writes masks of 1,000 ellipsoid tumours (1 x 1 x 3 mm grid, baseline and follow-up, compressed
NIfTI) to a temporary folder, then times ``tr.shrinkage`` without the quality checks, which read
images, on one and on two processes, by voxel count and by mesh.

Run:  python benchmarks/shrinkage.py [--lesions 1000]
Writes benchmarks/results/shrinkage.csv and prints it.

Quick: --lesions 4
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

import tumor_response as tr

RESULTS = Path(__file__).parent / "results" / "shrinkage.csv"
SPACING_MM = (1.0, 1.0, 3.0)
SIZE = (96, 96, 40)


def ellipsoid(half_axes_mm: np.ndarray) -> sitk.Image:
    """Return the mask of an ellipsoid in the middle of the grid."""
    z, y, x = np.ogrid[: SIZE[2], : SIZE[1], : SIZE[0]]
    offsets = [
        (axis - (n - 1) / 2) * mm for axis, n, mm in zip((x, y, z), SIZE, SPACING_MM, strict=True)
    ]
    inside = sum((o / a) ** 2 for o, a in zip(offsets, half_axes_mm, strict=True)) <= 1
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.SetSpacing(SPACING_MM)
    return mask


def write_cohort(folder: Path, n_lesions: int) -> tr.Cohort:
    """Write the masks and return the cohort; one image serves everybody, for nobody reads it."""
    rng = np.random.default_rng(0)
    ct = sitk.Cast(ellipsoid(np.array([8.0, 8.0, 8.0])), sitk.sitkInt16)
    sitk.WriteImage(ct, str(folder / "ct.nii.gz"))
    rows = []
    for i in range(n_lesions):
        axes = rng.uniform(8, 35, size=3)
        for name, factor in (("gtv", 1.0), ("gtv2", rng.uniform(0.6, 1.05))):
            sitk.WriteImage(ellipsoid(axes * factor), str(folder / f"{i}_{name}.nii.gz"))
        rows.append(
            {
                "patient_id": f"P{i}",
                "image": "ct.nii.gz",
                "mask": f"{i}_gtv.nii.gz",
                "date": "2024-01-01",
                "follow_up_mask": f"{i}_gtv2.nii.gz",
                "follow_up_date": "2024-01-29",
            }
        )
    return tr.Cohort.from_frame(pd.DataFrame(rows), base=folder)


def main() -> None:
    """Time every combination once, after one run that warms imports and files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lesions", type=int, default=1000)
    n_lesions = parser.parse_args().lesions
    rows = []
    with tempfile.TemporaryDirectory() as name:
        cohort = write_cohort(Path(name), n_lesions)
        for volume in ("voxels", "mesh"):
            for n_jobs in (1, 2):
                start = time.perf_counter()
                outcomes = tr.shrinkage(cohort, volume=volume, quality=None, n_jobs=n_jobs)
                seconds = time.perf_counter() - start
                rows.append(
                    {
                        "volume": volume,
                        "n_jobs": n_jobs,
                        "n_lesions": n_lesions,
                        "n_with_outcome": int(outcomes["rate_percent_per_day"].notna().sum()),
                        "seconds": round(seconds, 1),
                    }
                )
    table = pd.DataFrame(rows)
    table.to_csv(RESULTS, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
