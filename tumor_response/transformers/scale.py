"""Scales: blocks on an equal footing, and the logarithm of positive quantities."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import (
    as_floats,
    frame_like,
    remember_columns,
    same_columns,
)
from tumor_response.transformers.blocks import block_members

__all__ = ["MAX_DEVIATIONS", "BlockScaler", "LogTransformer"]

MAX_DEVIATIONS = 5.0
"""Standardised values beyond this are held to it."""


class BlockScaler(TransformerMixin, BaseEstimator):
    """Standardise columns, then divide each by the square root of its block's column count.

    Standardising alone gives a block of 2,600 image columns 1,300 times the variance of a block
    of two clinical ones, and one ridge penalty then all but ignores the two. After block scaling
    the total variance of every block is 1, whatever its width (block scaling of multi-block
    analysis: Westerhuis, Kourti and MacGregor 1998, J. Chemometrics 12:301; the same idea with
    the first eigenvalue for the column count is multiple factor analysis, Escofier and Pagès
    1994, Comput. Stat. Data Anal. 18:121). A single block is divided as well, which changes no
    ridge model, only the number that its penalty is called, and lets one grid of penalties serve
    tables of any width.

    Constant columns become 0 and are not counted. The block is read off the name's prefix.

    A value more than five standard deviations from the mean is held there. A channel of a network
    that is dead in all training patients but for rounding has a standard deviation of some 1e-7,
    and a patient in whom it is alive would lie thousands of them away and decide the prediction.

    Parameters
    ----------
    max_deviations
        Where values are held, in standard deviations, default 5. Behind a step that has held them
        already, ``numpy.inf`` makes scaling linear.

    Attributes
    ----------
    mean_, scale_ : ndarray of shape (n_columns,)
        The result is ``(X - mean_) / scale_``; the standard deviation has divisor n.
    limit_ : ndarray of shape (n_columns,)
        The largest result: ``max_deviations`` on the block's scale.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"clinical__age": [1.0, 3.0], "deep__a": [0.0, 2.0],
    ...                   "deep__b": [5.0, 1.0]})
    >>> BlockScaler().fit_transform(X).round(3).to_numpy().tolist()
    [[-1.0, -0.707, 0.707], [1.0, 0.707, -0.707]]
    """

    def __init__(self, max_deviations: float = MAX_DEVIATIONS) -> None:
        self.max_deviations = max_deviations

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Compute means, standard deviations and block widths of the training rows."""
        if not self.max_deviations > 0:
            raise ModelError(f"max_deviations={self.max_deviations!r}: expected more than 0.")
        frame = remember_columns(self, X)
        values = as_floats(self, frame)
        self.mean_ = values.mean(axis=0)
        deviation = values.std(axis=0)
        # rounding leaves a constant column a deviation of some eps times its value
        varies = deviation > 10 * np.finfo(np.float64).eps * np.abs(self.mean_)
        width = np.empty(len(varies))
        for members in block_members(tuple(self.feature_names_in_)).values():
            width[members] = varies[members].sum()
        # an infinite divisor makes a constant column 0 in every row, training or not
        divisor = np.sqrt(np.maximum(width, 1.0))
        self.scale_ = np.where(varies, deviation * divisor, np.inf)
        self.limit_ = self.max_deviations / divisor
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the scaled columns."""
        frame = same_columns(self, X)
        values = (as_floats(self, frame) - self.mean_) / self.scale_
        held = np.clip(values, -self.limit_, self.limit_)
        return frame_like(held, frame.index, self.columns_in_)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """Return the columns' names, unchanged."""
        return np.asarray(self.feature_names_in_)


class LogTransformer(TransformerMixin, BaseEstimator):
    """Take the natural logarithm of positive columns, such as a volume in cc; NaN stays NaN.

    Raises
    ------
    ModelError
        If a value is zero or negative.

    Examples
    --------
    >>> import pandas as pd
    >>> LogTransformer().fit_transform(pd.DataFrame({"v": [1.0]})).iloc[0, 0]
    np.float64(0.0)
    """

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Note the columns; there is nothing to learn."""
        self._log(remember_columns(self, X))
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the logarithms."""
        return self._log(same_columns(self, X))

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """Return the columns' names, unchanged."""
        return np.asarray(self.feature_names_in_)

    def _log(self, frame: pd.DataFrame) -> pd.DataFrame:
        values = as_floats(self, frame)
        if (rows := np.nonzero((values <= 0).any(axis=1))[0]).size:
            raise ModelError(
                f"LogTransformer: {rows.size} row(s) with a value of zero or less in "
                f"{', '.join(map(str, frame.columns))}, the first at index "
                f"{frame.index[rows[0]]!r}; a logarithm needs positive values.",
                code="not_positive",
            )
        return frame_like(np.log(values), frame.index, self.columns_in_)
