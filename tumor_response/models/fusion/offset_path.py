"""Ridge logistic regression beside a part of the log-odds that is known."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from tumor_response.models.newton import damped_newton
from tumor_response.models.ridge_path import logistic_losses

__all__ = ["offset_path"]

FloatArray = npt.NDArray[np.float64]


def offset_path(
    Z: FloatArray, label: FloatArray, offset: FloatArray, weights: FloatArray, Cs: FloatArray
) -> list[FloatArray]:
    """Solve all logistic problems for each C with ``offset`` added to the log-odds.

    Parameters
    ----------
    Z : array of shape (n_rows, n_dimensions)
    label : array of shape (n_rows,)
        0 and 1.
    offset : array of shape (n_rows,)
        Log-odds with a coefficient of 1.
    weights : array of shape (n_problems, n_rows)
    Cs
        From the strongest penalty.

    Returns
    -------
    list of ndarray of shape (n_problems, 1 + n_dimensions)
        One a C; intercept first.

    Examples
    --------
    >>> Z, label = np.array([[-1.0], [1.0], [-1.0], [1.0]]), np.array([0.0, 1.0, 1.0, 0.0])
    >>> offset = np.array([0.0, 0.0, 2.0, -2.0])
    >>> (solution,) = offset_path(Z, label, offset, np.ones((1, 4)), np.array([1e4]))
    >>> np.allclose(solution, [[0.0, 1.0]], atol=1e-3)
    True
    """
    known = _Known(np.hstack([np.ones((len(Z), 1)), Z]), label, offset, weights)
    path: list[FloatArray] = []
    for C in Cs:
        ridge = np.concatenate([[0.0], np.full(Z.shape[1], 1.0 / C)])
        solved = damped_newton(
            partial(known.objectives, ridge),
            partial(known.derivatives, ridge),
            path[-1] if path else np.zeros((len(weights), len(ridge))),
            f"Ridge logistic with an offset at C={C:g}",
        )
        path.append(solved)
    return path


class _Known(NamedTuple):
    """What does not change along the path."""

    with_one: FloatArray
    label: FloatArray
    offset: FloatArray
    weights: FloatArray

    def objectives(self, ridge: FloatArray, at: FloatArray) -> FloatArray:
        losses = logistic_losses(self.offset + at @ self.with_one.T, self.label)
        return np.asarray((self.weights * losses).sum(axis=1) + at**2 @ ridge / 2)

    def derivatives(self, ridge: FloatArray, at: FloatArray) -> tuple[FloatArray, FloatArray]:
        expected = expit(self.offset + at @ self.with_one.T)
        gradient = (self.weights * (expected - self.label)) @ self.with_one + ridge * at
        curvature = self.weights * expected * (1 - expected)
        information = self.with_one.T @ (curvature[:, :, None] * self.with_one)
        # the intercept has no penalty, and no curvature where every row is predicted surely
        return gradient, information + np.diag(np.maximum(ridge, 1e-14))
