"""Erosion: the boundary retreats from outside, faster where the field is high.

Sign and definition of the retreat map, in mm and positive where the boundary moved inwards: each
voxel of the baseline lesion carries the retreat of its nearest surface point, and the follow-up
lesion is where the signed depth below the baseline surface exceeds it. In both modes the map lives
on the baseline lesion and is 0 elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import ndtri

from tumor_response.simulate.tumour import Lesion, smallest

__all__ = ["Retreat", "erode", "nearest_surface", "sensitivity"]

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

CONTRAST = 0.6
"""Log ratio of the retreat where the field is one standard deviation higher."""

SKIN_MM = 0.05
"""Least depth of a voxel on its side of the surface."""


@dataclass(frozen=True)
class Retreat:
    """Follow-up mask on the lesion's box and the retreat in mm that led to it."""

    mask: BoolArray
    retreat_mm: FloatArray


def sensitivity(lesion: Lesion) -> FloatArray:
    """Return how fast the lesion gives way locally, relative to its mean; on its box."""
    rate = np.exp(CONTRAST * np.clip(lesion.local_field, -2.5, 2.5))
    return np.asarray(rate, dtype=np.float32)


def nearest_surface(
    mask: BoolArray, spacing_zyx: tuple[float, float, float]
) -> tuple[FloatArray, npt.NDArray[np.int32]]:
    """Return the signed depth in mm (positive inside) and the index of the nearest surface voxel.

    The nearest surface voxel is the nearest voxel on the other side. Distances between voxel
    centres come in steps of a voxel, too coarse for a retreat of less than a millimetre. Near the
    surface the depth is therefore read off the mask blurred by a Gaussian, which falls across a
    plane surface as the normal distribution does; a common shift takes out the effect of
    curvature.
    """
    half = 0.5 * min(spacing_zyx)
    depth = np.zeros(mask.shape, dtype=np.float32)
    nearest = np.zeros((3, *mask.shape), dtype=np.int32)
    for side, sign in ((mask, 1.0), (~mask, -1.0)):
        distance, index = ndimage.distance_transform_edt(
            side, sampling=spacing_zyx, return_indices=True
        )
        depth[side] = sign * (distance[side] - half)
        nearest[:, side] = index[:, side]
    sigma = 0.7 * max(spacing_zyx)
    blurred = ndimage.gaussian_filter(
        mask.astype(np.float64), [sigma / step for step in spacing_zyx], mode="constant"
    )
    fine = sigma * ndtri(np.clip(blurred, 1e-9, 1 - 1e-9))
    n = int(mask.sum())
    fine -= np.partition(fine.ravel(), fine.size - n)[fine.size - n]
    fine = np.where(np.abs(depth) < 2 * sigma, fine, depth)
    # a voxel of the mask stays inside, whatever the blur makes of an edge
    fine = np.where(mask, np.maximum(fine, SKIN_MM), np.minimum(fine, -SKIN_MM))
    return fine.astype(np.float32), nearest


def erode(lesion: Lesion, n_voxels: int) -> Retreat:
    """Return the lesion with exactly ``n_voxels`` left (or grown to so many).

    The boundary point with sensitivity ``w`` has retreated by ``tau * w`` mm, or has advanced by
    ``tau / w``: what resists most grows most. ``tau`` is where exactly ``n_voxels`` remain.
    """
    depth, nearest = nearest_surface(lesion.mask, lesion.grid.spacing_zyx)
    w = sensitivity(lesion)[tuple(nearest)]
    time = np.where(depth > 0, depth / w, depth * w)
    time = np.where(lesion.allowed, time, np.float32(-np.inf))
    level = lesion.level
    mask = smallest(-time, n_voxels, level)
    removed, kept = time[~mask & lesion.allowed].max(), time[mask].min(initial=np.inf)
    if n_voxels == int(lesion.mask.sum()):
        tau = 0.0
    elif n_voxels == 0:
        tau = float(removed) * (1.0 + 1e-5)
    else:
        tau = float(removed + kept) / 2
    retreat = tau * w if tau > 0 else tau / w
    # where it gives way fastest the boundary has met itself: no retreat is longer than the depth
    retreat = np.where(lesion.mask, np.minimum(retreat, depth.max()), 0.0)
    return Retreat(mask, retreat.astype(np.float32))
