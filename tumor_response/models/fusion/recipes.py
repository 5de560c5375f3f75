"""The named models that fuse blocks, and those of the named clinical set."""

from __future__ import annotations

from typing import Literal

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tumor_response.exceptions import ModelError
from tumor_response.models.fusion.first import ClinicalFirst, ClinicalFirstRegression
from tumor_response.models.fusion.settings import (
    ClinicalFirstRateSettings,
    ClinicalFirstSettings,
    ClinicalSetRateSettings,
    ClinicalSetSettings,
    LateFusionRateSettings,
    LateFusionSettings,
)
from tumor_response.models.fusion.stacked import StackedBlocks, StackedBlocksRegression
from tumor_response.models.penalised import RidgeRegression
from tumor_response.models.recipe import Recipe, numbers
from tumor_response.models.ridge import RidgeLogistic
from tumor_response.transformers import BlockScaler, BlockSelector, ClinicalSet
from tumor_response.transformers.blocks import Blocks

__all__ = ["FUSED"]

Fused = Literal["response", "rate"]

_DEFAULT_BASE: dict[Fused, str] = {"response": "logistic", "rate": "linear"}


def _late(settings: LateFusionSettings, blocks: Blocks, random_state: int) -> Pipeline:
    stack = StackedBlocks(
        *_bases(settings, "response", random_state),
        settings.n_folds,
        settings.strength,
        settings.class_weight,
        random_state,
    )
    return Pipeline([("blocks", BlockSelector(blocks)), ("classify", stack)])


def _late_rate(settings: LateFusionRateSettings, blocks: Blocks, random_state: int) -> Pipeline:
    stack = StackedBlocksRegression(
        *_bases(settings, "rate", random_state),
        settings.n_folds,
        settings.strength,
        random_state,
    )
    return Pipeline([("blocks", BlockSelector(blocks)), ("regress", stack)])


def _bases(
    settings: LateFusionRateSettings, outcome: Fused, random_state: int
) -> tuple[BaseEstimator, dict[str, BaseEstimator]]:
    base = _base(settings.base or _DEFAULT_BASE[outcome], outcome, random_state)
    if isinstance(base.steps[0][1], BlockSelector):
        raise ModelError(
            f"base={settings.base!r} brings its own columns, and cannot be the model of every "
            "block. Name the block that it is for: base_by_block={...}.",
            code="model",
        )
    by_block = {
        block: _base(name, outcome, random_state) for block, name in settings.base_by_block.items()
    }
    return base, by_block


def _base(name: str, outcome: Fused, random_state: int) -> Pipeline:
    """Return a named model that takes the columns of one block, which the stack selects."""
    from tumor_response.models.named import make_model  # it looks up this room's recipes as well

    model = make_model(name, None, random_state, outcome)
    selects = isinstance(model.steps[0][1], BlockSelector) and model.steps[0][1].blocks is None
    return Pipeline(model.steps[1:]) if selects else model


def _first(settings: ClinicalFirstSettings, blocks: Blocks, random_state: int) -> Pipeline:
    staged = ClinicalFirst(
        settings.first,
        settings.Cs_first,
        settings.Cs,
        settings.n_inner_folds,
        random_state,
        settings.class_weight,
        settings.rule,
    )
    return Pipeline([*_scaled(settings, blocks), ("classify", staged)])


def _first_rate(settings: ClinicalFirstRateSettings, blocks: Blocks, random_state: int) -> Pipeline:
    staged = ClinicalFirstRegression(
        settings.first,
        settings.alphas_first,
        settings.alphas,
        settings.n_inner_folds,
        random_state,
        settings.rule,
    )
    return Pipeline([*_scaled(settings, blocks), ("regress", staged)])


def _scaled(
    settings: ClinicalFirstSettings | ClinicalFirstRateSettings, blocks: Blocks
) -> list[tuple[str, BaseEstimator]]:
    steps = numbers(blocks, settings.max_share)
    return [
        ("blocks", BlockSelector(blocks, required=settings.first)),
        *steps[1:],
        ("scale", BlockScaler()),
    ]


def _set(settings: ClinicalSetSettings, blocks: Blocks, random_state: int) -> Pipeline:
    del blocks
    ridge = RidgeLogistic(
        settings.Cs, settings.n_inner_folds, random_state, settings.class_weight, settings.rule
    )
    return Pipeline([*_clinical(settings.columns), ("classify", ridge)])


def _set_rate(settings: ClinicalSetRateSettings, blocks: Blocks, random_state: int) -> Pipeline:
    del blocks
    ridge = RidgeRegression(settings.alphas, settings.n_inner_folds, random_state, settings.rule)
    return Pipeline([*_clinical(settings.columns), ("regress", ridge)])


def _clinical(columns: dict[str, str | None]) -> list[tuple[str, BaseEstimator]]:
    return [
        ("blocks", BlockSelector(["clinical"])),
        ("clinical_set", ClinicalSet(dict(columns) or None)),
        ("scale", BlockScaler()),
    ]


FUSED: dict[tuple[str, str], Recipe] = {
    ("late_fusion", "response"): Recipe(LateFusionSettings, _late),
    ("late_fusion", "rate"): Recipe(LateFusionRateSettings, _late_rate),
    ("clinical_first", "response"): Recipe(ClinicalFirstSettings, _first),
    ("clinical_first", "rate"): Recipe(ClinicalFirstRateSettings, _first_rate),
    ("clinical_set", "response"): Recipe(ClinicalSetSettings, _set, own_blocks=True),
    ("clinical_set", "rate"): Recipe(ClinicalSetRateSettings, _set_rate, own_blocks=True),
}
