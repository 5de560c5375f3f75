"""A scan with a ball in it, and what is measured on masks apart from the library."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

ORIGIN = (-30.0, 12.0, 55.0)


def like(values: np.ndarray, spacing: tuple[float, float, float]) -> sitk.Image:
    made = sitk.GetImageFromArray(values)
    made.SetSpacing(spacing)
    made.SetOrigin(ORIGIN)
    return made


def offsets_mm(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], centre_mm=(0.3, 0.2, 0.1)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y, z of every voxel's centre from a point near the middle."""
    lines = [
        (np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, spacing[::-1], strict=True)
    ]
    z, y, x = np.meshgrid(*lines, indexing="ij")
    return x - centre_mm[0], y - centre_mm[1], z - centre_mm[2]


def ball(
    radius_mm: float, spacing=(1.0, 1.0, 1.0), room_mm: float = 8.0, centre_mm=(0.3, 0.2, 0.1)
) -> sitk.Image:
    shape = tuple(2 * int(np.ceil((radius_mm + room_mm) / step)) + 1 for step in spacing[::-1])
    x, y, z = offsets_mm(shape, spacing, centre_mm)
    return like((x**2 + y**2 + z**2 <= radius_mm**2).astype(np.uint8), spacing)


def scan(mask: sitk.Image, noise_hu: float = 12.0, kind=np.int16, seed: int = 0) -> sitk.Image:
    """Soft tissue of 40 HU with white noise, and 60 HU in the mask."""
    rng = np.random.default_rng(seed)
    inside = sitk.GetArrayViewFromImage(mask) != 0
    values = 40.0 + 20.0 * inside + rng.normal(0.0, noise_hu, size=inside.shape)
    if np.issubdtype(kind, np.integer):
        values = np.rint(values)
    return like(values.astype(kind), mask.GetSpacing())


def values_of(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def bytes_of(image: sitk.Image) -> tuple[bytes, tuple[float, ...]]:
    grid = (*image.GetSize(), *image.GetSpacing(), *image.GetOrigin(), *image.GetDirection())
    return values_of(image).tobytes(), grid


def radius_of(mask: sitk.Image) -> float:
    """Of the ball of the mask's volume, mm."""
    volume = np.count_nonzero(values_of(mask)) * np.prod(mask.GetSpacing())
    return float((3 * volume / 4 / np.pi) ** (1 / 3))
