"""Bodies whose size is a formula, as masks and as images with partial volume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

Inside = Callable[[np.ndarray], np.ndarray]
SUBDIVISION = 6


@dataclass(frozen=True)
class Body:
    inside: Inside
    extent_mm: float
    true_cc: float


def ellipsoid(*semi_axes_mm: float) -> Body:
    a = np.array(semi_axes_mm)
    return Body(
        lambda p: ((p / a) ** 2).sum(axis=-1) < 1, max(semi_axes_mm), 4e-3 / 3 * np.pi * a.prod()
    )


def torus(major_mm: float, minor_mm: float) -> Body:
    def inside(p: np.ndarray) -> np.ndarray:
        from_ring = np.hypot(p[..., 0], p[..., 1]) - major_mm
        return from_ring**2 + p[..., 2] ** 2 < minor_mm**2

    return Body(inside, major_mm + minor_mm, 2e-3 * np.pi**2 * major_mm * minor_mm**2)


BODIES = {
    "sphere": ellipsoid(10, 10, 10),
    "ellipsoid": ellipsoid(16, 10, 7),
    "torus": torus(14, 7),
}
SPACINGS = ((1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (3.0, 3.0, 3.0), (1.0, 1.0, 3.0))


def image_of(array: np.ndarray, spacing_mm: tuple[float, ...] = (1.0, 1.0, 1.0)) -> sitk.Image:
    """An array with axes x, y, z as an image; booleans become uint8."""
    voxels = array.astype(np.uint8) if array.dtype == bool else array
    made = sitk.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0)))
    made.SetSpacing(tuple(float(s) for s in spacing_mm))
    return made


def render(
    body: Body, spacing_mm: tuple[float, ...], seed: int, margin: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    """Each voxel's share inside and whether its centre is inside, at a random place and turn."""
    rng = np.random.default_rng(seed)
    spacing = np.array(spacing_mm)
    turn = Rotation.random(random_state=rng).as_matrix()
    n = np.ceil(2 * body.extent_mm / spacing).astype(int) + 2 * margin
    index = np.stack(np.meshgrid(*[np.arange(k) for k in n], indexing="ij"), axis=-1)
    centres = (index - (n - 1) / 2 + rng.uniform(-0.5, 0.5, 3)) * spacing
    mask = body.inside(centres @ turn)
    cube = np.ones((3, 3, 3))
    border = ndimage.binary_dilation(mask, cube) & ~ndimage.binary_erosion(mask, cube)
    steps = (np.arange(SUBDIVISION) + 0.5) / SUBDIVISION - 0.5
    share = mask.astype(float)
    share[border] = np.mean(
        [
            body.inside((centres[border] + np.array(offset) * spacing) @ turn)
            for offset in np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
        ],
        axis=0,
    )
    return share, mask
