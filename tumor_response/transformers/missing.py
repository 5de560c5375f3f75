"""Columns that are not known for enough of the training rows."""

from __future__ import annotations

from typing import Self

import pandas as pd

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import remember_columns, same_columns
from tumor_response.transformers.dropped import dropped_record
from tumor_response.transformers.filters import ColumnFilter, best_or_passing

__all__ = ["MissingnessFilter"]


class MissingnessFilter(ColumnFilter):
    """Leave out columns that are missing in too many of the training rows.

    A column that is imputed for most patients is mostly its median. What is missing in the kept
    columns stays missing, for the imputer behind. Numbers, categories and text are looked at
    alike, so the filter may stand before the encoder. An infinite value is not missing; it is
    refused by whoever computes with it.

    Parameters
    ----------
    max_share
        The largest share of training rows in which a column may be missing, in [0, 1); default
        0.5. If no column passes, the one missing least is kept, the earlier of equals.

    Attributes
    ----------
    shares_ : ndarray of shape (n_columns_in,)
        Share of training rows in which the column is missing.
    support_ : ndarray of bool, shape (n_columns_in,)
        True for the columns that are kept.

    Raises
    ------
    ModelError
        At fit: ``max_share`` out of range; no DataFrame.

    Examples
    --------
    >>> X = pd.DataFrame({"a": [1.0, None, 3.0], "b": [None, None, 2.0]})
    >>> step = MissingnessFilter().fit(X)
    >>> step.get_feature_names_out().tolist(), step.dropped_["value"].round(2).to_dict()
    (['a'], {'b': 0.67})
    """

    def __init__(self, max_share: float = 0.5) -> None:
        self.max_share = max_share

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Count the missing values of the training rows."""
        if not 0 <= self.max_share < 1:
            raise ModelError(f"max_share={self.max_share!r}: expected 0 <= max_share < 1.")
        frame = remember_columns(self, X)
        self.shares_ = frame.isna().to_numpy().mean(axis=0)
        self.support_ = best_or_passing(self.shares_ <= self.max_share, -self.shares_, 1)
        return self

    @property
    def dropped_(self) -> pd.DataFrame:
        """Columns left out: ``reason``, ``because_of``, ``value`` (the share missing)."""
        return dropped_record(self.feature_names_in_, ~self.support_, "missing", self.shares_)

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that are kept, whatever their type."""
        return same_columns(self, X).loc[:, self.support_]
