"""One way of saying what is wrong with a table of visits: all rows at once, and the way out."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from tumor_response.exceptions import OutcomeError

__all__ = ["as_columns", "flag_column", "listed", "refuse", "text_ids"]

_SHOWN = 8
# 1 and 0 are True and False to a dictionary
_YES_NO = {True: True, False: False, "yes": True, "no": False}


def listed(items: Iterable[object]) -> str:
    """Return the first few items as text, and how many more there are."""
    texts = [str(item) for item in items]
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more


def refuse(code: str, what: str, rows: pd.DataFrame, columns: Iterable[str], remedy: str) -> None:
    """Raise an :class:`OutcomeError` that shows ``columns`` of ``rows``; nothing if there are none.

    Raises
    ------
    OutcomeError
        With ``code``, if ``rows`` has a row.
    """
    if rows.empty:
        return
    names = [name for name in columns if name in rows]
    shown = listed(
        ", ".join(f"{name} {value!r}" for name, value in zip(names, row, strict=True))
        for row in rows[names].astype(object).itertuples(index=False)
    )
    raise OutcomeError(f"{what} Received: {shown}. {remedy}", code=code)


def as_columns(frame: pd.DataFrame, needed: Iterable[str], who: str) -> pd.DataFrame:
    """Return a copy whose named index levels are columns, with the ``needed`` ones present."""
    named = [name for name in frame.index.names if name is not None and name not in frame]
    tidy = frame.reset_index(level=named) if named else frame
    tidy = tidy.reset_index(drop=True)
    lacking = [name for name in needed if name not in tidy]
    if lacking:
        raise OutcomeError(
            f"{who} needs the columns or index levels {', '.join(needed)}; "
            f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not among "
            f"{', '.join(map(str, tidy.columns))}. Rename yours.",
            code="column_missing",
        )
    if tidy.empty:
        raise OutcomeError(f"{who} was given a table without rows.", code="no_rows")
    return tidy


def text_ids(ids: pd.Series, name: str) -> pd.Series:
    """Return identifiers as text; floats and empty ones are refused.

    Raises
    ------
    OutcomeError
        Code ``ids_not_exact`` for floats: a long number read as a float is rounded, and two
        patients may have fallen together. Code ``id_missing`` for empty cells.
    """
    if ids.map(lambda cell: isinstance(cell, (float, np.floating)) and not pd.isna(cell)).any():
        raise OutcomeError(
            f"{name} holds floating-point numbers, such as {ids.iloc[0]!r}: long identifiers are "
            "rounded by that, and two patients may have become one. Read them as text "
            '(dtype=str), or use read_diameters(ids="row_groups") for such a file.',
            code="ids_not_exact",
        )
    texts = ids.astype(object).where(ids.notna(), "").map(str).str.strip()
    empty = texts == ""
    if empty.any():
        raise OutcomeError(
            f"{name} is empty in {int(empty.sum())} rows, the first being row "
            f"{int(np.flatnonzero(empty)[0])} (counted from 0). Fill it in or remove these rows.",
            code="id_missing",
        )
    return texts


def flag_column(cells: pd.Series, name: str, keys: pd.DataFrame) -> pd.Series:
    """Return a column of yes and no (True/False, 1/0 or the words) as booleans."""

    def one(cell: Any) -> bool | None:
        key: Hashable = cell.strip().lower() if isinstance(cell, str) else cell
        return _YES_NO.get(key) if pd.notna(cell) else None

    found = cells.map(one).astype(object)
    unclear = found.isna()
    refuse(
        "yes_no_expected",
        f"{name} has to be yes or no (True or False) in every row.",
        keys.assign(**{name: cells})[unclear],
        [*keys.columns, name],
        "Fill it in; what is unknown has to be decided by a person.",
    )
    return found.astype(bool)
