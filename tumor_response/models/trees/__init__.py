"""Boosted trees and random forests for a hundred patients."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from tumor_response.models.recipe import Recipe, numbers
from tumor_response.models.trees.boosted import BoostedTreesClassifier, BoostedTreesRegressor
from tumor_response.models.trees.columns import EncoderOfNamed, StrongestColumns
from tumor_response.models.trees.forest import ForestClassifier, ForestRegressor
from tumor_response.models.trees.settings import (
    RandomForestRateSettings,
    RandomForestSettings,
    XGBoostRateSettings,
    XGBoostSettings,
    XGBoostTertileSettings,
)
from tumor_response.transformers import ToArray
from tumor_response.transformers.blocks import Blocks

__all__ = [
    "RECIPES",
    "BoostedTreesClassifier",
    "BoostedTreesRegressor",
    "ForestClassifier",
    "ForestRegressor",
    "RandomForestRateSettings",
    "RandomForestSettings",
    "XGBoostRateSettings",
    "XGBoostSettings",
    "XGBoostTertileSettings",
]


def _xgboost(settings: XGBoostTertileSettings, blocks: Blocks, random_state: int) -> Pipeline:
    trees = BoostedTreesClassifier(
        **_boosting(settings, random_state), class_weight=settings.class_weight
    )
    return Pipeline([*_numbers(settings, blocks), ("classify", trees)])


def _xgboost_rate(settings: XGBoostRateSettings, blocks: Blocks, random_state: int) -> Pipeline:
    trees = BoostedTreesRegressor(**_boosting(settings, random_state))
    return Pipeline([*_numbers(settings, blocks), ("regress", trees)])


def _boosting(settings: XGBoostRateSettings, random_state: int) -> dict[str, Any]:
    """Return the parameters of the estimator: all settings but those of other steps."""
    parameters: dict[str, Any] = {
        name: getattr(settings, name)
        for name in XGBoostRateSettings.model_fields
        if name not in ("max_share", "monotone")
    }
    return {**parameters, "monotone": dict(settings.monotone), "random_state": random_state}


def _numbers(settings: XGBoostRateSettings, blocks: Blocks) -> list[tuple[str, Any]]:
    steps = numbers(blocks, settings.max_share)
    if not settings.monotone:
        return steps
    return [
        (name, EncoderOfNamed(tuple(settings.monotone)) if name == "encode" else step)
        for name, step in steps
    ]


def _random_forest(settings: RandomForestSettings, blocks: Blocks, random_state: int) -> Pipeline:
    forest = ForestClassifier(
        **_growing(settings, random_state), class_weight=settings.class_weight
    )
    return Pipeline([*_selected(settings, blocks), ("classify", forest)])


def _random_forest_rate(
    settings: RandomForestRateSettings, blocks: Blocks, random_state: int
) -> Pipeline:
    forest = ForestRegressor(**_growing(settings, random_state))
    return Pipeline([*_selected(settings, blocks), ("regress", forest)])


def _selected(settings: RandomForestRateSettings, blocks: Blocks) -> list[tuple[str, Any]]:
    steps = numbers(blocks, settings.max_share)
    if settings.n_columns_per_block is not None:
        steps.append(("select", StrongestColumns(settings.n_columns_per_block)))
    return [*steps, ("values", ToArray())]


def _growing(settings: RandomForestRateSettings, random_state: int) -> dict[str, Any]:
    return {
        "n_estimators": settings.n_trees,
        "min_samples_leaf": settings.min_samples_leaf,
        "max_features": settings.max_features,
        # an evaluation runs resamples side by side
        "n_jobs": 1,
        "random_state": random_state,
    }


RECIPES: dict[tuple[str, str], Recipe] = {
    ("xgboost", "response"): Recipe(XGBoostSettings, _xgboost),
    ("xgboost", "rate"): Recipe(XGBoostRateSettings, _xgboost_rate),
    ("xgboost", "tertiles"): Recipe(XGBoostTertileSettings, _xgboost),
    ("random_forest", "response"): Recipe(RandomForestSettings, _random_forest),
    ("random_forest", "rate"): Recipe(RandomForestRateSettings, _random_forest_rate),
    ("random_forest", "tertiles"): Recipe(RandomForestSettings, _random_forest),
}
"""The models of this room, by name and outcome."""
