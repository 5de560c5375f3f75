"""Linear support vector machines in the span of the rows, with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.svm import SVC, SVR

from tumor_response.exceptions import ModelError
from tumor_response.models.inner import in_order, inner_folds
from tumor_response.models.linear_scores import LinearClassifier, LinearRegressor
from tumor_response.models.penalty_choice import PenaltyChoice, Rule, checked_path
from tumor_response.models.platt import calibrated_choice, prior_sigmoid
from tumor_response.models.training_rows import (
    ClassWeight,
    Matrix,
    TrainingRows,
    class_rows,
    rate_rows,
)

__all__ = ["DEFAULT_SVM_CS", "DEFAULT_SVR_CS", "LinearSVMClassifier", "LinearSVMRegressor"]

FloatArray = npt.NDArray[np.float64]

DEFAULT_SVM_CS: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0, 100.0)
"""On block-scaled columns, whose rows have length 1 or so: below, every patient is a support
vector and only the scale of the scores changes, which the sigmoid undoes; above, the margin of a
hundred patients in 1,500 columns is hard."""

DEFAULT_SVR_CS: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0, 10.0)
"""For rates in standard deviations: the first hardly leaves the median."""

TOLERANCE = 1e-5
"""Where libsvm stops; its default of 1e-3 shows in the third digit of a coefficient."""


class LinearSVMClassifier(LinearClassifier):
    r"""Linear support vector machine whose scores are turned into probabilities out of fold.

    Minimises :math:`\lVert\beta\rVert^2 / 2 + C \sum_i w_i \max(0, 1 - s_i f(x_i))` (Cortes and
    Vapnik 1995, Mach. Learn. 20:273): scikit-learn's ``SVC(kernel="linear", C=C)``. It is solved
    on the matrix of inner products, which is as large as there are rows, whatever the number of
    columns.

    ``C`` is chosen, and the sigmoid (:func:`~tumor_response.models.platt.fit_sigmoid`) fitted, on
    the scores of an inner cross-validation whose folds hold whole patients. A sigmoid on the
    scores of training rows would meet margins of one everywhere; one on folds that split a
    patient's copies (``SVC(probability=True)`` in a bootstrap sample) would meet the same.

    Parameters
    ----------
    Cs
        Inverse penalties to choose from.
    n_inner_folds
        Folds, at most; fewer if fewer patients have a row of the rarer class.
    class_weight
        ``"balanced"`` weighs each class the same, in the margin and in the sigmoid, so that
        probabilities are those of a population with as many responders as others.
    random_state
        Seed of the folds.

    Attributes
    ----------
    C_ : float
    sigmoid_ : Sigmoid
        From the SVM's scores to log-odds.
    tuned_ : bool
        False where fewer than two patients had a row of some class; then the strongest penalty is
        used, and the probabilities are the prior all but alone.
    path_Cs_, path_deviances_ : ndarray
        The path and the deviance of the calibrated out-of-fold scores, NaN where not tuned.
    coef_ : ndarray of shape (1, n_features), intercept_ : ndarray of shape (1,)
        In log-odds: the SVM's own times the sigmoid's slope.
    classes_ : ndarray of shape (2,)

    Raises
    ------
    ModelError
        ``Cs`` empty or not positive, ``n_inner_folds`` below 2.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 500)) / 22; y = (X[:, :20].sum(axis=1) > 0).astype(int)
    >>> model = LinearSVMClassifier().fit(X, y)
    >>> model.coef_.shape, model.tuned_
    ((1, 500), True)
    """

    def __init__(
        self,
        Cs: Sequence[float] = DEFAULT_SVM_CS,
        n_inner_folds: int = 5,
        class_weight: ClassWeight = None,
        random_state: int = 0,
    ) -> None:
        self.Cs = Cs
        self.n_inner_folds = n_inner_folds
        self.class_weight = class_weight
        self.random_state = random_state

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Choose C, calibrate and fit; the index level ``patient_id`` names the patients.

        ``sample_weight``: 2 is the same as a repeated row, 0 the same as none.
        """
        Cs = checked_path("Cs", self.Cs)
        rows = in_order(class_rows(self, X, y, sample_weight, self.class_weight))
        label = rows.y.astype(np.float64)
        centre, centred, gram = _gram(rows)
        fold = inner_folds(self, rows)
        self.tuned_ = fold is not None
        self.path_Cs_, self.path_deviances_ = Cs, np.full(len(Cs), np.nan)
        best = 0
        if fold is not None:
            scores = np.empty((len(Cs), len(label)))
            for number in np.unique(fold):
                train, held_out = fold != number, fold == number
                inside, across = gram[np.ix_(train, train)], gram[np.ix_(held_out, train)]
                for place, C in enumerate(Cs):
                    inner = _svc(C).fit(inside, rows.y[train], rows.weight[train])
                    scores[place, held_out] = inner.decision_function(across)
            best, self.sigmoid_, self.path_deviances_ = calibrated_choice(
                scores, label, rows.weight
            )
        self.C_ = float(Cs[best])
        machine = _svc(self.C_).fit(gram, rows.y, rows.weight)
        beta = machine.dual_coef_[0] @ centred[machine.support_]
        if fold is None:
            self.sigmoid_ = prior_sigmoid(centred @ beta + machine.intercept_, label, rows.weight)
        slope, offset = self.sigmoid_
        self.coef_ = slope * beta[None, :]
        self.intercept_ = slope * (machine.intercept_ - centre @ beta) + offset
        return self


