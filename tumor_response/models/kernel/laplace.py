"""Numerics of Gaussian processes: kernels of two kinds, Laplace's approximation, evidence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.special import expit

from tumor_response.models.ridge_path import logistic_losses

__all__ = ["SHAPES", "Posterior", "Shape", "laplace", "mean_probability", "shaped"]

FloatArray = npt.NDArray[np.float64]


class Shape(NamedTuple):
    """A kernel but for its amplitude.

    Attributes
    ----------
    linear : float
        Share of the linear kernel; the rest is the squared exponential one.
    length : float
        Squared length scale of the latter, in units of the rows' total variance.
    """

    linear: float
    length: float


SHAPES: tuple[Shape, ...] = (
    Shape(1.0, 1.0),
    *(Shape(0.5, length) for length in (2.0, 1.0, 0.5)),
    *(Shape(0.0, length) for length in (2.0, 1.0, 0.5)),
)
"""From the plainest to the most flexible; of equal evidence the earlier is taken."""


def shaped(
    shape: Shape, products: FloatArray, distances: FloatArray, variance: float
) -> FloatArray:
    """Return the kernel of rows, given their inner products and squared distances.

    Both are divided by ``variance``, the mean squared length of a centred training row. Two
    unlike patients are at a squared distance of twice that whatever the number of columns, so
    that one set of length scales serves 3 columns and 1,500.

    Examples
    --------
    >>> shaped(Shape(0.5, 1.0), np.array([[4.0]]), np.array([[0.0]]), 2.0).tolist()
    [[1.5]]
    """
    kernel: FloatArray = shape.linear * products / variance
    if shape.linear < 1:
        kernel = kernel + (1 - shape.linear) * np.exp(-distances / (2 * shape.length * variance))
    return kernel


class Posterior(NamedTuple):
    """Laplace's approximation to the latent log-odds of the training rows.

    Attributes
    ----------
    latent : ndarray of shape (n_rows,)
        Its mode.
    pull : ndarray of shape (n_rows,)
        Gradient of the log-likelihood there; the latent mean of a row with covariances ``k`` is
        ``k @ pull``.
    root : ndarray of shape (n_rows,)
        Square root of the curvature.
    factor : ndarray of shape (n_rows, n_rows)
        Lower Cholesky factor of ``1 + root K root``.
    evidence : float
        Approximate log marginal likelihood.
    """

    latent: FloatArray
    pull: FloatArray
    root: FloatArray
    factor: FloatArray
    evidence: float

    def variance(self, covariances: FloatArray, own: FloatArray) -> FloatArray:
        """Return the latent variance of rows; ``covariances`` (n_rows, n_training)."""
        inner = solve_triangular(self.factor, self.root[:, None] * covariances.T, lower=True)
        left: FloatArray = np.maximum(own - (inner**2).sum(axis=0), 0.0)
        return left


def laplace(
    kernel: FloatArray, label: FloatArray, weight: FloatArray, start: FloatArray
) -> Posterior:
    """Find the mode of the latent log-odds and the evidence of the kernel.

    Algorithm 3.1 of Rasmussen and Williams (2006, Gaussian Processes for Machine Learning), a
    weight being a power of the row's likelihood, with Newton steps that are halved where they
    overshoot. It inverts nothing that a repeated row could make singular.

    Parameters
    ----------
    kernel : array of shape (n_rows, n_rows)
    label : array of shape (n_rows,)
        0 and 1.
    weight : array of shape (n_rows,)
    start : array of shape (n_rows,)
        ``pull`` of a similar kernel's posterior, or zeros.

    Examples
    --------
    >>> found = laplace(np.zeros((1, 1)), np.ones(1), np.ones(1), np.zeros(1))
    >>> round(found.evidence, 6)  # no latent variance: a coin
    -0.693147
    """
    dual = start
    latent = kernel @ dual
    value = _objective(dual, latent, label, weight)
    for _ in range(100):
        probability = expit(latent)
        root = np.sqrt(weight * probability * (1 - probability))
        factor = _factor(kernel, root)
        right = root**2 * latent + weight * (label - probability)
        target = right - root * cho_solve((factor, True), root * (kernel @ right))
        length = 1.0
        while True:
            candidate = dual + length * (target - dual)
            moved = kernel @ candidate
            new = _objective(candidate, moved, label, weight)
            if new >= value - 1e-12 * abs(value) or length < 1e-6:
                break
            length /= 2
        gained, dual, latent, value = new - value, candidate, moved, new
        if gained < 1e-10:
            break
    probability = expit(latent)
    root = np.sqrt(weight * probability * (1 - probability))
    factor = _factor(kernel, root)
    evidence = value - float(np.log(np.diag(factor)).sum())
    return Posterior(latent, weight * (label - probability), root, factor, evidence)


def mean_probability(mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Return the mean of ``expit(f)`` over normal ``f``, by 32 points of Gauss and Hermite.

    Examples
    --------
    >>> mean_probability(np.array([0.0, 2.0]), np.array([9.0, 0.0])).round(3).tolist()
    [0.5, 0.881]
    """
    points, weights = np.polynomial.hermite_e.hermegauss(32)
    at = mean[:, None] + np.sqrt(variance)[:, None] * points
    averaged: FloatArray = expit(at) @ (weights / weights.sum())
    return averaged


def _factor(kernel: FloatArray, root: FloatArray) -> FloatArray:
    inner = np.eye(len(root)) + root[:, None] * kernel * root
    factor: FloatArray = cholesky(inner, lower=True, check_finite=False)
    return factor


def _objective(
    dual: FloatArray, latent: FloatArray, label: FloatArray, weight: FloatArray
) -> float:
    return float(-0.5 * dual @ latent - weight @ logistic_losses(latent, label))
