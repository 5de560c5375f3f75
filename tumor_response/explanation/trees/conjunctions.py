"""The loops over leaves: which conditions a row fails, and the games that follow from it.

For one leaf, a row x and a background row z let A be the players that z fails and B those that x
fails. A coalition reaches the leaf if all of A and nobody of B come from x: a conjunction, whose
Shapley and Owen values are products of factorials. Rows that fail the same players of a leaf are
taken together, so that a leaf of k players costs 3^k pairs at most, however many rows there are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tumor_response.features.radiomics.kernels import kernel

__all__ = [
    "MAX_PLAYERS",
    "TABLE_BITS",
    "Leaves",
    "Side",
    "Unions",
    "add_interactions",
    "add_nested",
    "add_values",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MAX_PLAYERS = 62
"""Players of one leaf: they are bits of one number."""

TABLE_BITS = 12
"""Up to so many players of a leaf, rows that fail the same ones are found by a table."""


class Leaves(NamedTuple):
    """The leaves of all trees, each with the conditions that lead to it.

    Attributes
    ----------
    start : ndarray of shape (n_leaves + 1,)
        Where each leaf's conditions begin.
    asked : ndarray of shape (n_conditions,)
        The column.
    low, high : ndarrays of shape (n_conditions,)
        Met if ``low < value <= high``,
    missing : ndarray of bool of shape (n_conditions,)
        or if the value is missing and this is True.
    reach : ndarray of shape (n_conditions,)
        Share of the training weight that the splits by this column let pass on the way.
    value : ndarray of shape (n_leaves,)
        What a row gets that ends there.
    """

    start: IntArray
    asked: IntArray
    low: FloatArray
    high: FloatArray
    missing: npt.NDArray[np.bool_]
    reach: FloatArray
    value: FloatArray


class Side(NamedTuple):
    """A table, and room for the sets of players that its rows fail at one leaf."""

    X: FloatArray
    pattern_of: IntArray
    patterns: IntArray
    counts: IntArray


class Unions(NamedTuple):
    """The unions of columns that each leaf asks, as nodes: the whole, then level by level.

    Attributes
    ----------
    player : ndarray of shape (n_conditions,)
        Of each condition its innermost union, counted from the leaf's ``first_player``.
    start : ndarray of shape (n_leaves + 1,)
        Where each leaf's nodes begin; the first is the whole.
    parent : ndarray of shape (n_nodes,)
        The node that holds a node, counted within the leaf.
    target : ndarray of shape (n_nodes,)
        The number of a node's union among all unions of all levels, level after level.
    first_player : ndarray of shape (n_leaves,)
        Where the innermost level begins, counted within the leaf.
    """

    player: IntArray
    start: IntArray
    parent: IntArray
    target: IntArray
    first_player: IntArray


@kernel
def meets(x: float, low: float, high: float, missing: bool) -> bool:
    """Return whether a value, possibly missing, meets a condition."""
    if x != x:
        return missing
    return low < x <= high


@kernel
def add_values(X: FloatArray, leaves: Leaves, outputs: FloatArray) -> None:
    """Add to each row's output the values of the leaves that it ends in."""
    for leaf in range(len(leaves.value)):
        for row in range(len(X)):
            met = True
            for c in range(leaves.start[leaf], leaves.start[leaf + 1]):
                x = X[row, leaves.asked[c]]
                if not meets(x, leaves.low[c], leaves.high[c], leaves.missing[c]):
                    met = False
                    break
            if met:
                outputs[row] += leaves.value[leaf]


@kernel
def find_patterns(
    side: Side, leaves: Leaves, leaf: int, player: IntArray, n_players: int, table: IntArray
) -> int:
    """Find the distinct sets of players that rows fail at one leaf; return how many there are.

    A set is a number, one bit per player of the leaf. ``table`` is all -1 before and after.
    """
    n = 0
    for row in range(len(side.X)):
        failed = 0
        for c in range(leaves.start[leaf], leaves.start[leaf + 1]):
            x = side.X[row, leaves.asked[c]]
            if not meets(x, leaves.low[c], leaves.high[c], leaves.missing[c]):
                failed |= 1 << player[c]
        known = -1
        if n_players <= TABLE_BITS:
            known = table[failed]
        if known < 0:
            known = n
            side.patterns[n] = failed
            side.counts[n] = 0
            if n_players <= TABLE_BITS:
                table[failed] = n
            n += 1
        side.counts[known] += 1
        side.pattern_of[row] = known
    if n_players <= TABLE_BITS:
        for p in range(n):
            table[side.patterns[p]] = -1
    return n


