"""Lasso and elastic net logistic regression, the penalty tuned on patient-grouped folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from tumor_response.models.linear_scores import LinearClassifier
from tumor_response.models.penalised.path import LOGISTIC, largest_slope
from tumor_response.models.penalised.tuned import (
    Standardised,
    checked_l1_ratio,
    default_strengths,
    tuned_fit,
)
from tumor_response.models.penalty_choice import PenaltyChoice, Rule, checked_path
from tumor_response.models.training_rows import ClassWeight, Matrix, class_rows

__all__ = ["PenalisedLogistic"]

FloatArray = npt.NDArray[np.float64]


class PenalisedLogistic(LinearClassifier):
    r"""Two-class logistic regression with a lasso or elastic net penalty, tuned on a path.

    Minimises :math:`\sum_i w_i \log(1 + e^{-s_i f(x_i)}) + \frac{1}{C}\bigl(\rho
    \lVert\beta\rVert_1 + \frac{1 - \rho}{2} \lVert\beta\rVert_2^2\bigr)` with :math:`f(x) =
    \beta_0 + \beta^\top z`, :math:`z` the standardised columns and :math:`\rho` the ``l1_ratio``
    (Tibshirani 1996, J. R. Stat. Soc. B 58:267; Zou and Hastie 2005, J. R. Stat. Soc. B 67:301):
    scikit-learn's ``LogisticRegression(C=C, l1_ratio=rho, solver="saga")`` behind a
    ``StandardScaler``. Columns are standardised here, by the weighted training rows, because an
    L1 penalty is one on the units of each column; ``coef_`` is on the columns as given.

    The penalty is chosen as in :class:`~tumor_response.models.RidgeLogistic`: by the deviance of
    held-out rows of an inner cross-validation whose folds hold whole patients, and copies of a
    patient in a bootstrap sample share a fold. The columns that are left in are found anew in
    each fold, so nothing is chosen by rows that it is judged by. Of equal deviances the strongest
    penalty wins.

    Parameters
    ----------
    l1_ratio
        Share of the L1 part: 1 (default) is the lasso, less an elastic net.
    Cs
        Inverse penalties to choose from; one value alone is used as it is. None (default): 30,
        from the penalty that leaves no column in down to a fiftieth of it.
    n_inner_folds, random_state, class_weight, rule
        As in :class:`~tumor_response.models.RidgeLogistic`.

    Attributes
    ----------
    C_, tuned_, path_Cs_, path_deviances_, coef_, intercept_, classes_
        As in :class:`~tumor_response.models.RidgeLogistic`.
    n_selected_ : int
        Columns with a coefficient that is not 0.

    Raises
    ------
    ModelError
        As :class:`~tumor_response.models.RidgeLogistic`; ``l1_ratio`` not above 0 or above 1; code
        ``not_converged``: no optimum was reached, which takes separated classes and a penalty
        near none.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 500)); y = (X[:, :3].sum(axis=1) > 0).astype(int)
    >>> model = PenalisedLogistic().fit(X, y)
    >>> np.nonzero(model.coef_[0])[0][:3].tolist()
    [0, 1, 2]
    """

    def __init__(
        self,
        l1_ratio: float = 1.0,
        Cs: Sequence[float] | None = None,
        n_inner_folds: int = 5,
        random_state: int = 0,
        class_weight: ClassWeight = None,
        rule: Rule = "min",
    ) -> None:
        self.l1_ratio = l1_ratio
        self.Cs = Cs
        self.n_inner_folds = n_inner_folds
        self.random_state = random_state
        self.class_weight = class_weight
        self.rule = rule

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Tune and fit; parameters as of :meth:`RidgeLogistic.fit`."""
        l1_ratio = checked_l1_ratio(self.l1_ratio)
        rows = class_rows(self, X, y, sample_weight, self.class_weight)
        label = rows.y.astype(np.float64)
        columns = Standardised.of(rows.values, rows.weight)
        if self.Cs is None:
            largest = largest_slope(columns.values, label, rows.weight) / l1_ratio
            Cs = 1.0 / default_strengths(largest)
        else:
            Cs = checked_path("Cs", self.Cs)
        choice = PenaltyChoice.of(self, len(Cs), rows)
        if choice.fold is None:
            Cs = Cs[:1]
        l1, l2 = l1_ratio / Cs, (1 - l1_ratio) / Cs
        fitted = tuned_fit(columns.values, label, choice, l1, l2, LOGISTIC)
        self.path_Cs_, self.path_deviances_ = Cs, fitted.losses
        self.C_ = float(Cs[fitted.best])
        intercept, coefficients = columns.undone(fitted.intercept, fitted.coefficients)
        self.coef_, self.intercept_ = coefficients[None, :], np.array([intercept])
        self.n_selected_ = int((coefficients != 0).sum())
        return self
