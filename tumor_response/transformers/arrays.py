"""The last step before an estimator that wants bare numbers."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from tumor_response.transformers._frames import (
    FloatArray,
    as_floats,
    remember_columns,
    same_columns,
)

__all__ = ["ToArray"]


class ToArray(TransformerMixin, BaseEstimator):
    """Hand over the values without names and index.

    For XGBoost, which reads all column names again for every tree and refuses names with ``[``,
    ``]`` or ``<``.

    Examples
    --------
    >>> import pandas as pd
    >>> ToArray().fit_transform(pd.DataFrame({"age<60": [1.0, 2.0]})).tolist()
    [[1.0], [2.0]]
    """

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Note the columns."""
        remember_columns(self, X)
        return self

    def transform(self, X: pd.DataFrame) -> FloatArray:
        """Return the values, columns in the order of the fit."""
        return np.ascontiguousarray(as_floats(self, same_columns(self, X)))

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """Return the names that the columns had."""
        return np.asarray(self.feature_names_in_)
