"""From the coefficients behind a linear step to the coefficients before it."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from tumor_response.transformers._frames import FloatArray
from tumor_response.transformers.arrays import ToArray
from tumor_response.transformers.components import BlockComponents
from tumor_response.transformers.filters import ColumnFilter
from tumor_response.transformers.scale import BlockScaler

__all__ = ["MIXING", "pulled_back"]

MIXING: tuple[type, ...] = (BlockComponents,)
"""Linear steps in which an output column is made of several input columns."""


def pulled_back(step: BaseEstimator, coefficients: FloatArray) -> FloatArray:
    """Return the coefficients on a fitted step's input columns.

    ``step.transform(X) @ coefficients`` and ``X @ pulled_back(step, coefficients)`` differ by a
    constant only.

    Parameters
    ----------
    step
        Components of blocks, one of our filters, a BlockScaler that holds nothing, a
        StandardScaler, ToArray; or a Pipeline of them; fitted.
    coefficients : array of shape (n_columns_out,)

    Returns
    -------
    ndarray of shape (n_columns_in,)

    Raises
    ------
    TypeError
        For another step, and for a BlockScaler that holds values, which is not linear.

    Examples
    --------
    >>> import pandas as pd
    >>> from tumor_response.transformers.select import NearConstantFilter
    >>> X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 1.0, 1.0]})
    >>> pulled_back(NearConstantFilter().fit(X), np.array([2.0])).tolist()
    [2.0, 0.0]
    """
    if isinstance(step, Pipeline):
        for _, inner in reversed(step.steps):
            coefficients = pulled_back(inner, coefficients)
        return coefficients
    if isinstance(step, BlockComponents):
        before: FloatArray = step.rotation_ @ coefficients
        return before
    if isinstance(step, ColumnFilter):
        before = np.zeros(len(step.support_))
        before[step.support_] = coefficients
        return before
    if isinstance(step, BlockScaler) and np.isinf(step.limit_).all():
        return coefficients / step.scale_
    if isinstance(step, StandardScaler):
        return coefficients if step.scale_ is None else coefficients / step.scale_
    if isinstance(step, ToArray):
        return coefficients
    raise TypeError(
        f"{type(step).__name__} is not linear, or not known to be. Behind a reduction write "
        "BlockScaler(max_deviations=numpy.inf)."
    )
