"""Exact Shapley and Owen values of an ensemble of trees, for columns and for groups of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.trees.conjunctions import (
    MAX_PLAYERS,
    TABLE_BITS,
    Side,
    add_interactions,
    add_nested,
)
from tumor_response.explanation.trees.ensemble import TreeEnsemble
from tumor_response.explanation.trees.unions import (
    Table,
    checked_numbers,
    kept_apart,
    leaf_unions,
    number_of_unions,
)

__all__ = ["column_shapley", "group_interactions", "group_shapley", "nested_owen", "order_shares"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def column_shapley(ensemble: TreeEnsemble, background: Table, rows: Table) -> FloatArray:
    r"""Return interventional Shapley values of the columns.

    The value of a coalition for a row is the mean over background rows of the output with the
    coalition's columns from the row and the others from the background row. For one leaf, one row
    and one background row that is a conjunction: the :math:`a` columns whose condition only the
    row meets must come from it, the :math:`b` columns whose condition only the background row
    meets must not. The Shapley value of the former is :math:`(a-1)!\,b!/(a+b)!`, that of the
    latter :math:`-a!\,(b-1)!/(a+b)!`, times the leaf's value (Lundberg et al. 2020, Nat. Mach.
    Intell. 2:56; Laberge and Pequignot 2022, arXiv:2209.15123). Shapley values are linear in the
    game: they are summed over leaves and averaged over the background.

    Parameters
    ----------
    ensemble
        From :func:`tree_ensemble`.
    background, rows : of shapes (n_background, n_columns), (n_rows, n_columns)
        What the estimator is given; missing values go where the trees send them. Rows that stand
        several times in the background weigh as often, and cost nothing.

    Returns
    -------
    ndarray of shape (n_rows, n_columns)
        They sum to ``ensemble.outputs(rows) - ensemble.outputs(background).mean()``.

    Raises
    ------
    ExplanationError
        ``other_columns``: another number of columns. ``no_background``: no row in it.
        ``too_many_blocks``: a leaf asks more than 62 columns.

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from tumor_response.explanation.trees import tree_ensemble
    >>> X = np.random.default_rng(0).normal(size=(40, 3)); y = (X[:, 1] > 0).astype(int)
    >>> ensemble = tree_ensemble(ExtraTreesClassifier(5, random_state=0).fit(X, y))
    >>> values = column_shapley(ensemble, X, X[:2])
    >>> gap = values.sum(axis=1) - ensemble.outputs(X[:2]) + ensemble.outputs(X).mean()
    >>> bool(np.abs(gap).max() < 1e-12)
    True
    """
    columns = np.arange(ensemble.n_columns)
    return group_shapley(ensemble, background, rows, columns, ensemble.n_columns)


def group_shapley(
    ensemble: TreeEnsemble,
    background: Table,
    rows: Table,
    group_of_column: npt.ArrayLike,
    n_groups: int,
) -> FloatArray:
    """Return Shapley values of the game whose players are whole groups of columns.

    A group comes from the row or from the background as a whole; a leaf with a group of which both
    fail a condition is reached by no coalition. Otherwise as :func:`column_shapley`: no
    coalition is enumerated, and any number of groups will do.

    Parameters
    ----------
    ensemble, background, rows
        As for :func:`column_shapley`.
    group_of_column : array of int of shape (n_columns,)
        0 to ``n_groups - 1``.
    n_groups
        A group may be empty; it is worth 0.

    Returns
    -------
    ndarray of shape (n_rows, n_groups)

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from tumor_response.explanation.trees import tree_ensemble
    >>> X = np.random.default_rng(0).normal(size=(40, 3)); y = (X[:, 1] > 0).astype(int)
    >>> ensemble = tree_ensemble(ExtraTreesClassifier(5, random_state=0).fit(X, y))
    >>> group_shapley(ensemble, X, X[:2], [0, 1, 1], 2).shape
    (2, 2)
    """
    return _nested(ensemble, background, rows, [group_of_column], [n_groups])[0]


def nested_owen(
    ensemble: TreeEnsemble, background: Table, rows: Table, levels: Sequence[npt.ArrayLike]
) -> list[FloatArray]:
    r"""Return Owen values at every level of nested groups, such as block, family, column.

    Players enter union by union: blocks in random order, within a block its families, within a
    family its columns (Owen 1977; Winter 1989, Int. J. Game Theory 18:227, for several levels). A
    union's members then sum to the union's own value exactly, at every level. In the game of one
    leaf the value of a player is plus or minus the product over the levels of
    :math:`a!\,b!/(a+b+1)!`, with :math:`a` and :math:`b` the numbers of *other* unions beside the
    player's own whose members must, or must not, come from the row; it is 0 where one of those
    holds both kinds. Where levels coincide it is :func:`column_shapley` or
    :func:`group_shapley`.

    Parameters
    ----------
    ensemble, background, rows
        As for :func:`column_shapley`.
    levels : sequence of arrays of int of shape (n_columns,)
        The union of each column, the outermost level first; each level divides those before it.

    Returns
    -------
    list of ndarrays
        For each level (n_rows, number of unions), the number being the largest plus 1. The first
        holds Shapley values of its groups.

    Raises
    ------
    ExplanationError
        ``not_nested``: a union that lies in two of the level before. Those of
        :func:`column_shapley`.

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from tumor_response.explanation.trees import tree_ensemble
    >>> X = np.random.default_rng(0).normal(size=(40, 3)); y = (X[:, 1] > 0).astype(int)
    >>> ensemble = tree_ensemble(ExtraTreesClassifier(5, random_state=0).fit(X, y))
    >>> blocks, columns = nested_owen(ensemble, X, X[:2], [[0, 1, 1], [0, 1, 2]])
    >>> bool(np.allclose(columns[:, 1:].sum(axis=1), blocks[:, 1]))
    True
    """
    sizes = [number_of_unions(level) for level in levels]
    return _nested(ensemble, background, rows, levels, sizes)


def group_interactions(
    ensemble: TreeEnsemble,
    background: Table,
    rows: Table,
    group_of_column: npt.ArrayLike,
    n_groups: int,
) -> FloatArray:
    r"""Return Shapley interaction indices of pairs of groups.

    The index of two groups is the mean, over the orders in which the others enter, of what both
    together add beyond what each adds alone (Grabisch and Roubens 1999, Int. J. Game Theory
    28:547). For a leaf it is :math:`a!\,b!/(a+b+1)!` with the numbers of *other* players of each
    kind, positive for two of one kind and negative for one of each.

    Parameters
    ----------
    ensemble, background, rows, group_of_column, n_groups
        As for :func:`group_shapley`.

    Returns
    -------
    ndarray of shape (n_rows, n_groups, n_groups)
        Symmetric: the index of a pair stands in both places, whole. On the diagonal the main
        effect: the group's Shapley value less half of all its indices (Lundberg et al. 2020), so
        that diagonal and upper triangle together sum to output minus mean background output.

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from tumor_response.explanation.trees import tree_ensemble
    >>> X = np.random.default_rng(0).normal(size=(40, 3)); y = (X[:, 1] > 0).astype(int)
    >>> ensemble = tree_ensemble(ExtraTreesClassifier(5, random_state=0).fit(X, y))
    >>> pairs = group_interactions(ensemble, X, X[:2], [0, 1, 1], 2)
    >>> total = ensemble.outputs(X[:2]) - ensemble.outputs(X).mean()
    >>> bool(np.allclose(np.triu(pairs).sum(axis=(1, 2)), total))
    True
    """
    seen, behind = _seen(ensemble, background, rows)
    unions = leaf_unions(ensemble.leaves, checked_numbers(ensemble, [group_of_column], [n_groups]))
    widest = int(np.diff(unions.start).max(initial=1))
    values = np.zeros((len(seen), n_groups, n_groups))
    add_interactions(
        _side(seen),
        _side(behind),
        ensemble.leaves,
        unions,
        order_shares(),
        _table(),
        np.empty((len(seen), widest, widest)),
        values,
    )
    single = group_shapley(ensemble, background, rows, group_of_column, n_groups)
    diagonal = np.arange(n_groups)
    values[:, diagonal, diagonal] = single - values.sum(axis=2) / 2
    return values


def _nested(
    ensemble: TreeEnsemble,
    background: Table,
    rows: Table,
    levels: Sequence[npt.ArrayLike],
    sizes: Sequence[int],
) -> list[FloatArray]:
    seen, behind = _seen(ensemble, background, rows)
    numbers = checked_numbers(ensemble, levels, sizes)
    unions = leaf_unions(ensemble.leaves, kept_apart(numbers, sizes))
    widest = int(np.diff(unions.start).max(initial=1))
    values = np.zeros((len(seen), sum(sizes)))
    add_nested(
        _side(seen),
        _side(behind),
        ensemble.leaves,
        unions,
        order_shares(),
        _table(),
        np.empty(widest, dtype=np.int64),
        np.empty((widest, 4), dtype=np.int64),
        np.empty(widest),
        np.empty((len(seen), widest)),
        values,
    )
    return np.split(values, np.cumsum(sizes)[:-1], axis=1)


def _seen(ensemble: TreeEnsemble, background: Table, rows: Table) -> tuple[FloatArray, FloatArray]:
    seen, behind = ensemble.seen(rows), ensemble.seen(background)
    if len(behind) == 0:
        raise ExplanationError(
            "The background has no row; absent columns are averaged over its rows.",
            code="no_background",
        )
    return seen, behind


def _side(X: FloatArray) -> Side:
    return Side(X, *(np.empty(len(X), dtype=np.int64) for _ in range(3)))


def _table() -> IntArray:
    return np.full(1 << TABLE_BITS, -1, dtype=np.int64)


@cache
def order_shares() -> FloatArray:
    """Return a! b! / (a + b + 1)! for all a and b below the most players of a leaf."""
    n = range(MAX_PLAYERS + 1)
    return np.array([[1 / ((a + b + 1) * math.comb(a + b, a)) for b in n] for a in n])
