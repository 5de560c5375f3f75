"""Missing values, inside the fold."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from tumor_response.transformers._frames import (
    FloatArray,
    as_floats,
    frame_like,
    remember_columns,
    same_columns,
)

__all__ = ["MedianImputer", "column_medians"]


def column_medians(values: FloatArray) -> FloatArray:
    """Return each column's median over its known values, NaN where none is known.

    Sorting puts NaN last, so one sort serves columns with any number of missing values.
    """
    ordered = np.sort(values, axis=0)
    known = values.shape[0] - np.isnan(ordered).sum(axis=0)
    columns = np.arange(values.shape[1])
    low = ordered[np.maximum(known - 1, 0) // 2, columns]
    high = ordered[np.minimum(known // 2, values.shape[0] - 1), columns]
    return np.where(known > 0, 0.5 * (low + high), np.nan)


class MedianImputer(TransformerMixin, BaseEstimator):
    """Replace missing values by the training rows' median of the column.

    The column set stays what the table says: a column without one known value in the training
    rows is kept and filled with 0, as scikit-learn's ``keep_empty_features=True`` does. Being
    constant, it carries nothing into any model.

    Attributes
    ----------
    medians_ : ndarray of shape (n_columns,)
        The fill value of each column.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> X = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [np.nan] * 3})
    >>> MedianImputer().fit_transform(X).to_numpy().tolist()
    [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]
    """

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Compute the medians of the training rows."""
        values = as_floats(self, remember_columns(self, X))
        medians = column_medians(values)
        self.medians_ = np.where(np.isnan(medians), 0.0, medians)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return ``X`` without missing values."""
        frame = same_columns(self, X)
        values = as_floats(self, frame)
        missing = np.isnan(values)
        if missing.any():
            values = np.where(missing, self.medians_, values)
        return frame_like(values, frame.index, self.columns_in_)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """Return the columns' names, unchanged."""
        return np.asarray(self.feature_names_in_)
