"""Small images, masks and manifests that the tests build on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

from tumor_response.cohort import BaselineCase

SIZE = (24, 22, 12)  # x, y, z
SPACING = (1.5, 1.5, 3.0)


def image(seed: int = 0, size: tuple[int, int, int] = SIZE) -> sitk.Image:
    """Soft tissue with noise, int16 HU."""
    rng = np.random.default_rng(seed)
    voxels = rng.normal(40, 15, size=size[::-1]).astype(np.int16)
    return _on_grid(voxels)


def mask(radius_mm: float = 9.0, size: tuple[int, int, int] = SIZE) -> sitk.Image:
    """A ball in the middle."""
    z, y, x = np.meshgrid(*[np.arange(n) for n in size[::-1]], indexing="ij")
    centre = [(n - 1) / 2 for n in size]
    square = sum(
        ((axis - c) * step) ** 2 for axis, c, step in zip((x, y, z), centre, SPACING, strict=True)
    )
    return _on_grid((square <= radius_mm**2).astype(np.uint8))


def empty_mask(size: tuple[int, int, int] = SIZE) -> sitk.Image:
    return _on_grid(np.zeros(size[::-1], dtype=np.uint8))


def _on_grid(voxels: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(voxels)
    made.SetSpacing(SPACING)
    made.SetOrigin((-20.0, 5.0, 100.0))
    return made


def baseline(**variables: float | str | None) -> BaselineCase:
    return BaselineCase("P1", "1", image(), mask(), variables=variables)


def write(folder: Path, name: str, what: sitk.Image) -> str:
    sitk.WriteImage(what, str(folder / name))
    return name


def cohort_folder(folder: Path, n_patients: int = 3) -> pd.DataFrame:
    """Write ``n_patients`` cases with follow-ups; return the manifest (not yet written)."""
    rows = []
    for i in range(n_patients):
        rows.append(
            {
                "patient_id": f"P{i}",
                "image": write(folder, f"p{i}_ct.nii.gz", image(i)),
                "mask": write(folder, f"p{i}_gtv.nii.gz", mask(9.0 + i % 3)),
                "date": "2024-01-10",
                "rt_start_date": "2024-01-20",
                "follow_up_image": write(folder, f"p{i}_ct2.nii.gz", image(100 + i)),
                "follow_up_mask": write(folder, f"p{i}_gtv2.nii.gz", mask(7.0)),
                "follow_up_date": "2024-02-09",
                "age": 50 + i,
            }
        )
    return pd.DataFrame(rows)
