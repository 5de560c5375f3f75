"""Models of inner products and distances: linear support vector machines, Gaussian processes."""

from __future__ import annotations

from sklearn.pipeline import Pipeline

from tumor_response.models.kernel.gaussian_process import (
    GaussianProcessClassifier,
    GaussianProcessRegressor,
)
from tumor_response.models.kernel.settings import (
    GaussianProcessRateSettings,
    GaussianProcessSettings,
    SVMRateSettings,
    SVMSettings,
)
from tumor_response.models.kernel.svm import LinearSVMClassifier, LinearSVMRegressor
from tumor_response.models.recipe import Recipe, numbers
from tumor_response.transformers import BlockScaler
from tumor_response.transformers.blocks import Blocks

__all__ = [
    "RECIPES",
    "GaussianProcessClassifier",
    "GaussianProcessRateSettings",
    "GaussianProcessRegressor",
    "GaussianProcessSettings",
    "LinearSVMClassifier",
    "LinearSVMRegressor",
    "SVMRateSettings",
    "SVMSettings",
]


def _svm(settings: SVMSettings, blocks: Blocks, random_state: int) -> Pipeline:
    classify = LinearSVMClassifier(
        settings.Cs, settings.n_inner_folds, settings.class_weight, random_state
    )
    steps = numbers(blocks, settings.max_share)
    return Pipeline([*steps, ("scale", BlockScaler()), ("classify", classify)])


def _svm_rate(settings: SVMRateSettings, blocks: Blocks, random_state: int) -> Pipeline:
    regress = LinearSVMRegressor(
        settings.Cs, settings.epsilon, settings.n_inner_folds, random_state, settings.rule
    )
    steps = numbers(blocks, settings.max_share)
    return Pipeline([*steps, ("scale", BlockScaler()), ("regress", regress)])


def _gaussian_process(
    settings: GaussianProcessSettings, blocks: Blocks, random_state: int
) -> Pipeline:
    del random_state  # nothing is drawn
    classify = GaussianProcessClassifier(settings.class_weight)
    steps = numbers(blocks, settings.max_share)
    return Pipeline([*steps, ("scale", BlockScaler()), ("classify", classify)])


def _gaussian_process_rate(
    settings: GaussianProcessRateSettings, blocks: Blocks, random_state: int
) -> Pipeline:
    del random_state
    steps = numbers(blocks, settings.max_share)
    return Pipeline([*steps, ("scale", BlockScaler()), ("regress", GaussianProcessRegressor())])


RECIPES: dict[tuple[str, str], Recipe] = {
    ("svm", "response"): Recipe(SVMSettings, _svm),
    ("svm", "rate"): Recipe(SVMRateSettings, _svm_rate),
    ("gaussian_process", "response"): Recipe(GaussianProcessSettings, _gaussian_process),
    ("gaussian_process", "rate"): Recipe(GaussianProcessRateSettings, _gaussian_process_rate),
}
"""The models of this room, by name and outcome."""
