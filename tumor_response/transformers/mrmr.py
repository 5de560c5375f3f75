"""Columns that say much about the class and little about each other."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import FloatArray, finite_floats, remember_columns
from tumor_response.transformers.blocks import block_members
from tumor_response.transformers.correlation import unit_columns
from tumor_response.transformers.dropped import dropped_record
from tumor_response.transformers.filters import ColumnFilter
from tumor_response.transformers.select import two_classes

__all__ = ["SMALLEST_REDUNDANCY", "MRMRFilter", "f_statistics"]

SMALLEST_REDUNDANCY = 1e-3
"""A mean absolute correlation below this counts as this: a quotient by (nearly) nothing would be
decided by rounding."""


class MRMRFilter(ColumnFilter):
    r"""Keep, in each block, columns of maximum relevance and minimum redundancy.

    The F-test correlation quotient (FCQ) of Ding and Peng (2005, J. Bioinform. Comput. Biol.
    3:185): the first column is the one with the largest F statistic between the two classes; each
    next one maximises, among those left,

    .. math:: F(x_j, y) \Big/ \frac{1}{|S|} \sum_{i \in S} |r(x_j, x_i)|

    where S are the columns chosen so far and r is Pearson's correlation. The quotient rather than
    the difference, because F and a correlation have no common scale. Equal quotients go to the
    earlier column. Scale and sign of a column do not matter, nor does it if all rows are there
    twice. A constant column has F = 0 and comes last.

    Parameters
    ----------
    n_columns
        How many columns to keep in each block, default 20; smaller blocks are kept whole.

    Attributes
    ----------
    relevance_ : ndarray of shape (n_columns_in,)
        F statistic of each column.
    rank_ : ndarray of int, shape (n_columns_in,)
        1 for the column chosen first in its block, 0 for what was not chosen, or not ranked
        because the block was kept whole.
    support_ : ndarray of bool, shape (n_columns_in,)
        True for the columns that are kept.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"r__a": [0.0, 1, 2, 3], "r__b": [0.0, 1, 2, 3.1], "r__c": [0.0, 1, 0, 1]})
    >>> step = MRMRFilter(2).fit(X, [0, 0, 1, 1])
    >>> step.get_feature_names_out().tolist(), step.dropped_["reason"].to_dict()
    (['r__a', 'r__b'], {'r__c': 'not_selected'})
    """

    def __init__(self, n_columns: int = 20) -> None:
        self.n_columns = n_columns

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Choose the columns on the training rows.

        Raises
        ------
        ModelError
            ``n_columns`` below 1, not two classes; code ``not_finite``: a missing or infinite
            value.
        """
        if self.n_columns < 1:
            raise ModelError(f"n_columns={self.n_columns!r}: expected 1 or more.")
        frame = remember_columns(self, X)
        values = finite_floats(self, frame)
        unit = unit_columns(values)
        self.relevance_ = f_statistics(unit, two_classes(self, y, len(values)))
        self.rank_ = np.zeros(values.shape[1], dtype=np.int64)
        self.support_ = np.zeros(values.shape[1], dtype=bool)
        for members in block_members(tuple(self.feature_names_in_)).values():
            if len(members) <= self.n_columns:
                self.support_[members] = True
                continue
            chosen = members[_chosen(unit[:, members], self.relevance_[members], self.n_columns)]
            self.rank_[chosen] = np.arange(1, len(chosen) + 1)
            self.support_[chosen] = True
        return self

    @property
    def dropped_(self) -> pd.DataFrame:
        """Columns left out: ``reason``, ``because_of``, ``value`` (the F statistic)."""
        return dropped_record(
            self.feature_names_in_, ~self.support_, "not_selected", self.relevance_
        )


def f_statistics(unit: FloatArray, label: FloatArray) -> FloatArray:
    """Return each column's F statistic between two classes.

    With two classes F is ``(n - 2) r² / (1 - r²)``, r being the correlation with the class.

    Parameters
    ----------
    unit
        Centred columns of length 1, or 0 where constant.
    label
        0 and 1.

    Examples
    --------
    >>> x = unit_columns(np.array([[1.0], [2.0], [3.0], [4.0]]))
    >>> f_statistics(x, np.array([0.0, 0.0, 1.0, 1.0])).round(6).tolist()
    [8.0]
    """
    target = label - label.mean()
    # held below 1: a column that separates the classes wholly would have an infinite F
    explained = np.minimum((unit.T @ target) ** 2 / (target @ target), 1.0 - 1e-12)
    statistics: FloatArray = (len(label) - 2) * explained / (1.0 - explained)
    return statistics


def _chosen(unit: FloatArray, relevance: FloatArray, n_columns: int) -> np.ndarray:
    """Return the places of the columns chosen, in the order in which they were."""
    chosen = [int(relevance.argmax())]
    redundancy = np.zeros(len(relevance))
    left = np.ones(len(relevance), dtype=bool)
    while True:
        left[chosen[-1]] = False
        if len(chosen) == n_columns:
            return np.array(chosen)
        redundancy += np.abs(unit.T @ unit[:, chosen[-1]])
        mean = np.maximum(redundancy / len(chosen), SMALLEST_REDUNDANCY)
        chosen.append(int(np.where(left, relevance / mean, -1.0).argmax()))
