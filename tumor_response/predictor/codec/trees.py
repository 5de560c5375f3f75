"""scikit-learn's trees as plain arrays, their shape checked before scikit-learn gets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import BundleError
from tumor_response.predictor.container import refused

__all__ = ["checked_shape", "forest_arrays", "trees_from"]

Array = npt.NDArray[Any]

_NODE = (
    *("left_child", "right_child", "feature", "threshold", "impurity", "n_node_samples"),
    *("weighted_n_node_samples", "missing_go_to_left"),
)
_LEAF, _NO_FEATURE = -1, -2
_DEEPEST = 10_000
_MOST_CLASSES = 100


def checked_shape(left: Array, right: Array, deepest: int) -> Array | None:
    """Return the parent of each node if children make one tree from node 0, else None.

    Parameters
    ----------
    left, right : arrays of int, shape (n_nodes,)
        Children, -1 for none.
    deepest
        The most levels below the first node.

    Examples
    --------
    >>> checked_shape(np.array([1, -1, -1]), np.array([2, -1, -1]), 10).tolist()
    [-1, 0, 0]
    >>> checked_shape(np.array([1, 0, -1]), np.array([2, 2, -1]), 10) is None
    True
    """
    n = len(left)
    inner = left != _LEAF
    if n < 1 or not np.array_equal(inner, right != _LEAF):
        return None
    children = np.concatenate([left[inner], right[inner]])
    if len(children) != n - 1 or ((children < 1) | (children >= n)).any():
        return None
    parents = np.full(n, -1, dtype=np.int64)
    parents[children] = np.tile(np.nonzero(inner)[0], 2)
    if (parents[1:] < 0).any():  # n - 1 children, so none left out means none twice
        return None
    level, n_seen = np.array([0]), 1
    for _ in range(deepest + 1):
        level = level[inner[level]]
        if not level.size:
            break
        level = np.concatenate([left[level], right[level]])
        n_seen += len(level)
    return parents if n_seen == n else None


def forest_arrays(forest: Any) -> dict[str, Array]:
    """Return the trees of a forest as arrays: all nodes one after another.

    Raises
    ------
    BundleError
        Code ``not_storable``: several outputs, or trees with a state of the generator as seed.
    """
    trees = [tree.tree_ for tree in forest.estimators_]
    seeds = [tree.random_state for tree in forest.estimators_]
    if forest.n_outputs_ != 1 or any(type(seed) is not int for seed in seeds):
        raise BundleError(
            "Forests of one output and whole seeds can be saved.", code="not_storable"
        )
    states = [tree.__getstate__() for tree in trees]
    arrays = {name: np.concatenate([state["nodes"][name] for state in states]) for name in _NODE}
    return {
        **arrays,
        "missing_go_to_left": arrays["missing_go_to_left"].astype(bool),
        "values": np.concatenate([state["values"][:, 0, :] for state in states]),
        "n_nodes": np.array([tree.node_count for tree in trees]),
        "depth": np.array([tree.max_depth for tree in trees]),
        "seed": np.array(seeds),
        "max_features": np.array([tree.max_features_ for tree in forest.estimators_]),
    }


def trees_from(forest: Any, arrays: Mapping[str, Array]) -> list[Any]:
    """Return the trees of a forest that has everything else.

    Raises
    ------
    BundleError
        Code ``damaged_member``: arrays that make no trees.
    """
    counts = np.asarray(arrays["n_nodes"])
    values = np.ascontiguousarray(arrays["values"], dtype=np.float64)
    nodes = _nodes({name: np.asarray(arrays[name]) for name in _NODE})
    n_features, n_classes = int(forest.n_features_in_), int(getattr(forest, "n_classes_", 1))
    ends = np.cumsum(counts)
    per_tree = [np.asarray(arrays[name]) for name in ("depth", "seed", "max_features")]
    fits = (
        counts.ndim == 1
        and counts.size > 0
        and counts.min() >= 1
        and ends[-1] == len(nodes)
        and values.shape == (len(nodes), n_classes)
        and 1 <= n_classes <= _MOST_CLASSES
        and all(one.shape == counts.shape for one in per_tree)
    )
    if not fits:
        raise _no_trees("its arrays do not fit together")
    made = []
    for start, end, depth, seed, most in zip(ends - counts, ends, *per_tree, strict=True):
        made.append(
            _tree(forest, nodes[start:end], values[start:end], int(depth), n_features, int(seed))
        )
        made[-1].max_features_ = int(most)
    return made


def _nodes(arrays: Mapping[str, Array]) -> Array:
    from sklearn.tree._tree import NODE_DTYPE

    # numpy's dtype, or a memoryview of one before scikit-learn 1.4
    nodes = np.zeros(len(arrays["left_child"]), dtype=np.dtype(NODE_DTYPE))
    for name, values in arrays.items():
        if values.shape != nodes.shape:
            raise _no_trees(f"its {name}")
        nodes[name] = values
    return nodes


def _tree(forest: Any, nodes: Array, values: Array, depth: int, n_features: int, seed: int) -> Any:
    from sklearn.tree._tree import Tree

    left, right, feature = nodes["left_child"], nodes["right_child"], nodes["feature"]
    inner = left != _LEAF
    if checked_shape(left, right, _DEEPEST) is None:
        raise _no_trees("children that lead elsewhere")
    if ((feature[inner] < 0) | (feature[inner] >= n_features)).any():
        raise _no_trees("a column that is not there")
    if (feature[~inner] != _NO_FEATURE).any() or not 0 <= depth <= _DEEPEST:
        raise _no_trees("its leaves")
    n_classes = values.shape[1]
    tree = Tree(n_features, np.array([n_classes], dtype=np.intp), 1)
    tree.__setstate__(
        {
            "max_depth": depth,
            "node_count": len(nodes),
            "nodes": np.ascontiguousarray(nodes),
            "values": np.ascontiguousarray(values[:, None, :]),
        }
    )
    kind = type(forest.estimator)
    made = kind(**{name: getattr(forest, name) for name in forest.estimator_params})
    made.random_state = seed
    made.n_features_in_, made.n_outputs_, made.tree_ = n_features, 1, tree
    if hasattr(forest, "classes_"):
        made.n_classes_ = np.int64(n_classes)
        made.classes_ = np.arange(n_classes, dtype=np.float64)
    return made


def _no_trees(what: str) -> Exception:
    return refused(f"a forest is not made of trees: {what}.", code="damaged_member")
