"""From fitted estimators to the nodes of their trees."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from tumor_response.exceptions import ExplanationError
from tumor_response.models.trees import BoostedTreesClassifier, BoostedTreesRegressor

__all__ = ["Nodes", "Output", "Trees", "is_tree_ensemble", "trees_of"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Output = Literal["log_odds", "probability", "rate"]

_FORESTS = (RandomForestClassifier, ExtraTreesClassifier)

_RATE_FORESTS = (RandomForestRegressor, ExtraTreesRegressor)

_BOOSTED = (BoostedTreesClassifier, BoostedTreesRegressor)

_LOG_ODDS = ("binary:logistic", "reg:logistic")
"""Objectives whose base score is written as a probability and added as log-odds."""

_RATE = "reg:squarederror"


class Nodes(NamedTuple):
    """The nodes of all trees, one after another; arrays of shape (n_nodes,).

    Attributes
    ----------
    left, right : ndarrays of int
        The number of a split's children among all nodes; -1 in a leaf.
    root : ndarray of bool
        Whether a tree begins here.
    column : ndarray of int
        Of a split.
    threshold : ndarray
        A split sends a value to the left if it is at most this.
    missing_left : ndarray of bool
        Whether it sends missing values to the left.
    cover : ndarray
        Training weight that came by.
    value : ndarray
        What a leaf adds to the output.
    """

    left: IntArray
    right: IntArray
    root: npt.NDArray[np.bool_]
    column: IntArray
    threshold: FloatArray
    missing_left: npt.NDArray[np.bool_]
    cover: FloatArray
    value: FloatArray


class Trees(NamedTuple):
    """What an estimator says about itself.

    Attributes
    ----------
    nodes : Nodes
        The columns are those that the estimator is given.
    base : float
        Added to the sum of a row's leaves.
    output : {"log_odds", "probability", "rate"}
        The former two of class 1.
    n_columns : int
        Columns that the estimator is given.
    missing : float
        A number that stands for a missing value, or NaN.
    """

    nodes: Nodes
    base: float
    output: Output
    n_columns: int
    missing: float


def is_tree_ensemble(final: Any) -> bool:
    """Return whether :func:`~tumor_response.explanation.trees.tree_ensemble` reads this estimator.

    Examples
    --------
    >>> is_tree_ensemble(RandomForestClassifier()), is_tree_ensemble("a forest")
    (True, False)
    """
    if isinstance(final, (*_BOOSTED, *_FORESTS, *_RATE_FORESTS)):
        return True
    # by name first: asking must not load XGBoost for a user who does not use it
    if type(final).__module__.partition(".")[0] != "xgboost":
        return False
    from xgboost import Booster, XGBClassifier, XGBRegressor

    if isinstance(final, XGBClassifier):
        return final.objective in (None, *_LOG_ODDS)
    if isinstance(final, XGBRegressor):
        return bool(final.objective == _RATE)
    return isinstance(final, Booster)


def trees_of(final: Any) -> Trees:
    """Read a fitted estimator; see :func:`~tumor_response.explanation.trees.tree_ensemble`."""
    name = type(final).__name__
    if not is_tree_ensemble(final):
        raise ExplanationError(
            f"{name} is not read as an ensemble of trees; expected BoostedTreesClassifier, "
            "XGBClassifier or Booster of log-odds, RandomForestClassifier, ExtraTreesClassifier, "
            "or their regressors.",
            code="unsupported_model",
        )
    if isinstance(final, (*_FORESTS, *_RATE_FORESTS)):
        return _forest(final)
    if isinstance(final, _BOOSTED):
        read = _booster(final.booster_, name, None)
        # the booster counts the columns that the filter left
        column = np.flatnonzero(final.support_)[read.nodes.column]
        nodes = read.nodes._replace(column=column)
        return _turned(read._replace(nodes=nodes, n_columns=len(final.support_)), final)
    if not hasattr(final, "get_booster"):
        return _booster(final, name, None)
    # with early stopping its predictions end at the best round
    best = getattr(final, "best_iteration", None) if final.early_stopping_rounds else None
    read = _booster(final.get_booster(), name, best)
    return _turned(read._replace(missing=float(final.missing)), final)


def _forest(final: Any) -> Trees:
    is_rate = isinstance(final, _RATE_FORESTS)
    place = 0 if is_rate else _classes(final).index(1)
    if is_rate and final.n_outputs_ > 1:
        raise ExplanationError(
            f"{type(final).__name__} was fitted to {final.n_outputs_} outcomes; expected one.",
            code="unsupported_model",
        )
    trees = [one.tree_ for one in final.estimators_]

    def of_all(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    nodes = _nodes(
        [tree.node_count for tree in trees],
        of_all("children_left"),
        of_all("children_right"),
        column=of_all("feature"),
        threshold=of_all("threshold"),
        missing_left=of_all("missing_go_to_left").astype(bool),
        cover=of_all("weighted_n_node_samples"),
        value=of_all("value")[:, 0, place] / len(trees),
    )
    output: Output = "rate" if is_rate else "probability"
    return Trees(nodes, 0.0, output, int(final.n_features_in_), np.nan)


def _booster(booster: Any, name: str, best: int | None) -> Trees:
    learner = json.loads(booster.save_raw("json"))["learner"]
    about, objective = learner["learner_model_param"], learner["objective"]["name"]
    boosted = learner["gradient_booster"]
    if (
        boosted["name"] != "gbtree"
        or objective not in (*_LOG_ODDS, _RATE)
        or int(about["num_class"]) > 0
        or int(about["num_target"]) > 1
    ):
        raise ExplanationError(
            f"{name} holds a booster {boosted['name']!r} for {objective!r} with "
            f"{about['num_class']} classes and {about['num_target']} targets; expected 'gbtree' "
            "for two classes or one rate.",
            code="unsupported_model",
        )
    model = boosted["model"]
    n_trees = len(model["trees"]) if best is None else model["iteration_indptr"][best + 1]
    trees = model["trees"][:n_trees]

    def of_all(key: str, dtype: type) -> npt.NDArray[Any]:
        return np.array(list(itertools.chain.from_iterable(tree[key] for tree in trees)), dtype)

    if of_all("split_type", np.int64).any():
        raise ExplanationError(
            f"{name} splits by sets of categories; expected numbers. Encode the categories as "
            "columns (CategoryEncoder).",
            code="unsupported_model",
        )
    splits = of_all("split_conditions", np.float32)
    nodes = _nodes(
        [len(tree["left_children"]) for tree in trees],
        of_all("left_children", np.int64),
        of_all("right_children", np.int64),
        column=of_all("split_indices", np.int64),
        # it goes left below the split, in single precision: at most the next smaller number
        threshold=np.nextafter(splits, np.float32(-np.inf)).astype(np.float64),
        missing_left=of_all("default_left", np.bool_),
        cover=of_all("sum_hessian", np.float64),
        value=splits.astype(np.float64),  # of a leaf it stands there
    )
    start = np.float32(str(about["base_score"]).strip("[]"))
    if objective in _LOG_ODDS:
        start = -np.log(np.float32(1) / start - np.float32(1))
    output: Output = "log_odds" if objective in _LOG_ODDS else "rate"
    return Trees(nodes, float(start), output, int(about["num_feature"]), np.nan)


def _nodes(
    sizes: Sequence[int],
    left: IntArray,
    right: IntArray,
    *,
    column: IntArray,
    threshold: FloatArray,
    missing_left: npt.NDArray[np.bool_],
    cover: FloatArray,
    value: FloatArray,
) -> Nodes:
    """Count the children on from tree to tree; ``sizes``: how many nodes each tree has."""
    firsts = np.cumsum([0, *sizes[:-1]])
    first = np.repeat(firsts, sizes)
    split = left >= 0
    root = np.zeros(len(left), dtype=bool)
    root[firsts] = True
    return Nodes(
        left=np.where(split, left + first, -1),
        right=np.where(split, right + first, -1),
        root=root,
        column=np.where(split, column, 0),
        threshold=threshold,
        missing_left=missing_left,
        cover=cover,
        value=value,
    )


def _classes(final: Any) -> list[Any]:
    classes = list(final.classes_)
    if len(classes) != 2 or 1 not in classes:
        raise ExplanationError(
            f"{type(final).__name__} was fitted to classes {classes}; expected 0 and 1.",
            code="unsupported_model",
        )
    return classes


def _turned(read: Trees, final: Any) -> Trees:
    """Return log-odds of class 1, whichever the estimator counts as its second."""
    if read.output == "rate" or _classes(final).index(1) == 1:
        return read
    nodes = read.nodes._replace(value=-read.nodes.value)
    return read._replace(nodes=nodes, base=-read.base)
