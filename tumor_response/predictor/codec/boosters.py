"""XGBoost's boosters in XGBoost's own JSON, looked through before XGBoost gets it.

XGBoost reads a file in C++ and follows a tree's children wherever they point. A tree that points
outside of itself, or back, is refused here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tumor_response.exceptions import BundleError
from tumor_response.predictor.codec.trees import checked_shape
from tumor_response.predictor.container import refused
from tumor_response.predictor.container.strict_json import parsed, written

__all__ = ["booster_bytes", "booster_from"]

_OBJECTIVES = {
    *("binary:logistic", "binary:logitraw", "reg:squarederror", "reg:logistic"),
    *("multi:softprob", "multi:softmax", "reg:absoluteerror", "reg:pseudohubererror"),
}
_WORD = re.compile(r"[-+0-9A-Za-z_.,:\[\]]{0,200}")
_WHOLE = re.compile(r"[0-9]{1,9}")
_ROOT = 2147483647
_DEEPEST = 256
_MOST_CLASSES = 100
_EMPTY = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_FLOATS = ("base_weights", "loss_changes", "split_conditions", "sum_hessian")


def booster_bytes(booster: Any) -> bytes:
    """Return a booster as JSON.

    Raises
    ------
    BundleError
        Code ``not_storable``: it is of a kind that could not be read again.
    """
    found = json.loads(bytes(booster.save_raw("json")))
    try:
        _check(found)
    except _StrangeError as strange:
        raise BundleError(
            f"A booster cannot be saved: {strange}. Trees of numbers with one output are kept.",
            code="not_storable",
        ) from None
    return written(found)


def booster_from(content: bytes, name: str) -> Any:
    """Return a booster.

    Parameters
    ----------
    content
        What :func:`booster_bytes` returned.
    name
        Of the member, for messages.

    Raises
    ------
    BundleError
        Code ``damaged_member``.
    """
    found = parsed(content, name)
    try:
        _check(found)
    except _StrangeError as strange:
        raise refused(f"{name} is no booster of ours: {strange}.", code="damaged_member") from None
    from xgboost import Booster
    from xgboost.core import XGBoostError

    booster = Booster()
    try:
        booster.load_model(bytearray(content))
    except XGBoostError as error:
        reason = str(error).splitlines()[0][:200] if str(error) else "no reason"
        raise refused(f"XGBoost does not read {name} ({reason}).", code="damaged_member") from None
    booster.set_param({"nthread": 1, "device": "cpu"})
    return booster


class _StrangeError(Exception):
    """What is wrong with a booster."""


def _check(found: Any) -> None:
    try:
        learner = found["learner"]
        model = learner["gradient_booster"]["model"]
        told = learner["learner_model_param"]
        _require(set(found) == {"learner", "version"}, "its parts")
        _require(learner["gradient_booster"]["name"] == "gbtree", "it is not made of trees")
        _require(learner["objective"]["name"] in _OBJECTIVES, "its objective")
        _plain_words(learner["objective"])
        _plain_words(told)
        n_features = _whole(told["num_feature"])
        n_classes = max(1, _whole(told["num_class"]))
        _require(n_classes <= _MOST_CLASSES and told["num_target"] == "1", "its classes")
        trees = model["trees"]
        _require(_whole(model["gbtree_model_param"]["num_trees"]) == len(trees), "its trees")
        _require(model["gbtree_model_param"]["num_parallel_tree"] == "1", "its parallel trees")
        _whole_numbers(model["tree_info"], len(trees), 0, n_classes - 1, "tree_info")
        _require(not any(model.get("cats", {}).values()), "it has categories")
        rounds = model["iteration_indptr"]
        _whole_numbers(rounds, len(rounds), 0, len(trees), "iteration_indptr")
        _require(rounds[0] == 0 and rounds[-1] == len(trees), "iteration_indptr")
        _require(bool((np.diff(rounds) >= 0).all()), "iteration_indptr")
        for number, tree in enumerate(trees):
            _check_tree(tree, n_features)
            _require(tree["id"] == number, "the numbers of its trees")
        _require(all(type(part) is int for part in found["version"]), "its version")
        _require(not learner["attributes"], "its attributes")
        _require(not learner["feature_names"] and not learner["feature_types"], "its names")
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise _StrangeError(f"it lacks {str(error)[:100]}") from None


def _check_tree(tree: Mapping[str, Any], n_features: int) -> None:
    parameters = tree["tree_param"]
    n = _whole(parameters["num_nodes"])
    _require(n >= 1 and _whole(parameters["num_feature"]) == n_features, "a tree's columns")
    _require(parameters["num_deleted"] == "0", "a tree with nodes that were cut off")
    _require(parameters["size_leaf_vector"] in ("0", "1"), "a tree with several outputs")
    _require(not any(tree[name] for name in _EMPTY), "a tree that splits categories")
    for name in _FLOATS:
        _numbers(tree[name], n, name)
    _whole_numbers(tree["split_type"], n, 0, 0, "split_type")
    _whole_numbers(tree["default_left"], n, 0, 1, "default_left")
    _whole_numbers(tree["split_indices"], n, 0, max(0, n_features - 1), "split_indices")
    for name in ("left_children", "right_children"):
        _whole_numbers(tree[name], n, -1, n - 1, name)
    _whole_numbers(tree["parents"], n, 0, _ROOT, "parents")
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    parents = checked_shape(left, right, _DEEPEST)
    if parents is None:
        raise _StrangeError("the children of a tree lead elsewhere")
    _require(np.array_equal(np.where(parents < 0, _ROOT, parents), tree["parents"]), "parents")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise _StrangeError(f"{what} is not as expected")


def _whole(text: Any) -> int:
    _require(type(text) is str and _WHOLE.fullmatch(text) is not None, "a count")
    return int(text)


def _plain_words(found: Mapping[str, Any]) -> None:
    for word in found.values():
        if isinstance(word, dict):
            _plain_words(word)
        else:
            _require(type(word) is str and _WORD.fullmatch(word) is not None, "a parameter")


def _whole_numbers(values: Any, n: int, low: int, high: int, what: str) -> None:
    _require(type(values) is list and len(values) == n, what)
    _require(all(type(one) is int and low <= one <= high for one in values), what)


def _numbers(values: Sequence[Any], n: int, what: str) -> None:
    _require(type(values) is list and len(values) == n, what)
    largest = float(np.finfo(np.float32).max)
    _require(all(type(one) in (int, float) and abs(one) <= largest for one in values), what)
