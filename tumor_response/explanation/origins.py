"""From the columns that reach a Pipeline's last step back to the columns of the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import feature_selection, impute, preprocessing
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tumor_response.exceptions import ExplanationError
from tumor_response.models.trees.columns import StrongestColumns
from tumor_response.models.tuning.nested import Refitted
from tumor_response.transformers import (
    BlockScaler,
    BlockSelector,
    CategoryEncoder,
    ClinicalSet,
    ColumnFilter,
    LogTransformer,
    MedianImputer,
    NestedComBat,
    ToArray,
)
from tumor_response.transformers.harmonise import SiteStep
from tumor_response.transformers.linear import MIXING, pulled_back

__all__ = ["apart", "column_origins", "parted", "parts_of", "passed_through", "undone"]

FloatArray = npt.NDArray[np.float64]

_COLUMN_WISE: tuple[type, ...] = (
    BlockScaler,
    BlockSelector,
    CategoryEncoder,
    ClinicalSet,
    ColumnFilter,
    LogTransformer,
    MedianImputer,
    NestedComBat,
    SiteStep,
    StrongestColumns,
    ToArray,
    impute.SimpleImputer,
    preprocessing.StandardScaler,
    preprocessing.RobustScaler,
    preprocessing.MinMaxScaler,
    preprocessing.MaxAbsScaler,
    preprocessing.PowerTransformer,
    preprocessing.QuantileTransformer,
    feature_selection.VarianceThreshold,
    feature_selection.SelectKBest,
    feature_selection.SelectPercentile,
    feature_selection.SelectFromModel,
)
"""Steps in which every output column is made of one input column and of nothing else; a
harmonised one also of the row's site, and is credited to the column. Only through these may the
value of an output column be credited to one column of the table."""


def parts_of(fitted: BaseEstimator) -> tuple[list[Any], BaseEstimator]:
    """Return the transformers before the last step, Pipelines within unrolled, and that step.

    A model that was found inside ``fit`` (by a search, or as the best of several) is taken for
    what was found.
    """
    if isinstance(fitted, Pipeline):
        steps = [step for _, step in fitted.steps if step is not None and step != "passthrough"]
        before: list[Any] = []
        for step in steps[:-1]:
            before += _unrolled(step)
        inner, final = parts_of(steps[-1])
        return [*before, *inner], final
    if isinstance(fitted, Refitted) and hasattr(fitted, "best_estimator_"):
        return parts_of(fitted.best_estimator_)
    return [], fitted


def parted(steps: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Return the steps parted where columns are first mixed linearly.

    Behind the parting a value can be credited to a column of the table only through a linear
    model (:func:`undone`); before it, column by column (:func:`column_origins`).
    """
    mixing = [isinstance(step, MIXING) for step in steps]
    place = mixing.index(True) if any(mixing) else len(steps)
    return list(steps[:place]), list(steps[place:])


def apart(steps: Sequence[Any]) -> int:
    """Return how many of the first steps keep columns apart."""
    return next(
        (place for place, step in enumerate(steps) if not isinstance(step, _COLUMN_WISE)),
        len(steps),
    )


def passed_through(steps: Sequence[Any], X: pd.DataFrame | FloatArray) -> pd.DataFrame | FloatArray:
    """Return ``X`` as it leaves the last of ``steps``."""
    for step in steps:
        X = step.transform(X)
    return X


def undone(steps: Sequence[Any], coefficients: FloatArray) -> FloatArray | None:
    """Return coefficients on the columns before ``steps``, from those on the columns behind.

    None where a step is not linear, or not known to be.
    """
    try:
        for step in reversed(steps):
            coefficients = pulled_back(step, coefficients)
    except TypeError:
        return None
    return coefficients


def column_origins(steps: Sequence[Any], columns: list[str]) -> list[str]:
    """Return, for each column that leaves ``steps``, the table's column it is made of.

    Raises
    ------
    ExplanationError
        For a step that mixes columns.
    """
    names, origins = list(columns), list(columns)
    for step in steps:
        if not isinstance(step, _COLUMN_WISE):
            raise ExplanationError(
                f"The step {type(step).__name__} is not known to keep columns apart, so values "
                "behind it cannot be credited to columns before it. Supported: "
                f"{', '.join(kind.__name__ for kind in _COLUMN_WISE)}.",
                code="unsupported_step",
            )
        made_of = dict(zip(names, origins, strict=True))
        inside: dict[str, str] = getattr(step, "feature_origins_", {})
        names_out = _names_out(step, names)
        try:
            origins = [made_of[inside.get(name, name)] for name in names_out]
        except KeyError as error:
            raise ExplanationError(
                f"The step {type(step).__name__} puts out {error}, which is none of the columns "
                "it was given.",
                code="unsupported_step",
            ) from None
        names = names_out
    return origins


def _unrolled(step: Any) -> list[Any]:
    if not isinstance(step, Pipeline):
        return [step]
    inner = [one for _, one in step.steps if one is not None and one != "passthrough"]
    return [each for one in inner for each in _unrolled(one)]


def _names_out(step: BaseEstimator, names: list[str]) -> list[str]:
    return [str(name) for name in step.get_feature_names_out(np.asarray(names, dtype=object))]
