"""A small body with a tumour in which nothing is wrong, and one builder per fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from tumor_response.cohort import Case, Cohort

SIZE = (64, 64, 24)  # x, y, z
SPACING = (2.0, 2.0, 3.0)
ORIGIN = (-63.0, -63.0, 400.0)
MIDDLE = (4.0, -6.0, 36.0)  # of the tumour, mm from the first voxel's corner of the body's axes
RADIUS_MM = 14.0


def _axes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z, y, x = np.meshgrid(*[np.arange(n) for n in SIZE[::-1]], indexing="ij")
    return x * SPACING[0] - 63.0, y * SPACING[1] - 63.0, z * SPACING[2]


def on_grid(voxels: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(SPACING)
    image.SetOrigin(ORIGIN)
    return image


def ball(radius_mm: float = RADIUS_MM, middle: tuple[float, float, float] = MIDDLE) -> np.ndarray:
    """The tumour as bool (z, y, x)."""
    x, y, z = _axes()
    square = (x - middle[0]) ** 2 + (y - middle[1]) ** 2 + (z - middle[2]) ** 2
    return square <= radius_mm**2


def voxels(seed: int = 0, radius_mm: float = RADIUS_MM) -> np.ndarray:
    """HU of a body of fat and muscle with a bone in air, and a tumour with a clear border."""
    x, y, z = _axes()
    hu = np.full(SIZE[::-1], -1000.0)
    hu[(x / 58) ** 2 + (y / 48) ** 2 <= 1] = -40.0
    hu[(x - 22) ** 2 + (y - 20) ** 2 + 0.4 * (z - 30) ** 2 <= 13**2] = 600.0
    hu[(x + 30) ** 2 + (y + 12) ** 2 + 0.2 * (z - 50) ** 2 <= 11**2] = 250.0
    hu[ball(radius_mm)] = 60.0
    hu += np.random.default_rng(seed).normal(0.0, 10.0, size=hu.shape)
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16)


@dataclass
class Scan:
    """Image and mask as arrays (z, y, x), to plant a fault in."""

    hu: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, float, float] = SPACING
    extra: dict[str, Any] = field(default_factory=dict)

    def images(self) -> tuple[sitk.Image, sitk.Image]:
        made = on_grid(self.hu), on_grid(self.mask.astype(np.uint8))
        for image in made:
            image.SetSpacing(self.spacing)
        return made


def clean(seed: int = 0, radius_mm: float = RADIUS_MM) -> Scan:
    return Scan(voxels(seed, radius_mm), ball(radius_mm))


def second_part(scan: Scan) -> None:
    scan.mask |= ball(5.0, (-20.0, -20.0, 36.0))


def hole(scan: Scan) -> None:
    scan.mask &= ~ball(5.0)


def small(scan: Scan) -> None:
    scan.mask = ball(5.0)


def at_border(scan: Scan) -> None:
    scan.mask = ball(RADIUS_MM, (4.0, -6.0, 3.0))


def beside_padding(scan: Scan) -> None:
    x, y, _ = _axes()
    scan.hu[x**2 + y**2 > 20**2] = -3024


def thick(scan: Scan) -> None:
    scan.spacing = (2.0, 2.0, 8.0)


def no_rescale(scan: Scan) -> None:
    scan.hu += 1024


def rescaled_twice(scan: Scan) -> None:
    scan.hu -= 1024


def padding_inside(scan: Scan) -> None:
    scan.hu[12, 28:30, 30:36] = -2000


def air_inside(scan: Scan) -> None:
    scan.hu[ball(7.0)] = -990


def bone_inside(scan: Scan) -> None:
    scan.hu[ball(7.0)] = 700


def metal(scan: Scan) -> None:
    scan.hu[12:14, 20:24, 8:12] = 3071


def streaks(scan: Scan) -> None:
    metal(scan)
    rng = np.random.default_rng(9)
    scan.hu[12:14] += rng.normal(0, 40, scan.hu[12:14].shape).astype(np.int16)


def shifted(scan: Scan) -> None:
    scan.mask = np.roll(scan.mask, 1, axis=2)


# code -> what plants it, and how grave it is
OF_A_SCAN: dict[str, tuple[Callable[[Scan], None], str]] = {
    "mask_components": (second_part, "warning"),
    "mask_holes": (hole, "warning"),
    "volume_small": (small, "warning"),
    "mask_touches_border": (at_border, "warning"),
    "slice_thickness": (thick, "warning"),
    "not_hu": (no_rescale, "error"),
    "hu_outside_tissue": (padding_inside, "warning"),
    "air_in_mask": (air_inside, "warning"),
    "bone_in_mask": (bone_inside, "warning"),
    "metal_at_tumour": (metal, "warning"),
    "streaks_at_tumour": (streaks, "warning"),
    "contour_shifted": (shifted, "warning"),
}


def row(folder: Path, patient: str = "P1", seed: int = 0, **changes: Any) -> dict[str, Any]:
    """Write a clean pair of scans and return its row of a manifest, with changes."""
    first, second = clean(seed), clean(1000 + seed, radius_mm=11.0)
    return {
        "patient_id": patient,
        "image": write(folder, f"{patient}_ct", on_grid(first.hu)),
        "mask": write(folder, f"{patient}_gtv", on_grid(first.mask.astype(np.uint8))),
        "date": "2024-01-10",
        "rt_start_date": "2024-01-20",
        "follow_up_image": write(folder, f"{patient}_ct2", on_grid(second.hu)),
        "follow_up_mask": write(folder, f"{patient}_gtv2", on_grid(second.mask.astype(np.uint8))),
        "follow_up_date": "2024-02-09",
    } | changes


def another_body(folder: Path, moved_mm: tuple[float, float, float]) -> dict[str, str]:
    """Write a follow-up whose image is nothing like the clean one's, at another place if wanted."""
    rng = np.random.default_rng(0)
    hu = rng.choice([-150, 100], size=(8, 16, 16)).repeat(3, 0).repeat(4, 1).repeat(4, 2)
    hu[ball(11.0)] = 60
    paths = {}
    for column, voxels in (("follow_up_image", hu.astype(np.int16)), ("follow_up_mask", ball(11))):
        image = on_grid(voxels.astype(np.int16))
        image.SetOrigin([at + by for at, by in zip(ORIGIN, moved_mm, strict=True)])
        paths[column] = write(folder, f"another_{column}", image)
    return paths


def write(folder: Path, name: str, image: sitk.Image) -> str:
    path = folder / f"{name}.nii.gz"
    sitk.WriteImage(image, str(path))
    return str(path)


def cohort(rows: list[dict[str, Any]]) -> Cohort:
    return Cohort.from_frame(pd.DataFrame(rows))


def case(rows: dict[str, Any]) -> Case:
    return next(iter(cohort([rows])))
