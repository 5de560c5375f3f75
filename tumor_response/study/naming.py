"""The models of a study by name: two baselines, single blocks, all blocks together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tumor_response.exceptions import SettingsError

__all__ = [
    "BASELINES",
    "HEADLINE",
    "NONE",
    "PLAN_FILE",
    "chosen",
    "headline_of",
    "names_of_models",
    "recipe_of",
    "study_models",
]

BASELINES = ("volume_only", "clinical_only")
HEADLINE = "logistic_all"
"""Fixed here, before anybody has seen a result; the first model asked for where it is not there."""

PLAN_FILE = "plan.json"

NONE = "none"
"""What stands in the place of a block that is not extracted."""


def names_of_models(blocks: Sequence[str]) -> list[str]:
    """Return the names of a study's models, in their order.

    Examples
    --------
    >>> names_of_models(["radiomics", "clinical"])
    ['volume_only', 'clinical_only', 'logistic_radiomics', 'logistic_all', 'xgboost_all']
    """
    images = [block for block in blocks if block != "clinical"]
    names = [*BASELINES, *(f"logistic_{block}" for block in images)]
    return [*names, "logistic_all", "xgboost_all"] if images else names


def headline_of(names: Sequence[str]) -> str | None:
    """Return the headline of a study that did not name one, if its model is there."""
    return HEADLINE if HEADLINE in names else None


def study_models(blocks: Sequence[str], seed: int) -> dict[str, Any]:
    """Return the models of a study by name."""
    from tumor_response.models import make_model

    recipes = {name: recipe_of(name, blocks) for name in names_of_models(blocks)}
    return {name: make_model(kind, of, seed) for name, (kind, of) in recipes.items()}


def recipe_of(name: str, blocks: Sequence[str]) -> tuple[str, list[str] | None]:
    """Return what a model of a study is made by: kind of model, and blocks; baselines bring theirs.

    Examples
    --------
    >>> recipe_of("xgboost_all", ["radiomics", "clinical"])
    ('xgboost', ['radiomics', 'clinical'])
    """
    if name in BASELINES:
        return name, None
    kind, _, block = name.partition("_")
    return kind, list(blocks) if block == "all" else [block]


def chosen(models: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the models named, in their own order."""
    unknown = [name for name in names if name not in models]
    if unknown:
        raise SettingsError(
            f"model {unknown[0]!r} is not a model of this study; expected one of "
            f"{', '.join(models)}."
        )
    return {name: model for name, model in models.items() if name in names}
