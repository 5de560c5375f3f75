"""Maps as smooth as a given one, with its profile over depth, that know nothing of anything else.

Two smooth fields within one small region correlate by chance, and voxels are no independent
observations: permuting them finds "agreement" nearly always. The surrogates here are Gaussian
fields on the same voxels. Their covariance is a Matérn function of the distance, of which
smoothness, range, anisotropy across the views' planes and a share of noise are *not known*: each
surrogate draws them from their posterior under the restricted likelihood (Harville, Biometrika
1974; 61: 383; the variance integrated out as in Berger, De Oliveira and Sansó, JASA 2001; 96:
1361), given the map less its profile. Where a tumour is no larger than the map's blobs the range is
hardly known, and what is not known widens the null. Matching the residual's variogram (Burt et al.,
NeuroImage 2020; 220: 117038) was measured beside it and does as well on single tumours
(``docs/guide/concordance.md``); it takes the one best width and has no account of the degrees of
freedom that the profile costs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist

from tumor_response.explanation.concordance.profile import DepthProfile

__all__ = ["Covariance", "covariance_posterior", "spread_out", "surrogates"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SMOOTHNESS = (0.5, 1.5, 2.5)
"""Matérn's nu: 1/2 is the exponential, 5/2 nearly as smooth as a Gaussian."""

ANISOTROPY = (0.5, 1.0, 2.0)
"""Distances across the views' planes are multiplied by it."""

NOISE = (1e-3, 0.1)
"""Share of the variance that is independent from voxel to voxel."""

N_RANGES = 9


@dataclass(frozen=True)
class Covariance:
    """A Matérn covariance of variance 1.

    Parameters
    ----------
    range_mm
        Of the distance; the covariance's own scale.
    smoothness
        1/2, 3/2 or 5/2.
    across
        Factor on distances across the views' planes.
    noise
        Share of the variance without correlation.
    """

    range_mm: float
    smoothness: float
    across: float
    noise: float

    def matrix(self, points_mm: FloatArray) -> FloatArray:
        """Return the covariance of points, shape (n, 3), the last axis across the planes."""
        distance = distances_mm(points_mm, self.across) / self.range_mm
        return self.of(distance) * (1.0 - self.noise) + self.noise * np.eye(len(points_mm))

    def of(self, distance: FloatArray) -> FloatArray:
        """Return the correlation without noise at distances in units of the range."""
        h = np.sqrt(2.0 * self.smoothness) * distance
        if self.smoothness == 0.5:
            polynomial = np.ones_like(h)
        elif self.smoothness == 1.5:
            polynomial = 1.0 + h
        else:
            polynomial = 1.0 + h + h**2 / 3.0
        return np.asarray(polynomial * np.exp(-h))


def distances_mm(points_mm: FloatArray, across: float) -> FloatArray:
    """Return the distances of points from each other, those along the last axis times a factor."""
    scaled = points_mm * np.array([1.0, 1.0, across])
    return np.asarray(cdist(scaled, scaled), dtype=np.float64)


def spread_out(points_mm: FloatArray, n: int) -> IntArray:
    """Return ``n`` of the points that lie far from each other, in that order.

    Each is the one farthest from those before it (Gonzalez, Theoretical Computer Science 1985; 38:
    293), the first the one nearest to the middle.

    Examples
    --------
    >>> spread_out(np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [9, 0, 0]]), 3).tolist()
    [2, 3, 0]
    """
    n = min(n, len(points_mm))
    chosen = np.empty(n, dtype=np.int64)
    chosen[0] = ((points_mm - points_mm.mean(axis=0)) ** 2).sum(axis=1).argmin()
    nearest = np.full(len(points_mm), np.inf)
    for k in range(1, n):
        square = ((points_mm - points_mm[chosen[k - 1]]) ** 2).sum(axis=1)
        nearest = np.minimum(nearest, square)
        chosen[k] = nearest.argmax()
    return chosen


