"""Ridge, lasso and elastic net for a rate, the penalty tuned on patient-grouped folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from tumor_response.models.linear_scores import LinearRegressor
from tumor_response.models.penalised.path import SQUARED, largest_slope
from tumor_response.models.penalised.tuned import (
    Standardised,
    checked_l1_ratio,
    default_strengths,
    tuned_fit,
)
from tumor_response.models.penalty_choice import PenaltyChoice, Rule, checked_path
from tumor_response.models.ridge_path import held_out_scores, least_squares_path, row_span
from tumor_response.models.training_rows import Matrix, rate_rows

__all__ = ["DEFAULT_ALPHAS", "PenalisedRegression", "RidgeRegression"]

FloatArray = npt.NDArray[np.float64]

DEFAULT_ALPHAS: tuple[float, ...] = tuple(float(a) for a in np.logspace(4, -2, 13))
"""Penalties tried, half a decade apart. On block-scaled columns (every block of total variance 1)
they run from a model that hardly leaves the mean to one that fits n = 100 patients closely."""


class RidgeRegression(LinearRegressor):
    r"""Linear regression of a rate with an L2 penalty chosen on patient-grouped folds.

    Minimises :math:`\sum_i w_i (y_i - \beta_0 - \beta^\top x_i)^2 + \alpha \lVert\beta\rVert^2`
    with an unpenalised intercept (Hoerl and Kennard 1970, Technometrics 12:55): scikit-learn's
    ``Ridge(alpha)``. With fewer rows than columns the optimum lies in the span of the rows; one
    QR factorisation goes there, and one singular value decomposition for each inner fold serves
    the whole path (Hastie and Tibshirani 2004, Biostatistics 5:329).

    ``alpha`` is the value of the path with the smallest squared error over all held-out rows of
    an inner cross-validation whose folds hold whole patients, balanced by the rate
    (:func:`tumor_response.models.folds.patient_folds`): copies of a patient in a bootstrap sample
    share a fold. Of equal errors the strongest penalty wins.

    Parameters
    ----------
    alphas
        Penalties to choose from; one value alone is used as it is, without tuning.
    n_inner_folds
        Folds of the inner cross-validation, default 5; fewer for fewer patients.
    random_state
        Seed of the folds, default 0.
    rule
        ``"min"`` (default), or ``"one_se"``: the strongest penalty whose held-out error is within
        one standard error of the smallest.

    Attributes
    ----------
    alpha_ : float
        The penalty used.
    tuned_ : bool or None
        False if there was one patient alone; then the strongest penalty is used. None if there
        was one penalty alone.
    path_alphas_, path_errors_ : ndarray
        The path, from the strongest penalty, and the mean squared held-out error of each, NaN
        where not tuned.
    coef_ : ndarray of shape (1, n_features)
    intercept_ : ndarray of shape (1,)

    Raises
    ------
    ModelError
        If ``alphas`` is empty or not positive, ``n_inner_folds`` is below 2, or ``rule`` unknown.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 500)); rate = X[:, :20].sum(axis=1)
    >>> RidgeRegression().fit(X, rate).coef_.shape
    (1, 500)
    """

    def __init__(
        self,
        alphas: Sequence[float] = DEFAULT_ALPHAS,
        n_inner_folds: int = 5,
        random_state: int = 0,
        rule: Rule = "min",
    ) -> None:
        self.alphas = alphas
        self.n_inner_folds = n_inner_folds
        self.random_state = random_state
        self.rule = rule

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Tune and fit.

        Parameters
        ----------
        X : array or DataFrame of shape (n_rows, n_features)
            Finite numbers. A DataFrame's index level ``patient_id`` names the patients.
        y : array of shape (n_rows,)
            The rate.
        sample_weight : array of shape (n_rows,), optional
            A weight of 2 is the same as a repeated row, 0 the same as none.
        """
        alphas = checked_path("alphas", self.alphas)[::-1]
        rows = rate_rows(self, X, y, sample_weight)
        rate = rows.y.astype(np.float64)
        choice = PenaltyChoice.of(self, len(alphas), rows)
        if choice.fold is None:
            alphas = alphas[:1]
        centre = np.average(rows.values, axis=0, weights=rows.weight)
        Z, basis = row_span(rows.values - centre)
        path = least_squares_path(Z, rate, choice.problem_weights, alphas)
        self.path_alphas_, self.path_errors_, best = alphas, np.full(len(alphas), np.nan), 0
        if choice.fold is not None:
            scores = np.array([held_out_scores(Z, solution, choice.fold) for solution in path])
            self.path_errors_, best = choice.choose((rate - scores) ** 2)
        self.alpha_ = float(alphas[best])
        coefficients = path[best, 0]
        beta = coefficients[1:] if basis is None else basis @ coefficients[1:]
        self.coef_ = beta[None, :]
        self.intercept_ = np.array([coefficients[0] - centre @ beta])
        return self


