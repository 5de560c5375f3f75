"""Models by name: plain scikit-learn Pipelines over the blocks of a feature table."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from tumor_response.exceptions import ModelError
from tumor_response.models.recipe import Recipe, numbers
from tumor_response.models.reduced import ReducedRidgeLogistic
from tumor_response.models.ridge import RidgeLogistic
from tumor_response.models.settings import (
    DummySettings,
    LogisticSettings,
    VolumeOnlySettings,
    XGBoostSettings,
)
from tumor_response.transformers import (
    BlockPCA,
    BlockPLS,
    BlockScaler,
    BlockSelector,
    BlockSupervisedPCA,
    CorrelationFilter,
    LogTransformer,
    MedianImputer,
    MRMRFilter,
    ToArray,
    UnivariateFilter,
    block_of,
)
from tumor_response.transformers.blocks import Blocks

__all__ = ["MODEL_NAMES", "make_model"]


def make_model(
    name: str, blocks: Blocks = None, random_state: int = 0, **settings: object
) -> Pipeline:
    """Make one of the named models.

    Everything that is fitted (levels of categories, medians, filters, scales, penalties) is a
    step of the Pipeline, so an evaluation refits all of it in each resample.

    Parameters
    ----------
    name
        ``"logistic"``: ridge logistic regression, penalty tuned on patient-grouped inner folds;
        with ``reduction="pca"`` (or ``"pls"``, ``"supervised_pca"``, ``"mrmr"``) on few components
        or columns of each block, found anew in each inner fold.
        ``"xgboost"``: shallow boosted trees after an in-fold filter.
        ``"volume_only"``: logistic regression on the log baseline volume alone.
        ``"clinical_only"``: ``"logistic"`` on the block ``clinical``.
        ``"dummy"``: the training rows' prior.
    blocks
        Which blocks of columns to use, by name; a mapping from block to columns for frames
        without prefixes; None (default): all there are. ``"volume_only"`` and
        ``"clinical_only"`` bring their own and take None.
    random_state
        Seed of whatever is random in the model, default 0.
    **settings
        The model's settings, checked by :class:`LogisticSettings` (``"logistic"``,
        ``"clinical_only"``), :class:`XGBoostSettings`, :class:`VolumeOnlySettings` or
        :class:`DummySettings`.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Unfitted; ``fit`` and ``predict_proba`` take a DataFrame indexed by patient and lesion.

    Raises
    ------
    ModelError
        Unknown name; ``blocks`` given to a model that brings its own.
    SettingsError
        A setting that the model does not have, or out of range.

    Examples
    --------
    >>> model = make_model("logistic", blocks=["clinical", "radiomics"], n_inner_folds=3)
    >>> list(model.named_steps)
    ['blocks', 'encode', 'impute', 'vary', 'scale', 'classify']
    """
    recipe = _RECIPES.get(name)
    if recipe is None:
        raise ModelError(
            f"There is no model named {name!r}; known are {', '.join(MODEL_NAMES)}. Any "
            "scikit-learn classifier can be given to evaluate as it is.",
            code="unknown_model",
        )
    if recipe.own_blocks and blocks is not None:
        raise ModelError(
            f"The model {name!r} brings its own columns; leave blocks=None, received {blocks!r}."
        )
    return recipe.make(recipe.settings(**settings), blocks, random_state)


def _logistic(settings: LogisticSettings, blocks: Blocks, random_state: int) -> Pipeline:
    reduction = _reduction(settings)
    tuning = (settings.Cs, settings.n_inner_folds, random_state)
    classify = (
        RidgeLogistic(*tuning) if reduction is None else ReducedRidgeLogistic(reduction, *tuning)
    )
    return Pipeline(
        [
            *numbers(blocks, settings.max_share),
            ("scale", BlockScaler()),
            ("classify", classify),
        ]
    )


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


def _clinical_only(settings: LogisticSettings, blocks: Blocks, random_state: int) -> Pipeline:
    del blocks
    return _logistic(settings, ["clinical"], random_state)


def _xgboost(settings: XGBoostSettings, blocks: Blocks, random_state: int) -> Pipeline:
    from xgboost import XGBClassifier

    # one thread and no device of its own: evaluate runs resamples side by side, and the same
    # bytes must come out wherever they run
    booster = XGBClassifier(
        n_estimators=settings.n_estimators,
        max_depth=settings.max_depth,
        learning_rate=settings.learning_rate,
        subsample=settings.subsample,
        colsample_bytree=settings.colsample_bytree,
        reg_lambda=settings.reg_lambda,
        min_child_weight=settings.min_child_weight,
        max_bin=settings.max_bin,
        tree_method="hist",
        device="cpu",
        n_jobs=1,
        random_state=random_state,
    )
    return Pipeline(
        [
            *numbers(blocks, settings.max_share),
            ("select", UnivariateFilter(settings.n_columns_per_block)),
            ("values", ToArray()),
            ("classify", booster),
        ]
    )


def _volume_only(settings: VolumeOnlySettings, blocks: Blocks, random_state: int) -> Pipeline:
    del blocks
    column = settings.volume_column
    return Pipeline(
        [
            ("blocks", BlockSelector({block_of(column): [column]})),
            ("log", LogTransformer()),
            ("impute", MedianImputer()),
            ("scale", BlockScaler()),
            ("classify", RidgeLogistic(Cs=(settings.C,), random_state=random_state)),
        ]
    )


def _dummy(settings: DummySettings, blocks: Blocks, random_state: int) -> Pipeline:
    del settings
    return Pipeline(
        [
            ("blocks", BlockSelector(blocks)),
            ("classify", DummyClassifier(strategy="prior", random_state=random_state)),
        ]
    )


_RECIPES = {
    "logistic": Recipe(LogisticSettings, _logistic),
    "xgboost": Recipe(XGBoostSettings, _xgboost),
    "volume_only": Recipe(VolumeOnlySettings, _volume_only, own_blocks=True),
    "clinical_only": Recipe(LogisticSettings, _clinical_only, own_blocks=True),
    "dummy": Recipe(DummySettings, _dummy),
}

MODEL_NAMES: tuple[str, ...] = tuple(_RECIPES)
"""The names that :func:`make_model` knows."""
