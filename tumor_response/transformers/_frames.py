"""What every transformer here checks and builds: DataFrames in, DataFrames out, index kept.

The row index is how patient groups reach an inner cross-validation, so no step may lose it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from tumor_response.exceptions import ModelError

__all__ = [
    "FloatArray",
    "as_floats",
    "finite_floats",
    "frame_like",
    "remember_columns",
    "same_columns",
]

FloatArray = npt.NDArray[np.float64]


def remember_columns(step: BaseEstimator, X: object) -> pd.DataFrame:
    """Check that ``X`` is a DataFrame of unique columns and note them on ``step``, at fit."""
    frame = _require_frame(step, X)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()].unique().tolist()
        raise ModelError(
            f"{type(step).__name__}: column names must be unique; twice or more: {_some(twice)}."
        )
    step.columns_in_ = frame.columns
    step.feature_names_in_ = np.asarray(frame.columns, dtype=object)
    step.n_features_in_ = frame.shape[1]
    return frame


def same_columns(step: BaseEstimator, X: object) -> pd.DataFrame:
    """Return ``X`` with the columns of the fit, in their order; missing ones are an error."""
    if not hasattr(step, "columns_in_"):
        raise NotFittedError(f"This {type(step).__name__} is not fitted yet; call fit first.")
    frame = _require_frame(step, X)
    expected: pd.Index = step.columns_in_
    if frame.columns is expected or frame.columns.equals(expected):
        return frame
    missing = expected.difference(frame.columns, sort=False).tolist()
    if missing:
        raise ModelError(
            f"{type(step).__name__}: {len(missing)} of the {len(expected)} columns it was fitted "
            f"on are missing: {_some(missing)}. Give a table extracted with the same settings.",
            code="missing_columns",
        )
    return frame.loc[:, expected]


def as_floats(step: BaseEstimator, frame: pd.DataFrame) -> FloatArray:
    """Return the values as float64, or say which columns are not numbers."""
    try:
        values: FloatArray = frame.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        # one extension dtype (pd.NA) makes the whole frame object; column by column says more
        wrong = [
            str(name)
            for name, dtype in frame.dtypes.items()
            if not pd.api.types.is_numeric_dtype(dtype)
        ]
        if wrong:
            raise ModelError(
                f"{type(step).__name__} needs numbers; received other values in {_some(wrong)}. "
                "Make them categorical and put CategoryEncoder first.",
                code="not_numeric",
            ) from None
        values = np.column_stack(
            [frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in frame.columns]
        )
    return values


def finite_floats(step: BaseEstimator, frame: pd.DataFrame) -> FloatArray:
    """Return the values as float64; missing and infinite ones are an error that names columns."""
    values = as_floats(step, frame)
    bad: npt.NDArray[np.bool_] = ~np.isfinite(values)
    if bad.any():
        names = frame.columns[np.nonzero(bad.any(axis=0))[0]].tolist()
        raise ModelError(
            f"{type(step).__name__}: {int(bad.sum())} values are missing or infinite, in "
            f"{_some(names)}. Put MedianImputer before it.",
            code="not_finite",
        )
    return values


def frame_like(values: FloatArray, index: pd.Index, columns: pd.Index) -> pd.DataFrame:
    """Wrap ``values`` without copying them; pass the same ``columns`` object for speed."""
    return pd.DataFrame(values, index=index, columns=columns, copy=False)


def _require_frame(step: BaseEstimator, X: object) -> pd.DataFrame:
    if not isinstance(X, pd.DataFrame):
        raise ModelError(
            f"{type(step).__name__} works on a pandas DataFrame, received {type(X).__name__}; "
            "columns are found by name, and rows know their patient by the index.",
            code="not_a_frame",
        )
    return X


def _some(names: Sequence[object], most: int = 5) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
