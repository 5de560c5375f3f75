"""Interventional SHAP values of one fitted model, in log-odds, on the table's columns."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.explanation.origins import (
    column_origins,
    parted_steps,
    passed_through,
    undone,
)
from tumor_response.models import ReducedRidgeLogistic, final_estimator
from tumor_response.models.components import PLSDA
from tumor_response.models.fusion import StackedBlocks
from tumor_response.models.fusion.stack import block_is_missing
from tumor_response.models.kernel import LinearSVMClassifier
from tumor_response.models.linear_scores import LinearClassifier
from tumor_response.models.trees import BoostedTreesClassifier
from tumor_response.transformers import block_of

__all__ = ["MAX_BLOCKS", "Attribution", "attribute", "check_supported", "coalition_shapley"]

FloatArray = npt.NDArray[np.float64]

MAX_BLOCKS = 12
"""All coalitions of so many blocks (4,096) are still enumerated."""

SUPPORTED = (
    "RidgeLogistic, ReducedRidgeLogistic, LinearSVMClassifier, PLSDA, sklearn's "
    "LogisticRegression (two classes), BoostedTreesClassifier (two classes), XGBClassifier"
)

_LINEAR = (LinearClassifier, ReducedRidgeLogistic, LinearSVMClassifier, PLSDA, LogisticRegression)


@dataclass(frozen=True)
class Attribution:
    """SHAP values of one model on some rows.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_columns)
        On the table's columns.
    block_values : ndarray of shape (n_rows, n_blocks)
        Shapley values of whole blocks as players.
    family_values : ndarray of shape (n_rows, n_families)
        Owen values of families, the blocks being unions.
    nested_values : ndarray of shape (n_rows, n_columns)
        Owen values of columns, families and blocks being unions.
    base : float
        Mean output over the background.
    outputs : ndarray of shape (n_rows,)
        The model's log-odds. ``base + values.sum(axis=1)`` equals it.
    """

    values: FloatArray
    block_values: FloatArray
    family_values: FloatArray
    nested_values: FloatArray
    base: float
    outputs: FloatArray


def check_supported(name: str, model: BaseEstimator) -> None:
    """Raise an ExplanationError for a final estimator whose SHAP values are not computed here."""
    final = final_estimator(model)
    if isinstance(final, StackedBlocks):
        for one in [final.base, *(final.by_block or {}).values()]:
            check_supported(name, one)
        return
    if not isinstance(final, _LINEAR) and not _is_xgboost(final):
        raise ExplanationError(
            f"Model {name!r} ends in {type(final).__name__}; exact SHAP values in log-odds are "
            f"there for {SUPPORTED}.",
            code="unsupported_model",
        )


def attribute(
    fitted: BaseEstimator,
    background: pd.DataFrame,
    rows: pd.DataFrame,
    hierarchy: Hierarchy,
) -> Attribution:
    r"""Compute interventional SHAP values through a fitted Pipeline.

    The value of a coalition S for a row x is the mean over background rows z of f with the
    columns in S from x and the others from z (Lundberg et al. 2020, Nat. Mach. Intell. 2:56;
    Janzing et al. 2020). f is the log-odds. For a model that is additive in log-odds the SHAP
    value of a column is its term at x minus the mean of that term over the background; trees are
    given to ``shap.TreeExplainer``. Columns that one-hot encoding has split are summed. Linear
    steps that mix columns (PCA, PLS, supervised PCA) leave a linear model linear: its coefficients
    are carried back to the columns before them.

    Block values are the Shapley values of the game whose players are whole blocks: the sum over
    columns for additive models; for trees computed from all coalitions of blocks.

    Parameters
    ----------
    fitted
        A Pipeline of column-wise steps, before a linear model of linear ones as well, or a bare
        estimator.
    background
        The rows that absent columns are averaged over, copies included.
    rows
        The rows to explain.
    hierarchy
        The columns of the table to report, by block and family.
    """
    final = final_estimator(fitted)
    columns, blocks = hierarchy.columns, hierarchy.blocks
    if isinstance(final, StackedBlocks):
        return _of_stack(fitted, background, rows, hierarchy)
    front, mixing = parted_steps(fitted)
    is_linear = isinstance(final, _LINEAR)
    apart = front if is_linear else [*front, *mixing]
    seen_background, seen_rows = passed_through(apart, background), passed_through(apart, rows)
    T_background = np.asarray(seen_background, dtype=np.float64)
    T_rows = np.asarray(seen_rows, dtype=np.float64)
    origins = column_origins(apart, [str(column) for column in rows.columns])
    place = {column: position for position, column in enumerate(columns)}
    owner = np.array([place[origin] for origin in origins])
    number_of = {column: number for number, of in enumerate(blocks.values()) for column in of}
    player = np.array([number_of[origin] for origin in origins])
    if is_linear:
        sign = _sign(final)
        coefficients = sign * undone(mixing, np.asarray(final.coef_, dtype=np.float64)[0])
        parts = (T_rows - T_background.mean(axis=0)) * coefficients
        base = float((sign * _log_odds(final, passed_through(mixing, seen_background))).mean())
        outputs = sign * _log_odds(final, passed_through(mixing, seen_rows))
        by_block = _summed(parts, player, len(blocks))
    else:
        # XGBoost compares in single precision; so must whoever walks down its trees
        T_background, T_rows = T_background.astype(np.float32), T_rows.astype(np.float32)
        if isinstance(final, BoostedTreesClassifier):
            # columns that its filter left out are worth nothing
            T_background, T_rows = T_background[:, final.support_], T_rows[:, final.support_]
            owner, player = owner[final.support_], player[final.support_]
        sign = _sign(final)
        parts, base = _tree_shap(final, T_background, T_rows)
        parts, base = sign * parts, sign * base
        outputs = sign * _margin(final, T_rows)
        by_block = (
            coalition_shapley(
                lambda X: sign * _margin(final, X), T_background, T_rows, player, len(blocks)
            )
            if len(blocks) > 1
            else parts.sum(axis=1, keepdims=True)
        )
    values = _summed(parts, owner, len(columns))
    families = _summed(values, hierarchy.family_of_column, len(hierarchy.families))
    return Attribution(values, by_block, families, values, base, outputs)


def _of_stack(
    fitted: BaseEstimator,
    background: pd.DataFrame,
    rows: pd.DataFrame,
    hierarchy: Hierarchy,
) -> Attribution:
    """Attribute a stack, which is a weighted sum of its blocks' models.

    A row without a block has the block's mean there; its difference to the background belongs to
    the block as a whole, and its columns share it equally.
    """
    final = final_estimator(fitted)
    columns, blocks = hierarchy.columns, hierarchy.blocks
    front, _ = parted_steps(fitted)
    # what a stack is given are frames: it finds its blocks by the columns' names
    seen_background = pd.DataFrame(passed_through(front, background))
    seen_rows = pd.DataFrame(passed_through(front, rows))
    origins = column_origins(front, [str(column) for column in rows.columns])
    place = {column: position for position, column in enumerate(columns)}
    owner = np.array([place[origin] for origin in origins])
    sign = _sign(final)
    shares = sign * final.contributions(seen_background).mean()
    differences = sign * final.contributions(seen_rows) - shares
    parts = np.zeros((len(rows), len(columns)))
    names = seen_rows.columns
    for block, model in final.models_.items():
        mine = np.nonzero([block_of(str(name)) == block for name in names])[0]
        weight = sign * final.block_weights_[block]
        there, behind = (
            ~block_is_missing(seen.iloc[:, mine]) for seen in (seen_rows, seen_background)
        )
        gone = differences[block].to_numpy()[:, None] / len(mine)
        parts[:, owner[mine]] = gone
        if not (there.any() and behind.any()):
            continue
        inner = [str(name) for name in names[mine]]
        one = attribute(
            model,
            seen_background.iloc[behind, mine],
            seen_rows.iloc[there, mine],
            Hierarchy.of({block: inner}),
        )
        # background rows without the block are at its mean, not at the model's
        left = gone[there] * len(mine) - weight * one.values.sum(axis=1, keepdims=True)
        parts[np.ix_(there, owner[mine])] = weight * one.values + left / len(mine)
    base = sign * final.intercept_ + shares.sum()
    by_block = np.column_stack(
        [parts[:, [place[column] for column in of]].sum(axis=1) for of in blocks.values()]
    )
    families = _summed(parts, hierarchy.family_of_column, len(hierarchy.families))
    outputs = sign * final.decision_function(seen_rows)
    return Attribution(parts, by_block, families, parts, float(base), outputs)


def coalition_shapley(
    predict: Callable[[FloatArray], FloatArray],
    background: FloatArray,
    rows: FloatArray,
    player: npt.NDArray[np.int64],
    n_players: int,
) -> FloatArray:
    """Return exact interventional Shapley values of groups of columns, by enumeration.

    Parameters
    ----------
    predict
        From rows to outputs.
    background, rows : arrays of shape (n_background, n_columns), (n_rows, n_columns)
    player : array of shape (n_columns,)
        The group of each column, 0 to ``n_players - 1``; a group may be empty.
    n_players
        At most 12: there are ``2 ** n_players`` coalitions, each of ``n_rows * n_background``
        predictions.

    Returns
    -------
    ndarray of shape (n_rows, n_players)

    Examples
    --------
    >>> z, x = np.array([[0.0, 0.0]]), np.array([[1.0, 2.0]])
    >>> coalition_shapley(lambda X: X[:, 0] * X[:, 1], z, x, np.array([0, 1]), 2).tolist()
    [[1.0, 1.0]]
    """
    if n_players > MAX_BLOCKS:
        raise ExplanationError(
            f"{n_players} blocks have {2**n_players} coalitions; up to {MAX_BLOCKS} blocks are "
            "enumerated.",
            code="too_many_blocks",
        )
    # only players that own a column can change anything; copies in the background weigh
    active = sorted(set(player.tolist()))
    distinct, weights = np.unique(background, axis=0, return_counts=True)
    worth: dict[frozenset[int], FloatArray] = {}
    for size in range(len(active) + 1):
        for members in itertools.combinations(active, size):
            from_row = np.isin(player, members)
            mixed = np.where(from_row, rows[:, None, :], distinct[None, :, :])
            outputs = np.asarray(predict(mixed.reshape(-1, rows.shape[1])), dtype=np.float64)
            outputs = outputs.reshape(len(rows), len(distinct))
            worth[frozenset(members)] = outputs @ weights / weights.sum()
    n = len(active)
    values: FloatArray = np.zeros((len(rows), n_players))
    for coalition, value in worth.items():
        for one in active:
            if one in coalition:
                without = len(coalition) - 1
                share = math.factorial(without) * math.factorial(n - without - 1)
                gain = value - worth[coalition - {one}]
                values[:, one] += share / math.factorial(n) * gain
    return values


def _is_xgboost(final: BaseEstimator) -> bool:
    if isinstance(final, BoostedTreesClassifier):
        return True
    # by name first: asking must not load XGBoost for a user who does not use it
    if type(final).__module__.partition(".")[0] != "xgboost":
        return False
    from xgboost import XGBClassifier

    return isinstance(final, XGBClassifier) and final.objective in (None, "binary:logistic")


def _sign(final: BaseEstimator) -> float:
    classes = list(final.classes_)
    if len(classes) != 2 or 1 not in classes:
        raise ExplanationError(
            f"{type(final).__name__} was fitted to classes {classes}; expected 0 and 1."
        )
    return 1.0 if classes[1] == 1 else -1.0


def _log_odds(final: BaseEstimator, values: pd.DataFrame | FloatArray) -> FloatArray:
    """Return the decision function, given the names that the estimator was fitted with, if any."""
    names = getattr(final, "feature_names_in_", None)
    if names is None:
        values = np.asarray(values)
    elif not isinstance(values, pd.DataFrame):
        values = pd.DataFrame(values, columns=names)
    return np.asarray(final.decision_function(values), dtype=np.float64)


def _margin(final: BaseEstimator, values: FloatArray) -> FloatArray:
    # the booster itself: the wrapper's checks take longer than these predictions
    booster = _booster(final)
    margin = booster.inplace_predict(values, predict_type="margin", validate_features=False)
    return np.asarray(margin, dtype=np.float64)


def _booster(final: BaseEstimator) -> Any:
    return final.booster_ if isinstance(final, BoostedTreesClassifier) else final.get_booster()


def _tree_shap(
    final: BaseEstimator, background: FloatArray, rows: FloatArray
) -> tuple[FloatArray, float]:
    with warnings.catch_warnings():
        # shap announces matplotlib's future plans when it makes its colour maps
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap
    # without this masker shap would draw 100 rows of a larger background, silently
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.TreeExplainer(
        _booster(final), data=masker, feature_perturbation="interventional", model_output="raw"
    )
    values = explainer.shap_values(rows, check_additivity=False)  # checked by ourselves
    return np.asarray(values, dtype=np.float64), float(explainer.expected_value)


def _summed(parts: FloatArray, owner: npt.NDArray[np.int64], n_owners: int) -> FloatArray:
    """Add up the columns of ``parts`` that have the same owner."""
    total: FloatArray = np.zeros((len(parts), n_owners))
    if len(set(owner.tolist())) == len(owner):
        total[:, owner] = parts
    else:
        np.add.at(total.T, owner, parts.T)
    return total
