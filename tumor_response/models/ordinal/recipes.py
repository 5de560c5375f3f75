"""The named model of ordered classes."""

from __future__ import annotations

from sklearn.pipeline import Pipeline

from tumor_response.models.ordinal.ridge import OrdinalRidge
from tumor_response.models.recipe import Recipe, numbers
from tumor_response.models.settings import OrdinalSettings
from tumor_response.transformers import BlockScaler
from tumor_response.transformers.blocks import Blocks

__all__ = ["RECIPES"]


def _ordinal(settings: OrdinalSettings, blocks: Blocks, random_state: int) -> Pipeline:
    classify = OrdinalRidge(settings.Cs, settings.n_inner_folds, random_state, rule=settings.rule)
    return Pipeline(
        [*numbers(blocks, settings.max_share), ("scale", BlockScaler()), ("classify", classify)]
    )


RECIPES: dict[tuple[str, str], Recipe] = {
    ("ordinal", "tertiles"): Recipe(OrdinalSettings, _ordinal),
}
