"""Figures of merit for a continuous end point, and for ordered classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from tumor_response.evaluation.performance.arrays import checked_numbers
from tumor_response.exceptions import EvaluationError

__all__ = [
    "accuracy",
    "c_index",
    "mean_absolute_error",
    "nearest_class",
    "quadratic_weighted_kappa",
    "r2",
    "root_mean_squared_error",
    "spearman",
]

_PAIRS = 4_000_000
"""Pairs that are compared at a time, which bounds the memory."""


def r2(y: npt.ArrayLike, prediction: npt.ArrayLike, reference: float | None = None) -> float:
    """Return the share of squared error that predicting one number for everybody leaves over.

    ``1 - sum (y - prediction)^2 / sum (y - reference)^2``. Below 0 the predictions are worse than
    that one number; nothing is clamped, and it is no squared correlation.

    Parameters
    ----------
    y, prediction : arrays of shape (n,)
    reference
        The number that is predicted for everybody. Out of sample give the **training rows' mean**:
        the mean of the test rows, which is the default because it is the textbook's, knows
        outcomes that no model has seen, and makes every model look worse than it is
        (Hawinkel et al. 2024, The American Statistician 78:15).

    Raises
    ------
    EvaluationError
        ``constant_outcome`` if every y equals the reference; ``shape`` or ``not_finite``.

    Examples
    --------
    >>> r2([1, 2, 3], [1, 2, 4]), r2([1, 2, 3], [1, 2, 4], reference=1.0)
    (0.5, 0.8)
    """
    outcome, predicted = checked_numbers(y, prediction)
    centre = float(outcome.mean()) if reference is None else float(reference)
    total = float(np.sum((outcome - centre) ** 2))
    if not total > 0 or (reference is None and np.ptp(outcome) == 0):
        raise EvaluationError(
            f"All {outcome.size} outcomes equal the reference {centre:g}; there is no error that "
            "predictions could explain.",
            code="constant_outcome",
        )
    return 1.0 - float(np.sum((outcome - predicted) ** 2)) / total


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


def c_index(y: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Return the share of pairs with different outcomes that the scores put in the right order.

    Harrell's concordance (1982, JAMA 247:2543) without censoring. Pairs with equal outcomes do
    not count; pairs with equal scores count half. For 0 and 1 it is the AUC; for ordered classes
    it is the generalised c-index, every pair of different classes counting once.

    Raises
    ------
    EvaluationError
        ``constant_outcome`` if all outcomes are equal; ``shape`` or ``not_finite``.

    Examples
    --------
    >>> c_index([1, 2, 2, 3], [0.1, 0.4, 0.2, 0.3])
    0.8
    """
    outcome, scores = checked_numbers(y, score)
    n = outcome.size
    pairs = concordant = tied = 0
    step = max(1, _PAIRS // n)
    for start in range(0, n, step):
        part = slice(start, start + step)
        above = outcome[part, None] > outcome[None, :]
        pairs += int(above.sum())
        concordant += int((above & (scores[part, None] > scores[None, :])).sum())
        tied += int((above & (scores[part, None] == scores[None, :])).sum())
    if not pairs:
        raise EvaluationError(
            f"All {n} outcomes are {outcome[0]:g}; a concordance needs pairs that differ.",
            code="constant_outcome",
        )
    return (concordant + tied / 2) / pairs


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
