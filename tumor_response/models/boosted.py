"""The named model of boosted trees."""

from __future__ import annotations

from sklearn.pipeline import Pipeline

from tumor_response.models.recipe import Recipe, numbers
from tumor_response.models.settings import XGBoostSettings
from tumor_response.transformers import ToArray, UnivariateFilter
from tumor_response.transformers.blocks import Blocks

__all__ = ["RECIPES"]


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


RECIPES: dict[tuple[str, str], Recipe] = {
    ("xgboost", "response"): Recipe(XGBoostSettings, _xgboost),
}
