"""Key columns: how a step of a model reaches arrays that the table only names.

A column ``views__<name>__key`` is no predictor, and no block names it. A step that looks the keys
up has to say so, by a method ``key_column_in(columns)``; an evaluation then shows it the column.
A step that looks them up while it is fitted, and scores rows without a key as well, says so by
``scores_need_keys = False``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.exceptions import ModelError

__all__ = ["chosen_key_column", "is_key_column", "keys_needed", "keys_read", "without_keys"]


def is_key_column(column: str) -> bool:
    """Tell whether a column holds keys of arrays.

    Examples
    --------
    >>> is_key_column("views__axial__key"), is_key_column("clinical__age")
    (True, False)
    """
    return column.startswith("views__") and column.endswith("__key")


def chosen_key_column(reader: str, column: str | None, columns: Iterable[str]) -> str:
    """Return the key column that a step reads: the one it names, or the only one there is.

    Parameters
    ----------
    reader
        Name of the step, for the message.
    column
        The column's name, or None.
    columns
        What the table has.

    Raises
    ------
    ModelError
        Code ``key_column``: there is none, there are several, or not the one that is named.

    Examples
    --------
    >>> chosen_key_column("FineTuned", None, ["clinical__age", "views__axial__key"])
    'views__axial__key'
    """
    there = [name for name in map(str, columns) if is_key_column(name)]
    if column is None and len(there) == 1:
        return there[0]
    if column is not None and column in there:
        return column
    if not there:
        found, way_out = "the table has none", "Extract tr.Views(...) with the other blocks"
    else:
        found = f"the table has {', '.join(there)}"
        way_out = f"Name one: {reader}(column={there[0]!r})"
    wanted = "one column views__<name>__key" if column is None else f"the column {column!r}"
    raise ModelError(f"{reader} reads {wanted}; {found}. {way_out}.", code="key_column")


def keys_read(estimator: BaseEstimator, columns: Iterable[str]) -> list[str]:
    """Return the key columns that the steps inside ``estimator`` read, however nested.

    Raises
    ------
    ModelError
        Code ``key_column``, as :func:`chosen_key_column`.
    """
    return _columns_of(_readers(estimator), columns)


def reads_keys(estimator: BaseEstimator) -> bool:
    """Tell whether a step inside ``estimator`` looks keys up."""
    return bool(_readers(estimator))


def keys_needed(estimator: BaseEstimator, columns: Iterable[str]) -> list[str]:
    """Return those of :func:`keys_read` without which a row cannot be scored.

    Raises
    ------
    ModelError
        Code ``key_column``, as :func:`chosen_key_column`.
    """
    needing = [part for part in _readers(estimator) if getattr(part, "scores_need_keys", True)]
    return _columns_of(needing, columns)


def without_keys(X: object) -> pd.DataFrame:
    """Return a frame without its key columns; what is no frame, as it is.

    Examples
    --------
    >>> without_keys(pd.DataFrame({"a__x": [1.0], "views__axial__key": ["ab"]})).columns.tolist()
    ['a__x']
    """
    if not isinstance(X, pd.DataFrame):
        return X  # type: ignore[return-value]  # refused by name where columns are looked at
    keep = np.array([not is_key_column(str(name)) for name in X.columns], dtype=bool)
    return X if keep.all() else X.loc[:, keep]


def _readers(estimator: BaseEstimator) -> list[Any]:
    parts = [estimator]
    if hasattr(estimator, "get_params"):
        parts += list(estimator.get_params(deep=True).values())
    return list({id(part): part for part in parts if _reads_keys(part)}.values())


def _columns_of(readers: Iterable[Any], columns: Iterable[str]) -> list[str]:
    names = list(columns)
    found = [part.key_column_in(names) for part in readers]
    return [str(name) for name in dict.fromkeys(found) if name is not None]


def _reads_keys(part: object) -> bool:
    return not isinstance(part, type) and hasattr(part, "key_column_in")
