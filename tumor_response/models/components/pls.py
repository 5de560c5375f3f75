"""Partial least squares: a few directions that go with the outcome, their number tuned."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import ModelError
from tumor_response.models.inner import inner_folds
from tumor_response.models.linear_scores import LinearClassifier, LinearRegressor
from tumor_response.models.penalty_choice import PenaltyChoice, Rule
from tumor_response.models.platt import calibrated_choice, prior_sigmoid
from tumor_response.models.ridge_path import row_span
from tumor_response.models.training_rows import (
    ClassWeight,
    Matrix,
    TrainingRows,
    class_rows,
    rate_rows,
)
from tumor_response.transformers.components import pls_directions

__all__ = ["PLSDA", "PLSRate", "pls_path"]

FloatArray = npt.NDArray[np.float64]


class PLSDA(LinearClassifier):
    """Partial least squares discriminant analysis, calibrated on patients it was not shown.

    Regresses the class, coded 0 and 1, on one to ``most_components`` components of partial least
    squares (Barker and Rayens 2003, J. Chemometrics 17:166). With many more columns than rows the
    scores of *training* rows separate the classes all but perfectly after two or three
    components, so that a discriminant analysis fitted to them, the usual second half, is sure of
    everything. Probabilities are therefore a sigmoid of scores of an inner cross-validation whose
    folds hold whole patients (:func:`~tumor_response.models.platt.fit_sigmoid`), and the number
    of components is the one whose calibrated out-of-fold scores have the smallest deviance.

    Parameters
    ----------
    most_components
        The most components, default 5; fewer where the training rows span fewer dimensions.
    n_inner_folds
        Folds, at most; fewer if fewer patients have a row of the rarer class.
    class_weight
        ``"balanced"`` weighs each class the same, in the components and in the sigmoid.
    random_state
        Seed of the folds.

    Attributes
    ----------
    n_components_ : int
    sigmoid_ : Sigmoid
    deviances_ : ndarray
        Of one component, of two ... ; NaN where not tuned.
    tuned_ : bool
        False where fewer than two patients had a row of some class; then one component is used
        and the probabilities are the prior all but alone.
    coef_ : ndarray of shape (1, n_features), intercept_ : ndarray of shape (1,)
        In log-odds.
    classes_ : ndarray of shape (2,)

    Raises
    ------
    ModelError
        ``most_components`` below 1, ``n_inner_folds`` below 2.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 500)); y = (X[:, :20].sum(axis=1) > 0).astype(int)
    >>> model = PLSDA().fit(X, y)
    >>> model.coef_.shape, model.tuned_
    ((1, 500), True)
    """

    def __init__(
        self,
        most_components: int = 5,
        n_inner_folds: int = 5,
        class_weight: ClassWeight = None,
        random_state: int = 0,
    ) -> None:
        self.most_components = most_components
        self.n_inner_folds = n_inner_folds
        self.class_weight = class_weight
        self.random_state = random_state

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Choose, calibrate and fit; the index level ``patient_id`` names the patients.

        ``sample_weight``: 2 is the same as a repeated row, 0 the same as none.
        """
        rows = class_rows(self, X, y, sample_weight, self.class_weight)
        label = rows.y.astype(np.float64)
        fold = inner_folds(self, rows)
        path, held_out = _paths(rows, label, fold, self.most_components)
        self.tuned_ = fold is not None
        self.deviances_ = np.full(self.most_components, np.nan)
        if held_out is None:
            best, self.sigmoid_ = (
                0,
                prior_sigmoid(path[1, 0] + rows.values @ path[1, 1:], label, rows.weight),
            )
        else:
            best, self.sigmoid_, self.deviances_ = calibrated_choice(
                held_out[1:], label, rows.weight
            )
        self.n_components_ = best + 1
        slope, offset = self.sigmoid_
        self.coef_ = slope * path[best + 1 : best + 2, 1:]
        self.intercept_ = slope * path[best + 1, :1] + offset
        return self


