"""Models of a few components: partial least squares, for classes and for rates."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from sklearn.pipeline import Pipeline

from tumor_response.models.components.pls import PLSDA, PLSRate
from tumor_response.models.recipe import Recipe, numbers
from tumor_response.settings import Settings
from tumor_response.transformers import BlockScaler
from tumor_response.transformers.blocks import Blocks

__all__ = ["PLSDA", "RECIPES", "PLSDASettings", "PLSRate", "PLSRateSettings"]


class PLSDASettings(Settings):
    """Partial least squares discriminant analysis on block-scaled columns.

    Parameters
    ----------
    most_components
        The most components. Five: each takes up a direction, and a hundred patients in 1,500
        columns are told apart on the training rows by three.
    n_inner_folds
        Patient-grouped folds that choose their number and make the scores that are calibrated.
    class_weight
        ``"balanced"`` weighs both classes the same. Default None.
    max_share
        Columns in which one value fills more than this share of the training rows are left out.

    Examples
    --------
    >>> PLSDASettings(most_components=3).n_inner_folds
    5
    """

    most_components: int = Field(5, ge=1)
    n_inner_folds: int = Field(5, ge=2)
    class_weight: Literal["balanced"] | None = None
    max_share: float = Field(0.95, ge=0.5, lt=1)


class PLSRateSettings(Settings):
    """Partial least squares regression on block-scaled columns.

    Parameters
    ----------
    most_components, n_inner_folds, max_share
        As in :class:`PLSDASettings`.
    rule
        ``"min"``, or ``"one_se"``: the fewest components within one standard error.

    Examples
    --------
    >>> PLSRateSettings(rule="one_se").most_components
    5
    """

    most_components: int = Field(5, ge=1)
    n_inner_folds: int = Field(5, ge=2)
    rule: Literal["min", "one_se"] = "min"
    max_share: float = Field(0.95, ge=0.5, lt=1)


def _pls_da(settings: PLSDASettings, blocks: Blocks, random_state: int) -> Pipeline:
    classify = PLSDA(
        settings.most_components, settings.n_inner_folds, settings.class_weight, random_state
    )
    steps = numbers(blocks, settings.max_share)
    return Pipeline([*steps, ("scale", BlockScaler()), ("classify", classify)])


def _pls(settings: PLSRateSettings, blocks: Blocks, random_state: int) -> Pipeline:
    regress = PLSRate(settings.most_components, settings.n_inner_folds, random_state, settings.rule)
    steps = numbers(blocks, settings.max_share)
    return Pipeline([*steps, ("scale", BlockScaler()), ("regress", regress)])


RECIPES: dict[tuple[str, str], Recipe] = {
    ("pls_da", "response"): Recipe(PLSDASettings, _pls_da),
    ("pls", "rate"): Recipe(PLSRateSettings, _pls),
}
"""The models of this room, by name and outcome."""