def covariance_posterior(
    points_mm: FloatArray, field: FloatArray, basis: FloatArray
) -> tuple[list[Covariance], FloatArray]:
    """Return candidate covariances of a field about its profile, and their posterior weights.

    Parameters
    ----------
    points_mm
        Shape (n, 3).
    field
        Shape (n,).
    basis
        Columns of the profile at these points, shape (n, k): fixed effects.

    Returns
    -------
    list of Covariance and numpy.ndarray
        The weights sum to 1. The prior is flat over the candidates: ranges by factors from the
        distance of neighbouring points to several diameters.
    """
    size = float(np.linalg.norm(np.ptp(points_mm, axis=0)))
    step = size / max(len(points_mm), 8) ** (1 / 3)
    ranges = np.geomspace(0.5 * step, 2.0 * size, N_RANGES)
    unit = np.eye(len(points_mm))
    candidates, scores = [], []
    for across in ANISOTROPY:
        distance = distances_mm(points_mm, across)
        for smoothness, range_mm in product(SMOOTHNESS, ranges):
            smooth = Covariance(float(range_mm), smoothness, across, 0.0)
            correlation = smooth.of(distance / range_mm)
            for noise in NOISE:
                candidates.append(replace(smooth, noise=noise))
                matrix = correlation * (1.0 - noise) + noise * unit
                scores.append(_log_likelihood(matrix, field, basis))
    score = np.array(scores)
    weights = np.exp(score - score.max())
    return candidates, weights / weights.sum()


def _log_likelihood(covariance: FloatArray, field: FloatArray, basis: FloatArray) -> float:
    """Return the log restricted likelihood, the variance integrated out."""
    n, k = basis.shape
    root = np.linalg.cholesky(covariance)
    both = solve_triangular(root, np.column_stack([basis, field]), lower=True, check_finite=False)
    r = np.asarray(np.linalg.qr(both, mode="r"))
    log_determinant = 2.0 * np.log(np.diagonal(root)).sum()
    log_information = 2.0 * np.log(np.abs(np.diagonal(r)[:k])).sum()
    squares = max(float(r[k, k] ** 2), np.finfo(float).tiny)
    return float(-0.5 * (log_determinant + log_information + (n - k) * np.log(squares)))


def surrogates(
    points_mm: FloatArray,
    field: FloatArray,
    profile: DepthProfile,
    n_surrogates: int,
    rng: np.random.Generator,
    n_fitted: int = 120,
) -> FloatArray:
    """Return surrogates of a field: its profile over depth, and another residual.

    Parameters
    ----------
    points_mm
        Shape (n, 3), the last axis across the views' planes.
    field
        Normal scores, shape (n,); not explained by the profile entirely.
    profile
        Of these points.
    n_surrogates
        How many.
    rng
        What decides.
    n_fitted
        Points, far from each other, on which the covariance is judged. Not all: the likelihood of
        dense points is decided by the finest distances, and a covariance that is wrong there (a
        map interpolated from a coarse grid is no Matérn field) would be chosen for them.

    Returns
    -------
    numpy.ndarray
        Shape (n, n_surrogates). Each has the profile of the field exactly, and the variance of its
        residual.
    """
    few = spread_out(points_mm, n_fitted)
    candidates, weights = covariance_posterior(points_mm[few], field[few], profile.basis[few])
    drawn = rng.choice(len(candidates), n_surrogates, p=weights)
    residual = np.empty((len(field), n_surrogates))
    for number in np.unique(drawn):
        columns = np.flatnonzero(drawn == number)
        root = np.linalg.cholesky(candidates[number].matrix(points_mm))
        residual[:, columns] = root @ rng.standard_normal((len(field), len(columns)))
    residual = profile.residual(residual)
    size = np.linalg.norm(profile.residual(field)) / np.linalg.norm(residual, axis=0)
    return np.asarray(profile.fitted(field)[:, None] + residual * size)
