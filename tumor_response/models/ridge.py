"""Ridge logistic regression with its penalty tuned on patient-grouped folds, in the row span."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_array, check_X_y
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from tumor_response.models.folds import most_folds, patient_folds, patients_of
from tumor_response.models.ridge_path import (
    checked_path,
    logistic_losses,
    merge_copies,
    newton_path,
    row_span,
)

__all__ = ["DEFAULT_CS", "RidgeLogistic"]

FloatArray = npt.NDArray[np.float64]
Matrix = npt.ArrayLike | pd.DataFrame

DEFAULT_CS: tuple[float, ...] = tuple(float(c) for c in np.logspace(-3, 2, 11))
"""Inverse penalties tried, half a decade apart. On block-scaled columns (every block of total
variance 1) they run from a model that hardly leaves the prior to one that separates n = 100
patients, so the tuned value rarely lies at an end."""


class RidgeLogistic(ClassifierMixin, BaseEstimator):
    r"""Two-class logistic regression with an L2 penalty chosen on patient-grouped folds.

    Minimises :math:`\sum_i w_i \log(1 + e^{-s_i f(x_i)}) + \lVert\beta\rVert^2 / (2C)` with
    :math:`f(x) = \beta_0 + \beta^\top x` and an unpenalised intercept: scikit-learn's
    ``LogisticRegression(C=C)``. With fewer rows than columns the penalised optimum lies in the
    span of the rows, so everything is done in at most n dimensions after one QR factorisation,
    exactly (Hastie and Tibshirani 2004, Biostatistics 5:329, section 4). Repeated rows of a
    bootstrap sample are merged into weights first. Newton's method runs down the whole path for
    all inner folds at once.

    ``C`` is the value of the path with the smallest deviance over all held-out rows of an inner
    cross-validation whose folds hold whole patients: copies of a patient in a bootstrap sample
    share a fold (see :func:`tumor_response.models.patients_of`). Of equal deviances the
    strongest penalty wins.

    Parameters
    ----------
    Cs
        Inverse penalties to choose from; one value alone is used as it is, without tuning.
    n_inner_folds
        Folds of the inner cross-validation, default 5; fewer if fewer patients have a row of the
        rarer class.
    random_state
        Seed of the folds, default 0.

    Attributes
    ----------
    C_ : float
        The inverse penalty used.
    tuned_ : bool
        False if there was nothing to choose, or fewer than two patients had a row of some class;
        then the strongest penalty is used. An evaluation counts the latter as ``n_untuned``.
    path_Cs_, path_deviances_ : ndarray
        The path in ascending order and the mean held-out deviance (two times the negative
        log-likelihood per row) of each, NaN where not tuned.
    coef_ : ndarray of shape (1, n_features)
    intercept_ : ndarray of shape (1,)
    classes_ : ndarray of shape (2,)

    Raises
    ------
    ModelError
        If ``Cs`` is empty or not positive, or ``n_inner_folds`` is below 2.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 500)); y = (X[:, :20].sum(axis=1) > 0).astype(int)
    >>> model = RidgeLogistic().fit(X, y)
    >>> model.coef_.shape, model.tuned_
    ((1, 500), True)
    """

    def __init__(
        self,
        Cs: Sequence[float] = DEFAULT_CS,
        n_inner_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.Cs = Cs
        self.n_inner_folds = n_inner_folds
        self.random_state = random_state

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Tune and fit.

        Parameters
        ----------
        X : array or DataFrame of shape (n_rows, n_features)
            Finite numbers. A DataFrame's index level ``patient_id`` names the patients.
        y : array of shape (n_rows,)
            Two classes; the larger label is the positive one.
        sample_weight : array of shape (n_rows,), optional
            A weight of 2 is the same as a repeated row, 0 the same as none.
        """
        Cs = checked_path(self.Cs, self.n_inner_folds)
        patients = patients_of(X) if isinstance(X, pd.DataFrame) else None
        if isinstance(X, pd.DataFrame):
            # note the names, then go on without scikit-learn's look at every column's dtype,
            # which takes longer than the fit
            validate_data(self, X, skip_check_array=True)
            values, y = check_X_y(X.to_numpy(), y, dtype=np.float64, estimator=self)
        else:
            values, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind not in ("binary", "unknown") and len(np.unique(y)) > 2:
            raise ValueError(
                f"Only binary classification is supported. The type of the target is {kind}."
            )
        weight = _check_sample_weight(
            sample_weight, values, dtype=np.float64, ensure_non_negative=True
        )
        used = weight > 0
        self.classes_, label = np.unique(np.asarray(y)[used], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"RidgeLogistic needs two classes; y holds the one class {self.classes_.tolist()}."
            )
        values, weight = values[used], weight[used]
        patients = patients_of(values) if patients is None else patients[used]
        values, label, weight, patients = merge_copies(values, label, weight, patients)
        self._fit_path(values, label.astype(np.float64), weight, patients, Cs)
        return self

    def decision_function(self, X: Matrix) -> FloatArray:
        """Return the log-odds of the positive class, shape (n_rows,)."""
        check_is_fitted(self)
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, skip_check_array=True, reset=False)
            X = check_array(X.to_numpy(), dtype=np.float64, estimator=self)
        else:
            X = validate_data(self, X, dtype=np.float64, reset=False)
        scores: FloatArray = X @ self.coef_[0] + self.intercept_[0]
        return scores

    def predict_proba(self, X: Matrix) -> FloatArray:
        """Return the probabilities of both classes, shape (n_rows, 2)."""
        positive = expit(self.decision_function(X))
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: Matrix) -> npt.NDArray[np.generic]:
        """Return the likelier class of each row."""
        positive = self.decision_function(X) > 0
        predicted: npt.NDArray[np.generic] = self.classes_[positive.astype(np.int64)]
        return predicted

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _fit_path(
        self,
        X: FloatArray,
        label: FloatArray,
        weight: FloatArray,
        patients: npt.NDArray[np.int64],
        Cs: FloatArray,
    ) -> None:
        n_folds = min(self.n_inner_folds, most_folds(patients, label)) if Cs.size > 1 else 0
        self.tuned_ = n_folds >= 2
        if not self.tuned_:
            Cs = Cs[:1]
        centre = np.average(X, axis=0, weights=weight)
        Z, basis = row_span(X - centre)
        # one row of weights per problem: the whole sample first, then the sample without a fold
        problem_weights = weight[None, :]
        if self.tuned_:
            fold = patient_folds(patients, label, n_folds, self.random_state)
            keep = fold[None, :] != np.arange(n_folds)[:, None]
            problem_weights = np.vstack([problem_weights, keep * weight])
        path = newton_path(Z, label, problem_weights, Cs)
        self.path_Cs_ = Cs
        self.path_deviances_ = np.full(len(Cs), np.nan)
        if self.tuned_:
            rows = np.arange(len(label))
            for step, solution in enumerate(path):
                logits = solution[fold + 1, 0] + np.einsum("ij,ij->i", Z, solution[fold + 1, 1:])
                held_out = logistic_losses(logits[None, :], label)[0]
                self.path_deviances_[step] = 2 * held_out[rows] @ weight / weight.sum()
        best = int(np.argmin(self.path_deviances_)) if self.tuned_ else 0
        self.C_ = float(Cs[best])
        coefficients = path[best][0]
        beta = coefficients[1:] if basis is None else basis @ coefficients[1:]
        self.coef_ = beta[None, :]
        self.intercept_ = np.array([coefficients[0] - centre @ beta])
