"""The surface of a mask between its voxels, and the distance of points from it.

Distances between voxel centres come in steps of a voxel, too coarse for a retreat of a millimetre.
The mask is blurred by a Gaussian of 0.7 of its largest spacing, the same in mm along every axis,
and the surface is where the blurred mask passes the value that as many voxels exceed as the mask
has; so the volume stays, and a plane or a sphere is found between the voxels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial import cKDTree

from tumor_response.exceptions import CaseError
from tumor_response.imaging.volume import bounding_box

__all__ = ["Surface"]

FloatArray = npt.NDArray[np.float64]

BLUR = 0.7
"""Standard deviation of the blur in units of the largest spacing."""

STEP_MM = 1.0
"""Distance of the points on the surface, about; half of it changes distances by 0.01 mm."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Points on the surface of a mask, LPS in mm, with outward normals.

    Parameters
    ----------
    points_mm, normals
        Shape (n, 3).
    area_mm2
        Of the piece of surface that each point stands for, up to a common factor.
    to_index
        Matrix (3, 3) and origin (3,) that turn mm into indices (z, y, x) of ``level``.
    level
        The blurred mask less the surface's value, on the mask's box with room around it; positive
        inside.

    Examples
    --------
    >>> z, y, x = np.mgrid[:20, :20, :20] - 9.5
    >>> ball = sitk.GetImageFromArray((x**2 + y**2 + z**2 <= 36).astype(np.uint8))
    >>> surface = Surface.of(ball)
    >>> bool(abs(surface.depth_mm(np.array([[9.5, 9.5, 12.5]]))[0] - 3.0) < 0.15)
    True
    """

    points_mm: FloatArray
    normals: FloatArray
    area_mm2: FloatArray
    to_index: tuple[FloatArray, FloatArray]
    level: FloatArray

    @classmethod
    def of(cls, mask: sitk.Image) -> Surface:
        """Return the surface of a mask.

        Raises
        ------
        CaseError
            Code ``surface_undefined``: the mask is empty, or too small to have one.
        """
        box = bounding_box(mask)
        if box is None:
            raise CaseError("the mask is empty and has no surface.", code="surface_undefined")
        step = np.array(mask.GetSpacing())[::-1]
        sigma = BLUR * step.max()
        first, last = np.array(box)[::-1].T
        room = np.ceil(4 * sigma / step).astype(int) + 1
        voxels = sitk.GetArrayViewFromImage(mask)[
            tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))
        ]
        padded = np.pad((voxels > 0).astype(np.float64), [(r, r) for r in room])
        level = ndimage.gaussian_filter(padded, sigma / step, mode="constant")
        n = int(padded.sum())
        ordered = np.partition(level.ravel(), [level.size - n - 1, level.size - n])
        level -= (ordered[level.size - n] + ordered[level.size - n - 1]) / 2
        at, normals = _crossings(level, step)
        if len(at) == 0:
            raise CaseError(
                f"the mask has {n} voxel(s), too few for a surface.", code="surface_undefined"
            )
        # index (z, y, x) of the padded box -> mm
        axes = np.array(mask.GetDirection()).reshape(3, 3)[:, ::-1]
        corner = (first - room)[::-1].tolist()
        origin = np.array(mask.TransformContinuousIndexToPhysicalPoint([float(c) for c in corner]))
        area = STEP_MM**2 / np.abs(normals).sum(axis=1)
        return cls(
            at * step @ axes.T + origin,
            normals @ axes.T,
            area,
            (np.linalg.inv(axes * step), origin),
            level,
        )

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.points_mm)

    def nearest(self, points_mm: FloatArray) -> npt.NDArray[np.intp]:
        """Return for each point the number of the nearest point of the surface."""
        return np.asarray(self._tree.query(points_mm)[1], dtype=np.intp)

    def depth_mm(self, points_mm: FloatArray) -> FloatArray:
        """Return the distance of points from the surface, positive inside the mask.

        Next to the nearest of the surface's points the surface is taken as a plane: the part of
        the distance that runs along it, up to the distance of the points, is an effect of their
        spacing.
        """
        distance, near = self._tree.query(points_mm)
        offset = points_mm - self.points_mm[near]
        across = (offset * self.normals[near]).sum(axis=1)
        along = np.sqrt(np.maximum(distance**2 - across**2, 0.0))
        along = np.minimum(along, STEP_MM)
        clean = np.sqrt(np.maximum(distance**2 - along**2, 0.0))
        matrix, origin = self.to_index
        index = (points_mm - origin) @ matrix.T
        level = ndimage.map_coordinates(
            self.level, index.T, order=1, mode="constant", cval=float(self.level.min())
        )
        return np.asarray(np.where(level > 0, clean, -clean))


def _crossings(level: FloatArray, step: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return where edges of a fine isotropic grid pass 0, as indices, and the outward normals."""
    counts = [int((n - 1) * s / STEP_MM) + 1 for n, s in zip(level.shape, step, strict=True)]
    lines = [np.arange(n) * STEP_MM / s for n, s in zip(counts, step, strict=True)]
    fine = ndimage.map_coordinates(
        level, np.stack(np.meshgrid(*lines, indexing="ij")), order=3, mode="nearest"
    )
    found = []
    for axis in range(3):
        a = np.moveaxis(fine, axis, 0)
        at = np.argwhere((a[:-1] > 0) != (a[1:] > 0))
        before = a[tuple(at.T)]
        after = a[1:][tuple(at.T)]
        place = at.astype(np.float64)
        place[:, 0] += before / (before - after)
        rest = [1, 2]
        rest.insert(axis, 0)
        found.append(place[:, rest])
    at = np.concatenate(found)
    slope = np.stack(
        [ndimage.map_coordinates(g, at.T, order=1, mode="nearest") for g in np.gradient(fine)],
        axis=1,
    )
    length = np.linalg.norm(slope, axis=1, keepdims=True)
    usable = length[:, 0] > 0
    return (at[usable] * STEP_MM / step), -(slope[usable] / length[usable])
