"""The mean probability of several models that err differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from tumor_response.exceptions import ModelError
from tumor_response.models.final import left_untuned
from tumor_response.models.fusion.settings import AverageSettings
from tumor_response.models.recipe import Recipe
from tumor_response.models.training_rows import Matrix
from tumor_response.models.tuning.nested import checked_weights, fit_weighted
from tumor_response.transformers import BlockSelector
from tumor_response.transformers.blocks import Blocks

__all__ = ["AVERAGE", "MeanOfModels"]

FloatArray = npt.NDArray[np.float64]


class MeanOfModels(ClassifierMixin, BaseEstimator):
    """The mean of the probabilities of two classes that several models give.

    Models that err differently lose part of their errors in the mean (the classifiers' "sum rule":
    Kittler et al. 1998, IEEE PAMI 20:226). Nothing is learned about the models from each other, so
    that there is no inner fold to keep apart; weights that are learned are
    :class:`~tumor_response.models.fusion.StackedBlocks`.

    Parameters
    ----------
    models
        From name to unfitted classifier with ``predict_proba``.

    Attributes
    ----------
    models_ : dict of str to estimator
        Fitted.
    tuned_ : bool or None
        False if one of them could not be tuned; None otherwise.
    classes_ : ndarray of shape (2,)

    Raises
    ------
    ModelError
        At fit: no models, or another number of classes than two.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = np.arange(20.0)[:, None], np.repeat([0, 1], 10)
    >>> mean = MeanOfModels({"a": DummyClassifier(), "b": LogisticRegression()}).fit(X, y)
    >>> mean.predict([[0.0], [19.0]]).tolist()
    [0, 1]
    """

    def __init__(self, models: Mapping[str, BaseEstimator]) -> None:
        self.models = models

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Fit each model to all rows."""
        if not self.models:
            raise ModelError("MeanOfModels: there are no models to average.")
        given = np.asarray(y)
        weight = checked_weights(sample_weight, len(given))
        self.classes_ = np.unique(given if weight is None else given[weight > 0])
        if len(self.classes_) != 2:
            raise ModelError(
                f"MeanOfModels needs two classes; y holds {self.classes_.tolist()}.",
                code="one_class",
            )
        self.models_ = {
            name: fit_weighted(clone(model), X, given, weight)
            for name, model in self.models.items()
        }
        self.tuned_ = False if any(map(left_untuned, self.models_.values())) else None
        return self

    def predict_proba(self, X: Matrix) -> FloatArray:
        """Return the probabilities of both classes, shape (n_rows, 2)."""
        check_is_fitted(self)
        of_models = [model.predict_proba(X) for model in self.models_.values()]
        mean: FloatArray = np.mean(of_models, axis=0, dtype=np.float64)
        return mean

    def predict(self, X: Matrix) -> npt.NDArray[np.generic]:
        """Return the likelier class of each row."""
        likelier = self.predict_proba(X)[:, 1] > 0.5
        predicted: npt.NDArray[np.generic] = self.classes_[likelier.astype(np.int64)]
        return predicted


def _average(settings: AverageSettings, blocks: Blocks, random_state: int) -> Pipeline:
    from tumor_response.models.named import make_model  # it looks up this recipe as well

    wanted = {
        "logistic": make_model(
            "logistic",
            random_state=random_state,
            class_weight=settings.class_weight,
            max_share=settings.max_share,
        ),
        "xgboost": make_model(
            "xgboost",
            random_state=random_state,
            class_weight=settings.class_weight,
            max_share=settings.max_share,
            n_columns_per_block=settings.n_columns_per_block,
            n_estimators=settings.n_estimators,
            learning_rate=settings.learning_rate,
            colsample_bytree=settings.colsample_bytree,
            reg_lambda=settings.reg_lambda,
            min_child_weight=settings.min_child_weight,
            early_stopping="none",
        ),
    }
    # the blocks are selected once, before both
    models = {name: Pipeline(model.steps[1:]) for name, model in wanted.items()}
    return Pipeline([("blocks", BlockSelector(blocks)), ("classify", MeanOfModels(models))])


AVERAGE = {("average", "response"): Recipe(AverageSettings, _average)}
"""The recipe, by name and outcome."""
