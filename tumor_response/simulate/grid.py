"""The voxel grid of a simulated CT, in mm of the patient (LPS: left, posterior, superior)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

__all__ = ["EXTENT_MM", "Box", "Grid"]

FloatArray = npt.NDArray[np.float32]

EXTENT_MM = (168.0, 168.0, 144.0)
"""Field of view along x, y and z; the isocentre is in the middle."""


@dataclass(frozen=True)
class Box:
    """A block of voxels of a grid: first voxel and number of voxels, in array order (z, y, x)."""

    start: tuple[int, int, int]
    shape: tuple[int, int, int]

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Slices that cut the block out of a (z, y, x) array."""
        z, y, x = (slice(s, s + n) for s, n in zip(self.start, self.shape, strict=True))
        return z, y, x


@dataclass(frozen=True)
class Grid:
    """Axis-aligned grid with the given voxel spacing (x, y, z) in mm."""

    spacing_mm: tuple[float, float, float]

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels in array order (z, y, x)."""
        nx, ny, nz = (
            round(extent / step) for extent, step in zip(EXTENT_MM, self.spacing_mm, strict=True)
        )
        return nz, ny, nx

    @property
    def voxel_cc(self) -> float:
        """Volume of a voxel in cm³."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    @property
    def spacing_zyx(self) -> tuple[float, float, float]:
        """Spacing in array order."""
        x, y, z = self.spacing_mm
        return z, y, x

    def whole(self) -> Box:
        """Return the box that is the grid."""
        return Box((0, 0, 0), self.shape)

    def box_around(self, centre_mm: tuple[float, float, float], radius_mm: float) -> Box:
        """Return the voxels within ``radius_mm`` along each axis, without the outermost layer."""
        start, shape = [], []
        for size, step, middle in zip(
            self.shape, self.spacing_zyx, reversed(centre_mm), strict=True
        ):
            first = -(size - 1) / 2 * step
            low = max(1, int(np.floor((middle - radius_mm - first) / step)))
            high = min(size - 2, int(np.ceil((middle + radius_mm - first) / step)))
            start.append(low)
            shape.append(high - low + 1)
        return Box((start[0], start[1], start[2]), (shape[0], shape[1], shape[2]))

    def axes(self, box: Box | None = None) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return x, y and z of the voxel centres in mm, shaped to broadcast over (z, y, x)."""
        box = box or self.whole()
        axes = []
        for axis in range(3):
            size, step = self.shape[axis], self.spacing_zyx[axis]
            index = box.start[axis] + np.arange(box.shape[axis])
            line = ((index - (size - 1) / 2) * step).astype(np.float32)
            axes.append(line.reshape([-1 if a == axis else 1 for a in range(3)]))
        return axes[2], axes[1], axes[0]

    def index_of(self, points_mm: tuple[npt.NDArray[np.floating], ...], box: Box) -> FloatArray:
        """Return fractional indices (3, ...) into ``box`` of points given as x, y, z in mm."""
        parts = [
            points_mm[2 - axis] / self.spacing_zyx[axis]
            + (self.shape[axis] - 1) / 2
            - box.start[axis]
            for axis in range(3)
        ]
        return np.stack(np.broadcast_arrays(*parts)).astype(np.float32)

    def to_image(self, array: npt.NDArray[np.generic]) -> sitk.Image:
        """Return ``array`` (z, y, x) as an image on this grid."""
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(self.spacing_mm)
        nz, ny, nx = self.shape
        image.SetOrigin(
            [
                -(size - 1) / 2 * step
                for size, step in zip((nx, ny, nz), self.spacing_mm, strict=True)
            ]
        )
        return image
