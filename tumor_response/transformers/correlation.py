"""Of columns that say the same, one."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import FloatArray, finite_floats, remember_columns
from tumor_response.transformers.blocks import block_members
from tumor_response.transformers.dropped import dropped_record
from tumor_response.transformers.filters import ColumnFilter

__all__ = ["CorrelationFilter", "unit_columns"]


class CorrelationFilter(ColumnFilter):
    """Leave out columns that another column of their block already says.

    Columns are walked through in the order of the table, and one is left out if its absolute
    Pearson correlation with a column kept before it exceeds ``max_correlation``. The earlier
    column stays, because tables begin with what is easiest to interpret: the plain image's
    features stand before the filtered ones'. It does not look at the outcome.

    Copies of rows count as often as they are there. A constant column correlates with nothing and
    is kept; :class:`~tumor_response.transformers.NearConstantFilter` removes those.

    Parameters
    ----------
    max_correlation
        The largest absolute correlation that two kept columns may have, in (0, 1]; default 0.95.

    Attributes
    ----------
    support_ : ndarray of bool, shape (n_columns_in,)
        True for the columns that are kept.
    strongest_ : ndarray of shape (n_columns_in,)
        Largest absolute correlation with a kept column before it; 0 for the first of a block.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [2.0, 4.0, 6.0, 8.1],
    ...                   "c": [1.0, -1.0, -1.0, 1.0]})
    >>> step = CorrelationFilter().fit(X)
    >>> step.get_feature_names_out().tolist(), step.dropped_["because_of"].to_dict()
    (['a', 'c'], {'b': 'a'})
    """

    def __init__(self, max_correlation: float = 0.95) -> None:
        self.max_correlation = max_correlation

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Find which columns say the same on the training rows.

        Raises
        ------
        ModelError
            ``max_correlation`` out of range; code ``not_finite``: a missing or infinite value.
        """
        if not 0 < self.max_correlation <= 1:
            raise ModelError(
                f"max_correlation={self.max_correlation!r}: expected 0 < max_correlation <= 1."
            )
        frame = remember_columns(self, X)
        unit = unit_columns(finite_floats(self, frame))
        self.support_ = np.ones(unit.shape[1], dtype=bool)
        self.strongest_ = np.zeros(unit.shape[1])
        self._instead = np.zeros(unit.shape[1], dtype=np.int64)
        for members in block_members(tuple(self.feature_names_in_)).values():
            correlations = np.abs(unit[:, members].T @ unit[:, members])
            support = np.ones(len(members), dtype=bool)
            strongest = np.zeros(len(members))
            instead = np.zeros(len(members), dtype=np.int64)
            for place in range(len(members)):
                if not support[place]:
                    continue
                later = slice(place + 1, None)  # each kept column judges those behind it
                row = correlations[place, later]
                instead[later][row > strongest[later]] = place
                np.maximum(strongest[later], row, out=strongest[later])
                support[later] &= row <= self.max_correlation
            self.support_[members] = support
            self.strongest_[members] = np.minimum(strongest, 1.0)
            self._instead[members] = members[instead]
        return self

    @property
    def dropped_(self) -> pd.DataFrame:
        """Columns left out: ``reason``, ``because_of`` (the one kept), ``value`` (correlation)."""
        instead = np.where(self.support_, "", self.feature_names_in_[self._instead])
        return dropped_record(
            self.feature_names_in_, ~self.support_, "correlated", self.strongest_, instead
        )


def unit_columns(values: FloatArray) -> FloatArray:
    """Return centred columns of length 1, so that products are Pearson correlations.

    Constant columns become 0, and correlate with nothing.

    Examples
    --------
    >>> unit_columns(np.array([[1.0, 5.0], [3.0, 5.0]])).round(3).tolist()
    [[-0.707, 0.0], [0.707, 0.0]]
    """
    mean = values.mean(axis=0)
    centred = values - mean
    length = np.sqrt((centred**2).sum(axis=0))
    # rounding leaves a constant column a deviation of some eps times its value
    varies = length > 1e-12 * np.sqrt(len(values)) * np.abs(mean)
    unit: FloatArray = np.where(varies, centred / np.where(varies, length, 1.0), 0.0)
    return unit
