"""The maximum of a logistic likelihood, and whether there is one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from tumor_response.exceptions import EvaluationError

__all__ = ["maximum_likelihood"]

FloatArray = npt.NDArray[np.float64]

_MOST_STEPS = 100
_TOLERANCE = 1e-12
_FARTHEST = 25.0
"""Log-odds that no maximum reaches with a cohort's numbers: a chance of one in 70 billion."""


def maximum_likelihood(design: FloatArray, y: FloatArray, which: str) -> float:
    """Return the maximised log-likelihood of a logistic regression without penalty.

    Newton's method with halved steps on an orthonormal basis of the columns, so that columns that
    repeat others are no trouble.

    Parameters
    ----------
    design : array of shape (n, p)
        Columns, the intercept among them.
    y : array of shape (n,)
        0 or 1.
    which
        The model's name in an error.

    Raises
    ------
    EvaluationError
        Code ``separation``: the likelihood rises without end (Albert and Anderson 1984,
        Biometrika 71:1).

    Examples
    --------
    >>> y = np.array([1.0, 0.0, 0.0, 0.0])
    >>> round(maximum_likelihood(np.ones((4, 1)), y, "smaller"), 4)
    -2.2493
    """
    left, sizes, _ = np.linalg.svd(design, full_matrices=False)
    basis = left[:, sizes > 1e-8 * sizes[0]]
    weights = np.zeros(basis.shape[1])
    value = _log_likelihood(basis @ weights, y)
    for _ in range(_MOST_STEPS):
        chance = expit(basis @ weights)
        gradient = basis.T @ (y - chance)
        curvature = (basis * (chance * (1 - chance))[:, None]).T @ basis
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        new = _log_likelihood(basis @ (weights + step), y)
        while new < value and np.abs(step).max() > _TOLERANCE:
            step /= 2
            new = _log_likelihood(basis @ (weights + step), y)
        weights = weights + step
        if np.abs(basis @ weights).max() > _FARTHEST:
            break
        if abs(new - value) <= _TOLERANCE * (1 + abs(value)) and np.abs(gradient).max() < 1e-8:
            return new
        value = new
    raise EvaluationError(
        f"The {which} model tells some lesions apart without error, or nearly so, so that its "
        "likelihood has no maximum and no likelihood ratio. Take fewer columns, or compare "
        "penalised models by compare_models.",
        code="separation",
    )


def _log_likelihood(log_odds: FloatArray, y: FloatArray) -> float:
    return float(y @ log_odds - np.logaddexp(0.0, log_odds).sum())
