"""From fitted estimators to the rules that their leaves stand for."""

from __future__ import annotations

import json
from collections.abc import Iterator
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

__all__ = ["Output", "Rule", "Trees", "is_tree_ensemble", "trees_of"]

FloatArray = npt.NDArray[np.float64]

Output = Literal["log_odds", "probability", "rate"]

_FORESTS = (RandomForestClassifier, ExtraTreesClassifier)

_RATE_FORESTS = (RandomForestRegressor, ExtraTreesRegressor)

_BOOSTED = (BoostedTreesClassifier, BoostedTreesRegressor)

_LOG_ODDS = ("binary:logistic", "reg:logistic")
"""Objectives whose base score is written as a probability and added as log-odds."""

_RATE = "reg:squarederror"


class Condition(NamedTuple):
    """What a leaf asks of one column: ``low < value <= high``, or missing where that is True.

    ``reach`` is the share of the training weight that the tree's splits by this column let pass,
    multiplied along the path.
    """

    low: float
    high: float
    missing: bool
    reach: float


class Rule(NamedTuple):
    """A leaf: by column what a row must meet to end there, and what it then gets."""

    conditions: dict[int, Condition]
    value: float


class Trees(NamedTuple):
    """What an estimator says about itself.

    Attributes
    ----------
    rules : list of Rule
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

    rules: list[Rule]
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
        shown = np.flatnonzero(final.support_).tolist()
        read = _booster(final.booster_, name, None)
        # the booster counts the columns that the filter left
        rules = [
            Rule({shown[c]: condition for c, condition in rule.conditions.items()}, rule.value)
            for rule in read.rules
        ]
        return _turned(read._replace(rules=rules, n_columns=len(final.support_)), final)
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
    rules: list[Rule] = []
    for one in final.estimators_:
        tree = one.tree_
        value = tree.value[:, 0, place] / len(final.estimators_)
        rules += _rules(
            tree.children_left.tolist(),
            tree.children_right.tolist(),
            tree.feature.tolist(),
            tree.threshold.tolist(),
            tree.missing_go_to_left.tolist(),
            tree.weighted_n_node_samples.tolist(),
            value.tolist(),
        )
    output: Output = "rate" if is_rate else "probability"
    return Trees(rules, 0.0, output, int(final.n_features_in_), np.nan)


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
    rules: list[Rule] = []
    for tree in model["trees"][:n_trees]:
        if any(tree["split_type"]):
            raise ExplanationError(
                f"{name} splits by sets of categories; expected numbers. Encode the categories as "
                "columns (CategoryEncoder).",
                code="unsupported_model",
            )
        splits = np.asarray(tree["split_conditions"], dtype=np.float32)
        # it goes left below the split, in single precision: at most the next smaller number
        below = np.nextafter(splits, np.float32(-np.inf)).astype(np.float64)
        rules += _rules(
            tree["left_children"],
            tree["right_children"],
            tree["split_indices"],
            below.tolist(),
            tree["default_left"],
            tree["sum_hessian"],
            splits.astype(np.float64).tolist(),  # of a leaf: its value
        )
    start = np.float32(str(about["base_score"]).strip("[]"))
    if objective in _LOG_ODDS:
        start = -np.log(np.float32(1) / start - np.float32(1))
    output: Output = "log_odds" if objective in _LOG_ODDS else "rate"
    return Trees(rules, float(start), output, int(about["num_feature"]), np.nan)


def _rules(
    left: list[int],
    right: list[int],
    column: list[int],
    threshold: list[float],
    missing_left: list[int],
    cover: list[float],
    value: list[float],
) -> Iterator[Rule]:
    """Yield the leaves of a tree; a column that is asked twice is one condition."""
    anything = Condition(-np.inf, np.inf, True, 1.0)
    waiting: list[tuple[int, dict[int, Condition]]] = [(0, {})]
    while waiting:
        node, met = waiting.pop()
        if left[node] < 0:
            yield Rule(met, value[node])
            continue
        asked, cut, missing = column[node], threshold[node], bool(missing_left[node])
        low, high, so_far, reach = met.get(asked, anything)
        for child, condition in (
            (right[node], (max(low, cut), high, so_far and not missing)),
            (left[node], (low, min(high, cut), so_far and missing)),
        ):
            passed = Condition(*condition, reach * cover[child] / cover[node])
            waiting.append((child, {**met, asked: passed}))


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
    rules = [rule._replace(value=-rule.value) for rule in read.rules]
    return read._replace(rules=rules, base=-read.base)
