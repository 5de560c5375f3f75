"""A sheet's columns as plain values: numbers, text or the numbers of levels; None is missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.formats.sheet import Variable

__all__ = ["level_numbers", "numbers", "plain", "texts"]


def plain(variable: Variable, column: pd.Series) -> Sequence[str | float | int | None]:
    """Return a column as numbers, or as text; categories by their words.

    Raises
    ------
    TableError
        As :func:`level_numbers`.
    """
    if variable.kind == "number":
        return numbers(column)
    if variable.kind == "category":
        level_numbers(variable, column)
    return texts(column)


def numbers(column: pd.Series) -> list[float | int | None]:
    """Return a column of numbers: whole ones stay whole, truth values are 0 and 1.

    Examples
    --------
    >>> numbers(pd.Series([1.5, None]))
    [1.5, None]
    """
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        return [None if value != value else value for value in column.to_numpy().tolist()]
    if pd.api.types.is_bool_dtype(column.dtype):
        column = column.astype("Int64")
    return [None if pd.isna(value) else value for value in column.to_list()]


def texts(column: pd.Series) -> list[str | None]:
    """Return a column of text, or of categories by their words.

    Examples
    --------
    >>> texts(pd.Series(["larynx", None]))
    ['larynx', None]
    """
    return [None if pd.isna(value) else str(value) for value in column.to_list()]


def level_numbers(variable: Variable, column: pd.Series) -> list[int | None]:
    """Return a category by the numbers of its levels, from 1.

    Raises
    ------
    TableError
        Code ``level_unknown`` for a value that is no level.

    Examples
    --------
    >>> level_numbers(Variable("sex", "Sex", "category", levels=("f", "m")), pd.Series(["m"]))
    [2]
    """
    numbered = {level: number for number, level in enumerate(variable.levels, start=1)}
    words = texts(column)
    strangers = sorted({word for word in words if word is not None} - set(numbered))
    if strangers:
        raise TableError(
            f"Column {variable.name!r} holds {strangers[:3]}; its levels are "
            f"{list(variable.levels)[:9]}. Name every level in the variable.",
            code="level_unknown",
        )
    return [None if word is None else numbered[word] for word in words]
