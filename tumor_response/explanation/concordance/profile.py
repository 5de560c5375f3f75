"""Ranks of a field within a tumour, and what the distance from the border says of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import rankdata

__all__ = ["DepthProfile", "normal_scores"]

FloatArray = npt.NDArray[np.float64]

DEGREE = 4
"""Of the polynomial in the depth's rank; a centre-loving map needs one bend, a shell two."""


def normal_scores(values: FloatArray) -> FloatArray:
    """Return van der Waerden's normal scores of the ranks; ties share the mean rank.

    Parameters
    ----------
    values
        Shape (n,).

    Examples
    --------
    >>> normal_scores(np.array([5.0, 1.0, 100.0])).round(2).tolist()
    [0.0, -0.67, 0.67]
    """
    return np.asarray(ndtri(rankdata(values) / (len(values) + 1.0)), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class DepthProfile:
    """What a smooth function of the depth can say of a field on the same voxels.

    Parameters
    ----------
    basis
        Orthonormal columns, shape (n, k); the first is constant.
    """

    basis: FloatArray

    @classmethod
    def of(cls, depth_mm: FloatArray) -> DepthProfile:
        """Return the profile over these depths: Legendre polynomials of their ranks.

        Ranks, because most voxels of a tumour lie near its border: in mm the few deep ones would
        decide the polynomial.

        Parameters
        ----------
        depth_mm
            Distance of each voxel from the border, shape (n,).
        """
        levels = len(np.unique(depth_mm))
        place = 2.0 * rankdata(depth_mm) / (len(depth_mm) + 1.0) - 1.0
        columns = np.polynomial.legendre.legvander(place, min(DEGREE, levels - 1))
        return cls(np.linalg.qr(columns)[0])

    def fitted(self, fields: FloatArray) -> FloatArray:
        """Return the part of fields that depth explains; shape (n,) or (n, fields)."""
        return np.asarray(self.basis @ (self.basis.T @ fields))

    def residual(self, fields: FloatArray) -> FloatArray:
        """Return the part of fields that depth does not explain; shape (n,) or (n, fields)."""
        return np.asarray(fields - self.fitted(fields))
