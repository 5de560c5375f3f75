"""Clinical first, does the rest add? A block's prediction as the offset of the others' model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import ModelError
from tumor_response.models.folds import patient_folds, tuning_folds
from tumor_response.models.fusion.offset_path import offset_path
from tumor_response.models.linear_scores import LinearClassifier, LinearRegressor
from tumor_response.models.penalised import DEFAULT_ALPHAS, RidgeRegression
from tumor_response.models.penalty_choice import PenaltyChoice, Rule, checked_path
from tumor_response.models.ridge import DEFAULT_CS, RidgeLogistic
from tumor_response.models.ridge_path import (
    held_out_scores,
    least_squares_path,
    logistic_losses,
    row_span,
)
from tumor_response.models.training_rows import ClassWeight, TrainingRows, class_rows, rate_rows
from tumor_response.transformers._frames import remember_columns
from tumor_response.transformers.blocks import block_of

__all__ = ["ClinicalFirst", "ClinicalFirstRegression"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class ClinicalFirst(LinearClassifier):
    r"""Logistic regression in two stages: first some blocks, then what the others add.

    Stage one is a ridge logistic regression of the columns of ``first``. Its log-odds are the
    offset, with a coefficient of 1, of a ridge logistic regression of all other columns, which
    can therefore only explain what the first leave open (priority-Lasso: Klau et al. 2018, BMC
    Bioinformatics 19:322, with ridge for the lasso; in the benchmark of Herrmann et al. 2021,
    Brief. Bioinform. 22:bbaa167, methods that favour the clinical block did best). The offset of
    a training row comes from a model of stage one that has not seen the patient: fitted values
    would be too good, and leave the second stage less to explain than there is (their section on
    cross-validated offsets). The final model adds stage one, fitted to all rows, and stage two.

    The penalty of stage two is chosen on the same patient-grouped folds. The offset of a row in
    a training fold comes from a model that has seen the held-out patients, as in any stacking;
    :math:`C` small enough is the clinical model alone.

    It is linear in the columns it is given: ``coef_`` is on these.

    Parameters
    ----------
    first
        Blocks of the first stage, default ``("clinical",)``.
    Cs_first, Cs
        Inverse penalties of stage one and stage two, as in
        :class:`~tumor_response.models.RidgeLogistic`.
    n_inner_folds, random_state, class_weight, rule
        As in :class:`~tumor_response.models.RidgeLogistic`.

    Attributes
    ----------
    first_ : RidgeLogistic or None
        Stage one; None if no column of its blocks is left, the offset is then the prior.
    C_, path_Cs_, path_deviances_
        Of stage two, as in :class:`~tumor_response.models.RidgeLogistic`.
    tuned_ : bool or None
        False if fewer than two patients had a row of some class: fitted values are then the
        offset, and the strongest penalty is used. None if there was one penalty alone.
    coef_, intercept_, classes_
        Of the whole model.

    Raises
    ------
    ModelError
        At fit: no DataFrame, a penalty not positive, ``n_inner_folds`` below 2, ``rule`` or
        ``class_weight`` unknown.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 300)) / 300**0.5).add_prefix("deep__")
    >>> X.insert(0, "clinical__age", rng.normal(size=80))
    >>> y = (X["clinical__age"] + 0.5 * rng.normal(size=80) > 0).astype(int)
    >>> model = ClinicalFirst().fit(X, y)
    >>> model.coef_.shape, bool(model.coef_[0, 0] == model.first_.coef_[0, 0])
    ((1, 301), True)
    """

    def __init__(
        self,
        first: Sequence[str] = ("clinical",),
        Cs_first: Sequence[float] = DEFAULT_CS,
        Cs: Sequence[float] = DEFAULT_CS,
        n_inner_folds: int = 5,
        random_state: int = 0,
        class_weight: ClassWeight = None,
        rule: Rule = "min",
    ) -> None:
        self.first = first
        self.Cs_first = Cs_first
        self.Cs = Cs
        self.n_inner_folds = n_inner_folds
        self.random_state = random_state
        self.class_weight = class_weight
        self.rule = rule

    def fit(
        self, X: pd.DataFrame, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> Self:
        """Fit stage one, in folds and on all rows, and stage two beside its offset.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            Finite numbers in columns ``<block>__...``, on one scale
            (:class:`~tumor_response.transformers.BlockScaler`).
        y : array of shape (n_rows,)
            Two classes; the larger label is the positive one.
        sample_weight : array of shape (n_rows,), optional
            A weight of 2 is the same as a repeated row, 0 the same as none.
        """
        Cs = checked_path("Cs", self.Cs)
        in_first = _in_first(self, X)
        rows = class_rows(self, X, y, sample_weight, self.class_weight)
        choice = PenaltyChoice.of(self, len(Cs), rows)
        if choice.fold is None:
            Cs = Cs[:1]
        label = rows.y.astype(np.float64)
        stage_one = RidgeLogistic(
            self.Cs_first, self.n_inner_folds, self.random_state, rule=self.rule
        )
        fold = tuning_folds(rows.patients, rows.y, self.n_inner_folds, self.random_state)
        share = float(np.average(label, weights=rows.weight))
        self.first_, offset = _staged(
            stage_one, rows, in_first, fold, float(np.log(share / (1 - share)))
        )
        centre = np.average(rows.values[:, ~in_first], axis=0, weights=rows.weight)
        Z, basis = row_span(rows.values[:, ~in_first] - centre)
        path = offset_path(Z, label, offset, choice.problem_weights, Cs)
        self.path_Cs_, self.path_deviances_, best = Cs, np.full(len(Cs), np.nan), 0
        if choice.fold is not None:
            said = np.array([held_out_scores(Z, solution, choice.fold) for solution in path])
            self.path_deviances_, best = choice.choose(2 * logistic_losses(offset + said, label))
        self.C_ = float(Cs[best])
        _joined(self, in_first, path[best][0], basis, centre)
        if self.first_ is None:
            self.intercept_ = self.intercept_ + offset[0]
        return self


class ClinicalFirstRegression(LinearRegressor):
    r"""Linear regression of a rate in two stages: first some blocks, then what the others add.

    As :class:`ClinicalFirst`: an offset with a coefficient of 1 is subtracted from the rate, so
    stage two is a ridge regression of what stage one leaves of patients it has not seen.

    Parameters
    ----------
    first
        Blocks of the first stage, default ``("clinical",)``.
    alphas_first, alphas
        Penalties of stage one and stage two, as in
        :class:`~tumor_response.models.penalised.RidgeRegression`.
    n_inner_folds, random_state, rule
        As there.

    Attributes
    ----------
    first_ : RidgeRegression or None
        Stage one; None if no column of its blocks is left, the offset is then the mean.
    alpha_, path_alphas_, path_errors_, tuned_
        Of stage two, as there.
    coef_, intercept_
        Of the whole model.

    Raises
    ------
    ModelError
        As :class:`ClinicalFirst`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 300))).add_prefix("deep__")
    >>> X.insert(0, "clinical__age", rng.normal(size=80))
    >>> ClinicalFirstRegression().fit(X, X["clinical__age"]).coef_[0, 0].round(1)
    np.float64(1.0)
    """

    def __init__(
        self,
        first: Sequence[str] = ("clinical",),
        alphas_first: Sequence[float] = DEFAULT_ALPHAS,
        alphas: Sequence[float] = DEFAULT_ALPHAS,
        n_inner_folds: int = 5,
        random_state: int = 0,
        rule: Rule = "min",
    ) -> None:
        self.first = first
        self.alphas_first = alphas_first
        self.alphas = alphas
        self.n_inner_folds = n_inner_folds
        self.random_state = random_state
        self.rule = rule

    def fit(
        self, X: pd.DataFrame, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> Self:
        """Fit both stages; parameters as of :meth:`ClinicalFirst.fit`, ``y`` being rates."""
        alphas = checked_path("alphas", self.alphas)[::-1]
        in_first = _in_first(self, X)
        rows = rate_rows(self, X, y, sample_weight)
        choice = PenaltyChoice.of(self, len(alphas), rows)
        if choice.fold is None:
            alphas = alphas[:1]
        rate = rows.y.astype(np.float64)
        stage_one = RidgeRegression(
            self.alphas_first, self.n_inner_folds, self.random_state, self.rule
        )
        n_folds = min(self.n_inner_folds, len(np.unique(rows.patients)))
        fold = None
        if n_folds > 1:
            fold = patient_folds(rows.patients, rate, n_folds, self.random_state)
        mean = float(np.average(rate, weights=rows.weight))
        self.first_, offset = _staged(stage_one, rows, in_first, fold, mean)
        left = rate - offset
        centre = np.average(rows.values[:, ~in_first], axis=0, weights=rows.weight)
        Z, basis = row_span(rows.values[:, ~in_first] - centre)
        path = least_squares_path(Z, left, choice.problem_weights, alphas)
        self.path_alphas_, self.path_errors_, best = alphas, np.full(len(alphas), np.nan), 0
        if choice.fold is not None:
            said = np.array([held_out_scores(Z, solution, choice.fold) for solution in path])
            self.path_errors_, best = choice.choose((left - said) ** 2)
        self.alpha_ = float(alphas[best])
        _joined(self, in_first, path[best, 0], basis, centre)
        if self.first_ is None:
            self.intercept_ = self.intercept_ + mean
        return self


def _in_first(model: ClinicalFirst | ClinicalFirstRegression, X: pd.DataFrame) -> BoolArray:
    """Return which columns are of the first stage."""
    if isinstance(model.first, str) or not model.first:
        raise ModelError(f"first={model.first!r}: expected a list of one block or more.")
    frame = remember_columns(model, X)
    return np.array([block_of(str(column)) in set(model.first) for column in frame.columns])


def _staged(
    stage_one: Any, rows: TrainingRows, in_first: BoolArray, fold: IntArray | None, prior: float
) -> tuple[Any, FloatArray]:
    """Return stage one fitted to all rows, and its score of each row without the row's patient."""
    if not in_first.any():
        return None, np.full(len(rows.y), prior)
    # names are sorted as text where folds are made: they have to come in the order of the numbers
    index = pd.Index([f"{patient:09d}" for patient in rows.patients], name="patient_id")
    values = rows.values[:, in_first]
    offset = np.full(len(rows.y), prior)
    if fold is not None:
        for number in range(int(fold.max()) + 1):
            train = fold != number
            part = pd.DataFrame(values[train], index=index[train])
            stage_one.fit(part, rows.y[train], rows.weight[train])
            offset[~train] = _linear(stage_one, values[~train])
    stage_one.fit(pd.DataFrame(values, index=index), rows.y, rows.weight)
    return stage_one, _linear(stage_one, values) if fold is None else offset


def _linear(fitted: Any, values: FloatArray) -> FloatArray:
    scores: FloatArray = values @ fitted.coef_[0] + fitted.intercept_[0]
    return scores


def _joined(
    model: ClinicalFirst | ClinicalFirstRegression,
    in_first: BoolArray,
    solution: FloatArray,
    basis: FloatArray | None,
    centre: FloatArray,
) -> None:
    """Set the coefficients of both stages together on the model."""
    added = solution[1:] if basis is None else basis @ solution[1:]
    coefficients = np.zeros(len(in_first))
    coefficients[~in_first] = added
    intercept = solution[0] - centre @ added
    if model.first_ is not None:
        coefficients[in_first] = model.first_.coef_[0]
        intercept += model.first_.intercept_[0]
    model.coef_, model.intercept_ = coefficients[None, :], np.array([intercept])
