"""What every estimator with an inner cross-validation asks: whose rows, in which fold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from tumor_response.exceptions import ModelError
from tumor_response.models.folds import patient_folds, tuning_folds
from tumor_response.models.training_rows import Matrix, TrainingRows

__all__ = ["in_order", "inner_folds", "outcome_folds", "values_of"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def values_of(estimator: BaseEstimator, X: Matrix) -> FloatArray:
    """Return the rows of ``X`` as finite numbers, in the columns that ``estimator`` was fitted to.

    Without scikit-learn's look at the dtype of every column of a frame, which takes longer than
    many a prediction.
    """
    check_is_fitted(estimator)
    if isinstance(X, pd.DataFrame):
        validate_data(estimator, X, skip_check_array=True, reset=False)
        values: FloatArray = check_array(X.to_numpy(), dtype=np.float64, estimator=estimator)
    else:
        values = validate_data(estimator, X, dtype=np.float64, reset=False)
    return values


def inner_folds(estimator: BaseEstimator, rows: TrainingRows) -> IntArray | None:
    """Return each row's fold, as ``n_inner_folds`` and ``random_state`` of ``estimator`` ask.

    See :func:`outcome_folds`.
    """
    return outcome_folds(
        rows.patients,
        rows.y,
        estimator.n_inner_folds,
        estimator.random_state,
        is_rate=not is_classifier(estimator),
    )


def in_order(rows: TrainingRows) -> TrainingRows:
    """Return the rows patient by patient, for what depends on their order: draws, libsvm's end.

    Examples
    --------
    >>> rows = TrainingRows(np.eye(2), np.array([1, 0]), np.ones(2), np.array([1, 0]))
    >>> in_order(rows).y.tolist()
    [0, 1]
    """
    order = np.lexsort((rows.values[:, 0], rows.y, rows.patients))
    return TrainingRows(rows.values[order], rows.y[order], rows.weight[order], rows.patients[order])


def outcome_folds(
    patients: IntArray,
    y: npt.NDArray[np.generic],
    n_folds: int,
    random_state: int,
    is_rate: bool,
) -> IntArray | None:
    """Return each row's fold of whole patients, None where there are too few of them.

    Too few is: fewer than two patients with a row of some class, or for a rate fewer than two.

    Raises
    ------
    ModelError
        ``n_folds`` below 2.

    Examples
    --------
    >>> outcome_folds(np.array([0, 0, 1]), np.array([0.3, 0.2, 0.9]), 5, 0, is_rate=True).tolist()
    [0, 0, 1]
    >>> outcome_folds(np.array([0, 1, 2]), np.array([0, 0, 1]), 5, 0, is_rate=False) is None
    True
    """
    if n_folds < 2:
        raise ModelError(f"n_inner_folds={n_folds!r}: expected 2 or more.")
    if not is_rate:
        return tuning_folds(patients, y, n_folds, random_state)
    n_folds = min(n_folds, len(np.unique(patients)))
    return patient_folds(patients, y, n_folds, random_state) if n_folds > 1 else None
