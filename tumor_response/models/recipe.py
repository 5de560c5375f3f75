"""What a named model is made of: its settings, and what makes a Pipeline of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sklearn.pipeline import Pipeline

from tumor_response.settings import Settings
from tumor_response.transformers import (
    BlockSelector,
    CategoryEncoder,
    MedianImputer,
    NearConstantFilter,
)
from tumor_response.transformers.blocks import Blocks

__all__ = ["Recipe", "numbers"]


class Recipe(NamedTuple):
    """A named model.

    Attributes
    ----------
    settings
        Class of its settings.
    make
        Takes settings, blocks and random_state; returns an unfitted Pipeline.
    own_blocks
        True if the model brings its own columns and takes no ``blocks``.
    """

    settings: type[Settings]
    make: Callable[[Any, Blocks, int], Pipeline]
    own_blocks: bool = False


def numbers(blocks: Blocks, max_share: float) -> list[tuple[str, Any]]:
    """Return the steps from a table's blocks to complete numbers that vary."""
    return [
        ("blocks", BlockSelector(blocks)),
        ("encode", CategoryEncoder()),
        ("impute", MedianImputer()),
        ("vary", NearConstantFilter(max_share)),
    ]
