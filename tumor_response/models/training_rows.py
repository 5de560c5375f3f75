"""What a linear model is fitted to: checked numbers, weights, patients, copies merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import check_X_y
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, validate_data

from tumor_response.exceptions import ModelError
from tumor_response.models.folds import patients_of

__all__ = ["ClassWeight", "Matrix", "TrainingRows", "class_rows", "class_weighted", "rate_rows"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Matrix = npt.ArrayLike | pd.DataFrame
ClassWeight = Literal["balanced"] | Mapping[object, float] | None


class TrainingRows(NamedTuple):
    """Rows of positive weight, each row of a patient once.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
        Positions in the estimator's ``classes_``, or rates.
    weight : ndarray of shape (n_rows,)
        How often the row was given, times its weight.
    patients : ndarray of int, shape (n_rows,)
    """

    values: FloatArray
    y: npt.NDArray[np.generic]
    weight: FloatArray
    patients: IntArray

    def merged(self) -> Self:
        """Merge equal rows of one patient and outcome, adding their weights; others stay apart."""
        first: dict[tuple[bytes, object, int], int] = {}
        place = np.empty(len(self.y), dtype=np.int64)
        for row in range(len(self.y)):
            key = (self.values[row].tobytes(), self.y[row].item(), int(self.patients[row]))
            place[row] = first.setdefault(key, len(first))
        keep = np.unique(place, return_index=True)[1]
        weight: FloatArray = np.bincount(place, weights=self.weight).astype(np.float64)
        return type(self)(self.values[keep], self.y[keep], weight, self.patients[keep])


def class_rows(
    estimator: BaseEstimator,
    X: Matrix,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
    class_weight: ClassWeight = None,
    most_classes: int | None = 2,
) -> TrainingRows:
    """Check what a classifier is fitted to and note ``classes_`` and the columns on it.

    Parameters
    ----------
    estimator
        Its ``classes_``, ``n_features_in_`` and ``feature_names_in_`` are set.
    X, y, sample_weight
        What its ``fit`` was given.
    class_weight
        ``"balanced"``: or a mapping: see :func:`class_weighted`.
    most_classes
        More are refused; None: any number.

    Raises
    ------
    ValueError
        In scikit-learn's words: not finite, not of one length, one class, too many classes.
    ModelError
        An unknown ``class_weight``.
    """
    values, given, patients, weight = _checked(estimator, X, y, sample_weight, numeric=False)
    check_classification_targets(given)
    kind = type_of_target(given, input_name="y", raise_unknown=True)
    if most_classes == 2 and kind not in ("binary", "unknown") and len(np.unique(given)) > 2:
        raise ValueError(
            f"Only binary classification is supported. The type of the target is {kind}."
        )
    used = weight > 0
    estimator.classes_, label = np.unique(given[used], return_inverse=True)
    if len(estimator.classes_) < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs two classes; y holds the one class "
            f"{estimator.classes_.tolist()}."
        )
    weight = class_weighted(given[used], weight[used], class_weight)
    return _rows(values[used], label, weight, None if patients is None else patients[used])


def rate_rows(
    estimator: BaseEstimator, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None
) -> TrainingRows:
    """Check what a regressor is fitted to, as :func:`class_rows`; ``y`` is finite numbers."""
    values, given, patients, weight = _checked(estimator, X, y, sample_weight, numeric=True)
    used = weight > 0
    if not used.any():
        raise ValueError(f"{type(estimator).__name__}: all sample weights are zero.")
    return _rows(
        values[used],
        given[used].astype(np.float64),
        weight[used],
        None if patients is None else patients[used],
    )


def class_weighted(
    given: npt.NDArray[np.generic], weight: FloatArray, class_weight: ClassWeight
) -> FloatArray:
    """Return the rows' weights times those of their classes.

    Parameters
    ----------
    given : array of shape (n_rows,)
        The label of each row.
    weight : array of shape (n_rows,)
    class_weight
        ``"balanced"``: every class weighs the same, with the total kept. A mapping from label to
        weight, 1 for those it does not name. None: as they are.

    Raises
    ------
    ModelError
        Another word; a weight of a class that is not positive and finite.

    Examples
    --------
    >>> class_weighted(np.array([0, 0, 0, 1]), np.ones(4), "balanced").round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    if class_weight is None:
        return weight
    classes, code = np.unique(given, return_inverse=True)
    if isinstance(class_weight, Mapping):
        factor = np.array([float(class_weight.get(label, 1.0)) for label in classes.tolist()])
        if not (np.isfinite(factor).all() and (factor > 0).all()):
            raise ModelError(
                f"class_weight={class_weight!r}: expected positive finite weights.",
                code="class_weight",
            )
    elif class_weight == "balanced":
        factor = weight.sum() / (len(classes) * np.bincount(code, weights=weight))
    else:
        raise ModelError(
            f"class_weight={class_weight!r}: expected None, 'balanced' or a mapping from label "
            "to weight.",
            code="class_weight",
        )
    weighted: FloatArray = weight * factor[code]
    return weighted


def _checked(
    estimator: BaseEstimator,
    X: Matrix,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
    numeric: bool,
) -> tuple[FloatArray, npt.NDArray[np.generic], IntArray | None, FloatArray]:
    if isinstance(X, pd.DataFrame):
        patients = patients_of(X) if "patient_id" in X.index.names else None
        # note the names, then go on without scikit-learn's look at every column's dtype, which
        # takes longer than the fit
        validate_data(estimator, X, skip_check_array=True)
        values, given = check_X_y(
            X.to_numpy(), y, dtype=np.float64, estimator=estimator, y_numeric=numeric
        )
    else:
        patients = None
        values, given = validate_data(estimator, X, y, dtype=np.float64, y_numeric=numeric)
    weight = _check_sample_weight(sample_weight, values, dtype=np.float64, ensure_non_negative=True)
    return values, np.asarray(given), patients, weight


def _rows(
    values: FloatArray,
    y: npt.NDArray[np.generic],
    weight: FloatArray,
    patients: IntArray | None,
) -> TrainingRows:
    if patients is None:
        patients = patients_of(values)
    return TrainingRows(values, y, weight, patients).merged()
