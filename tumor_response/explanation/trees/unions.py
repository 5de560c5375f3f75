"""Which unions of columns each leaf asks, and how they are nested."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.trees.conjunctions import MAX_PLAYERS, Leaves, Unions
from tumor_response.explanation.trees.ensemble import TreeEnsemble

__all__ = ["Table", "checked_numbers", "kept_apart", "leaf_unions", "number_of_unions"]

IntArray = npt.NDArray[np.int64]
Table = pd.DataFrame | npt.ArrayLike


def checked_numbers(
    ensemble: TreeEnsemble, levels: Sequence[npt.ArrayLike], sizes: Sequence[int]
) -> list[IntArray]:
    """Return, level by level, the union of each column that is asked.

    Raises
    ------
    ExplanationError
        ``other_columns``: not one whole number per column of the ensemble. ``not_nested``: a
        union that lies in two of the level before. A number below 0 or above ``size - 1``.
    """
    if len(levels) == 0:
        raise ExplanationError("levels is empty; expected one array per level.")
    numbers = []
    for level, size in zip(levels, sizes, strict=True):
        number = np.asarray(level)
        if number.shape != (ensemble.n_columns,) or not np.issubdtype(number.dtype, np.integer):
            raise ExplanationError(
                f"Expected the group of each of {ensemble.n_columns} columns as whole numbers; "
                f"received shape {number.shape} of {number.dtype}.",
                code="other_columns",
            )
        if len(number) and not 0 <= number.min() <= number.max() < size:
            raise ExplanationError(
                f"Groups are numbered 0 to {size - 1}; received {number.min()} to {number.max()}."
            )
        numbers.append(number.astype(np.int64))
    for outer, inner in itertools.pairwise(numbers):
        outer_of = np.zeros(int(inner.max(initial=-1)) + 1, dtype=np.int64)
        outer_of[inner] = outer
        if (outer_of[inner] != outer).any():
            union = inner[outer_of[inner] != outer][0]
            raise ExplanationError(
                f"Union {union} of an inner level lies in several unions of the level before; "
                "each level must divide the one before it.",
                code="not_nested",
            )
    return [number[ensemble.columns] for number in numbers]


def number_of_unions(level: npt.ArrayLike) -> int:
    """Return the largest number of a level plus 1."""
    return int(np.max(np.asarray(level), initial=-1)) + 1


def kept_apart(numbers: Sequence[IntArray], sizes: Sequence[int]) -> list[IntArray]:
    """Return the unions numbered on from level to level."""
    firsts = np.cumsum([0, *sizes[:-1]])
    return [number + first for number, first in zip(numbers, firsts, strict=True)]


def leaf_unions(leaves: Leaves, numbers: Sequence[IntArray]) -> Unions:
    """Find the unions that each leaf asks.

    Parameters
    ----------
    leaves
        The leaves.
    numbers : sequence of arrays of int of shape (n_used,)
        The union of each column that is asked, level by level; no two levels share a number, and
        those of an inner level are the larger ones.
    """
    n_leaves = len(leaves.value)
    leaf = np.repeat(np.arange(n_leaves), np.diff(leaves.start))
    span = 2 + max(int(number.max(initial=0)) for number in numbers)
    whole = np.arange(n_leaves) * span  # number 0: the unions' own are moved by 1
    keys = [leaf * span + 1 + number[leaves.asked] for number in numbers]
    # sorted: by leaf, in it the whole, then level by level
    nodes, place = np.unique(np.concatenate([whole, *keys]), return_inverse=True)
    start = np.searchsorted(nodes, np.arange(n_leaves + 1) * span)
    inside = [part - start[leaf] for part in np.split(place[n_leaves:], len(keys))]
    parent = np.zeros(len(nodes), dtype=np.int64)
    for outer, inner in itertools.pairwise(inside):
        parent[inner + start[leaf]] = outer
    first_player = np.diff(start)
    np.minimum.at(first_player, leaf, inside[-1])
    most = int((np.diff(start) - first_player).max(initial=0))
    if most > MAX_PLAYERS:
        raise ExplanationError(
            f"A leaf asks {most} columns or groups; up to {MAX_PLAYERS} can be explained exactly. "
            "Grow trees of less depth.",
            code="too_many_blocks",
        )
    return Unions(
        player=inside[-1] - first_player[leaf],
        start=start.astype(np.int64),
        parent=parent,
        target=nodes % span - 1,
        first_player=first_player.astype(np.int64),
    )
