"""Categories to columns: which columns is declared, which levels are known the fold decides."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import (
    FloatArray,
    as_floats,
    frame_like,
    remember_columns,
    same_columns,
)

__all__ = ["CategoryEncoder"]


class CategoryEncoder(TransformerMixin, BaseEstimator):
    """One-hot encode categorical columns with their declared levels; floats pass.

    The levels are those of the categorical dtype, so that the columns do not depend on which
    patients are in the training rows. A column with two levels becomes one column (the second
    level in sorted order), one with more a column per level, named ``<column>=<level>``. A
    missing category is NaN in all its columns and so is left to the imputer. So is a level that
    no training row has, declared or not: zero everywhere would make it the reference level.

    Attributes
    ----------
    levels_ : dict of str to list of str
        The levels that have a column, for each categorical column.
    seen_levels_ : dict of str to set of str
        The levels that occur in the training rows, for each categorical column.
    feature_origins_ : dict of str to str
        From each output column to the column it comes from.

    Raises
    ------
    ModelError
        For text (object or string) and date columns: whether a text is a category, a number with
        a typo or a free comment is a decision, not a guess.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"clinical__age": [50.0, 60.0, 70.0],
    ...                   "clinical__site": pd.Categorical(["larynx", "tongue", "larynx"])})
    >>> CategoryEncoder().fit_transform(X).columns.tolist()
    ['clinical__age', 'clinical__site=tongue']
    """

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Note the declared levels of the categorical columns, and which of them occur."""
        frame = remember_columns(self, X)
        self.levels_: dict[str, list[str]] = {}
        self.seen_levels_: dict[str, set[str]] = {}
        origins: dict[str, str] = {}
        wrong = []
        n_columns = 0
        kinds: dict[object, str] = {}  # thousands of columns, a handful of dtypes
        for column, dtype in zip(self.feature_names_in_, frame.dtypes, strict=True):
            if dtype not in kinds:
                kinds[dtype] = _kind(dtype)
            if kinds[dtype] == "category":
                levels = sorted({str(level) for level in frame[column].cat.categories})
                kept = levels[1:] if len(levels) == 2 else levels
                self.levels_[column] = kept
                self.seen_levels_[column] = set(_levels(frame[column]).dropna())
                origins.update({f"{column}={level}": column for level in kept})
                n_columns += len(kept)
            elif kinds[dtype] == "number":
                origins[column] = column
                n_columns += 1
            else:
                wrong.append(f"{column!r} ({dtype})")
        if wrong:
            raise ModelError(
                f"CategoryEncoder: {len(wrong)} column(s) are neither numbers nor categories: "
                f"{', '.join(wrong[:5])}. Turn them into numbers, or declare them with "
                "astype('category').",
                code="not_numeric",
            )
        if len(origins) < n_columns:
            raise ModelError("CategoryEncoder: an encoded column would take another's name.")
        self.feature_origins_ = origins
        self._names = pd.Index(list(origins), dtype=object)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return float64 columns only."""
        frame = same_columns(self, X)
        if not self.levels_:
            # rows side by side in memory: what sorts and factorises columns later is faster so
            values = np.ascontiguousarray(as_floats(self, frame))
            return frame_like(values, frame.index, self._names)
        numeric = [column for column in frame.columns if column not in self.levels_]
        numbers = as_floats(self, frame[numeric])
        place = {column: position for position, column in enumerate(numeric)}
        parts: list[FloatArray] = []
        for column in frame.columns:
            if column in place:
                parts.append(numbers[:, [place[column]]])
            else:
                levels = _levels(frame[column])
                known = levels.where(levels.isin(self.seen_levels_[column]))
                parts.append(_one_hot(known, self.levels_[column]))
        return frame_like(np.hstack(parts), frame.index, self._names)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """Return the names of the encoded columns."""
        return np.asarray(self._names, dtype=object)


def _kind(dtype: np.dtype[np.generic] | pd.api.extensions.ExtensionDtype) -> str:
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    return "number" if pd.api.types.is_numeric_dtype(dtype) else "other"


def _levels(column: pd.Series) -> pd.Series:
    """Categories as text, so that 1 and "1" are one level and any mixture can be sorted."""
    return column.astype(object).map(str, na_action="ignore")


def _one_hot(column: pd.Series, levels: list[str]) -> FloatArray:
    values = column.to_numpy(dtype=object)
    hot: FloatArray = np.zeros((len(values), len(levels)))
    for position, level in enumerate(levels):
        hot[:, position] = values == level
    hot[column.isna().to_numpy()] = np.nan
    return hot