@kernel
def add_nested(
    rows: Side,
    background: Side,
    leaves: Leaves,
    unions: Unions,
    orders: FloatArray,
    table: IntArray,
    state: IntArray,
    kinds: IntArray,
    share: FloatArray,
    gained: FloatArray,
    values: FloatArray,
) -> None:
    """Add the nested Owen values of all leaves to ``values`` (rows x unions of all levels).

    ``orders[a, b]`` is a! b! / (a + b + 1)!: how often one comes behind a others and before b.
    The other arrays are room: of nodes, of nodes x 4, of nodes, and of rows x nodes.
    """
    weight = 1.0 / len(background.X)
    for leaf in range(len(leaves.value)):
        node0 = unions.start[leaf]
        n_nodes = unions.start[leaf + 1] - node0
        inner = unions.first_player[leaf]
        n_players = n_nodes - inner
        n_rows = find_patterns(rows, leaves, leaf, unions.player, n_players, table)
        n_behind = find_patterns(background, leaves, leaf, unions.player, n_players, table)
        for r in range(n_rows):
            for node in range(n_nodes):
                gained[r, node] = 0.0
            against = rows.patterns[r]
            for z in range(n_behind):
                needed = background.patterns[z]
                # somebody fails both from the row and from the background, or nobody fails
                if against & needed != 0 or against | needed == 0:
                    continue
                for node in range(n_nodes):
                    state[node] = 0
                    kinds[node, 1] = 0
                    kinds[node, 2] = 0
                    kinds[node, 3] = 0
                for p in range(n_players):
                    state[inner + p] = ((needed >> p) & 1) | (((against >> p) & 1) << 1)
                for node in range(n_nodes - 1, 0, -1):
                    above = unions.parent[node0 + node]
                    state[above] |= state[node]
                    kinds[above, state[node]] += 1
                share[0] = weight * background.counts[z]
                for node in range(1, n_nodes):
                    own = state[node]
                    if own == 0:
                        continue
                    above = unions.parent[node0 + node]
                    before = kinds[above, 1]
                    behind = kinds[above, 2]
                    both = kinds[above, 3]
                    if own == 1:
                        before -= 1
                    elif own == 2:
                        behind -= 1
                    else:
                        both -= 1
                    if both > 0:  # another union holds both kinds: the leaf is never reached
                        share[node] = 0.0
                        continue
                    share[node] = share[above] * orders[before, behind]
                    if own == 1:
                        gained[r, node] += share[node]
                    elif own == 2:
                        gained[r, node] -= share[node]
        for row in range(len(rows.X)):
            r = rows.pattern_of[row]
            for node in range(1, n_nodes):
                values[row, unions.target[node0 + node]] += leaves.value[leaf] * gained[r, node]


@kernel
def add_interactions(
    rows: Side,
    background: Side,
    leaves: Leaves,
    unions: Unions,
    orders: FloatArray,
    table: IntArray,
    gained: FloatArray,
    values: FloatArray,
) -> None:
    """Add the Shapley interaction indices of all leaves to ``values`` (rows x players x players).

    Players alone, no nesting. ``gained`` is room: of rows x nodes x nodes.
    """
    weight = 1.0 / len(background.X)
    for leaf in range(len(leaves.value)):
        player0 = unions.start[leaf] + 1
        n_players = unions.start[leaf + 1] - player0
        if n_players < 2:
            continue
        n_rows = find_patterns(rows, leaves, leaf, unions.player, n_players, table)
        n_behind = find_patterns(background, leaves, leaf, unions.player, n_players, table)
        for r in range(n_rows):
            for i in range(n_players):
                for j in range(n_players):
                    gained[r, i, j] = 0.0
            against = rows.patterns[r]
            for z in range(n_behind):
                needed = background.patterns[z]
                if against & needed != 0:
                    continue
                a = 0
                b = 0
                for p in range(n_players):
                    a += (needed >> p) & 1
                    b += (against >> p) & 1
                for i in range(n_players):
                    i_needed = (needed >> i) & 1
                    i_against = (against >> i) & 1
                    if i_needed + i_against == 0:
                        continue
                    for j in range(i + 1, n_players):
                        j_needed = (needed >> j) & 1
                        j_against = (against >> j) & 1
                        if j_needed + j_against == 0:
                            continue
                        before = a - i_needed - j_needed
                        behind = b - i_against - j_against
                        index = weight * background.counts[z] * orders[before, behind]
                        if i_needed == j_needed:
                            gained[r, i, j] += index
                        else:
                            gained[r, i, j] -= index
        for row in range(len(rows.X)):
            r = rows.pattern_of[row]
            for i in range(n_players):
                for j in range(i + 1, n_players):
                    part = leaves.value[leaf] * gained[r, i, j]
                    one = unions.target[player0 + i]
                    other = unions.target[player0 + j]
                    values[row, one, other] += part
                    values[row, other, one] += part
