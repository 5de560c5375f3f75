"""Selections by name, each as the steps that stand before a penalised regression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tumor_response.exceptions import ModelError
from tumor_response.transformers.boruta import BorutaFilter
from tumor_response.transformers.clusters import CorrelationClusters
from tumor_response.transformers.correlation import CorrelationFilter
from tumor_response.transformers.mann_whitney import MannWhitneyFilter
from tumor_response.transformers.mrmr import MRMRFilter
from tumor_response.transformers.scale import BlockScaler
from tumor_response.transformers.stability import StabilitySelection
from tumor_response.transformers.volume import VolumeRedundancyFilter

__all__ = ["Selection", "selection_steps"]

Selection = Literal["correlation", "volume", "mann_whitney", "mrmr", "boruta", "stability"]

_MADE: dict[str, Callable[[int], list[tuple[str, BaseEstimator]]]] = {
    "correlation": lambda _: [("clusters", CorrelationClusters())],
    "volume": lambda _: [("volume", VolumeRedundancyFilter())],
    "mann_whitney": lambda _: [("select", MannWhitneyFilter())],
    "mrmr": lambda _: [("correlation", CorrelationFilter()), ("select", MRMRFilter())],
    "boruta": lambda seed: [
        ("correlation", CorrelationFilter(0.9)),
        ("select", BorutaFilter(random_state=seed)),
    ],
    "stability": lambda seed: [
        ("clusters", CorrelationClusters()),
        ("select", StabilitySelection(random_state=seed)),
    ],
}


def selection_steps(name: Selection, random_state: int = 0) -> Pipeline:
    """Return a selection and the scale that gives each block its variance back, unfitted.

    For :class:`~tumor_response.models.ReducedRidgeLogistic`, which fits it anew in each inner
    fold: all of its steps are linear. Before Boruta and stability selection columns that say the
    same are reduced to one, because copies of a column share its hits and its halves.

    Parameters
    ----------
    name
        ``"correlation"``, ``"volume"``, ``"mann_whitney"``, ``"mrmr"``, ``"boruta"`` or
        ``"stability"``, each with its defaults.
    random_state
        Seed of those that draw.

    Raises
    ------
    ModelError
        Another name.

    Examples
    --------
    >>> list(selection_steps("stability").named_steps)
    ['clusters', 'select', 'scale']
    """
    if name not in _MADE:
        raise ModelError(
            f"There is no selection named {name!r}; known are {', '.join(get_args(Selection))}."
        )
    return Pipeline([*_MADE[name](random_state), ("scale", BlockScaler(max_deviations=np.inf))])
