"""What all filters of columns share: they keep some as they are, and say why the others went."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import (
    FloatArray,
    as_floats,
    frame_like,
    same_columns,
)

__all__ = ["ColumnFilter", "best_or_passing"]

BoolArray = npt.NDArray[np.bool_]


class ColumnFilter(TransformerMixin, BaseEstimator):
    """Base of the steps that keep some columns and leave the others out; not made by itself.

    A filter decides at fit, on the training rows alone, and sets ``support_``. Columns that are
    kept leave unchanged and in the order of the table, so that a filter is a linear step and a
    value behind it can be credited to the column before it.
    """

    support_: BoolArray
    feature_names_in_: npt.NDArray[np.object_]

    @property
    @abstractmethod
    def dropped_(self) -> pd.DataFrame:
        """Columns left out: ``reason``, ``because_of``, ``value``."""

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that are kept, in their order in the table."""
        frame = same_columns(self, X)
        if self.support_.all():
            return frame
        values = as_floats(self, frame)[:, self.support_]
        return frame_like(values, frame.index, frame.columns[self.support_])

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """Return the names of the columns that are kept."""
        return np.asarray(self.feature_names_in_[self.support_])


def best_or_passing(passes: BoolArray, score: FloatArray, at_least: int) -> BoolArray:
    """Return the columns that pass, and if they are fewer than ``at_least``, the best beside them.

    A model of nothing has to be possible where no column passes, and it should not be a model of
    all columns. Equal scores go to the earlier column.

    Raises
    ------
    ModelError
        ``at_least`` below 1.

    Examples
    --------
    >>> score = np.array([0.1, 0.3, 0.2])
    >>> best_or_passing(np.array([False, False, False]), score, 1).tolist()
    [False, True, False]
    >>> best_or_passing(np.array([True, True, False]), score, 1).tolist()
    [True, True, False]
    """
    if at_least < 1:
        raise ModelError(f"at_least={at_least!r}: expected 1 or more.")
    if passes.sum() >= at_least:
        return passes
    order = np.lexsort((-score, ~passes))
    kept = np.zeros(len(passes), dtype=bool)
    kept[order[:at_least]] = True
    return kept
