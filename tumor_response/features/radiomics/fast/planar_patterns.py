"""Local binary patterns in planes.

T. Ojala, M. Pietikainen and T. Maenpaa, IEEE Transactions on Pattern Analysis and Machine
Intelligence 24(7), 2002, with scikit-image's rounding.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.fast.mask_check import Box
from tumor_response.features.radiomics.fast.working_image import WorkingImage
from tumor_response.features.radiomics.kernels import kernel

__all__ = ["local_binary_pattern"]

_UNIFORM, _DEFAULT, _LOWEST_ROTATION = 0, 1, 2
_METHODS = {"uniform": _UNIFORM, "default": _DEFAULT, "ror": _LOWEST_ROTATION}


def local_binary_pattern(
    image: WorkingImage, box: Box, axis: int, radius: float, n_samples: int, method: str
) -> NDArray[Any]:
    """Return each voxel's pattern in the plane across an axis, in the image's pixel type.

    Parameters
    ----------
    image
        What the patterns are of; 0 outside.
    box
        Where they are wanted.
    axis
        The axis that the planes lie across: 0 for z.
    radius
        Of the circle of neighbours, in voxels.
    n_samples
        Neighbours on the circle.
    method
        ``"uniform"``: the number of neighbours that are not darker, ``n_samples + 1`` where they
        alternate more than twice. ``"default"``: one bit for each neighbour. ``"ror"``: the
        lowest of its rotations. ``"var"``: the neighbours' variance, NaN where there is none.
    """
    # as PyRadiomics swaps the axes: across x the planes are (y, z)
    order = [0, 1, 2]
    order[0], order[axis] = order[axis], order[0]
    halo = math.ceil(radius) + 1
    padded = np.zeros([edge.stop - edge.start + 2 * halo for edge in box])
    outer = tuple(
        slice(max(edge.start - halo, 0), min(edge.stop + halo, size))
        for edge, size in zip(box, image.shape, strict=True)
    )
    z, y, x = outer
    placed = tuple(
        slice(cut.start - edge.start + halo, cut.stop - edge.start + halo)
        for cut, edge in zip(outer, box, strict=True)
    )
    padded[placed] = image.part((z, y, x))
    planes = np.ascontiguousarray(padded.transpose(order)[halo:-halo])
    angles = 2 * np.pi * np.arange(n_samples, dtype=np.float64) / n_samples
    rows, columns = np.round(-radius * np.sin(angles), 5), np.round(radius * np.cos(angles), 5)
    first_row, first_column = box[order[1]].start, box[order[2]].start
    patterns = np.empty([size - 2 * halo if i else size for i, size in enumerate(planes.shape)])
    for plane, out in zip(planes, patterns, strict=True):
        textures = _textures(plane, halo, first_row, first_column, rows, columns)
        if method == "var":
            _variances(textures, out)
        else:
            _patterns(plane, halo, textures, _METHODS[method], out)
    with np.errstate(invalid="ignore"):  # PyRadiomics writes the patterns into the image's array
        return np.ascontiguousarray(patterns.transpose(order)).astype(image.pixel_type)


@kernel
def _textures(
    plane: NDArray[np.float64],
    halo: int,
    first_row: int,
    first_column: int,
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Interpolate linearly on the circle around each voxel: (rows, columns, samples)."""
    n_rows, n_columns = plane.shape[0] - 2 * halo, plane.shape[1] - 2 * halo
    out = np.empty((n_rows, n_columns, rows.size))
    for i in range(n_rows):
        for j in range(n_columns):
            for k in range(rows.size):
                # the voxel's own index is part of the sum, and of its rounding
                row = (first_row + i) + rows[k]
                column = (first_column + j) + columns[k]
                top, left = math.floor(row), math.floor(column)
                down, right = row - top, column - left
                y0, y1 = top - first_row + halo, math.ceil(row) - first_row + halo
                x0, x1 = left - first_column + halo, math.ceil(column) - first_column + halo
                upper = (1 - right) * plane[y0, x0] + right * plane[y0, x1]
                lower = (1 - right) * plane[y1, x0] + right * plane[y1, x1]
                out[i, j, k] = (1 - down) * upper + down * lower
    return out


@kernel
def _variances(textures: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Compute them in one pass, as scikit-image does: its rounding decides between 0 and 1e-16."""
    n_rows, n_columns, n = textures.shape
    for i in range(n_rows):
        for j in range(n_columns):
            total = 0.0
            squares = 0.0
            for k in range(n):
                total += textures[i, j, k]
                squares += textures[i, j, k] * textures[i, j, k]
            variance = (squares - total * total / n) / n
            out[i, j] = variance if variance != 0 else np.nan


@kernel
def _patterns(
    plane: NDArray[np.float64],
    halo: int,
    textures: NDArray[np.float64],
    method: int,
    out: NDArray[np.float64],
) -> None:
    n_rows, n_columns, n = textures.shape
    for i in range(n_rows):
        for j in range(n_columns):
            centre = plane[i + halo, j + halo]
            ones = 0
            changes = 0
            code = 0
            before = False
            for k in range(n):
                bit = textures[i, j, k] - centre >= 0
                if bit:
                    ones += 1
                    code |= 1 << k
                if k > 0 and bit != before:
                    changes += 1
                before = bit
            if method == _UNIFORM:
                out[i, j] = ones if changes <= 2 else n + 1
            elif method == _DEFAULT:
                out[i, j] = code
            else:
                lowest = code
                for _ in range(n - 1):
                    code = (code >> 1) | ((code & 1) << (n - 1))
                    lowest = min(lowest, code)
                out[i, j] = lowest
