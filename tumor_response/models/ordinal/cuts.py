"""Any model of two classes made into one of ordered classes."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from tumor_response.models.final import final_estimator
from tumor_response.models.recipe import Recipe
from tumor_response.models.training_rows import Matrix
from tumor_response.settings import Settings
from tumor_response.transformers.blocks import Blocks

__all__ = ["OrdinalByCuts", "by_cuts", "descending"]

FloatArray = npt.NDArray[np.float64]


class OrdinalByCuts(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A classifier of two classes, fitted at every cut between ordered classes.

    One clone learns whether the outcome exceeds the first class, the next whether it exceeds the
    second, and so on; the probability of a class is the difference of its neighbours' (Frank and
    Hall 2001, Lect. Notes Comput. Sci. 2167:145). Separate fits may contradict each other: a
    chance to exceed the second class above that to exceed the first would leave a class a
    negative probability. So the chances of each row are replaced by the nearest ones, in least
    squares, that do not rise (:func:`descending`).

    Parameters
    ----------
    estimator
        Of two classes, with ``predict_proba``; a Pipeline is refitted whole at every cut.

    Attributes
    ----------
    estimators_ : list
        One for each cut.
    classes_ : ndarray
        In ascending order, which is taken as theirs.
    tuned_ : bool or None
        False if one of the estimators had too few patients of a class to tune, None if they do
        not say.

    Raises
    ------
    ValueError
        At fit: fewer than two classes, no class labels.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(90, 2)); y = np.digitize(X[:, 0] + rng.normal(size=90), [-0.5, 0.5])
    >>> OrdinalByCuts(LogisticRegression()).fit(X, y).predict_proba(X).shape
    (90, 3)
    """

    def __init__(self, estimator: BaseEstimator) -> None:
        self.estimator = estimator

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Fit one estimator at every cut.

        Parameters
        ----------
        X : array or DataFrame of shape (n_rows, n_features)
        y : array of shape (n_rows,)
            Ordered classes.
        sample_weight : array of shape (n_rows,), optional
            Passed on to the estimator, or to the last step of a Pipeline. Rows of weight 0 are
            left out.
        """
        given = np.asarray(y)
        check_classification_targets(given)
        weight = None
        if sample_weight is not None:
            weight = np.asarray(sample_weight, dtype=np.float64)
            used = np.nonzero(weight > 0)[0]
            X = X.iloc[used] if isinstance(X, pd.DataFrame) else np.asarray(X)[used]
            given, weight = given[used], weight[used]
        self.classes_ = np.unique(given)
        if len(self.classes_) < 2:
            raise ValueError(
                f"OrdinalByCuts needs two classes; y holds the one class {self.classes_.tolist()}."
            )
        self.estimators_ = [
            self._fitted(X, (given > value).astype(np.int64), weight)
            for value in self.classes_[:-1]
        ]
        # tuned only if all that had something to tune could
        tuned = [getattr(final_estimator(fitted), "tuned_", None) for fitted in self.estimators_]
        self.tuned_ = min((could for could in tuned if could is not None), default=None)
        if hasattr(self.estimators_[0], "n_features_in_"):
            self.n_features_in_ = self.estimators_[0].n_features_in_
        return self

    def predict_proba(self, X: Matrix) -> FloatArray:
        """Return the probability of each class, shape (n_rows, n_classes)."""
        check_is_fitted(self)
        exceeded = np.column_stack([fitted.predict_proba(X)[:, 1] for fitted in self.estimators_])
        ends = np.ones((len(exceeded), 1))
        return -np.diff(np.hstack([ends, descending(exceeded), 0 * ends]), axis=1)

    def predict(self, X: Matrix) -> npt.NDArray[np.generic]:
        """Return the likeliest class of each row."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        predicted: npt.NDArray[np.generic] = self.classes_[likeliest]
        return predicted

    def _fitted(
        self, X: Matrix, exceeds: npt.NDArray[np.int64], weight: FloatArray | None
    ) -> BaseEstimator:
        estimator = clone(self.estimator)
        if weight is None:
            return estimator.fit(X, exceeds)
        name = "sample_weight"
        if isinstance(estimator, Pipeline):
            name = f"{estimator.steps[-1][0]}__sample_weight"
        return estimator.fit(X, exceeds, **{name: weight})


def descending(chances: FloatArray) -> FloatArray:
    """Return the nearest rows, in least squares, that do not rise from left to right.

    Isotonic regression by its min-max formula (Robertson, Wright and Dykstra 1988, Order
    Restricted Statistical Inference, section 1.4).

    Examples
    --------
    >>> descending(np.array([[0.9, 0.2], [0.4, 0.6]])).round(3).tolist()
    [[0.9, 0.2], [0.5, 0.5]]
    """
    n = chances.shape[1]
    sums = np.hstack([np.zeros((len(chances), 1)), np.cumsum(chances, axis=1)])
    nearest = np.empty_like(chances)
    for k in range(n):
        highest = [
            np.max([_means(sums, start, end) for end in range(k + 1, n + 1)], axis=0)
            for start in range(k + 1)
        ]
        nearest[:, k] = np.min(highest, axis=0)
    return nearest


def _means(sums: FloatArray, start: int, end: int) -> FloatArray:
    means: FloatArray = (sums[:, end] - sums[:, start]) / (end - start)
    return means


def by_cuts(recipe: Recipe) -> Recipe:
    """Return a recipe for ordered classes made of one for two.

    The steps that do not look at the outcome stay in front; everything from the first other one
    on is fitted at every cut, under the name ``classify``.

    Parameters
    ----------
    recipe
        Of ``outcome="response"``; its Pipelines end in a step with ``predict_proba``.

    Examples
    --------
    >>> from tumor_response.models.penalised import RECIPES
    >>> recipe = by_cuts(RECIPES["logistic", "response"])
    >>> list(recipe.make(recipe.settings(), None, 0).named_steps)
    ['blocks', 'encode', 'impute', 'vary', 'scale', 'classify']
    """

    def make(settings: Settings, blocks: Blocks, random_state: int) -> Pipeline:
        steps = recipe.make(settings, blocks, random_state).steps
        first = next(place for place, (name, _) in enumerate(steps) if name not in _BLIND)
        behind = steps[first:]
        inner = behind[0][1] if len(behind) == 1 else Pipeline(behind)
        return Pipeline([*steps[:first], ("classify", OrdinalByCuts(inner))])

    return Recipe(recipe.settings, make, recipe.own_blocks)


_BLIND = frozenset({"blocks", "encode", "impute", "vary", "scale", "log"})
"""Names of the steps of our recipes that do not look at the outcome."""
