"""What a run holds of a case: numbers in column order, few bytes each, whatever their number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tumor_response.exceptions import FeatureError
from tumor_response.features.base import KEY_ROLE, FeatureSpec, FeatureValues, Shortfall

__all__ = ["BlockRow", "CaseRow", "Columns", "block_row", "columns_of_block"]

Columns = Mapping[str, tuple[str, ...] | None]
"""An extractor's column names, each with its levels; ``()`` for a number, ``None`` for a key."""


@dataclass(frozen=True)
class BlockRow:
    """One extractor's values on one case.

    Parameters
    ----------
    numbers
        float64, shape (n_columns,), in the order of the extractor's columns; NaN where there is
        none, and for columns of text.
    texts
        Column -> text, of those columns that hold text.
    shortfalls
        Why columns have no value.
    """

    numbers: np.ndarray
    texts: Mapping[str, str] = field(default_factory=dict)
    shortfalls: tuple[Shortfall, ...] = ()


@dataclass
class CaseRow:
    """One case's row of the table, what it lacks by block, and how it went.

    Parameters
    ----------
    blocks
        One per extractor, in their order; ``None`` where the whole block is missing.
    meta
        ``meta__*`` column -> value.
    failures
        (block, shortfall), in the order in which they came.
    cache
        ``"hits"`` and ``"misses"`` among the extractions that may be cached.
    seconds
        How long the case took, in its worker.
    needed_bytes
        Memory that was put aside for it; 0 where nothing was read.
    """

    blocks: list[BlockRow | None] = field(default_factory=list)
    meta: dict[str, float | str] = field(default_factory=dict)
    failures: list[tuple[str, Shortfall]] = field(default_factory=list)
    cache: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    needed_bytes: int = 0


def block_row(values: FeatureValues, known: Columns) -> BlockRow:
    """Hold an extractor to its own columns, and to a reason for each one it leaves out.

    Raises
    ------
    FeatureError
        For a value of no column of the block, one of the wrong kind or not finite, and for
        columns without a value that no shortfall accounts for.

    Examples
    --------
    >>> row = block_row(FeatureValues({"x__b": 2.0, "x__a": 1.0}), {"x__a": (), "x__b": ()})
    >>> row.numbers
    array([1., 2.])
    """
    for column, value in values.values.items():
        if column not in known:
            raise FeatureError(f"A value for {column!r}, which is no column of the block.")
        levels = known[column]
        if not _fits(value, levels):
            expected = "a key" if levels is None else f"one of {', '.join(levels)}"
            expected = expected if levels != () else "a number"
            raise FeatureError(f"{column}: expected {expected}, received {value!r}.")
    absent = len(known) - len(values.values)
    told = sum(shortfall.n_columns_missing for shortfall in values.shortfalls)
    if absent != told:
        raise FeatureError(f"{absent} columns have no value, but reasons are given for {told}.")
    numbers = np.full(len(known), np.nan)
    texts: dict[str, str] = {}
    for place, column in enumerate(known):
        found = values.values.get(column)
        if isinstance(found, str):
            texts[column] = found
        elif found is not None:
            numbers[place] = found
    return BlockRow(numbers, texts, tuple(values.shortfalls))


def columns_of_block(specs: Sequence[FeatureSpec]) -> Columns:
    """Return an extractor's columns as they are looked at here."""
    return {s.column: None if s.role == KEY_ROLE else s.categories for s in specs}


def _fits(value: float | str, levels: tuple[str, ...] | None) -> bool:
    if levels is None:
        return isinstance(value, str)
    if levels:
        return value in levels
    return isinstance(value, float | int) and math.isfinite(value)
