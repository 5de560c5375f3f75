"""Ridge logistic regression on few components, tuned with the reduction inside the inner folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import Tags

from tumor_response.models.folds import most_folds, patient_folds, patients_of
from tumor_response.models.ridge import DEFAULT_CS
from tumor_response.models.ridge_path import checked_path, logistic_losses, newton_path
from tumor_response.transformers._frames import finite_floats, remember_columns, same_columns
from tumor_response.transformers.linear import pulled_back
from tumor_response.transformers.select import two_classes

__all__ = ["ReducedRidgeLogistic"]

FloatArray = npt.NDArray[np.float64]


class ReducedRidgeLogistic(ClassifierMixin, BaseEstimator):
    """A linear reduction and a ridge logistic regression behind it, tuned as one.

    A reduction that looks at the outcome (PLS, supervised PCA, mRMR) fits the training rows too
    well. A penalty tuned on inner folds *behind* it is tuned on held-out rows that the reduction
    has seen, and comes out far too weak. Here the reduction is fitted anew in each inner fold,
    on the rows that the fold trains on, and so is the regression; the folds hold whole patients,
    as in :class:`~tumor_response.models.RidgeLogistic`.

    Both steps being linear, the model is linear in the columns that it is given: ``coef_`` is on
    these, and is what explanations read.

    Parameters
    ----------
    reduction
        A linear step of :mod:`tumor_response.transformers`, or a Pipeline of such steps; unfitted.
    Cs, n_inner_folds, random_state
        As in :class:`~tumor_response.models.RidgeLogistic`.

    Attributes
    ----------
    reduction_ : estimator
        Fitted on all training rows.
    C_, tuned_, path_Cs_, path_deviances_, coef_, intercept_, classes_
        As in :class:`~tumor_response.models.RidgeLogistic`.

    Raises
    ------
    ModelError
        At fit: no DataFrame, not two classes, ``Cs`` empty or not positive, ``n_inner_folds``
        below 2; code ``not_finite``: a missing or infinite value.

    Examples
    --------
    >>> from tumor_response.transformers import BlockPLS
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(60, 500))).add_prefix("deep__")
    >>> y = (X.iloc[:, :20].sum(axis=1) > 0).astype(int)
    >>> model = ReducedRidgeLogistic(BlockPLS(2)).fit(X, y)
    >>> model.coef_.shape, model.reduction_.get_feature_names_out().tolist()
    ((1, 500), ['deep__pls_01', 'deep__pls_02'])
    """

    def __init__(
        self,
        reduction: BaseEstimator,
        Cs: Sequence[float] = DEFAULT_CS,
        n_inner_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.reduction = reduction
        self.Cs = Cs
        self.n_inner_folds = n_inner_folds
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike) -> Self:
        """Tune and fit; the index level ``patient_id`` of ``X`` names the patients."""
        Cs = checked_path(self.Cs, self.n_inner_folds)
        frame = remember_columns(self, X)
        finite_floats(self, frame)
        given = np.asarray(y)
        label = two_classes(self, given, len(frame))
        self.classes_ = np.unique(given)
        patients = patients_of(frame)
        n_folds = min(self.n_inner_folds, most_folds(patients, label)) if Cs.size > 1 else 0
        self.tuned_ = n_folds >= 2
        if not self.tuned_:
            Cs = Cs[:1]
        self.path_Cs_, self.path_deviances_ = Cs, np.full(len(Cs), np.nan)
        if self.tuned_:
            fold = patient_folds(patients, label, n_folds, self.random_state)
            self.path_deviances_ = self._deviances(frame, given, label, fold, Cs)
        best = int(np.argmin(self.path_deviances_)) if self.tuned_ else 0
        self.C_ = float(Cs[best])
        self.reduction_ = clone(self.reduction).fit(frame, given)
        reduced = np.asarray(self.reduction_.transform(frame), dtype=np.float64)
        solution = newton_path(reduced, label, np.ones((1, len(label))), Cs[best : best + 1])[0][0]
        coefficients = pulled_back(self.reduction_, solution[1:])
        self.coef_ = coefficients[None, :]
        # a step's constant is what its output holds beyond the linear part, in any one row
        logits = solution[0] + reduced[0] @ solution[1:]
        self.intercept_ = np.array([logits - finite_floats(self, frame)[0] @ coefficients])
        return self

    def decision_function(self, X: pd.DataFrame) -> FloatArray:
        """Return the log-odds of the positive class, shape (n_rows,)."""
        values = finite_floats(self, same_columns(self, X))
        scores: FloatArray = values @ self.coef_[0] + self.intercept_[0]
        return scores

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        """Return the probabilities of both classes, shape (n_rows, 2)."""
        positive = expit(self.decision_function(X))
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: pd.DataFrame) -> npt.NDArray[np.generic]:
        """Return the likelier class of each row."""
        predicted: npt.NDArray[np.generic] = self.classes_[
            (self.decision_function(X) > 0).astype(np.int64)
        ]
        return predicted

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _deviances(
        self,
        frame: pd.DataFrame,
        given: npt.NDArray[np.generic],
        label: FloatArray,
        fold: npt.NDArray[np.int64],
        Cs: FloatArray,
    ) -> FloatArray:
        """Return the mean deviance of held-out rows for each C."""
        losses = np.zeros(len(Cs))
        for number in np.unique(fold):
            train, held_out = np.nonzero(fold != number)[0], np.nonzero(fold == number)[0]
            step = clone(self.reduction).fit(frame.iloc[train], given[train])
            Z = np.asarray(step.transform(frame.iloc[train]), dtype=np.float64)
            Z_held_out = np.asarray(step.transform(frame.iloc[held_out]), dtype=np.float64)
            path = newton_path(Z, label[train], np.ones((1, len(train))), Cs)
            for place, solution in enumerate(path):
                logits = solution[0, 0] + Z_held_out @ solution[0, 1:]
                losses[place] += logistic_losses(logits, label[held_out]).sum()
        deviances: FloatArray = 2 * losses / len(label)
        return deviances
