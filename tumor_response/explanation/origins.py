"""From the columns that reach a Pipeline's last step back to the columns of the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import feature_selection, impute, preprocessing
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tumor_response.exceptions import ExplanationError
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

__all__ = ["column_origins", "parted_steps", "passed_through", "undone"]

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


def parted_steps(fitted: BaseEstimator) -> tuple[list[Any], list[Any]]:
    """Return the steps before the last, parted where columns are first mixed linearly.

    Behind the parting a value can be credited to a column of the table only through a linear
    model (:func:`undone`); before it, column by column (:func:`column_origins`).
    """
    steps = list(_steps(fitted))
    mixing = [isinstance(step, MIXING) for step in steps]
    place = mixing.index(True) if any(mixing) else len(steps)
    return steps[:place], steps[place:]


def passed_through(steps: Sequence[Any], X: pd.DataFrame | FloatArray) -> pd.DataFrame | FloatArray:
    """Return ``X`` as it leaves the last of ``steps``."""
    for step in steps:
        X = step.transform(X)
    return X


def undone(steps: Sequence[Any], coefficients: FloatArray) -> FloatArray:
    """Return coefficients on the columns before ``steps``, from those on the columns behind.

    Raises
    ------
    ExplanationError
        For a step that is not linear.
    """
    try:
        for step in reversed(steps):
            coefficients = pulled_back(step, coefficients)
    except TypeError as error:
        raise ExplanationError(
            f"Behind a step that mixes columns only linear steps can be undone: {error}",
            code="unsupported_step",
        ) from None
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


def _steps(fitted: BaseEstimator) -> Iterator[Any]:
    """Yield the transformers of a Pipeline, Pipelines within it unrolled."""
    if isinstance(fitted, Pipeline):
        for position, (_, step) in enumerate(fitted.steps):
            if step is None or step == "passthrough":
                continue
            yield from _steps(step)
            if position < len(fitted.steps) - 1 and not isinstance(step, Pipeline):
                yield step


def _names_out(step: BaseEstimator, names: list[str]) -> list[str]:
    return [str(name) for name in step.get_feature_names_out(np.asarray(names, dtype=object))]