class PenalisedRegression(LinearRegressor):
    r"""Linear regression of a rate with a lasso or elastic net penalty, tuned on a path.

    Minimises :math:`\frac{1}{2n} \sum_i w_i (y_i - f(x_i))^2 + \alpha \bigl(\rho
    \lVert\beta\rVert_1 + \frac{1 - \rho}{2} \lVert\beta\rVert_2^2\bigr)` with :math:`f(x) =
    \beta_0 + \beta^\top z`, :math:`z` the standardised columns, :math:`n = \sum_i w_i` and
    :math:`\rho` the ``l1_ratio``: scikit-learn's ``ElasticNet(alpha, l1_ratio=rho)`` behind a
    ``StandardScaler``. ``coef_`` is on the columns as given.

    Parameters
    ----------
    l1_ratio
        Share of the L1 part: 1 (default) is the lasso, less an elastic net.
    alphas
        Penalties to choose from; one value alone is used as it is. None (default): 30, from the
        penalty that leaves no column in down to a fiftieth of it.
    n_inner_folds, random_state, rule
        As in :class:`RidgeRegression`.

    Attributes
    ----------
    alpha_, tuned_, path_alphas_, path_errors_, coef_, intercept_
        As in :class:`RidgeRegression`.
    n_selected_ : int
        Columns with a coefficient that is not 0.

    Raises
    ------
    ModelError
        As :class:`RidgeRegression`; ``l1_ratio`` not above 0 or above 1; code ``not_converged``:
        no optimum was reached.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 500)); rate = X[:, 0] - X[:, 1] + 0.1 * rng.normal(size=60)
    >>> model = PenalisedRegression().fit(X, rate)
    >>> np.nonzero(np.abs(model.coef_[0]) > 0.5)[0].tolist()
    [0, 1]
    """

    def __init__(
        self,
        l1_ratio: float = 1.0,
        alphas: Sequence[float] | None = None,
        n_inner_folds: int = 5,
        random_state: int = 0,
        rule: Rule = "min",
    ) -> None:
        self.l1_ratio = l1_ratio
        self.alphas = alphas
        self.n_inner_folds = n_inner_folds
        self.random_state = random_state
        self.rule = rule

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Tune and fit; parameters as of :meth:`RidgeRegression.fit`."""
        l1_ratio = checked_l1_ratio(self.l1_ratio)
        rows = rate_rows(self, X, y, sample_weight)
        rate, n = rows.y.astype(np.float64), float(rows.weight.sum())
        columns = Standardised.of(rows.values, rows.weight)
        if self.alphas is None:
            largest = largest_slope(columns.values, rate, rows.weight) / l1_ratio
            alphas = default_strengths(largest) / n
        else:
            alphas = checked_path("alphas", self.alphas)[::-1]
        choice = PenaltyChoice.of(self, len(alphas), rows)
        if choice.fold is None:
            alphas = alphas[:1]
        # in units of the rate's spread, so that what is near nothing does not depend on them
        height = np.average(rate, weights=rows.weight)
        unit = float(np.sqrt(np.average((rate - height) ** 2, weights=rows.weight))) or 1.0
        l1, l2 = n * l1_ratio * alphas / unit, n * (1 - l1_ratio) * alphas
        fitted = tuned_fit(columns.values, (rate - height) / unit, choice, l1, l2, SQUARED)
        self.path_alphas_, self.path_errors_ = alphas, unit**2 * fitted.losses
        self.alpha_ = float(alphas[fitted.best])
        intercept, coefficients = columns.undone(
            height + unit * fitted.intercept, unit * fitted.coefficients
        )
        self.coef_, self.intercept_ = coefficients[None, :], np.array([intercept])
        self.n_selected_ = int((coefficients != 0).sum())
        return self
