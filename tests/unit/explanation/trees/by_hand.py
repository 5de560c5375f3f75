"""The games as their definitions have them, slowly: every coalition and every order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

Worth = Callable[[frozenset[int]], np.ndarray]


def interventional(predict, background: np.ndarray, rows: np.ndarray) -> Worth:
    """Mean over the background, a coalition's columns being the row's; one number per row."""
    known: dict[frozenset[int], np.ndarray] = {}

    def worth(coalition: frozenset[int]) -> np.ndarray:
        if coalition not in known:
            mixed = np.repeat(background[None], len(rows), axis=0)
            present = sorted(coalition)
            mixed[:, :, present] = rows[:, None, present]
            outputs = predict(mixed.reshape(-1, rows.shape[1]))
            known[coalition] = outputs.reshape(len(rows), len(background)).mean(axis=1)
        return known[coalition]

    return worth


def path_dependent(forest, rows: np.ndarray) -> Worth:
    """scikit-learn's trees walked down both ways where the column is absent."""

    def walk(tree, node: int, row: np.ndarray, coalition: frozenset[int]) -> float:
        left, right = tree.children_left[node], tree.children_right[node]
        if left < 0:
            return tree.value[node, 0, 1]
        column = tree.feature[node]
        if column in coalition:
            x = row[column]
            to_left = tree.missing_go_to_left[node] if np.isnan(x) else x <= tree.threshold[node]
            return walk(tree, left if to_left else right, row, coalition)
        weights = tree.weighted_n_node_samples
        return sum(
            walk(tree, child, row, coalition) * weights[child] / weights[node]
            for child in (left, right)
        )

    def worth(coalition: frozenset[int]) -> np.ndarray:
        return np.array(
            [
                np.mean([walk(one.tree_, 0, row, coalition) for one in forest.estimators_])
                for row in rows.astype(np.float32)
            ]
        )

    return worth


def orders(levels: Sequence[Sequence[int]], columns: Sequence[int]) -> Iterator[list[int]]:
    """Yield the orders of columns in which every union of every level stays together."""
    if not levels:
        yield from (list(order) for order in itertools.permutations(columns))
        return
    unions: dict[int, list[int]] = {}
    for column in columns:
        unions.setdefault(levels[0][column], []).append(column)
    for order in itertools.permutations(unions):
        for inner in itertools.product(*(list(orders(levels[1:], unions[u])) for u in order)):
            yield [column for part in inner for column in part]


def owen(worth: Worth, levels: Sequence[Sequence[int]], n_columns: int) -> np.ndarray:
    """Mean gain of each column over the orders that keep unions together; (n_rows, n_columns)."""
    total, n = 0.0, 0
    for order in orders(levels, range(n_columns)):
        gains = [None] * n_columns
        for place, column in enumerate(order):
            gains[column] = worth(frozenset(order[: place + 1])) - worth(frozenset(order[:place]))
        total, n = total + np.array(gains), n + 1
    return (total / n).T


def shapley(worth: Worth, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Shapley values of groups of columns, over every coalition; (n_rows, n_groups)."""
    n, values = len(groups), [0.0] * len(groups)
    for size in range(n):
        share = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
        for S in itertools.combinations(range(n), size):
            present = frozenset(column for g in S for column in groups[g])
            for g in set(range(n)) - set(S):
                values[g] = values[g] + share * (worth(present | set(groups[g])) - worth(present))
    return np.array(values).T


def members(group_of_column: Sequence[int], n_groups: int) -> list[list[int]]:
    """Return the columns of each group."""
    return [np.flatnonzero(np.equal(group_of_column, g)).tolist() for g in range(n_groups)]


def interaction(worth: Worth, groups: Sequence[Sequence[int]], i: int, j: int) -> np.ndarray:
    """Shapley interaction index of two groups, by its definition."""
    others = [g for g in range(len(groups)) if g not in (i, j)]
    n, total = len(groups), 0.0

    def of(members) -> np.ndarray:
        return worth(frozenset(column for g in members for column in groups[g]))

    for size in range(len(others) + 1):
        share = math.factorial(size) * math.factorial(n - size - 2) / math.factorial(n - 1)
        for S in itertools.combinations(others, size):
            total = total + share * (of((*S, i, j)) - of((*S, i)) - of((*S, j)) + of(S))
    return total
