"""The named linear models of responses and rates."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tumor_response.models.penalised.logistic import PenalisedLogistic
from tumor_response.models.penalised.regression import (
    DEFAULT_ALPHAS,
    PenalisedRegression,
    RidgeRegression,
)
from tumor_response.models.recipe import Recipe, numbers
from tumor_response.models.reduced import ReducedRidgeLogistic
from tumor_response.models.ridge import DEFAULT_CS, RidgeLogistic
from tumor_response.models.settings import LinearSettings, LogisticSettings
from tumor_response.transformers import (
    BlockPCA,
    BlockPLS,
    BlockScaler,
    BlockSupervisedPCA,
    CorrelationFilter,
    MRMRFilter,
)
from tumor_response.transformers.blocks import Blocks

__all__ = ["RECIPES"]


def _logistic(settings: LogisticSettings, blocks: Blocks, random_state: int) -> Pipeline:
    return Pipeline(
        [
            *numbers(blocks, settings.max_share),
            ("scale", BlockScaler()),
            ("classify", _classifier(settings, random_state)),
        ]
    )


def _classifier(settings: LogisticSettings, random_state: int) -> BaseEstimator:
    folds = (settings.n_inner_folds, random_state, settings.class_weight, settings.rule)
    if settings.penalty != "ridge":
        return PenalisedLogistic(settings.l1_share, settings.Cs, *folds)
    Cs = settings.Cs or DEFAULT_CS
    reduction = _reduction(settings)
    if reduction is None:
        return RidgeLogistic(Cs, *folds)
    return ReducedRidgeLogistic(reduction, Cs, *folds)


def _reduction(settings: LogisticSettings) -> BaseEstimator | None:
    match settings.reduction:
        case "pca":
            return BlockPCA(settings.components)
        case "pls":
            return BlockPLS(settings.components)
        case "supervised_pca":
            return BlockSupervisedPCA(settings.components, settings.columns)
        case "mrmr":
            return Pipeline(
                [
                    ("correlation", CorrelationFilter()),
                    ("select", MRMRFilter(settings.columns)),
                    # few columns of a wide block: give the block its variance back
                    ("scale", BlockScaler(max_deviations=np.inf)),
                ]
            )
        case "none":
            return None


def _linear(settings: LinearSettings, blocks: Blocks, random_state: int) -> Pipeline:
    folds = (settings.n_inner_folds, random_state, settings.rule)
    if settings.penalty == "ridge":
        regress = RidgeRegression(settings.alphas or DEFAULT_ALPHAS, *folds)
    else:
        regress = PenalisedRegression(settings.l1_share, settings.alphas, *folds)
    return Pipeline(
        [*numbers(blocks, settings.max_share), ("scale", BlockScaler()), ("regress", regress)]
    )


RECIPES: dict[tuple[str, str], Recipe] = {
    ("logistic", "response"): Recipe(LogisticSettings, _logistic),
    ("linear", "rate"): Recipe(LinearSettings, _linear),
}
