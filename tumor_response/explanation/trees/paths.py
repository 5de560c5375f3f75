"""From the nodes of trees to what each leaf asks of a row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tumor_response.explanation.trees.conjunctions import Leaves
from tumor_response.explanation.trees.reading import Nodes

__all__ = ["leaves_of"]

IntArray = npt.NDArray[np.int64]


def leaves_of(nodes: Nodes) -> Leaves:
    """Return every leaf with its conditions; a column that is asked twice is one condition.

    Examples
    --------
    A tree of one split, of column 7 at 0.5, that sends missing values to the left:

    >>> none = np.zeros(3)
    >>> nodes = Nodes(
    ...     left=np.array([1, -1, -1]), right=np.array([2, -1, -1]),
    ...     root=np.array([True, False, False]), column=np.array([7, 0, 0]),
    ...     threshold=np.array([0.5, 0, 0]), missing_left=np.array([True, False, False]),
    ...     cover=np.array([10.0, 4.0, 6.0]), value=np.array([0, -1.0, 1.0]),
    ... )
    >>> leaves = leaves_of(nodes)
    >>> [part.tolist() for part in (leaves.asked, leaves.low, leaves.high, leaves.missing)]
    [[7, 7], [-inf, 0.5], [0.5, inf], [True, False]]
    """
    split = np.flatnonzero(nodes.left >= 0)
    above = np.full(len(nodes.left), -1)
    above[nodes.left[split]] = split
    above[nodes.right[split]] = split
    is_left = np.zeros(len(above), dtype=bool)
    is_left[nodes.left[split]] = True
    ends = _reached(nodes, above)
    leaf, child = _steps_up(ends, above)
    parent = above[child]

    # one condition per leaf and column that is asked on its way
    n_columns = int(nodes.column.max(initial=0)) + 1
    keys, place = np.unique(leaf * n_columns + nodes.column[parent], return_inverse=True)
    low, high = np.full(len(keys), -np.inf), np.full(len(keys), np.inf)
    to_left = is_left[child]
    cut = nodes.threshold[parent]
    np.minimum.at(high, place[to_left], cut[to_left])
    np.maximum.at(low, place[~to_left], cut[~to_left])
    missing = np.ones(len(keys), dtype=bool)
    np.logical_and.at(missing, place, nodes.missing_left[parent] == to_left)
    reach = np.ones(len(keys))
    np.multiply.at(reach, place, nodes.cover[child] / nodes.cover[parent])
    return Leaves(
        start=np.searchsorted(keys, np.arange(len(ends) + 1) * n_columns).astype(np.int64),
        asked=keys % n_columns,
        low=low,
        high=high,
        missing=missing,
        reach=reach,
        value=nodes.value[ends],
    )


def _reached(nodes: Nodes, above: IntArray) -> IntArray:
    """Return the leaves; XGBoost keeps nodes that it has pruned away, below no root."""
    ends = np.flatnonzero(nodes.left < 0)
    top = ends.copy()
    while (higher := above[top] >= 0).any():
        top[higher] = above[top[higher]]
    return ends[nodes.root[top]]


def _steps_up(ends: IntArray, above: IntArray) -> tuple[IntArray, IntArray]:
    """Return all nodes but roots on the ways from the leaves up: whose way, and which node."""
    leaf, node = np.arange(len(ends)), ends
    leaves, nodes = [leaf[:0]], [node[:0]]
    while len(leaf):
        inside = above[node] >= 0
        leaf, node = leaf[inside], node[inside]
        leaves.append(leaf)
        nodes.append(node)
        node = above[node]
    return np.concatenate(leaves), np.concatenate(nodes)
