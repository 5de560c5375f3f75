"""Ridge logistic regression with its penalty tuned on patient-grouped folds, in the row span."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from tumor_response.models.linear_scores import LinearClassifier
from tumor_response.models.penalty_choice import PenaltyChoice, Rule, checked_path
from tumor_response.models.ridge_path import (
    held_out_scores,
    logistic_losses,
    newton_path,
    row_span,
)
from tumor_response.models.training_rows import ClassWeight, Matrix, class_rows

__all__ = ["DEFAULT_CS", "DevianceTuned", "RidgeLogistic"]

FloatArray = npt.NDArray[np.float64]

DEFAULT_CS: tuple[float, ...] = tuple(float(c) for c in np.logspace(-3, 2, 11))
"""Inverse penalties tried, half a decade apart. On block-scaled columns (every block of total
variance 1) they run from a model that hardly leaves the prior to one that separates n = 100
patients, so the tuned value rarely lies at an end."""


class DevianceTuned(BaseEstimator):
    """The parameters of ridge models whose penalty is tuned by held-out deviance."""

    def __init__(
        self,
        Cs: Sequence[float] = DEFAULT_CS,
        n_inner_folds: int = 5,
        random_state: int = 0,
        class_weight: ClassWeight = None,
        rule: Rule = "min",
    ) -> None:
        self.Cs = Cs
        self.n_inner_folds = n_inner_folds
        self.random_state = random_state
        self.class_weight = class_weight
        self.rule = rule


class RidgeLogistic(LinearClassifier, DevianceTuned):
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
    class_weight
        ``"balanced"``: both classes weigh the same, in the fit, in the inner folds and in the
        held-out deviance, so that probabilities are those of a population with as many responders
        as others. A mapping from label to weight is taken as well. None (default): rows weigh
        alike.
    rule
        ``"min"`` (default), or ``"one_se"``: the strongest penalty whose held-out deviance is
        within one standard error of the smallest.

    Attributes
    ----------
    C_ : float
        The inverse penalty used.
    tuned_ : bool or None
        False if fewer than two patients had a row of some class; then the strongest penalty is
        used, and an evaluation counts it as ``n_untuned``. None if there was one penalty alone.
    path_Cs_, path_deviances_ : ndarray
        The path in ascending order and the mean held-out deviance (two times the negative
        log-likelihood per row) of each, NaN where not tuned.
    coef_ : ndarray of shape (1, n_features)
    intercept_ : ndarray of shape (1,)
    classes_ : ndarray of shape (2,)

    Raises
    ------
    ModelError
        If ``Cs`` is empty or not positive, ``n_inner_folds`` is below 2, or ``class_weight`` or
        ``rule`` is none of those above.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 500)); y = (X[:, :20].sum(axis=1) > 0).astype(int)
    >>> model = RidgeLogistic().fit(X, y)
    >>> model.coef_.shape, model.tuned_
    ((1, 500), True)
    """

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
        Cs = checked_path("Cs", self.Cs)
        rows = class_rows(self, X, y, sample_weight, self.class_weight)
        choice = PenaltyChoice.of(self, len(Cs), rows)
        if choice.fold is None:
            Cs = Cs[:1]
        label = rows.y.astype(np.float64)
        centre = np.average(rows.values, axis=0, weights=rows.weight)
        Z, basis = row_span(rows.values - centre)
        path = newton_path(Z, label, choice.problem_weights, Cs)
        self.path_Cs_, self.path_deviances_, best = Cs, np.full(len(Cs), np.nan), 0
        if choice.fold is not None:
            logits = np.array([held_out_scores(Z, solution, choice.fold) for solution in path])
            self.path_deviances_, best = choice.choose(2 * logistic_losses(logits, label))
        self.C_ = float(Cs[best])
        coefficients = path[best][0]
        beta = coefficients[1:] if basis is None else basis @ coefficients[1:]
        self.coef_ = beta[None, :]
        self.intercept_ = np.array([coefficients[0] - centre @ beta])
        return self
