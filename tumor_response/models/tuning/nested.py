"""What tuned models and choices among models share: inner folds of patients, and the refit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from tumor_response.exceptions import ModelError
from tumor_response.models.folds import patients_of
from tumor_response.models.inner import outcome_folds
from tumor_response.models.training_rows import Matrix
from tumor_response.models.tuning.scoring import Scoring, held_out_score

__all__ = ["Refitted", "fit_weighted", "inner_scores", "inner_splits"]

IntArray = npt.NDArray[np.int64]
Split = tuple[IntArray, IntArray]


def inner_splits(
    estimator: BaseEstimator,
    X: Matrix,
    y: npt.NDArray[np.generic],
    n_inner_folds: int,
    random_state: int,
) -> list[Split]:
    """Return (training, held-out) row positions of whole patients; none where too few are there.

    Copies of a patient in a bootstrap sample are on one side (:func:`tumor_response.models.\
patients_of`).

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> X = pd.DataFrame({"a": range(4)}, index=pd.Index(["P", "P", "Q", "R"], name="patient_id"))
    >>> inner_splits(DummyClassifier(), X, np.array([1, 1, 0, 1]), 5, 0)
    []
    """
    fold = outcome_folds(
        patients_of(X), y, n_inner_folds, random_state, is_rate=not is_classifier(estimator)
    )
    if fold is None:
        return []
    return [
        (np.nonzero(fold != number)[0], np.nonzero(fold == number)[0]) for number in np.unique(fold)
    ]


def rows_at(X: Matrix, rows: IntArray) -> Matrix:
    """Return the rows at the positions given, of a frame or an array."""
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else np.asarray(X)[rows]


def fit_weighted(
    estimator: BaseEstimator,
    X: Matrix,
    y: npt.NDArray[np.generic],
    sample_weight: npt.NDArray[np.float64] | None,
) -> BaseEstimator:
    """Fit; weights go to a Pipeline's last step.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> fit_weighted(DummyRegressor(), np.zeros((2, 1)), np.array([0.0, 1.0]), np.array([3.0, 1.0])
    ...              ).predict([[0.0]]).tolist()
    [0.25]
    """
    if sample_weight is None:
        return estimator.fit(X, y)
    name = "sample_weight"
    if isinstance(estimator, Pipeline):
        name = f"{estimator.steps[-1][0]}__sample_weight"
    return estimator.fit(X, y, **{name: sample_weight})


def inner_scores(
    estimator: BaseEstimator,
    X: Matrix,
    y: npt.NDArray[np.generic],
    sample_weight: npt.NDArray[np.float64] | None,
    splits: list[Split],
    scoring: Scoring,
) -> Iterator[float]:
    """Yield the score of each held-out part by a clone that is fitted to the rest."""
    for train, held_out in splits:
        weight = None if sample_weight is None else sample_weight[train]
        fitted = fit_weighted(clone(estimator), rows_at(X, train), y[train], weight)
        yield held_out_score(fitted, rows_at(X, held_out), y[held_out], scoring)


def _has(name: str) -> Any:
    def there(self: Refitted) -> bool:
        fitted = getattr(self, "best_estimator_", None)
        return hasattr(fitted if fitted is not None else self._prototype(), name)

    return there


class Refitted(BaseEstimator, ABC):
    """A model that is found inside ``fit`` and stands in ``best_estimator_``; not made by itself.

    It is a classifier if what it chooses among is one, and answers as that does.
    """

    @abstractmethod
    def _prototype(self) -> BaseEstimator:
        """Return an unfitted model of the kind that will be found."""

    @property
    def classes_(self) -> npt.NDArray[np.generic]:
        """Classes in the order of ``predict_proba``."""
        check_is_fitted(self, "best_estimator_")
        classes: npt.NDArray[np.generic] = self.best_estimator_.classes_
        return classes

    def predict(self, X: Matrix) -> Any:
        """Return the predictions of the model found."""
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_.predict(X)

    @available_if(_has("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Matrix) -> Any:
        """Return the probabilities of the model found."""
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_.predict_proba(X)

    @available_if(_has("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Matrix) -> Any:
        """Return the decision values of the model found."""
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_.decision_function(X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "best_estimator_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self._prototype())
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags = inner.classifier_tags
        tags.regressor_tags = inner.regressor_tags
        tags.target_tags = inner.target_tags
        return tags


def checked_weights(sample_weight: npt.ArrayLike | None, n_rows: int) -> Any:
    """Return the weights as an array of one per row, or None."""
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_rows,):
        raise ModelError(f"sample_weight: {n_rows} rows, and weights of shape {weight.shape}.")
    return weight
