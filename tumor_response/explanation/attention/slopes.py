"""How a fitted model's log-odds move with each column, at given rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.origins import column_origins
from tumor_response.explanation.trees import column_shapley, is_tree_ensemble, tree_ensemble
from tumor_response.models import BestOfInner, TunedModel, final_estimator
from tumor_response.models.fusion import StackedBlocks
from tumor_response.models.fusion.stack import block_is_missing
from tumor_response.models.linear_scores import LinearClassifier
from tumor_response.transformers import (
    BlockScaler,
    BlockSelector,
    CategoryEncoder,
    ColumnFilter,
    MedianImputer,
    ToArray,
    block_of,
)
from tumor_response.transformers.linear import MIXING

__all__ = ["LEAST_DISTANCE", "Slopes", "slopes"]

FloatArray = npt.NDArray[np.float64]
Values = pd.DataFrame | FloatArray

LEAST_DISTANCE = 0.1
"""Of a value from the background's mean, in its standard deviations, where trees are divided."""

_STEP = 1e-4
"""Of finite differences through a step of one column each, in standard deviations."""


@dataclass(frozen=True)
class Slopes:
    """The slopes of the log-odds at some rows.

    Parameters
    ----------
    values
        Per unit of each column, shape (n_rows, n_columns).
    held
        1 where a tree's distance to the mean was held at the least, else 0; the same shape.
    """

    values: FloatArray
    held: FloatArray


def slopes(model: BaseEstimator, rows: Values, background: Values, live: Collection[str]) -> Slopes:
    r"""Return d log-odds / d column of a fitted model, at each row.

    Through a Pipeline by the chain rule, from the last step to the first. Exact for linear models:
    a value that scaling holds at its limit, or that was imputed, has the slope 0; through
    components the slope is that of the components times their loadings. A tree is flat but for its
    jumps, so for trees the slope is a secant: the SHAP value of the column over the distance of
    its value to the background's mean,

    .. math:: w_j = \phi_j(x) / (x_j - \bar z_j),

    with the distance held at 0.1 standard deviations of the background at least, so that a jump
    near the mean is not divided by nothing; :attr:`Slopes.held` says where. Then
    :math:`\sum_j w_j (x_j - \bar z_j)` is the sum of the SHAP values, but for held columns. A
    stack's slopes are its blocks' times their weights.

    Parameters
    ----------
    model
        A fitted Pipeline or bare estimator.
    rows
        Where, with all columns that the model was fitted to.
    background
        Rows of the fit, for trees and for the size of finite differences.
    live
        The columns that slopes are wanted for; others may be left at 0.

    Raises
    ------
    ExplanationError
        Codes ``no_gradient_path``: the log-odds have no slope that is known here, as a Gaussian
        process or a forest; ``unsupported_step``: a step is not known to keep columns apart.
    """
    if isinstance(model, Pipeline):
        _check_has_slope(final_estimator(model))  # before a step is found fault with
        return _through(model, rows, background, live)
    if isinstance(model, TunedModel | BestOfInner):
        return slopes(model.best_estimator_, rows, background, live)
    if isinstance(model, StackedBlocks):
        return _of_stack(model, pd.DataFrame(rows), pd.DataFrame(background), live)
    if isinstance(model, LinearClassifier | LogisticRegression):
        one = _sign(model) * np.asarray(model.coef_, dtype=np.float64)[0]
        values = np.tile(one, (len(rows), 1))
        return Slopes(values, np.zeros(values.shape))
    return _of_trees(model, rows, background)


def _through(model: Pipeline, rows: Values, background: Values, live: Collection[str]) -> Slopes:
    passed = []
    for _, step in model.steps[:-1]:
        if step is None or step == "passthrough":
            continue
        passed.append((step, rows, background, live))
        after = step.transform(rows)
        live = _live_behind(step, rows, after, live)
        rows, background = after, step.transform(background)
    found = slopes(model.steps[-1][1], rows, background, live)
    values, held = found.values, found.held
    for step, before, behind, alive in reversed(passed):
        values, held = (_pulled(step, before, behind, alive, one) for one in (values, held))
        held = (held != 0).astype(np.float64)
    return Slopes(values, held)


def _pulled(
    step: Any, rows: Values, background: Values, live: Collection[str], slope: FloatArray
) -> FloatArray:
    """Return slopes before a step from those behind it."""
    if isinstance(step, Pipeline):
        inner = [(s, rows) for _, s in step.steps]
        for at, (one, _) in enumerate(inner[:-1]):
            inner[at + 1] = (inner[at + 1][0], one.transform(inner[at][1]))
        for one, before in reversed(inner):
            slope = _pulled(one, before, before, live, slope)
        return slope
    if isinstance(step, ToArray):
        return slope
    if isinstance(step, ColumnFilter):
        before = np.zeros((len(slope), len(step.support_)))
        before[:, step.support_] = slope
        return before
    if isinstance(step, MIXING):
        mixed: FloatArray = slope @ cast(Any, step).rotation_.T
        return mixed
    if isinstance(step, MedianImputer):
        return np.where(np.isnan(np.asarray(rows, dtype=np.float64)), 0.0, slope)
    if isinstance(step, BlockScaler):
        scaled = (np.asarray(rows, dtype=np.float64) - step.mean_) / step.scale_
        return np.where(np.abs(scaled) < step.limit_, slope / step.scale_, 0.0)
    names = [str(name) for name in _names(rows)]
    origins = column_origins([step], names)
    place = {name: at for at, name in enumerate(names)}
    owner = np.array([place[origin] for origin in origins])
    if isinstance(step, CategoryEncoder):
        # numbers pass as they are, and a category has no slope
        passing = [name == names[at] and name in live for name, at in _outputs(step, owner)]
        slope = slope * np.array(passing)
    elif not isinstance(step, BlockSelector):
        slope = slope * _derivative(step, pd.DataFrame(rows), background, live, owner)
    before = np.zeros((len(slope), len(names)))
    np.add.at(before.T, owner, slope.T)
    return before


