"""Every combination of blocks with every model, and what they are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.exceptions import EvaluationError
from tumor_response.models import make_model
from tumor_response.models.named import Outcome
from tumor_response.models.settings import VolumeOnlySettings
from tumor_response.transformers import blocks_of

__all__ = ["Configuration", "Maker", "Models", "chosen_blocks", "configurations"]

Maker = Callable[[list[str]], BaseEstimator]
Models = Sequence[str] | Mapping[str, Mapping[str, Any] | Maker]

_MOST_BLOCKS = 8


@dataclass(frozen=True)
class Configuration:
    """One model on one combination of blocks.

    Parameters
    ----------
    name
        ``"logistic | clinical+deep"``; of a baseline its own name.
    model
        Name of the model.
    blocks
        Its blocks; of a baseline none.
    estimator
        Unfitted.
    """

    name: str
    model: str
    blocks: tuple[str, ...]
    estimator: BaseEstimator


def chosen_blocks(
    X: pd.DataFrame, blocks: Sequence[str] | Mapping[str, Sequence[str]] | None
) -> list[str]:
    """Return the blocks whose combinations are to be tried.

    Raises
    ------
    EvaluationError
        Code ``missing_block``, ``no_block``, or ``too_many_blocks``.

    Examples
    --------
    >>> chosen_blocks(pd.DataFrame(columns=["clinical__age", "deep__n__0", "meta__site"]), None)
    ['clinical', 'deep']
    """
    there = list(blocks) if isinstance(blocks, Mapping) else list(blocks_of(X.columns))
    chosen = there if blocks is None else list(dict.fromkeys(blocks))
    absent = [block for block in chosen if block not in there]
    if isinstance(blocks, str) or absent:
        raise EvaluationError(
            f"blocks: expected names of blocks of the table ({', '.join(map(repr, there))}), "
            f"received {blocks!r}.",
            code="missing_block",
        )
    if not chosen:
        raise EvaluationError("The table has no predictor columns.", code="no_block")
    if len(chosen) > _MOST_BLOCKS:
        raise EvaluationError(
            f"{len(chosen)} blocks have {2 ** len(chosen) - 1} combinations, each to be fitted in "
            f"every resample; at most {_MOST_BLOCKS} are taken. Name those that the question is "
            "about: blocks=[...].",
            code="too_many_blocks",
        )
    return chosen


def configurations(
    models: Models, blocks: Sequence[str], X: pd.DataFrame, outcome: Outcome, random_state: int
) -> list[Configuration]:
    """Return all configurations: per model the combinations by size, then the baselines.

    Baselines are ``volume_only`` where the table has the baseline volume, ``clinical_only`` where
    it has the block ``clinical``, and ``dummy``.

    Parameters
    ----------
    models
        Names of models; or from name to the settings of the named model, or to what makes an
        estimator of a list of blocks.
    blocks
        From :func:`chosen_blocks`.
    X
        The table's data.
    outcome
        As in :func:`tumor_response.make_model`.
    random_state
        Of every named model.
    """
    makers = _makers(models, outcome, random_state)
    together = [
        chosen for size in range(1, len(blocks) + 1) for chosen in combinations(blocks, size)
    ]
    found = [
        Configuration(f"{name} | {'+'.join(chosen)}", name, chosen, make(list(chosen)))
        for name, make in makers.items()
        for chosen in together
    ]
    baselines: dict[str, list[str] | None] = {}
    if VolumeOnlySettings().volume_column in X:
        baselines["volume_only"] = None
    if "clinical" in blocks_of(X.columns):
        baselines["clinical_only"] = None
    baselines["dummy"] = list(blocks)  # the other blocks' failures are none of its business
    return found + [
        Configuration(name, name, (), _named(name, own, outcome, random_state, {}))
        for name, own in baselines.items()
    ]


def _makers(models: Models, outcome: Outcome, random_state: int) -> dict[str, Maker]:
    given = models if isinstance(models, Mapping) else {name: {} for name in models}
    if isinstance(models, str) or not given:
        raise EvaluationError(
            f"models: expected names of models, or a mapping from name to settings; received "
            f"{models!r}.",
            code="unknown_model",
        )

    def maker(name: str, settings: Mapping[str, Any]) -> Maker:
        return lambda chosen: _named(name, chosen, outcome, random_state, settings)

    return {
        name: maker(name, how) if isinstance(how, Mapping) else how for name, how in given.items()
    }


def _named(
    name: str,
    blocks: list[str] | None,
    outcome: Outcome,
    random_state: int,
    settings: Mapping[str, Any],
) -> BaseEstimator:
    return make_model(name, blocks, random_state, outcome, **settings)
