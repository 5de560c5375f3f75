"""What the penalised models do alike: standard units, default penalties, folds, the fit chosen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import ModelError
from tumor_response.models.penalised.path import Loss, solve_path
from tumor_response.models.penalty_choice import PenaltyChoice

__all__ = [
    "N_PENALTIES",
    "SMALLEST",
    "Standardised",
    "TunedFit",
    "checked_l1_ratio",
    "default_strengths",
    "tuned_fit",
]

FloatArray = npt.NDArray[np.float64]

N_PENALTIES = 30
"""Penalties of a path that is made from the data: neighbours differ by an eighth."""

SMALLEST = 0.02
"""The weakest penalty of that path, as a share of the smallest that leaves nothing in."""


class Standardised(NamedTuple):
    """Columns of weighted mean 0 and variance 1; constant ones are 0.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_columns)
    centre, scale : ndarrays of shape (n_columns,)
        ``scale`` is infinite for constant columns.
    """

    values: FloatArray
    centre: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, X: FloatArray, weight: FloatArray) -> Standardised:
        """Standardise by the weighted rows."""
        centre = np.average(X, axis=0, weights=weight)
        deviation = np.sqrt(np.average((X - centre) ** 2, axis=0, weights=weight))
        # rounding leaves a constant column a deviation of some eps times its value
        varies = deviation > 10 * np.finfo(np.float64).eps * np.abs(centre)
        scale = np.where(varies, deviation, np.inf)
        return cls((X - centre) / scale, centre, scale)

    def undone(self, intercept: float, coefficients: FloatArray) -> tuple[float, FloatArray]:
        """Return intercept and coefficients on the columns as they were given."""
        given: FloatArray = coefficients / self.scale
        return float(intercept - self.centre @ given), given


class TunedFit(NamedTuple):
    """The solution at the penalty that was chosen.

    Attributes
    ----------
    losses : ndarray of shape (n_penalties,)
        Mean held-out loss of each penalty, NaN where not tuned.
    best
        Position of the penalty taken.
    intercept, coefficients
        On standardised columns.
    """

    losses: FloatArray
    best: int
    intercept: float
    coefficients: FloatArray


def tuned_fit(
    X: FloatArray,
    y: FloatArray,
    choice: PenaltyChoice,
    l1: FloatArray,
    l2: FloatArray,
    loss: Loss,
) -> TunedFit:
    """Choose a place on the path by the inner folds, and solve it for all rows.

    Parameters
    ----------
    X : array of shape (n_rows, n_columns)
        Standardised.
    y : array of shape (n_rows,)
    choice
        The folds, the rows' weights and the rule.
    l1, l2 : arrays of shape (n_penalties,)
        Descending.
    loss
        Twice its value is what is held against held-out rows: deviance, or squared error.
    """
    losses, best = np.full(len(l1), np.nan), 0
    if choice.fold is not None:
        scores = np.empty((len(l1), len(y)))
        for number, weight in enumerate(choice.problem_weights[1:]):
            held_out = choice.fold == number
            intercepts, path = solve_path(X, y, weight, l1, l2, loss)
            scores[:, held_out] = intercepts[:, None] + path @ X[held_out].T
        losses, best = choice.choose(2 * loss.values(scores, y))
    # the path down to it: each solution is the start of the next
    intercepts, path = solve_path(X, y, choice.weight, l1[: best + 1], l2[: best + 1], loss)
    return TunedFit(losses, best, float(intercepts[-1]), path[-1])


def default_strengths(largest: float) -> FloatArray:
    """Return penalties from ``largest``, the smallest that leaves no column in, downwards.

    Examples
    --------
    >>> default_strengths(10.0)[[0, -1]].round(3).tolist()
    [10.0, 0.2]
    """
    # nothing to penalise where no column varies: any penalty gives the constant; a trace more than
    # the largest, or rounding would let its column in
    return (largest or 1.0) * (1 + 1e-10) * np.geomspace(1.0, SMALLEST, N_PENALTIES)


def checked_l1_ratio(l1_ratio: float) -> float:
    """Return ``l1_ratio`` if it is above 0 and at most 1; else raise :class:`ModelError`."""
    if not 0 < l1_ratio <= 1:
        raise ModelError(
            f"l1_ratio={l1_ratio!r}: expected more than 0, up to 1 (the lasso). Without an L1 part "
            "it is ridge: RidgeLogistic, RidgeRegression."
        )
    return float(l1_ratio)
