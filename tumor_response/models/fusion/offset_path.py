"""Ridge logistic regression beside a part of the log-odds that is known."""

from __future__ import annotations

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
    >>> offset_path(Z, label, offset, np.ones((1, 4)), np.array([1e4]))[0].round(3).tolist()
    [[0.0, 1.0]]
    """
    one_and_Z = np.hstack([np.ones((len(Z), 1)), Z])
    at_start = np.zeros((len(weights), one_and_Z.shape[1]))
    path: list[FloatArray] = []
    for C in Cs:
        ridge = np.concatenate([[0.0], np.full(Z.shape[1], 1.0 / C)])
        solved = damped_newton(
            lambda at, ridge=ridge: (
                (weights * logistic_losses(offset + at @ one_and_Z.T, label)).sum(axis=1)
                + at**2 @ ridge / 2
            ),
            lambda at, ridge=ridge: _slopes(at, one_and_Z, label, offset, weights, ridge),
            path[-1] if path else at_start,
            f"Ridge logistic with an offset at C={C:g}",
        )
        path.append(solved)
    return path


def _slopes(
    at: FloatArray,
    one_and_Z: FloatArray,
    label: FloatArray,
    offset: FloatArray,
    weights: FloatArray,
    ridge: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return gradients and Hessians of all problems."""
    expected = expit(offset + at @ one_and_Z.T)
    gradient = (weights * (expected - label)) @ one_and_Z + ridge * at
    information = np.einsum(
        "ki,ij,il->kjl", weights * expected * (1 - expected), one_and_Z, one_and_Z, optimize=True
    )
    # the intercept has no penalty, and no curvature where every row is predicted surely
    return gradient, information + np.diag(np.maximum(ridge, 1e-14))
