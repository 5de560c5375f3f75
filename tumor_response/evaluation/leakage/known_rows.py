"""Whose rows an array holds: by its index, by its contents, or by its place."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["KnownRows", "Matched", "n_rows_of", "row_keys"]

IntArray = npt.NDArray[np.int64]

_LEAST_SHARE_OF_CELLS = 0.5


class KnownRows:
    """The rows of an evaluation, to be found again in whatever a fit is given.

    Parameters
    ----------
    X : DataFrame
        The evaluated rows; its index names them.
    patients : ndarray of int64
        An integer per row.
    """

    def __init__(self, X: pd.DataFrame, patients: IntArray) -> None:
        self.X = X
        self.patients = patients

    def by_index(self, X: Any) -> IntArray | None:
        """Return the row numbers that an index says; None where it says nothing of these rows.

        Rows that the evaluation does not have are -1.
        """
        index = getattr(X, "index", None)
        if not isinstance(index, pd.Index) or list(index.names) != list(self.X.index.names):
            return None
        found = np.asarray(self.X.index.get_indexer(index), dtype=np.int64)
        return found if (found >= 0).any() else None

    def by_values(self, X: Any) -> IntArray | None:
        """Return the row numbers that raw values give away, -1 for rows without; None for none.

        Any choice and order of the table's columns is recognised, in single precision, since
        trees are shown no more. A row counts as found where half of its cells are one row's.
        """
        values = _floats(X)
        if values is None or values.ndim != 2 or not values.size:
            return None
        rows = np.full(len(values), -1, dtype=np.int64)
        for place, line in enumerate(values[:, :64]):
            votes = Counter(
                row for cell in line.tolist() for row in self._rows_of_value.get(cell, ())
            )
            if not votes:
                continue
            (best, n), *others = votes.most_common(2)
            if n >= _LEAST_SHARE_OF_CELLS * len(line) and (not others or others[0][1] < n):
                rows[place] = best
        return rows if (rows >= 0).mean() >= _LEAST_SHARE_OF_CELLS else None

    def identified(self, X: Any) -> IntArray | None:
        """Return row numbers by index, else by values; -1 for rows of nobody known."""
        found = self.by_index(X)
        return found if found is not None else self.by_values(X)

    @cached_property
    def _rows_of_value(self) -> dict[float, tuple[int, ...]]:
        """Which rows hold a value, over all columns whose values tell rows apart."""
        rows: dict[float, set[int]] = {}
        numbers = self.X.select_dtypes("number")
        for values in np.asarray(_floats(numbers)).T:
            known = values[np.isfinite(values)]
            if len(np.unique(known)) <= len(known) / 2:
                continue
            for row, value in enumerate(values.tolist()):
                if np.isfinite(value):
                    rows.setdefault(value, set()).add(row)
        return {value: tuple(of) for value, of in rows.items() if len(of) <= 3}


class Matched:
    """An array whose rows are known, to find others of its rows by their contents.

    Parameters
    ----------
    X
        Array or frame of numbers.
    rows : ndarray of int64
        The row number of each of its rows.
    """

    def __init__(self, X: Any, rows: IntArray) -> None:
        self.X = X
        self.rows = rows
        self._places: dict[bytes, int] | None = None
        self._n_columns = _n_columns(X)

    def rows_of(self, X: Any, keys: list[bytes] | None) -> IntArray | None:
        """Return the row number of each row of ``X``; None unless all of them are found here."""
        if X is self.X:
            return self.rows
        if keys is None or _n_columns(X) != self._n_columns:
            return None
        if self._places is None:
            own = row_keys(self.X) or []
            self._places = dict(zip(own, self.rows.tolist(), strict=True)) if own else {}
        found = [self._places.get(key, -1) for key in keys]
        return None if -1 in found else np.array(found, dtype=np.int64)


def row_keys(X: Any) -> list[bytes] | None:
    """Return the bytes of each row in single precision; None for what is no matrix of numbers.

    Examples
    --------
    >>> first, second = row_keys(np.array([[1.0, 2.0], [1.0, 2.0]]))
    >>> first == second
    True
    """
    values = _floats(X)
    if values is None or values.ndim != 2:
        return None
    return [line.tobytes() for line in np.ascontiguousarray(values)]


def n_rows_of(X: Any) -> int | None:
    """Return the number of rows; None for what has none."""
    shape = getattr(X, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else None
    return len(X) if isinstance(X, (list, tuple)) else None


def _n_columns(X: Any) -> int | None:
    shape: tuple[Any, ...] = getattr(X, "shape", ())
    return int(shape[1]) if len(shape) == 2 else None


def _floats(X: Any) -> npt.NDArray[np.float32] | None:
    try:
        if isinstance(X, pd.DataFrame):
            if not all(pd.api.types.is_numeric_dtype(kind) for kind in X.dtypes.unique()):
                return None
            values = X.to_numpy(np.float64, na_value=np.nan)
        else:
            values = np.asarray(X)
        with np.errstate(over="ignore", invalid="ignore"):
            single = np.array(values, dtype=np.float32)
    except (TypeError, ValueError):
        return None
    single[np.isnan(single)] = np.nan
    return single
