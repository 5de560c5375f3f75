"""A grey level image as one row of numbers with a rim of zeros, to look at neighbours unchecked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel

__all__ = ["FlatLevels", "Layout", "flat_levels"]


@dataclass(frozen=True)
class Layout:
    """Where the voxels of a region are in a row: the same for all images of the region.

    Parameters
    ----------
    padded_shape
        The padded image's shape (z, y, x).
    reach
        Width of the rim in voxels.
    spans
        Where the region is along x, int64 (n, 2), ascending: for each line of voxels along x that
        meets the region, the position of its first voxel in the region and the position after its
        last one.
    n_voxels
        Voxels of the region.
    """

    padded_shape: tuple[int, int, int]
    reach: int
    spans: NDArray[np.int64]
    n_voxels: int

    @classmethod
    def around(cls, region: NDArray[np.bool_], reach: int) -> Layout:
        """Find the voxels of a region (z, y, x)."""
        padded = _padded(region, reach)
        depth, height, width = padded.shape
        spans = np.empty((depth * height, 2), dtype=np.int64)
        n_spans, n_voxels = _find_spans(padded.reshape(depth * height, width), spans)
        return cls((depth, height, width), reach, spans[:n_spans].copy(), n_voxels)

    def filled(self, levels: NDArray[np.int32]) -> FlatLevels:
        """Lay out grey levels (z, y, x), 1 and above in the region and 0 outside."""
        return FlatLevels(_padded(levels, self.reach).reshape(-1), self)


@dataclass(frozen=True)
class FlatLevels:
    """Grey levels with a rim of zeros, as one row: all matrices can be counted on one of these.

    Parameters
    ----------
    levels
        int32, the padded image in C order; 0 outside the region and in the rim.
    layout
        Where in it the region is.
    """

    levels: NDArray[np.int32]
    layout: Layout

    @property
    def shape(self) -> tuple[int, int, int]:
        """The image's own shape (z, y, x), without the rim."""
        z, y, x = (size - 2 * self.layout.reach for size in self.layout.padded_shape)
        return z, y, x

    @property
    def padded(self) -> NDArray[np.int32]:
        """The padded image (z, y, x)."""
        return self.levels.reshape(self.layout.padded_shape)

    @property
    def voxels(self) -> NDArray[np.int64]:
        """Positions of the region's voxels, ascending: raster order."""
        return np.flatnonzero(self.levels)

    def steps(self, offsets: NDArray[np.int32]) -> NDArray[np.int64]:
        """Turn offsets (n, 3) in voxels along (z, y, x) into steps in the row."""
        _, height, width = self.layout.padded_shape
        strides = np.array([height * width, width, 1], dtype=np.int64)
        steps: NDArray[np.int64] = offsets @ strides
        return steps

    def unpadded(self, row: NDArray[np.int32]) -> NDArray[np.int32]:
        """Give a row of this layout the image's own shape, without the rim."""
        reach = self.layout.reach
        inner = slice(reach, -reach or None)
        return np.ascontiguousarray(row.reshape(self.layout.padded_shape)[inner, inner, inner])


def flat_levels(levels: NDArray[np.int32] | FlatLevels, reach: int) -> FlatLevels:
    """Pad an image of grey levels with zeros and lay it out as one row.

    A step from a voxel of the region to a neighbour at most `reach` away along each axis then
    always lands in the row, and on a zero where the neighbour is outside the image.

    Parameters
    ----------
    levels
        Grey levels (z, y, x), 1 and above in the region, 0 outside. What is laid out already, with
        a rim that is wide enough, is returned as it is.
    reach
        Width of the rim in voxels.

    Returns
    -------
    FlatLevels

    Examples
    --------
    >>> import numpy as np
    >>> flat = flat_levels(np.array([[[3, 4]]], dtype=np.int32), 1)
    >>> flat.levels[flat.voxels]
    array([3, 4], dtype=int32)
    >>> flat.levels[flat.voxels + flat.steps(np.array([[0, 0, 1]], dtype=np.int32))]
    array([4, 0], dtype=int32)
    """
    if isinstance(levels, FlatLevels):
        if levels.layout.reach >= reach:
            return levels
        levels = levels.unpadded(levels.levels)
    return Layout.around(levels > 0, reach).filled(levels)


def _padded(values: NDArray[Any], reach: int) -> NDArray[Any]:
    padded = np.zeros([size + 2 * reach for size in values.shape], dtype=values.dtype)
    z, y, x = (slice(reach, reach + size) for size in values.shape)
    padded[z, y, x] = values
    return padded


@kernel
def _find_spans(lines: NDArray[np.bool_], spans: NDArray[np.int64]) -> tuple[int, int]:
    """Fill in the spans; return their number and that of the voxels in them."""
    n_lines, width = lines.shape
    n, n_voxels = 0, 0
    for i in range(n_lines):
        line = lines[i]
        inside = 0
        for x in range(width):
            inside += line[x]
        if inside == 0:
            continue
        first, after = 0, width
        while not line[first]:
            first += 1
        while not line[after - 1]:
            after -= 1
        spans[n, 0] = i * width + first
        spans[n, 1] = i * width + after
        n += 1
        n_voxels += inside
    return n, n_voxels
