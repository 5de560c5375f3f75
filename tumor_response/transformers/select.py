"""Filters that leave columns out, fitted on the training rows alone."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import (
    FloatArray,
    as_floats,
    remember_columns,
)
from tumor_response.transformers.blocks import block_members
from tumor_response.transformers.dropped import dropped_record
from tumor_response.transformers.filters import ColumnFilter

__all__ = [
    "NearConstantFilter",
    "UnivariateFilter",
    "column_aucs",
    "outcome_numbers",
    "two_classes",
]


class NearConstantFilter(ColumnFilter):
    """Leave out columns in which one value fills nearly all training rows.

    A column that differs in one patient of sixty standardises to a value of 7.7 for that patient
    and carries nothing that could be learned.

    Parameters
    ----------
    max_share
        The largest share of training rows that may have the most frequent value, in [0.5, 1);
        default 0.95. If no column passes, all are kept: a model of nothing has to be possible,
        and it is then the prior alone.

    Attributes
    ----------
    shares_ : ndarray of shape (n_columns_in,)
        Share of training rows with the column's median: that of its most frequent value, if that
        fills more than half of them.
    support_ : ndarray of bool, shape (n_columns_in,)
        True for the columns that are kept.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 1.0, 1.0]})
    >>> step = NearConstantFilter().fit(X)
    >>> step.get_feature_names_out().tolist(), step.dropped_.index.tolist()
    (['a'], ['b'])
    """

    def __init__(self, max_share: float = 0.95) -> None:
        self.max_share = max_share

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Find the columns that vary."""
        if not 0.5 <= self.max_share < 1:
            raise ModelError(f"max_share={self.max_share!r}: expected 0.5 <= max_share < 1.")
        frame = remember_columns(self, X)
        values = as_floats(self, frame)
        # a value in more than half of the rows is the median, so one partition finds it
        middle = np.partition(values, values.shape[0] // 2, axis=0)[values.shape[0] // 2]
        self.shares_ = (values == middle).mean(axis=0)
        support = self.shares_ <= self.max_share
        self.support_ = support if support.any() else np.ones_like(support)
        return self

    @property
    def dropped_(self) -> pd.DataFrame:
        """Columns left out: ``reason``, ``because_of``, ``value`` (the share of one value)."""
        return dropped_record(self.feature_names_in_, ~self.support_, "near_constant", self.shares_)


class UnivariateFilter(ColumnFilter):
    """Keep, in each block, the columns that separate the classes best one at a time.

    Columns are ranked by ``|AUC - 0.5|``, the Mann-Whitney statistic, which does not mind the
    heavy tails of radiomics features. Per block, so that two clinical columns are not crowded
    out by the luckiest of 2,600 image columns. Being fitted on training rows alone, it may be
    used with any number of columns without looking ahead.

    Parameters
    ----------
    n_columns_per_block
        How many columns to keep in each block, default 20; smaller blocks are kept whole.

    Attributes
    ----------
    scores_ : ndarray of shape (n_columns_in,)
        ``|AUC - 0.5|`` of each column on the training rows.
    support_ : ndarray of bool, shape (n_columns_in,)
        True for the columns that are kept; ties go to the earlier column.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"r__a": [1.0, 2, 3, 4], "r__b": [1.0, 2, 4, 3], "r__c": [1.0, 3, 2, 4]})
    >>> UnivariateFilter(1).fit(X, [0, 1, 0, 1]).get_feature_names_out().tolist()
    ['r__c']
    """

    def __init__(self, n_columns_per_block: int = 20) -> None:
        self.n_columns_per_block = n_columns_per_block

    def fit(self, X: pd.DataFrame, y: object) -> Self:
        """Rank the columns on the training rows."""
        if self.n_columns_per_block < 1:
            raise ModelError(
                f"n_columns_per_block={self.n_columns_per_block!r}: expected 1 or more."
            )
        frame = remember_columns(self, X)
        self.scores_ = np.abs(column_aucs(as_floats(self, frame), np.asarray(y)) - 0.5)
        self.support_ = np.zeros(len(self.scores_), dtype=bool)
        for members in block_members(tuple(self.feature_names_in_)).values():
            best = np.argsort(-self.scores_[members], kind="stable")[: self.n_columns_per_block]
            self.support_[members[best]] = True
        return self

    @property
    def dropped_(self) -> pd.DataFrame:
        """Columns left out: ``reason``, ``because_of``, ``value`` (``|AUC - 0.5|``)."""
        return dropped_record(self.feature_names_in_, ~self.support_, "not_selected", self.scores_)


def column_aucs(values: FloatArray, y: np.ndarray) -> FloatArray:
    """Return the AUC of every column as a score for the larger class, ties counted half.

    Examples
    --------
    >>> column_aucs(np.array([[1.0, 2.0], [2.0, 2.0], [3.0, 2.0]]), np.array([0, 0, 1])).tolist()
    [1.0, 0.5]
    """
    classes = np.unique(y)
    if len(classes) != 2:
        raise ModelError(f"UnivariateFilter needs two classes in y, received {classes.tolist()}.")
    order = np.argsort(values, axis=0)
    ordered = np.take_along_axis(values, order, axis=0)
    positive = (y == classes[1])[order]
    n_positive = int(positive[:, 0].sum())
    n_negative = len(y) - n_positive
    # walk up each column: the ROC curve has a corner only where a run of equal values ends
    # (copies in a bootstrap sample are always equal), and trapezoids count ties half
    ends = np.ones(values.shape, dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=ends[:-1])
    positives = np.zeros((len(y) + 1, values.shape[1]), dtype=np.int32)
    np.cumsum(positive, axis=0, out=positives[1:])
    corner = np.where(ends, np.arange(1, len(y) + 1, dtype=np.int32)[:, None], 0)
    np.maximum.accumulate(corner, axis=0, out=corner)
    positives[1:] = np.take_along_axis(positives, corner, axis=0)
    negatives = -positives
    negatives[1:] += corner
    twice = (np.diff(positives, axis=0) * (negatives[1:] + negatives[:-1])).sum(axis=0)
    aucs: FloatArray = twice / (2.0 * n_positive * n_negative)
    return aucs


def two_classes(step: BaseEstimator, y: object, n_rows: int) -> FloatArray:
    """Return ``y`` as 0 and 1 (the larger class), or say what is wrong with it.

    Examples
    --------
    >>> two_classes(UnivariateFilter(), ["no", "yes", "no"], 3).tolist()
    [0.0, 1.0, 0.0]
    """
    name = type(step).__name__
    if y is None:
        raise ModelError(f"{name} chooses by the outcome; fit it with y.")
    label = np.asarray(y)
    if label.shape != (n_rows,):
        raise ModelError(f"{name}: {n_rows} rows in X, and y of shape {label.shape}.")
    classes = np.unique(label)
    if len(classes) != 2:
        raise ModelError(f"{name} needs two classes in y, received {classes.tolist()[:5]}.")
    zero_one: FloatArray = (label == classes[1]).astype(np.float64)
    return zero_one


def outcome_numbers(step: BaseEstimator, y: object, n_rows: int) -> FloatArray:
    """Return ``y`` as numbers: a rate as it is, classes of text as 0, 1 in sorted order.

    Raises
    ------
    ModelError
        No outcome, or one of another length; code ``not_finite``: a missing or infinite value.

    Examples
    --------
    >>> outcome_numbers(UnivariateFilter(), ["no", "yes", "no"], 3).tolist()
    [0.0, 1.0, 0.0]
    """
    name = type(step).__name__
    if y is None:
        raise ModelError(f"{name} chooses by the outcome; fit it with y.")
    given = np.asarray(y)
    if given.shape != (n_rows,):
        raise ModelError(f"{name}: {n_rows} rows in X, and y of shape {given.shape}.")
    if given.dtype.kind not in "biuf":
        given = np.unique(given, return_inverse=True)[1]
    numbers: FloatArray = given.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise ModelError(f"{name}: y has missing or infinite values.", code="not_finite")
    return numbers
