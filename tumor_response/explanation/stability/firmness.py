"""Ranks over resamples and the agreement of their top lists, together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from tumor_response.explanation.stability.overlap import TopKOverlap, top_k_overlap
from tumor_response.explanation.stability.ranks import (
    LISTED,
    Level,
    importance_by_resample,
    rank_frequencies,
    rank_table,
)

if TYPE_CHECKING:
    from tumor_response.explanation.result import Explanation

__all__ = ["Stability", "stability_of"]


@dataclass(frozen=True, eq=False, repr=False)
class Stability:
    """How firm the ranks of an explanation are over its resamples.

    Attributes
    ----------
    ranks : DataFrame
        One row per column, family or block: see :func:`.rank_table`.
    frequencies : DataFrame
        Share of the resamples in which each stood at rank 1 to k, in the order of ``ranks``.
    overlap : TopKOverlap
        Agreement of the top lists, by Nogueira's measure with its interval.
    """

    ranks: pd.DataFrame
    frequencies: pd.DataFrame
    overlap: TopKOverlap

    def __str__(self) -> str:
        return f"{self.overlap}\n{self.ranks.head(self.overlap.k).round(3)}"

    __repr__ = __str__


def stability_of(
    explanation: Explanation, level: Level = "column", k: int | None = None
) -> Stability:
    """Return how firm the ranks are.

    Parameters
    ----------
    explanation
        Out of bag, at least two resamples.
    level
        ``"column"``, ``"family"`` or ``"block"``.
    k
        Length of a top list; by default 10 columns, 3 families, 1 block.

    Raises
    ------
    ExplanationError
        Code ``no_resamples``, ``level`` or ``k``.
    """
    n = LISTED.get(level, 1) if k is None else k
    importance = importance_by_resample(explanation, level)
    ranks = rank_table(explanation, level, tops=sorted({1, 3, 10, n}))
    frequencies = rank_frequencies(importance, n).loc[ranks.index]
    return Stability(ranks, frequencies, top_k_overlap(explanation, n, level))
