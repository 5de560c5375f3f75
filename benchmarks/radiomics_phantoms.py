"""Synthetic CTs with one smooth random blob of a given number of voxels, for the benchmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

INSIDE_HU, OUTSIDE_HU, TEXTURE_HU = 40.0, -20.0, 30.0


def write_phantom(folder: Path, n_roi: int, side: int = 256, seed: int = 0) -> tuple[Path, Path]:
    """Write a CT of 1 mm voxels and its mask; return both paths.

    The blob is a ball whose surface is pushed in and out by a smooth random field; the texture is
    noise smoothed to about two voxels.
    """
    rng = np.random.default_rng([seed, n_roi, side])
    texture = ndimage.gaussian_filter(rng.standard_normal((side,) * 3, dtype=np.float32), 0.8)
    texture *= TEXTURE_HU / texture.std()
    radius = (3 * n_roi / (4 * np.pi)) ** (1 / 3)
    # the field varies over half a radius; drawn coarse and stretched
    coarse = rng.standard_normal((max(4, int(2 * side / radius)),) * 3)
    bumps = ndimage.zoom(coarse, side / coarse.shape[0], order=2)[:side, :side, :side]
    axis = np.arange(side) - side / 2
    distance = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    depth = distance - 0.15 * radius * bumps[tuple(slice(0, n) for n in distance.shape)]
    depth[distance > 1.6 * radius] = np.inf  # bumps far away are no part of it
    inside = depth <= np.partition(depth.ravel(), n_roi - 1)[n_roi - 1]
    values = np.where(inside, INSIDE_HU, OUTSIDE_HU) + texture
    paths = tuple(folder / f"blob_{n_roi}_{side}_{part}.nii.gz" for part in ("image", "mask"))
    for path, array in zip(
        paths, (values.round().astype(np.int16), inside.view(np.uint8)), strict=True
    ):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(path), useCompression=True)
    return paths
