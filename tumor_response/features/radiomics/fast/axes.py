"""The eigenvalues behind axis lengths, elongation and flatness."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel

__all__ = ["axis_eigenvalues"]

FLAT = 1e-8
"""Smallest eigenvalue over the largest; below, the smallest is decided by rounding."""

ROUNDING_MM2 = 1e-10
"""Negative eigenvalues nearer to zero than this are taken as zero (PyRadiomics)."""


def axis_eigenvalues(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> NDArray[Any]:
    """Return the eigenvalues of the covariance of voxel centres, in mm², ascending.

    Parameters
    ----------
    mask
        True inside, two or three axes.
    spacing_mm
        Distance of voxel centres along each axis.

    Returns
    -------
    numpy.ndarray
        One number per axis of the mask: the population's variance along each principal axis.
        Complex in rare flat regions, whose two zeros rounding turns into a conjugate pair.

    Notes
    -----
    Sums of whole-number coordinates are exact, and so is the covariance up to its last rounding.
    A flat or straight region, in whatever direction it lies, has eigenvalues that are zero but for
    rounding: PyRadiomics' square roots of those (some 1e-8 mm) or its zeros are met only by its
    own order of sums, which is taken then.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.fast.axes import axis_eigenvalues
    >>> axis_eigenvalues(np.ones((2, 4, 6), dtype=bool), (1.0, 1.0, 1.0)).round(6).tolist()
    [0.25, 1.25, 2.916667]
    """
    if mask.ndim == 3:
        eigenvalues = np.linalg.eigvalsh(_exact_covariance(mask, spacing_mm))
        if eigenvalues[0] > FLAT * eigenvalues[2]:
            return np.asarray(eigenvalues)
    return _by_rounding(mask, spacing_mm)


def _exact_covariance(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> NDArray[Any]:
    # from the middle of the box, so that the sums stay small
    n, z, y, x, zz, zy, zx, yy, yx, xx = (int(total) for total in _sums(mask.view(np.uint8)))
    first, second = (z, y, x), ((zz, zy, zx), (zy, yy, yx), (zx, yx, xx))
    covariance = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            # Python's whole numbers have no largest: nothing is lost before the division
            exact = (n * second[i][j] - first[i] * first[j]) / n**2
            covariance[i, j] = exact * spacing_mm[i] * spacing_mm[j]
    return covariance


@kernel
def _sums(mask: NDArray[np.uint8]) -> tuple[int, ...]:
    """Return the count and the first and second sums of coordinates."""
    n_z, n_y, n_x = mask.shape
    n, s_z, s_y, s_x = 0, 0, 0, 0
    s_zz, s_zy, s_zx, s_yy, s_yx, s_xx = 0, 0, 0, 0, 0, 0
    for k in range(n_z):
        z = k - n_z // 2
        for j in range(n_y):
            y = j - n_y // 2
            row, row_x, row_xx = 0, 0, 0
            for i in range(n_x):
                if mask[k, j, i]:
                    x = i - n_x // 2
                    row += 1
                    row_x += x
                    row_xx += x * x
            n += row
            s_z += row * z
            s_y += row * y
            s_x += row_x
            s_zz += row * z * z
            s_zy += row * z * y
            s_zx += row_x * z
            s_yy += row * y * y
            s_yx += row_x * y
            s_xx += row_xx
    return n, s_z, s_y, s_x, s_zz, s_zy, s_zx, s_yy, s_yx, s_xx


def _by_rounding(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> NDArray[Any]:
    """Return the eigenvalues with the rounding of PyRadiomics' order of operations."""
    # it counts voxels in a box with a margin of one, axis by axis in memory
    index = np.array(np.nonzero(mask)).T + 1
    centres_mm = index * np.array(spacing_mm)
    centres_mm -= centres_mm.mean(axis=0)
    centres_mm /= np.sqrt(len(index))
    eigenvalues = np.linalg.eigvals(centres_mm.T.copy() @ centres_mm)
    eigenvalues[(eigenvalues < 0) & (eigenvalues > -ROUNDING_MM2)] = 0
    eigenvalues.sort()
    return np.asarray(eigenvalues)
