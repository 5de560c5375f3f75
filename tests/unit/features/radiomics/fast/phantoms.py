"""Small images with a region, in every pixel type."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

Triple = tuple[float, float, float]


def phantom(
    dtype: type = np.int16,
    shape: tuple[int, int, int] = (17, 24, 27),
    spacing: Triple = (1.0, 1.3, 2.5),
    seed: int = 0,
) -> tuple[sitk.Image, sitk.Image]:
    """Return smoothed noise between about -600 and 400 and an ellipsoid in its middle."""
    noise = sitk.GetImageFromArray(np.random.default_rng(seed).normal(0, 1, shape))
    smooth = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(noise, 1.0))
    values = -100 + 150 * smooth / smooth.std()
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        values = np.clip(np.round(values + (350 if limits.min == 0 else 0)), limits.min, limits.max)
    centre = (np.array(shape) - 1) / 2
    distance = (np.indices(shape) - centre[:, None, None, None]) / (np.array(shape) / 4)[
        :, None, None, None
    ]
    inside = ((distance**2).sum(axis=0) < 1).astype(np.uint8)
    return as_images(values.astype(dtype), inside, spacing)


def as_images(
    values: np.ndarray, inside: np.ndarray, spacing: Triple
) -> tuple[sitk.Image, sitk.Image]:
    image, mask = sitk.GetImageFromArray(values), sitk.GetImageFromArray(inside.astype(np.uint8))
    for grid in (image, mask):
        grid.SetSpacing(spacing)
        grid.SetOrigin((3.3, -7.1, 11.0))
    return image, mask


def parameters(image_types: dict | None = None, **setting: object) -> dict:
    return {
        "imageType": image_types or {"Original": {}},
        "setting": {"label": 1, "additionalInfo": False, **setting},
    }
