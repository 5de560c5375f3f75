"""Figures of merit for a continuous end point, and for ordered classes.

R2 and the C-index, the headlines of these tasks, are in :mod:`tumor_response.evaluation.metrics`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from tumor_response.evaluation.performance.arrays import checked_numbers
from tumor_response.exceptions import EvaluationError

__all__ = [
    "accuracy",
    "mean_absolute_error",
    "nearest_class",
    "quadratic_weighted_kappa",
    "root_mean_squared_error",
    "spearman",
]


def mean_absolute_error(y: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Return the mean absolute distance, in the outcome's unit.

    Raises
    ------
    EvaluationError
        ``shape`` or ``not_finite``.

    Examples
    --------
    >>> mean_absolute_error([1, 2, 3], [1, 3, 5])
    1.0
    """
    outcome, predicted = checked_numbers(y, prediction)
    return float(np.mean(np.abs(outcome - predicted)))


def root_mean_squared_error(y: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Return the root of the mean squared distance, in the outcome's unit.

    Raises
    ------
    EvaluationError
        ``shape`` or ``not_finite``.

    Examples
    --------
    >>> root_mean_squared_error([0, 0], [3, 3])
    3.0
    """
    outcome, predicted = checked_numbers(y, prediction)
    return float(np.sqrt(np.mean((outcome - predicted) ** 2)))


def spearman(y: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Return Spearman's rank correlation; ties have their mean rank.

    Raises
    ------
    EvaluationError
        ``constant_outcome`` or ``constant_prediction``: a constant has no rank correlation.
        ``shape`` or ``not_finite``.

    Examples
    --------
    >>> round(spearman([1, 2, 3, 4], [10, 30, 20, 40]), 3)
    0.8
    """
    outcome, predicted = checked_numbers(y, prediction)
    for values, what in ((outcome, "outcome"), (predicted, "prediction")):
        if np.ptp(values) == 0:
            raise EvaluationError(
                f"Every {what} is {values[0]:g}; a constant has no rank correlation.",
                code=f"constant_{what}",
            )
    return float(np.corrcoef(rankdata(outcome), rankdata(predicted))[0, 1])


def nearest_class(expected: npt.ArrayLike, n_classes: int = 3) -> npt.NDArray[np.int64]:
    """Return the class 0 to ``n_classes - 1`` nearest to an expected class; halves go up.

    Examples
    --------
    >>> nearest_class([0.2, 0.5, 1.49, 1.9]).tolist()
    [0, 1, 1, 2]
    """
    rounded = np.floor(np.asarray(expected, dtype=np.float64) + 0.5)
    return np.clip(rounded, 0, n_classes - 1).astype(np.int64)


def accuracy(y: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Return the share of lesions in their right class; beside it belongs the largest class's.

    Raises
    ------
    EvaluationError
        ``shape`` or ``not_finite``.

    Examples
    --------
    >>> accuracy([0, 1, 2, 2], [0, 1, 1, 2])
    0.75
    """
    outcome, classes = checked_numbers(y, predicted)
    return float(np.mean(outcome == classes))


def quadratic_weighted_kappa(y: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Return Cohen's kappa with quadratic weights (Cohen 1968, Psychological Bulletin 70:213).

    One minus the mean squared distance of true and predicted class over what it would be if the
    two were independent with the same frequencies: 1 is perfect, 0 is chance.

    Raises
    ------
    EvaluationError
        ``one_class`` if both have one and the same class only: chance is then perfect too.
        ``shape`` or ``not_finite``.

    Examples
    --------
    >>> quadratic_weighted_kappa([0, 1, 2, 2], [0, 1, 1, 2])
    0.8
    """
    outcome, classes = checked_numbers(y, predicted)
    by_chance = outcome.var() + classes.var() + (outcome.mean() - classes.mean()) ** 2
    if not by_chance > 0:
        raise EvaluationError(
            f"All {outcome.size} lesions are and are predicted to be of class {outcome[0]:g}; "
            "kappa has no value.",
            code="one_class",
        )
    return 1.0 - float(np.mean((outcome - classes) ** 2) / by_chance)
