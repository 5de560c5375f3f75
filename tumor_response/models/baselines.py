"""What every model has to beat, for each outcome: volume alone, clinical factors, nothing."""

from __future__ import annotations

from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import Pipeline

from tumor_response.models import ordinal, penalised
from tumor_response.models.ordinal import OrdinalRidge
from tumor_response.models.penalised import RidgeRegression
from tumor_response.models.recipe import Recipe
from tumor_response.models.ridge import RidgeLogistic
from tumor_response.models.settings import DummySettings, VolumeOnlySettings
from tumor_response.settings import Settings
from tumor_response.transformers import (
    BlockScaler,
    BlockSelector,
    LogTransformer,
    MedianImputer,
    block_of,
)
from tumor_response.transformers.blocks import Blocks

__all__ = ["RECIPES"]


def _on_volume(settings: VolumeOnlySettings, last_step: tuple[str, BaseEstimator]) -> Pipeline:
    column = settings.volume_column
    return Pipeline(
        [
            ("blocks", BlockSelector({block_of(column): [column]})),
            ("log", LogTransformer()),
            ("impute", MedianImputer()),
            ("scale", BlockScaler()),
            last_step,
        ]
    )


def _volume_response(settings: VolumeOnlySettings, blocks: Blocks, random_state: int) -> Pipeline:
    del blocks
    estimator = RidgeLogistic((settings.C,), random_state=random_state)
    return _on_volume(settings, ("classify", estimator))


def _volume_rate(settings: VolumeOnlySettings, blocks: Blocks, random_state: int) -> Pipeline:
    del blocks
    estimator = RidgeRegression((1 / settings.C,), random_state=random_state)
    return _on_volume(settings, ("regress", estimator))


def _volume_tertiles(settings: VolumeOnlySettings, blocks: Blocks, random_state: int) -> Pipeline:
    del blocks
    estimator = OrdinalRidge((settings.C,), random_state=random_state)
    return _on_volume(settings, ("classify", estimator))


def _on_clinical(recipe: Recipe) -> Recipe:
    """Return the recipe on the block ``clinical`` alone."""

    def make(settings: Settings, blocks: Blocks, random_state: int) -> Pipeline:
        del blocks
        return recipe.make(settings, ["clinical"], random_state)

    return Recipe(recipe.settings, make, own_blocks=True)


def _prior(settings: DummySettings, blocks: Blocks, random_state: int) -> Pipeline:
    del settings
    prior = DummyClassifier(strategy="prior", random_state=random_state)
    return Pipeline([("blocks", BlockSelector(blocks)), ("classify", prior)])


def _mean(settings: DummySettings, blocks: Blocks, random_state: int) -> Pipeline:
    del settings, random_state  # nothing in it is random
    return Pipeline([("blocks", BlockSelector(blocks)), ("regress", DummyRegressor())])


_VOLUME = {"response": _volume_response, "rate": _volume_rate, "tertiles": _volume_tertiles}
_NOTHING = {"response": _prior, "rate": _mean, "tertiles": _prior}

RECIPES: dict[tuple[str, str], Recipe] = {
    **{
        ("volume_only", outcome): Recipe(VolumeOnlySettings, make, own_blocks=True)
        for outcome, make in _VOLUME.items()
    },
    ("clinical_only", "response"): _on_clinical(penalised.RECIPES["logistic", "response"]),
    ("clinical_only", "rate"): _on_clinical(penalised.RECIPES["linear", "rate"]),
    ("clinical_only", "tertiles"): _on_clinical(ordinal.RECIPES["ordinal", "tertiles"]),
    **{("dummy", outcome): Recipe(DummySettings, make) for outcome, make in _NOTHING.items()},
}
