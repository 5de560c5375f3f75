"""How deep voxels lie below the surface of a mask, finer than its voxels.

The mask is blurred by a Gaussian of 0.7 of its largest spacing, the same in mm along every axis, so
that the steps between thick slices become the slope they stand for. Across a plane surface the
blurred mask falls as the normal distribution does; its quantile, divided by its slope, is therefore
the distance from the surface next to it. Farther off, each voxel goes with the nearest of the
voxels at the surface and takes its distance from the plane there.

The surface is laid where it encloses the mask's volume: along the rows of voxels in all three
directions it crosses, on average, halfway between the last voxel inside and the first one outside.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize
from scipy.spatial import cKDTree
from scipy.special import ndtri

__all__ = ["signed_depth_mm"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

BLUR = 0.7
"""Standard deviation of the blur in units of the largest spacing. Less leaves steps, which make
everything seem nearer to the surface than it is; more rounds off what is thin."""

_FAR = 1e-12
"""Shares of the blurred mask below this one and above 1 less it say no more than far."""


def signed_depth_mm(mask: BoolArray, spacing_zyx: tuple[float, ...]) -> FloatArray:
    """Return the depth of every voxel's centre below the mask's surface.

    Parameters
    ----------
    mask
        Three-dimensional, with voxels inside and outside. What lies beyond the array is outside.
    spacing_zyx
        Distance of voxels along its axes, mm.

    Returns
    -------
    array of float64, the mask's shape
        mm, positive inside and negative outside: its sign is always that of the mask.

    Notes
    -----
    On balls of 8 and 23 mm radius, on voxels of 1 x 1 x 1 to 0.6 x 0.6 x 5 mm, depths within 3 mm
    of the surface are off by 0.13 to 0.23 mm (root mean square), and by 0.3 mm on 3.9 x 3.9 x
    2.5 mm. The radius at which the depth is -1 to -8 mm is off by at most 0.15 mm on average (0.4
    mm on the coarsest voxels, 0.6 mm for a ball of three slices).

    Examples
    --------
    >>> import numpy as np
    >>> z, y, x = np.mgrid[:9, :25, :25] * np.array([3.0, 1.0, 1.0])[:, None, None, None]
    >>> radius = np.sqrt((z - 12) ** 2 + (y - 12) ** 2 + (x - 12) ** 2)
    >>> depth = signed_depth_mm(radius < 8.2, (3.0, 1.0, 1.0))
    >>> bool(abs(depth[4, 12, 18] - 2.2) < 0.3), bool(abs(depth[4, 12, 23] + 2.8) < 0.3)
    (True, True)
    """
    step = np.asarray(spacing_zyx, dtype=np.float64)
    quantile = _blurred_quantile(mask, step)
    inside = quantile > 0
    shell = _next_to_surface(inside)
    at = np.argwhere(shell)
    distance = np.zeros(mask.shape)
    if len(at):  # a few voxels may be too few for a surface
        foot, outward = _feet_mm(quantile, at, step)
        distance = _distance_mm(shell, at, foot, outward, step)
    depth = np.where(inside, distance, -distance)
    lost = (inside != mask) | (distance == 0.0)
    depth[lost] = np.where(mask[lost], 1.0, -1.0) * _half_way_mm(mask, lost, step)
    return depth


def _half_way_mm(mask: BoolArray, lost: BoolArray, step: FloatArray) -> FloatArray:
    """Return half the distance of some voxels to the nearest one on the other side.

    What is thin against the blur ends up on its wrong side; there the voxels themselves tell.
    """
    edge = _next_to_surface(mask)
    half = np.empty(mask.shape)
    for side in (mask, ~mask):
        asked = np.argwhere(lost & side)
        if len(asked):
            others = cKDTree(np.argwhere(edge & ~side) * step)
            half[lost & side] = others.query(asked * step)[0] / 2
    return np.asarray(half[lost])


def _blurred_quantile(mask: BoolArray, step: FloatArray) -> FloatArray:
    """Return the normal quantile of the blurred mask, 0 where the surface is."""
    share = ndimage.gaussian_filter(
        mask.astype(np.float64), BLUR * step.max() / step, mode="constant"
    )
    quantile = ndtri(np.clip(share, _FAR, 1 - _FAR))
    return np.asarray(quantile - _level(quantile, mask))


def _level(quantile: FloatArray, mask: BoolArray) -> float:
    """Return the value at which crossings lie halfway between the voxels, on average."""
    last, first = [], []
    for axis in range(mask.ndim):
        side, value = np.moveaxis(mask, axis, 0), np.moveaxis(quantile, axis, 0)
        for inside, one, other in (
            (side[:-1] & ~side[1:], value[:-1], value[1:]),
            (side[1:] & ~side[:-1], value[1:], value[:-1]),
        ):
            last.append(one[inside])
            first.append(other[inside])
    within, beyond = np.concatenate(last), np.concatenate(first)
    fall = np.maximum(within - beyond, _FAR)

    def too_far_out(level: float) -> float:
        return float(np.clip((within - level) / fall, 0.0, 1.0).mean()) - 0.5

    low, high = min(within.min(), beyond.min()), max(within.max(), beyond.max())
    return float(optimize.brentq(too_far_out, low - 1.0, high + 1.0, xtol=1e-6))


def _next_to_surface(inside: BoolArray) -> BoolArray:
    """Return the voxels that have a face in common with one on the other side."""
    shell = np.zeros_like(inside)
    for axis in range(inside.ndim):
        side, edge = np.moveaxis(inside, axis, 0), np.moveaxis(shell, axis, 0)
        differs = side[:-1] != side[1:]
        edge[:-1] |= differs
        edge[1:] |= differs
    return shell


def _feet_mm(
    quantile: FloatArray, at: npt.NDArray[np.intp], step: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the nearest surface points of the shell's voxels (n, 3) and the outward normals."""
    slope = np.empty((len(at), 3))
    for axis, size in enumerate(quantile.shape):
        after, before = at.copy(), at.copy()
        after[:, axis] = np.minimum(at[:, axis] + 1, size - 1)
        before[:, axis] = np.maximum(at[:, axis] - 1, 0)
        width = (after[:, axis] - before[:, axis]) * step[axis]
        slope[:, axis] = (quantile[tuple(after.T)] - quantile[tuple(before.T)]) / width
    squared = np.maximum((slope**2).sum(axis=1, keepdims=True), _FAR)
    foot = at * step - quantile[tuple(at.T)][:, None] / squared * slope
    return foot, -slope / np.sqrt(squared)


def _distance_mm(
    shell: BoolArray,
    at: npt.NDArray[np.intp],
    foot: FloatArray,
    outward: FloatArray,
    step: FloatArray,
) -> FloatArray:
    nearest = ndimage.distance_transform_edt(
        ~shell, sampling=step, return_distances=False, return_indices=True
    )
    number = np.zeros(shell.shape, dtype=np.intp)
    number[shell] = np.arange(len(at))
    number = number[tuple(nearest)]
    lines = np.meshgrid(
        *(np.arange(n) * s for n, s in zip(shell.shape, step, strict=True)),
        indexing="ij",
        sparse=True,
    )
    across, squared = np.zeros(shell.shape), np.zeros(shell.shape)
    for axis, line in enumerate(lines):
        offset = line - foot[:, axis][number]
        across += offset * outward[:, axis][number]
        squared += offset**2
    # up to a voxel along the surface is the distance of the shell's voxels, not of the surface
    along = np.sqrt(np.maximum(squared - across**2, 0.0))
    along = np.maximum(along - step.max(), 0.0)
    return np.asarray(np.sqrt(across**2 + along**2))
