"""Ridge logistic regression on few components, tuned with the reduction inside the inner folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import _check_sample_weight

from tumor_response.exceptions import ModelError
from tumor_response.models.folds import patients_of
from tumor_response.models.linear_scores import LinearClassifier
from tumor_response.models.penalty_choice import PenaltyChoice, Rule, checked_path
from tumor_response.models.ridge import DEFAULT_CS
from tumor_response.models.ridge_path import logistic_losses, newton_path
from tumor_response.models.training_rows import ClassWeight, Matrix, TrainingRows, class_weighted
from tumor_response.transformers._frames import finite_floats, remember_columns, same_columns
from tumor_response.transformers.linear import pulled_back
from tumor_response.transformers.select import two_classes

__all__ = ["ReducedRidgeLogistic"]

FloatArray = npt.NDArray[np.float64]


class ReducedRidgeLogistic(LinearClassifier):
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
    Cs, n_inner_folds, random_state, class_weight, rule
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
        below 2; code ``not_finite``: a missing or infinite value; code ``sample_weight``: weights
        that are no whole numbers.

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
        class_weight: ClassWeight = None,
        rule: Rule = "min",
    ) -> None:
        self.reduction = reduction
        self.Cs = Cs
        self.n_inner_folds = n_inner_folds
        self.random_state = random_state
        self.class_weight = class_weight
        self.rule = rule

    def fit(
        self, X: pd.DataFrame, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> Self:
        """Tune and fit.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_features)
            Finite numbers; the index level ``patient_id`` names the patients.
        y : array of shape (n_rows,)
            Two classes; the larger label is the positive one.
        sample_weight : array of whole numbers, shape (n_rows,), optional
            How often each row counts. Rows are repeated, because reductions know no weights.
        """
        Cs = checked_path("Cs", self.Cs)
        frame = remember_columns(self, X)
        finite_floats(self, frame)
        given = np.asarray(y)
        if sample_weight is not None:
            times = _repeats(sample_weight, frame)
            frame, given = frame.iloc[times], given[times]
        label = two_classes(self, given, len(frame))
        self.classes_ = np.unique(given)
        weight = class_weighted(given, np.ones(len(label)), self.class_weight)
        # copies stay apart: the reduction has to see every one of them
        rows = TrainingRows(finite_floats(self, frame), label, weight, patients_of(frame))
        choice = PenaltyChoice.of(self, len(Cs), rows)
        if choice.fold is None:
            Cs = Cs[:1]
        self.path_Cs_, self.path_deviances_, best = Cs, np.full(len(Cs), np.nan), 0
        if choice.fold is not None:
            losses = self._held_out_losses(frame, given, rows, choice.fold)
            self.path_deviances_, best = choice.choose(2 * losses)
        self.C_ = float(Cs[best])
        self.reduction_ = clone(self.reduction).fit(frame, given)
        reduced = np.asarray(self.reduction_.transform(frame), dtype=np.float64)
        solution = newton_path(reduced, label, weight[None, :], Cs[best : best + 1])[0][0]
        coefficients = pulled_back(self.reduction_, solution[1:])
        self.coef_ = coefficients[None, :]
        # a step's constant is what its output holds beyond the linear part, in any one row
        logits = solution[0] + reduced[0] @ solution[1:]
        self.intercept_ = np.array([logits - rows.values[0] @ coefficients])
        return self

    def _values(self, X: Matrix) -> FloatArray:
        return finite_floats(self, same_columns(self, X))

    def _held_out_losses(
        self,
        frame: pd.DataFrame,
        given: npt.NDArray[np.generic],
        rows: TrainingRows,
        fold: npt.NDArray[np.int64],
    ) -> FloatArray:
        """Return each row's loss by the fit that did not see it, shape (n_penalties, n_rows)."""
        label = rows.y.astype(np.float64)
        logits = np.empty((len(self.path_Cs_), len(label)))
        for number in np.unique(fold):
            train, held_out = np.nonzero(fold != number)[0], np.nonzero(fold == number)[0]
            step = clone(self.reduction).fit(frame.iloc[train], given[train])
            Z = np.asarray(step.transform(frame.iloc[train]), dtype=np.float64)
            Z_held_out = np.asarray(step.transform(frame.iloc[held_out]), dtype=np.float64)
            path = newton_path(Z, label[train], rows.weight[None, train], self.path_Cs_)
            for place, solution in enumerate(path):
                logits[place, held_out] = solution[0, 0] + Z_held_out @ solution[0, 1:]
        return logistic_losses(logits, label)


def _repeats(sample_weight: npt.ArrayLike, frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return row positions, each as often as its weight says."""
    weight = _check_sample_weight(sample_weight, frame, ensure_non_negative=True)
    times = weight.astype(np.int64)
    if (times != weight).any():
        raise ModelError(
            "ReducedRidgeLogistic: sample_weight must be whole numbers, how often each row counts "
            f"(its reduction knows no weights); received {weight[times != weight][0]!r}.",
            code="sample_weight",
        )
    return np.repeat(np.arange(len(times)), times)
