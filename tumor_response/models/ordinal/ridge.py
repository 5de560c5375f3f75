"""Proportional odds for ordered classes, the penalty tuned on patient-grouped folds."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags

from tumor_response.models.linear_scores import LinearScores
from tumor_response.models.ordinal.cumulative import class_probabilities, cumulative_path
from tumor_response.models.penalty_choice import PenaltyChoice, checked_path
from tumor_response.models.ridge import DevianceTuned
from tumor_response.models.ridge_path import row_span
from tumor_response.models.training_rows import Matrix, class_rows

__all__ = ["OrdinalRidge"]

FloatArray = npt.NDArray[np.float64]


class OrdinalRidge(ClassifierMixin, LinearScores, DevianceTuned):
    r"""Proportional-odds (cumulative logit) model with an L2 penalty, for ordered classes.

    :math:`\operatorname{logit} P(Y \le k) = \theta_k - \beta^\top x` (McCullagh 1980, J. R.
    Stat. Soc. B 42:109), with :math:`-\log L(\theta, \beta) + \lVert\beta\rVert^2 / (2C)`
    minimised: one slope for all cut-points, so that an ordered outcome of three classes costs one
    parameter more than one of two. With a negligible penalty it is ``MASS::polr`` of R; with two
    classes it is :class:`~tumor_response.models.RidgeLogistic`. With fewer rows than columns the
    optimum lies in the span of the rows.

    The penalty is chosen as there, by the deviance of held-out rows on folds that hold whole
    patients; of equal deviances the strongest wins.

    Parameters
    ----------
    Cs, n_inner_folds, random_state, class_weight, rule
        As in :class:`~tumor_response.models.RidgeLogistic`.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features)
        Positive where a larger value goes with a higher class.
    cut_points_ : ndarray of shape (n_classes - 1,)
        :math:`\theta`, ascending.
    classes_ : ndarray of shape (n_classes,)
        In ascending order, which is taken as theirs.
    C_, tuned_, path_Cs_, path_deviances_
        As in :class:`~tumor_response.models.RidgeLogistic`.

    Raises
    ------
    ModelError
        As :class:`~tumor_response.models.RidgeLogistic`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(90, 300)); y = np.digitize(X[:, :9].sum(axis=1), [-1.0, 1.0])
    >>> OrdinalRidge().fit(X, y).predict_proba(X[:2]).shape
    (2, 3)
    """

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Tune and fit; parameters as of :meth:`RidgeLogistic.fit`, two ordered classes or more."""
        Cs = checked_path("Cs", self.Cs)
        rows = class_rows(self, X, y, sample_weight, self.class_weight, most_classes=None)
        choice = PenaltyChoice.of(self, len(Cs), rows)
        if choice.fold is None:
            Cs = Cs[:1]
        label, n_cuts = rows.y.astype(np.int64), len(self.classes_) - 1
        centre = np.average(rows.values, axis=0, weights=rows.weight)
        Z, basis = row_span(rows.values - centre)
        path = cumulative_path(Z, label, choice.problem_weights, Cs)
        self.path_Cs_, self.path_deviances_, best = Cs, np.full(len(Cs), np.nan), 0
        if choice.fold is not None:
            losses = np.empty((len(Cs), len(label)))
            for place, solution in enumerate(path):
                unseen = solution[choice.fold + 1]
                scores = np.einsum("ij,ij->i", Z, unseen[:, n_cuts:])
                chance = class_probabilities(unseen[:, :n_cuts], scores)
                tiny = np.finfo(np.float64).tiny
                losses[place] = -np.log(np.maximum(chance[np.arange(len(label)), label], tiny))
            self.path_deviances_, best = choice.choose(2 * losses)
        self.C_ = float(Cs[best])
        coefficients = path[best][0, n_cuts:]
        beta = coefficients if basis is None else basis @ coefficients
        self.coef_ = beta[None, :]
        self.cut_points_ = path[best][0, :n_cuts] + centre @ beta
        return self

    def predict_proba(self, X: Matrix) -> FloatArray:
        """Return the probability of each class, shape (n_rows, n_classes)."""
        scores = self._linear(X)
        return class_probabilities(self.cut_points_, scores)

    def predict(self, X: Matrix) -> npt.NDArray[np.generic]:
        """Return the likeliest class of each row."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        predicted: npt.NDArray[np.generic] = self.classes_[likeliest]
        return predicted

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # of classes that are in no order, as in scikit-learn's own checks, it knows little
        tags.classifier_tags.poor_score = True
        return tags
