"""A textured neighbourhood with a ball in it, and what known maps make of it."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

N, STEP = 48, 2.0


def points() -> np.ndarray:
    """Voxel centres, mm from the middle, shape (3: z y x, N, N, N)."""
    line = np.arange(N) * STEP - (N - 1) * STEP / 2
    return np.stack(np.meshgrid(line, line, line, indexing="ij"))


def on_grid(voxels: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(voxels)
    made.SetSpacing((STEP, STEP, STEP))
    made.SetOrigin((-(N - 1) * STEP / 2,) * 3)
    return made


def ball(radius_mm: float, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> sitk.Image:
    """A ball; ``centre`` is z, y, x."""
    away = points() - np.array(centre)[:, None, None, None]
    return on_grid(((away**2).sum(axis=0) <= radius_mm**2).astype(np.uint8))


def texture(rng: np.random.Generator, sigma_mm: float, sd_hu: float) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.standard_normal((N, N, N)), sigma_mm / STEP, mode="wrap")
    return sd_hu * field / field.std()


def scan(
    seed: int = 0,
    *,
    radius_mm: float = 14.0,
    homogeneous: bool = False,
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0),
    noise_seed: int = 100,
    noise_hu: float = 6.0,
) -> sitk.Image:
    rng = np.random.default_rng(seed)
    host = -20 + texture(rng, 5.0, 40.0) + texture(rng, 2.5, 20.0)
    tumour = 60 + (0.0 if homogeneous else texture(rng, 2.5, 25.0))
    inside = sitk.GetArrayFromImage(ball(radius_mm, centre)) > 0
    noise = noise_hu * np.random.default_rng(noise_seed).standard_normal((N, N, N))
    return on_grid((np.where(inside, tumour, host) + noise).astype(np.float32))


def contracted(image: sitk.Image, factor: float) -> sitk.Image:
    """The whole image shrunk about its middle to ``factor`` of its length."""
    move = sitk.ScaleTransform(3, (1 / factor,) * 3)
    return sitk.Resample(image, image, move, sitk.sitkLinear, -20.0)


IDENTITY = sitk.Transform(3, sitk.sitkIdentity)
