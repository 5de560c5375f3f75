"""What the suspicions look at: numbers of the predictors, the outcome, whose rows they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["LookedAt", "Numbers", "quantiles", "ranks"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

_LEAST_ROWS = 8


def quantiles(values: FloatArray, shares: Sequence[float]) -> FloatArray:
    """Return quantiles of the known values of each column, shape (n_shares, n_columns).

    Examples
    --------
    >>> quantiles(np.array([[1.0, 5.0], [2.0, np.nan], [3.0, 7.0]]), [0.5]).tolist()
    [[2.0, 6.0]]
    """
    found = np.quantile(values, shares, axis=0)
    gaps = np.isnan(values).any(axis=0) & ~np.isnan(values).all(axis=0)
    if gaps.any():  # one by one, which is slow
        found[:, gaps] = np.nanquantile(values[:, gaps], shares, axis=0)
    return np.asarray(found, dtype=np.float64)


def ranks(values: FloatArray) -> FloatArray:
    """Return the ranks of the known values of each column, ties shared; NaN stays."""
    found: FloatArray = pd.DataFrame(values).rank().to_numpy(np.float64)
    return found


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numeric columns of some rows.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_columns)
        NaN where missing.
    names : list of str
    """

    values: FloatArray
    names: list[str]

    @cached_property
    def n_distinct(self) -> IntArray:
        """Different values of each column."""
        ordered = np.sort(self.values, axis=0)
        with np.errstate(invalid="ignore"):
            steps = (np.diff(ordered, axis=0) > 0).sum(axis=0)
        return np.asarray(steps + 1, dtype=np.int64)

    @cached_property
    def n_known(self) -> IntArray:
        """Values of each column that are there."""
        return np.asarray(np.isfinite(self.values).sum(axis=0), dtype=np.int64)

    @cached_property
    def is_continuous(self) -> BoolArray:
        """Columns most of whose values occur once."""
        return (self.n_distinct >= 0.5 * self.n_known) & (self.n_known >= _LEAST_ROWS)

    def take(self, columns: BoolArray) -> Numbers:
        """Return some of the columns."""
        names = [name for name, kept in zip(self.names, columns, strict=True) if kept]
        return Numbers(self.values[:, columns], names)

    def rows(self, rows: BoolArray) -> Numbers:
        """Return some of the rows."""
        return Numbers(self.values[rows], self.names)


@dataclass(frozen=True, eq=False)
class LookedAt:
    """A frame with its outcome.

    Attributes
    ----------
    frame : DataFrame
        All rows and columns as they were given.
    predictors : list of str
        Columns that some model uses.
    y : Series
        The outcome as given, in the frame's order; NaN where missing.
    classes : Series or None
        0 and 1, where the outcome is or becomes that.
    is_finished : bool
        Whether ``y`` came as classes, cut beforehand.
    outcomes : DataFrame or None
        All that is known of the end point, in the frame's order.
    fixed_cut : float or None
        The number at which ``y`` is cut, where it was given as one.
    """

    frame: pd.DataFrame
    predictors: list[str]
    y: pd.Series
    classes: pd.Series | None
    is_finished: bool
    outcomes: pd.DataFrame | None
    fixed_cut: float | None = None

    @cached_property
    def numbers(self) -> Numbers:
        """The numeric predictors of all rows; truth values count as 0 and 1."""
        return _numbers(self.frame, self.predictors)

    @cached_property
    def evaluated(self) -> BoolArray:
        """Rows whose outcome is known."""
        return np.asarray(self.y.notna().to_numpy(), dtype=np.bool_)

    @cached_property
    def row_sets(self) -> Mapping[str, BoolArray]:
        """Sets of rows that somebody may have fitted something to."""
        everybody = np.ones(len(self.frame), dtype=np.bool_)
        sets = {"all rows": everybody}
        if not self.evaluated.all() and self.evaluated.sum() >= _LEAST_ROWS:
            sets["all evaluated rows"] = self.evaluated
        return sets

    @cached_property
    def patients(self) -> IntArray:
        """An integer per row."""
        names = self.frame.index.get_level_values("patient_id").astype(str)
        return np.asarray(pd.factorize(names)[0], dtype=np.int64)


def _numbers(frame: pd.DataFrame, columns: Sequence[str]) -> Numbers:
    kept: dict[str, Any] = {}
    for name in columns:
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
            kept[name] = column.to_numpy(dtype=np.float64, na_value=np.nan)
        elif isinstance(column.dtype, pd.CategoricalDtype) and _reads_as_numbers(column):
            kept[name] = pd.to_numeric(column.astype(object)).to_numpy(np.float64)
    values = np.column_stack(list(kept.values())) if kept else np.empty((len(frame), 0))
    values[~np.isfinite(values)] = np.nan
    return Numbers(values, list(kept))


def _reads_as_numbers(column: pd.Series) -> bool:
    levels = pd.to_numeric(pd.Series(column.cat.categories.astype(object)), errors="coerce")
    return bool(len(levels) > 0 and levels.notna().all())