def _outputs(step: CategoryEncoder, owner: npt.NDArray[np.int64]) -> Iterator[tuple[str, int]]:
    yield from zip(map(str, step.get_feature_names_out()), owner.tolist(), strict=True)


def _derivative(
    step: Any,
    rows: pd.DataFrame,
    background: Values,
    live: Collection[str],
    owner: npt.NDArray[np.int64],
) -> FloatArray:
    """Return d output / d its own input column of a step that keeps columns apart."""
    names = _names(rows)
    moved = np.array([str(name) in live for name in names])
    size = np.zeros(len(names))
    behind = pd.DataFrame(background)
    spread = np.nanstd(np.asarray(behind.loc[:, moved], dtype=np.float64), axis=0)
    size[moved] = _STEP * np.where(spread > 0, spread, 1.0)
    ends = []
    at = np.asarray(rows.loc[:, moved], dtype=np.float64)
    others = rows.loc[:, ~moved]
    for sign in (1, -1):
        shifted = pd.DataFrame(at + sign * size[moved], rows.index, rows.columns[moved])
        # side by side at once: column by column takes longer than the network
        shifted = pd.concat([shifted, others], axis=1)[list(rows.columns)]
        # others may hold text
        passed = pd.DataFrame(step.transform(shifted)).loc[:, moved[owner]]
        ends.append(passed.to_numpy(dtype=np.float64))
    found = np.zeros((len(rows), len(owner)))
    found[:, moved[owner]] = (ends[0] - ends[1]) / (2 * size[owner[moved[owner]]])
    return np.nan_to_num(found, nan=0.0)


def _of_stack(
    model: StackedBlocks, rows: pd.DataFrame, background: pd.DataFrame, live: Collection[str]
) -> Slopes:
    values = np.zeros(rows.shape)
    held = np.zeros(rows.shape)
    owners = np.array([block_of(str(name)) for name in rows.columns])
    for block, one in model.models_.items():
        mine = np.nonzero(owners == block)[0]
        weight = _sign(model) * float(model.block_weights_[block])
        there, behind = (~block_is_missing(f.iloc[:, mine]) for f in (rows, background))
        # a model that no live column reaches needs no slope, and may have none
        if weight == 0 or not there.any() or not set(map(str, rows.columns[mine])) & set(live):
            continue
        found = slopes(one, rows.iloc[there, mine], background.iloc[behind, mine], live)
        values[np.ix_(there, mine)] = weight * found.values
        held[np.ix_(there, mine)] = found.held
    return Slopes(values, held)


def _check_has_slope(final: BaseEstimator) -> None:
    known = TunedModel | BestOfInner | StackedBlocks | LinearClassifier | LogisticRegression
    if isinstance(final, known):
        return
    # a forest's trees sum up to a probability, whose log-odds are no sum
    if is_tree_ensemble(final) and tree_ensemble(final).output == "log_odds":
        return
    raise ExplanationError(
        f"The log-odds of a {type(final).__name__} have no gradient to the columns that is known "
        "here, so none to the views either. Linear models and boosted trees (by their local SHAP "
        "values) have one.",
        code="no_gradient_path",
    )


def _of_trees(model: BaseEstimator, rows: Values, background: Values) -> Slopes:
    _check_has_slope(model)
    x, z = (np.asarray(values, dtype=np.float64) for values in (rows, background))
    shap = column_shapley(tree_ensemble(model), z, x)
    distance = x - z.mean(axis=0)
    least = LEAST_DISTANCE * z.std(axis=0)
    held = ((np.abs(distance) < least) & (shap != 0)).astype(np.float64)
    bounded = np.where(distance < 0, -1.0, 1.0) * np.maximum(np.abs(distance), least)
    return Slopes(np.where(shap == 0, 0.0, shap / np.where(bounded == 0, 1.0, bounded)), held)


def _live_behind(step: Any, before: Values, after: Values, live: Collection[str]) -> set[str]:
    if isinstance(step, MIXING):
        alive = np.array([str(name) in live for name in _names(before)])
        reached = (cast(Any, step).rotation_[alive] != 0).any(axis=0)
        return {str(name) for name, one in zip(_names(after), reached, strict=True) if one}
    names = [str(name) for name in _names(before)]
    if isinstance(step, Pipeline) or not isinstance(after, pd.DataFrame):
        # positions, from here on
        return {str(name) for name in _names(after)}
    origins = column_origins([step], names)
    pairs = zip(_names(after), origins, strict=True)
    return {str(name) for name, origin in pairs if origin in live}


def _names(values: Values) -> list[Any]:
    if isinstance(values, pd.DataFrame):
        return list(values.columns)
    return list(range(values.shape[1]))


def _sign(model: BaseEstimator) -> float:
    classes = list(model.classes_)
    if len(classes) != 2 or 1 not in classes:
        raise ExplanationError(
            f"{type(model).__name__} was fitted to classes {classes}; expected 0 and 1.",
            code="unsupported_model",
        )
    return 1.0 if classes[1] == 1 else -1.0