class LinearSVMRegressor(LinearRegressor):
    r"""Linear support vector regression of a rate, its penalty chosen on whole patients.

    scikit-learn's ``SVR(kernel="linear")`` on the rate in standard deviations of the training
    rows (Drucker et al. 1997), on the matrix of inner products. ``C`` has the smallest squared
    error over held-out patients.

    Parameters
    ----------
    Cs
        Inverse penalties to choose from; one alone is used as it is.
    epsilon
        Errors below it cost nothing, in standard deviations of the rate; default 0.1.
    n_inner_folds, random_state
        As in :class:`LinearSVMClassifier`.
    rule
        ``"min"`` (default) or ``"one_se"``, as in :class:`~tumor_response.models.RidgeLogistic`.

    Attributes
    ----------
    C_, tuned_, path_Cs_, coef_, intercept_
        As in :class:`LinearSVMClassifier`; the coefficients are in the rate's unit.
    path_errors_ : ndarray
        Mean squared error of held-out rows, in squared standard deviations.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 500)) / 22; y = X[:, :20].sum(axis=1)
    >>> LinearSVMRegressor().fit(X, y).coef_.shape
    (1, 500)
    """

    def __init__(
        self,
        Cs: Sequence[float] = DEFAULT_SVR_CS,
        epsilon: float = 0.1,
        n_inner_folds: int = 5,
        random_state: int = 0,
        rule: Rule = "min",
    ) -> None:
        self.Cs = Cs
        self.epsilon = epsilon
        self.n_inner_folds = n_inner_folds
        self.random_state = random_state
        self.rule = rule

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Choose C and fit; see :meth:`LinearSVMClassifier.fit`."""
        Cs = checked_path("Cs", self.Cs)
        if not self.epsilon >= 0:
            raise ModelError(f"epsilon={self.epsilon!r}: expected 0 or more.")
        rows = in_order(rate_rows(self, X, y, sample_weight))
        centre, centred, gram = _gram(rows)
        given = rows.y.astype(np.float64)
        mean = np.average(given, weights=rows.weight)
        spread = float(np.sqrt(np.average((given - mean) ** 2, weights=rows.weight))) or 1.0
        rate = (given - mean) / spread
        choice = PenaltyChoice.of(self, len(Cs), rows)
        self.path_Cs_, self.path_errors_, best = Cs, np.full(len(Cs), np.nan), 0
        if choice.fold is not None:
            errors = np.empty((len(Cs), len(rate)))
            for number in np.unique(choice.fold):
                train, held_out = choice.fold != number, choice.fold == number
                for place, C in enumerate(Cs):
                    inner = self._svr(C).fit(
                        gram[np.ix_(train, train)], rate[train], rows.weight[train]
                    )
                    errors[place, held_out] = rate[held_out] - inner.predict(
                        gram[np.ix_(held_out, train)]
                    )
            self.path_errors_, best = choice.choose(errors**2)
        self.C_ = float(Cs[best])
        machine = self._svr(self.C_).fit(gram, rate, rows.weight)
        beta = spread * (machine.dual_coef_[0] @ centred[machine.support_])
        self.coef_ = beta[None, :]
        self.intercept_ = mean + spread * machine.intercept_ - centre @ beta
        return self

    def _svr(self, C: float) -> SVR:
        return SVR(kernel="precomputed", C=C, epsilon=self.epsilon, tol=TOLERANCE)


def _svc(C: float) -> SVC:
    return SVC(kernel="precomputed", C=C, tol=TOLERANCE)


def _gram(rows: TrainingRows) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the centre, the centred rows and their inner products.

    An SVM with a free intercept does not mind where the origin is; libsvm's rounding does.
    """
    centre = np.average(rows.values, axis=0, weights=rows.weight)
    centred = rows.values - centre
    return centre, centred, centred @ centred.T
