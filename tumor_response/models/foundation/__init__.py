"""A pretrained network for tables, with its weights from the package index."""

from __future__ import annotations

from pydantic import Field
from sklearn.pipeline import Pipeline

from tumor_response.models.foundation.in_context import InContextClassifier, InContextRegressor
from tumor_response.models.recipe import Recipe, numbers
from tumor_response.settings import Settings
from tumor_response.transformers.blocks import Blocks

__all__ = ["RECIPES", "InContextClassifier", "InContextRegressor", "TabularFoundationSettings"]


class TabularFoundationSettings(Settings):
    """The foundation model GeneICL on all columns.

    No filter stands before it: it was trained to find its way among many columns, and a filter
    that looks at the outcome would show it training rows that are easier than others.

    Parameters
    ----------
    n_checkpoints
        Trainings of the network that are averaged; default 1, since a second takes as long again.
    max_share
        Columns in which one value fills more than this share of the training rows are left out.

    Examples
    --------
    >>> TabularFoundationSettings(n_checkpoints=3).n_checkpoints
    3
    """

    n_checkpoints: int = Field(1, ge=1, le=3)
    max_share: float = Field(0.95, ge=0.5, lt=1)


def _response(settings: TabularFoundationSettings, blocks: Blocks, random_state: int) -> Pipeline:
    del random_state  # nothing is drawn
    classify = InContextClassifier(settings.n_checkpoints)
    return Pipeline([*numbers(blocks, settings.max_share), ("classify", classify)])


def _rate(settings: TabularFoundationSettings, blocks: Blocks, random_state: int) -> Pipeline:
    del random_state
    regress = InContextRegressor(settings.n_checkpoints)
    return Pipeline([*numbers(blocks, settings.max_share), ("regress", regress)])


RECIPES: dict[tuple[str, str], Recipe] = {
    ("tabular_foundation", "response"): Recipe(TabularFoundationSettings, _response),
    ("tabular_foundation", "rate"): Recipe(TabularFoundationSettings, _rate),
    ("tabular_foundation", "tertiles"): Recipe(TabularFoundationSettings, _response),
}
"""The models of this room, by name and outcome."""