class PLSRate(LinearRegressor):
    """Partial least squares regression of a rate, its components tuned on whole patients.

    scikit-learn's ``PLSRegression(scale=False)``, with weights. The number of components has the
    smallest squared error over held-out patients. None at all, the mean rate, is among the
    numbers tried: with nothing to find one component is worse than that.

    Parameters
    ----------
    most_components, n_inner_folds, random_state
        As in :class:`PLSDA`.
    rule
        ``"min"`` (default) or ``"one_se"``, as in :class:`~tumor_response.models.RidgeLogistic`.

    Attributes
    ----------
    n_components_ : int
    errors_ : ndarray of shape (1 + most_components,)
        Mean squared error of held-out rows with no component, with one ...
    tuned_, coef_, intercept_
        As in :class:`PLSDA`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 500)); y = X[:, :20].sum(axis=1)
    >>> PLSRate().fit(X, y).coef_.shape
    (1, 500)
    """

    def __init__(
        self,
        most_components: int = 5,
        n_inner_folds: int = 5,
        random_state: int = 0,
        rule: Rule = "min",
    ) -> None:
        self.most_components = most_components
        self.n_inner_folds = n_inner_folds
        self.random_state = random_state
        self.rule = rule

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Choose and fit; see :meth:`PLSDA.fit`."""
        rows = rate_rows(self, X, y, sample_weight)
        rate = rows.y.astype(np.float64)
        choice = PenaltyChoice.of(self, 1 + self.most_components, rows)
        path, held_out = _paths(rows, rate, choice.fold, self.most_components)
        self.errors_, best = np.full(len(path), np.nan), 0
        if held_out is not None:
            self.errors_, best = choice.choose((rate - held_out) ** 2)
        self.n_components_ = best
        self.coef_, self.intercept_ = path[best : best + 1, 1:], path[best, :1]
        return self


def _paths(
    rows: TrainingRows,
    target: FloatArray,
    fold: npt.NDArray[np.int64] | None,
    most_components: int,
) -> tuple[FloatArray, FloatArray | None]:
    """Return :func:`pls_path` of all rows, and what paths without a row's fold say of the row.

    Shapes (1 + most_components, 1 + n_columns) and (1 + most_components, n_rows), the latter None
    without folds. Components see inner products of rows alone, so that all is done in their span.
    """
    if most_components < 1:
        raise ModelError(f"most_components={most_components!r}: expected 1 or more.")
    centre = np.average(rows.values, axis=0, weights=rows.weight)
    Z, basis = row_span(rows.values - centre)
    held_out = None
    if fold is not None:
        held_out = np.empty((1 + most_components, len(target)))
        for number in np.unique(fold):
            train, out = fold != number, fold == number
            inner = pls_path(Z[train], target[train], rows.weight[train], most_components)
            held_out[:, out] = inner[:, :1] + inner[:, 1:] @ Z[out].T
    path = pls_path(Z, target, rows.weight, most_components)
    slopes = path[:, 1:] if basis is None else path[:, 1:] @ basis.T
    return np.column_stack([path[:, 0] - slopes @ centre, slopes]), held_out


def pls_path(
    values: FloatArray, target: FloatArray, weight: FloatArray, most_components: int
) -> FloatArray:
    """Regress ``target`` on no component, on one ... on ``most_components``.

    Returns
    -------
    ndarray of shape (1 + most_components, 1 + n_columns)
        Intercept first. Beyond what the rows span, the last regression is repeated.

    Examples
    --------
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0])
    >>> pls_path(X, y, np.ones(3), 2).round(9).tolist()
    [[3.0, 0.0], [1.0, 2.0], [1.0, 2.0]]
    """
    centre = np.average(values, axis=0, weights=weight)
    height = np.average(target, weights=weight)
    root = np.sqrt(weight)
    centred, aimed = root[:, None] * (values - centre), root * (target - height)
    directions = pls_directions(centred, aimed, most_components)
    scores = centred @ directions
    slopes = directions * ((scores.T @ aimed) / (scores**2).sum(axis=0))
    path = np.zeros((1 + most_components, 1 + values.shape[1]))
    for number in range(1, 1 + most_components):
        path[number, 1:] = slopes[:, :number].sum(axis=1)
    path[:, 0] = height - path[:, 1:] @ centre
    return path
