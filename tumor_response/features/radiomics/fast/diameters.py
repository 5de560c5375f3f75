"""The largest distance between two points of a region's surface, in space and within planes.

The points are the middles of the edges between a voxel inside and a neighbour outside. Every pair
would have to be compared, a number that grows with the square of the surface; but only corners of
the convex hull can be farthest apart. In each plane of the grid the hull is read off the first and
last point of each row, in whole numbers, so that flat and straight regions are nothing special. A
corner of the hull in space is a corner in its plane across z, across y and across x; few points
are all three, and those are compared.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel

__all__ = ["largest_distances_mm"]


def largest_distances_mm(
    padded: NDArray[np.uint8], spacing_mm: tuple[float, float, float]
) -> tuple[float, float, float, float]:
    """Return the largest distance between surface points within planes and in space.

    Parameters
    ----------
    padded
        1 inside, (z, y, x), with at least one layer of 0 around the region.
    spacing_mm
        Distance of voxel centres along (z, y, x).

    Returns
    -------
    across_z, across_y, across_x, in_space : float
        Millimetres. The first three only between points that share their z, y or x: planes through
        voxel centres and planes half-way between two of them.

    Notes
    -----
    PyRadiomics' ``Maximum2DDiameterSlice``, ``-Column``, ``-Row`` and ``Maximum3DDiameter``.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.fast.diameters import largest_distances_mm
    >>> voxel = np.zeros((3, 3, 3), dtype=np.uint8)
    >>> voxel[1, 1, 1] = 1
    >>> largest_distances_mm(voxel, (3.0, 1.0, 1.0))
    (1.0, 3.0, 3.0, 3.0)
    """
    z_mm, y_mm, x_mm = spacing_mm
    n_z, n_y, n_x = padded.shape
    first_x = np.full((2 * n_z, 2 * n_y), 2 * n_x, np.int32)
    last_x = np.full((2 * n_z, 2 * n_y), -1, np.int32)
    first_y = np.full((2 * n_z, 2 * n_x), 2 * n_y, np.int32)
    last_y = np.full((2 * n_z, 2 * n_x), -1, np.int32)
    _row_ends(padded, first_x, last_x, first_y, last_y)
    across_z, corners_z = _within_planes(first_x, last_x, y_mm, x_mm)
    across_y, corners_y = _within_planes(first_x.T.copy(), last_x.T.copy(), z_mm, x_mm)
    across_x, corners_x = _within_planes(first_y.T.copy(), last_y.T.copy(), z_mm, y_mm)
    points_mm = np.empty((2 * first_x.size, 3))
    in_space = _space(
        first_x, last_x, first_y, corners_z, corners_y, corners_x, z_mm, y_mm, x_mm, points_mm
    )
    return across_z, across_y, across_x, math.sqrt(in_space)


@kernel
def _row_ends(
    padded: NDArray[np.uint8],
    first_x: NDArray[np.int32],
    last_x: NDArray[np.int32],
    first_y: NDArray[np.int32],
    last_y: NDArray[np.int32],
) -> None:
    """Fill in the first and last surface point of each row, in half voxels.

    Rows along x by (z, y), rows along y by (z, x); a row without points keeps its first behind
    its last.
    """
    n_z, n_y, n_x = padded.shape
    for k in range(n_z - 1):
        for j in range(n_y - 1):
            for i in range(n_x - 1):
                here = padded[k, j, i]
                for axis in range(3):
                    z, y, x = 2 * k, 2 * j, 2 * i
                    if axis == 0:
                        if padded[k + 1, j, i] == here:
                            continue
                        z += 1
                    elif axis == 1:
                        if padded[k, j + 1, i] == here:
                            continue
                        y += 1
                    else:
                        if padded[k, j, i + 1] == here:
                            continue
                        x += 1
                    if x < first_x[z, y]:
                        first_x[z, y] = x
                    if x > last_x[z, y]:
                        last_x[z, y] = x
                    if y < first_y[z, x]:
                        first_y[z, x] = y
                    if y > last_y[z, x]:
                        last_y[z, x] = y


def _within_planes(
    first: NDArray[np.int32], last: NDArray[np.int32], row_mm: float, along_mm: float
) -> tuple[float, NDArray[np.bool_]]:
    """Return the largest distance within any plane, and which row ends are corners of a hull.

    ``first`` and ``last`` are (plane, row); the corners are (plane, row, end), in that order.
    """
    n_planes, n_rows = first.shape
    corners = np.zeros((n_planes, n_rows, 2), np.bool_)
    chain = np.empty(n_rows, np.int64)
    points_mm = np.empty((2 * n_rows, 2))
    return math.sqrt(_planes(first, last, row_mm, along_mm, corners, chain, points_mm)), corners


@kernel
def _planes(
    first: NDArray[np.int32],
    last: NDArray[np.int32],
    row_mm: float,
    along_mm: float,
    corners: NDArray[np.bool_],
    chain: NDArray[np.int64],
    points_mm: NDArray[np.float64],
) -> float:
    """Mark the corners and return the largest squared distance; the last two are scratch."""
    n_planes, n_rows = first.shape
    largest = 0.0
    for plane in range(n_planes):
        n = 0
        for end in range(2):
            # one side of the hull: the way over the row ends that only ever turns outwards
            side = first if end == 0 else last
            sign = 1 - 2 * end
            length = 0
            for row in range(n_rows):
                if first[plane, row] > last[plane, row]:
                    continue
                while length >= 2:
                    a, b = chain[length - 2], chain[length - 1]
                    ahead = (b - a) * (side[plane, row] - side[plane, a])
                    if sign * (ahead - (row - a) * (side[plane, b] - side[plane, a])) > 0:
                        break
                    length -= 1
                chain[length] = row
                length += 1
            for c in range(length):
                row = chain[c]
                corners[plane, row, end] = True
                if first[plane, row] == last[plane, row]:
                    corners[plane, row, 1 - end] = True
                points_mm[n, 0] = 0.5 * row * row_mm
                points_mm[n, 1] = 0.5 * side[plane, row] * along_mm
                n += 1
        for p in range(n):
            for q in range(p):
                d_row = points_mm[p, 0] - points_mm[q, 0]
                d_end = points_mm[p, 1] - points_mm[q, 1]
                square = d_row * d_row + d_end * d_end
                largest = square if square > largest else largest
    return largest


@kernel
def _space(
    first_x: NDArray[np.int32],
    last_x: NDArray[np.int32],
    first_y: NDArray[np.int32],
    corners_z: NDArray[np.bool_],
    corners_y: NDArray[np.bool_],
    corners_x: NDArray[np.bool_],
    z_mm: float,
    y_mm: float,
    x_mm: float,
    points_mm: NDArray[np.float64],
) -> float:
    """Return the largest squared distance between points that are corners in all three planes."""
    n_z, n_y = first_x.shape
    n = 0
    for z in range(n_z):
        for y in range(n_y):
            for end in range(2):
                if not (corners_z[z, y, end] and corners_y[y, z, end]):
                    continue
                x = first_x[z, y] if end == 0 else last_x[z, y]
                if not corners_x[x, z, 0 if first_y[z, x] == y else 1]:
                    continue
                points_mm[n, 0] = 0.5 * z * z_mm
                points_mm[n, 1] = 0.5 * y * y_mm
                points_mm[n, 2] = 0.5 * x * x_mm
                n += 1
    largest = 0.0
    for p in range(n):
        for q in range(p):
            d_z = points_mm[p, 0] - points_mm[q, 0]
            d_y = points_mm[p, 1] - points_mm[q, 1]
            d_x = points_mm[p, 2] - points_mm[q, 2]
            square = d_z * d_z + d_y * d_y + d_x * d_x
            largest = square if square > largest else largest
    return largest
