"""The other value function: absent columns take both ways of a split, by their training weight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tumor_response.explanation.trees.conjunctions import Leaves, Unions
from tumor_response.explanation.trees.ensemble import TreeEnsemble
from tumor_response.explanation.trees.games import order_shares
from tumor_response.explanation.trees.unions import (
    Table,
    checked_numbers,
    kept_apart,
    leaf_unions,
    number_of_unions,
)
from tumor_response.features.radiomics.kernels import kernel

__all__ = ["path_dependent_base", "path_dependent_owen"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def path_dependent_owen(
    ensemble: TreeEnsemble, rows: Table, levels: Sequence[npt.ArrayLike]
) -> list[FloatArray]:
    r"""Return values in the tree-path-dependent game, at every level of nested groups.

    Without a background: where a tree asks a column that the coalition lacks, both ways are
    taken, in the shares of the training weight that went there (Lundberg et al. 2020). The answer
    depends on how the trees were grown: two ensembles of the same outputs can have different
    values. For one leaf a coalition is worth a product: of 1 or 0 for each present union, as the
    row meets its conditions or not, and of the share that passes for each absent one. The Owen
    value of a union is the difference of the two, times, at its own level and at each above, the
    mean of the others' products over the orders in which they enter.

    Parameters
    ----------
    ensemble
        From :func:`tree_ensemble`.
    rows : of shape (n_rows, n_columns)
        What the estimator is given.
    levels : sequence of arrays of int of shape (n_columns,)
        As for :func:`nested_owen`. One level of all columns: what
        ``shap.TreeExplainer(feature_perturbation="tree_path_dependent")`` gives.

    Returns
    -------
    list of ndarrays
        For each level (n_rows, number of unions); each row sums to the output less
        :func:`path_dependent_base`.

    Raises
    ------
    ExplanationError
        As :func:`nested_owen`.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from tumor_response.explanation.trees import tree_ensemble
    >>> X = np.random.default_rng(0).normal(size=(40, 3)); y = (X[:, 1] > 0).astype(int)
    >>> ensemble = tree_ensemble(RandomForestClassifier(5, random_state=0).fit(X, y))
    >>> blocks, columns = path_dependent_owen(ensemble, X, [[0, 1, 1], [0, 1, 2]])
    >>> gap = columns.sum(axis=1) - ensemble.outputs(X) + path_dependent_base(ensemble)
    >>> bool(np.abs(gap).max() < 1e-12)
    True
    """
    seen = ensemble.seen(rows)
    sizes = [number_of_unions(level) for level in levels]
    numbers = checked_numbers(ensemble, levels, sizes)
    unions = leaf_unions(ensemble.leaves, kept_apart(numbers, sizes))
    widest = int(np.diff(unions.start).max(initial=1))
    values = np.zeros((len(seen), sum(sizes)))
    add_path_dependent(
        seen,
        ensemble.leaves,
        unions,
        order_shares(),
        np.empty(widest, dtype=np.int64),
        np.empty(widest),
        np.empty(widest),
        np.empty(widest + 1),
        values,
    )
    return np.split(values, np.cumsum(sizes)[:-1], axis=1)


def path_dependent_base(ensemble: TreeEnsemble) -> float:
    """Return the output with no column known: the leaves' mean by training weight.

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from tumor_response.explanation.trees import tree_ensemble
    >>> X = np.random.default_rng(0).normal(size=(40, 3)); y = (X[:, 1] > 0).astype(int)
    >>> forest = ExtraTreesClassifier(5, bootstrap=False, random_state=0).fit(X, y)
    >>> bool(np.isclose(path_dependent_base(tree_ensemble(forest)), y.mean()))
    True
    """
    leaves = ensemble.leaves
    leaf = np.repeat(np.arange(len(leaves.value)), np.diff(leaves.start))
    reached = np.ones(len(leaves.value))
    np.multiply.at(reached, leaf, leaves.reach)
    return float(ensemble.base + reached @ leaves.value)


@kernel
def add_path_dependent(
    X: FloatArray,
    leaves: Leaves,
    unions: Unions,
    orders: FloatArray,
    met: IntArray,
    reach: FloatArray,
    share: FloatArray,
    sizes: FloatArray,
    values: FloatArray,
) -> None:
    """Add the values of all leaves to ``values`` (rows x unions of all levels).

    A node comes from the row and lets it pass or not (``met``, 1 or 0), or is absent and lets
    ``reach`` of it pass. These, ``share`` and ``sizes`` are room: of nodes, ``sizes`` of one more.
    """
    for leaf in range(len(leaves.value)):
        node0 = unions.start[leaf]
        n_nodes = unions.start[leaf + 1] - node0
        inner = unions.first_player[leaf]
        for row in range(len(X)):
            for node in range(n_nodes):
                met[node] = 1
                reach[node] = 1.0
            for c in range(leaves.start[leaf], leaves.start[leaf + 1]):
                player = inner + unions.player[c]
                x = X[row, leaves.asked[c]]
                # a missing value lies in no interval
                if not (leaves.low[c] < x <= leaves.high[c] or (x != x and leaves.missing[c])):
                    met[player] = 0
                reach[player] *= leaves.reach[c]
            for node in range(n_nodes - 1, 0, -1):
                above = unions.parent[node0 + node]
                met[above] &= met[node]
                reach[above] *= reach[node]
            share[0] = leaves.value[leaf]
            for node in range(1, n_nodes):
                above = unions.parent[node0 + node]
                # sizes[s]: the products of all choices of s unions beside this one, summed
                sizes[0] = 1.0
                beside = 0
                for other in range(1, n_nodes):
                    if other == node or unions.parent[node0 + other] != above:
                        continue
                    beside += 1
                    sizes[beside] = 0.0
                    for s in range(beside, 0, -1):
                        sizes[s] = sizes[s] * reach[other] + sizes[s - 1] * met[other]
                    sizes[0] *= reach[other]
                factor = 0.0
                for s in range(beside + 1):
                    factor += sizes[s] * orders[s, beside - s]
                share[node] = share[above] * factor
                gain = share[node] * (met[node] - reach[node])
                values[row, unions.target[node0 + node]] += gain
