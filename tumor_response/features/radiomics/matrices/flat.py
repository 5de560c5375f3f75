"""A grey level image as one row of numbers with a rim of zeros, to look at neighbours unchecked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel

__all__ = ["FlatLevels", "flat_levels"]


@dataclass(frozen=True)
class FlatLevels:
    """Grey levels with a rim of zeros, as one row.

    Parameters
    ----------
    levels
        int32, the padded image in C order; 0 outside the region and in the rim.
    shape
        The padded image's shape (z, y, x).
    reach
        Width of the rim in voxels.
    """

    levels: NDArray[np.int32]
    shape: tuple[int, int, int]
    reach: int

    def steps(self, offsets: NDArray[np.int32]) -> NDArray[np.int64]:
        """Turn offsets (n, 3) in voxels along (z, y, x) into steps in the row."""
        strides = np.array([self.shape[1] * self.shape[2], self.shape[2], 1], dtype=np.int64)
        steps: NDArray[np.int64] = offsets @ strides
        return steps

    @cached_property
    def voxels(self) -> NDArray[np.int64]:
        """Positions of the region's voxels, ascending: raster order."""
        return _positions(self.levels, self.spans)

    @cached_property
    def spans(self) -> NDArray[np.int64]:
        """Where the region is along x, int64 (n, 2), ascending.

        For each line of voxels along x that meets the region: the position of its first voxel in
        the region and the position after its last one.
        """
        return _spans(self.levels, self.shape[2])

    def unpadded(self, row: NDArray[np.int32]) -> NDArray[np.int32]:
        """Give a row of this layout the image's own shape, without the rim."""
        reach = self.reach
        inner = slice(reach, -reach or None)
        return np.ascontiguousarray(row.reshape(self.shape)[inner, inner, inner])


def flat_levels(levels: NDArray[np.int32], reach: int) -> FlatLevels:
    """Pad an image of grey levels with zeros and lay it out as one row.

    A step from a voxel of the region to a neighbour at most `reach` away along each axis then
    always lands in the row, and on a zero where the neighbour is outside the image.

    Parameters
    ----------
    levels
        int32 (z, y, x), 1 and above in the region, 0 outside.
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
    depth, height, width = levels.shape
    shape = (depth + 2 * reach, height + 2 * reach, width + 2 * reach)
    padded = np.zeros(shape, dtype=np.int32)
    padded[reach : reach + depth, reach : reach + height, reach : reach + width] = levels
    return FlatLevels(padded.reshape(-1), shape, reach)


@kernel
def _spans(levels: NDArray[np.int32], width: int) -> NDArray[np.int64]:
    n_lines = levels.size // width
    spans = np.empty((n_lines, 2), dtype=np.int64)
    n = 0
    for line in range(n_lines):
        first = line * width
        after = first + width
        while first < after and levels[first] == 0:
            first += 1
        while after > first and levels[after - 1] == 0:
            after -= 1
        if first < after:
            spans[n, 0] = first
            spans[n, 1] = after
            n += 1
    return spans[:n].copy()


@kernel
def _positions(levels: NDArray[np.int32], spans: NDArray[np.int64]) -> NDArray[np.int64]:
    longest = 0
    for s in range(spans.shape[0]):
        longest += spans[s, 1] - spans[s, 0]
    positions = np.empty(longest, dtype=np.int64)
    n = 0
    for s in range(spans.shape[0]):
        for position in range(spans[s, 0], spans[s, 1]):
            positions[n] = position
            n += levels[position] > 0
    return positions[:n].copy()
