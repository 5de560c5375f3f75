"""How many trees: the number at which held-out patients are predicted best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tumor_response.models.training_rows import TrainingRows

__all__ = ["Part", "losses_by_round", "matrix"]

FloatArray = npt.NDArray[np.float64]


class Part(NamedTuple):
    """Rows to train on and rows to watch, as the trees are shown them (filtered columns)."""

    train: TrainingRows
    held_out: TrainingRows
    parameters: dict[str, Any]


def matrix(rows: TrainingRows) -> Any:
    """Return XGBoost's container of the rows; bin edges are made of what it trains on alone."""
    from xgboost import DMatrix

    return DMatrix(rows.values, label=rows.y, weight=rows.weight, nthread=1)


def losses_by_round(parts: Sequence[Part], most_rounds: int, patience: int) -> FloatArray:
    """Boost all parts in step, and return the held-out loss after each round, over all parts.

    Stops ``patience`` rounds after the smallest. Each part has bin edges and trees of its own
    training rows; the losses are means over the held-out weight of all parts together.
    """
    from xgboost import Booster

    running = []
    for part in parts:
        train, held_out = matrix(part.train), matrix(part.held_out)
        running.append((Booster(part.parameters, [train, held_out]), train, held_out))
    share = np.array([part.held_out.weight.sum() for part in parts])
    share = share / share.sum()
    losses: list[float] = []
    best = 0
    for number in range(most_rounds):
        now = []
        for booster, train, held_out in running:
            booster.update(train, number)
            now.append(_loss(booster, held_out, number))
        losses.append(float(share @ np.array(now)))
        if losses[number] < losses[best]:
            best = number
        elif number - best >= patience:
            break
    return np.array(losses)


def _loss(booster: Any, held_out: Any, number: int) -> float:
    # XGBoost says it as text: "[12]\tpart-logloss:0.6643"
    said = str(booster.eval_set([(held_out, "part")], number))
    loss = float(said.rsplit(":", 1)[1])
    # squares, not their roots, have means over several parts
    return loss**2 if "-rmse:" in said else loss
