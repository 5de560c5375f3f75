"""Nested cross-validation: beside the models, one that chooses among them on the training rows."""

from __future__ import annotations

from collections.abc import Mapping

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tumor_response.evaluation.sampling import NestedCV
from tumor_response.exceptions import EvaluationError
from tumor_response.models import BestOfInner
from tumor_response.transformers import BlockSelector, block_selectors, reads_keys

__all__ = ["SELECTED", "with_selected"]

SELECTED = "selected"
"""The name of the model that chooses."""


def with_selected(
    models: Mapping[str, BaseEstimator] | BaseEstimator, scheme: NestedCV
) -> dict[str, BaseEstimator]:
    """Return the models and :class:`~tumor_response.models.BestOfInner` of them.

    Raises
    ------
    EvaluationError
        Code ``nothing_to_select``: fewer than two models, or one with the name ``selected``.
    """
    if not isinstance(models, Mapping) or len(models) < 2 or SELECTED in models:
        raise EvaluationError(
            "NestedCV chooses among models: give two or more by name, and call none of them "
            f"{SELECTED!r}, which is the one that chooses. For one model there is "
            "tr.RepeatedKFold; what it tunes itself is nested there, too.",
            code="nothing_to_select",
        )
    candidates = {name: _of_predictors(model) for name, model in models.items()}
    chooser = BestOfInner(candidates, n_inner_folds=scheme.n_inner_folds, random_state=scheme.seed)
    return {**models, SELECTED: chooser}


def _of_predictors(model: BaseEstimator) -> BaseEstimator:
    """Return a model that takes the predictors from the whole table, as the chooser is shown it."""
    if block_selectors(model):
        return model
    return Pipeline([("blocks", BlockSelector(keys=reads_keys(model))), ("model", model)])
