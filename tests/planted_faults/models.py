"""Models without a fault, of many kinds, cheap to fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer, StandardScaler
from sklearn.svm import SVC

import tumor_response as tr
from tumor_response.evaluation.sampling import Scheme
from tumor_response.transformers import CategoryEncoder, MedianImputer

Steps = Sequence[BaseEstimator]


def sound_model(rng: np.random.Generator) -> dict[str, BaseEstimator]:
    """Draw a model, or two, that learn from their training rows alone."""
    makers = (
        (0.30, lambda: {"ridge": ridge(rng)}),
        (0.08, lambda: {"tuned": tr.make_model("logistic", Cs=(0.01, 0.1, 1.0), n_inner_folds=3)}),
        (0.06, lambda: {"lasso": tr.make_model("logistic", penalty="lasso", Cs=(0.3, 1.0))}),
        (0.08, lambda: {"xgboost": small_boosting()}),
        (0.08, lambda: {"forest": tr.make_model("random_forest", n_trees=15)}),
        (0.14, lambda: {"own": own_pipeline(rng)}),
        (0.10, lambda: {"search": own_search(rng)}),
        (
            0.06,
            lambda: {
                "histogram": HistGradientBoostingClassifier(
                    max_iter=10,
                    min_samples_leaf=8,
                    categorical_features="from_dtype",
                    early_stopping=False,
                )
            },
        ),
        (0.04, lambda: {"votes": _votes()}),
        (0.06, lambda: {"ridge": ridge(rng), "own": own_pipeline(rng)}),
    )
    shares = np.array([share for share, _ in makers])
    return makers[rng.choice(len(makers), p=shares / shares.sum())][1]()


def ridge(rng: np.random.Generator) -> Pipeline:
    return tr.make_model("logistic", Cs=(float(rng.choice([0.01, 0.1, 1.0])),))


def small_boosting() -> Pipeline:
    return tr.make_model(
        "xgboost", n_estimators=12, least_rounds=4, n_inner_folds=2, n_columns_per_block=8
    )


def piped(*steps: BaseEstimator, last: BaseEstimator | None = None) -> Pipeline:
    """A pipeline of one's own on a frame with categories and missing values."""
    last = LogisticRegression(C=0.1, max_iter=500) if last is None else last
    return make_pipeline(CategoryEncoder(), MedianImputer(), *steps, last)


def own_pipeline(rng: np.random.Generator) -> Pipeline:
    chosen = rng.integers(6)
    if chosen == 0:
        return piped(StandardScaler())
    if chosen == 1:
        return piped(VarianceThreshold(), StandardScaler(), SelectKBest(f_classif, k=8), last=SVC())
    if chosen == 2:
        return piped(QuantileTransformer(n_quantiles=20), last=GaussianNB())
    if chosen == 3:
        return piped(FunctionTransformer(np.arcsinh), StandardScaler())
    if chosen == 4:
        return piped(last=ExtraTreesClassifier(10, random_state=0))
    return piped(FixedReference(60.0, 10.0), StandardScaler())


def own_search(rng: np.random.Generator) -> BaseEstimator:
    grid = {"logisticregression__C": [0.01, 1.0]}
    folds = tr.PatientKFold(3, random_state=int(rng.integers(100)))
    return GridSearchCV(piped(StandardScaler()), grid, cv=folds, scoring="roc_auc")


def _votes() -> VotingClassifier:
    return VotingClassifier(
        [("ridge", piped(StandardScaler())), ("bayes", piped(last=GaussianNB()))], voting="soft"
    )


class FixedReference(BaseEstimator):
    """A step of one's own that divides by numbers known from elsewhere; it learns nothing."""

    def __init__(self, centre: float, spread: float) -> None:
        self.centre = centre
        self.spread = spread

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return (X - self.centre) / self.spread

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")


def sound_scheme(rng: np.random.Generator) -> Scheme:
    if rng.random() < 0.75:
        return tr.Bootstrap632Plus(n_resamples=3, seed=int(rng.integers(1000)))
    return tr.RepeatedKFold(n_folds=3, n_repeats=1, seed=int(rng.integers(1000)))


def bootstrap(rng: np.random.Generator) -> Scheme:
    return tr.Bootstrap632Plus(n_resamples=3, seed=int(rng.integers(1000)))
