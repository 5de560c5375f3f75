"""A sheet's columns as the statistics programs store them: 64-bit numbers, letters, bytes."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.formats.cells import level_numbers, numbers, texts
from tumor_response.formats.missing import FURTHER
from tumor_response.formats.sheet import Sheet, Variable

__all__ = [
    "beginning",
    "doubles",
    "encoded",
    "held_texts",
    "letters",
    "refuse_numbers",
    "words_of_letters",
    "words_of_values",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_WAY_OUT = "Write another format, or make the value missing with a reason."


def doubles(variable: Variable, column: pd.Series, program: str) -> FloatArray:
    """Return numbers, or a category's level numbers from 1; NaN is missing.

    Raises
    ------
    TableError
        Code ``number_not_held`` for whole numbers that a 64-bit number would round;
        ``level_unknown``.

    Examples
    --------
    >>> doubles(Variable("dose", "Dose (Gy)", "number"), pd.Series([70, None]), "Stata").tolist()
    [70.0, nan]
    """
    if variable.kind == "number" and column.dtype in (np.float64, np.float32):
        return column.to_numpy(np.float64)
    of_numbers = variable.kind == "number"
    cells = numbers(column) if of_numbers else level_numbers(variable, column)
    for row, cell in enumerate(cells):
        if isinstance(cell, (int, np.integer)) and int(float(cell)) != int(cell):
            raise _not_held(variable, row, int(cell), program, "whole numbers up to 2**53")
    return np.array([np.nan if cell is None else cell for cell in cells], np.float64)


def refuse_numbers(
    variable: Variable, values: FloatArray, outside: npt.NDArray[np.bool_], program: str, held: str
) -> None:
    """Refuse a column with a number that the program does not have.

    Parameters
    ----------
    variable, values
        The column.
    outside
        Which numbers are refused.
    program, held
        Who refuses them, and which numbers it has.

    Raises
    ------
    TableError
        Code ``number_not_held``, with column and row.
    """
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise _not_held(variable, row, float(values[row]), program, held)


def letters(sheet: Sheet, name: str, codes: Mapping[str, str]) -> IntArray:
    """Return for each row why the value is missing: 1 for letter ``"a"`` to 26, 0 for nothing.

    Zero is also what a value gets that is there.

    Examples
    --------
    >>> frame = pd.DataFrame({"size": [1.0, np.nan]})
    >>> reasons = pd.DataFrame({"size": ["", "mask_empty"]})
    >>> sheet = Sheet("s", "", frame, (Variable("size", "Size", "number"),), reasons)
    >>> letters(sheet, "size", {"mask_empty": "b"}).tolist()
    [0, 2]
    """
    if sheet.reasons is None or not codes:
        return np.zeros(len(sheet.frame), np.int64)
    places = {reason: string.ascii_lowercase.index(code) + 1 for reason, code in codes.items()}
    missing = sheet.frame[name].isna().to_numpy()
    told = sheet.reasons[name].to_numpy(dtype=object)
    return np.array(
        [places.get(word, 0) if absent else 0 for word, absent in zip(told, missing, strict=True)],
        np.int64,
    )


def words_of_values(variable: Variable) -> dict[int, str]:
    """Return what a column's numbers stand for: a category's levels are numbered from 1.

    Examples
    --------
    >>> words_of_values(Variable("sex", "Sex", "category", levels=("f", "m")))
    {1: 'f', 2: 'm'}
    """
    if variable.kind == "category":
        return dict(enumerate(variable.levels, start=1))
    return dict(variable.value_labels) if variable.kind == "number" else {}


def words_of_letters(codes: Mapping[str, str]) -> dict[str, str]:
    """Return what each letter stands for.

    Examples
    --------
    >>> words_of_letters({"mask_empty": "a", "rare": "z", "rarer": "z"})
    {'a': 'mask_empty', 'z': 'further reasons'}
    """
    shared = Counter(codes.values())
    further = {FURTHER: "further reasons"} if shared[FURTHER] > 1 else {}
    return {code: reason for reason, code in codes.items()} | further


def held_texts(
    variable: Variable, column: pd.Series, program: str, longest: int
) -> list[str | None]:
    """Return a column of text, all of which the program takes.

    Parameters
    ----------
    variable, column
        The column.
    program, longest
        Who takes it, and how many bytes of UTF-8 of a cell.

    Raises
    ------
    TableError
        Code ``text_not_held`` for longer text, zero bytes and half characters of Unicode.

    Examples
    --------
    >>> held_texts(Variable("site", "Site", "text"), pd.Series(["larynx", None]), "R", 100)
    ['larynx', None]
    """
    cells = texts(column)
    for row, cell in enumerate(cells):
        if cell is None:
            continue
        whole = cell.encode(errors="ignore").decode() == cell
        length = len(cell.encode(errors="ignore"))
        if not whole or "\0" in cell:
            why = "a zero byte" if whole else "half a character of Unicode"
            raise _text_not_held(variable, row, cell, program, why)
        if length > longest:
            why = f"{length:,} bytes, of which it takes {longest:,}"
            raise _text_not_held(variable, row, cell, program, why)
    return cells


def encoded(
    variable: Variable, column: pd.Series, program: str, longest: int, *, padded: bool
) -> npt.NDArray[np.bytes_]:
    """Return a column of text for programs whose texts are bytes, and empty where missing.

    Parameters
    ----------
    variable, column, program, longest
        As of :func:`held_texts`.
    padded
        Whether the program fills cells with blanks, so that it cannot tell those at a text's
        end.

    Returns
    -------
    numpy.ndarray
        UTF-8, as wide as the longest, at least one byte.

    Raises
    ------
    TableError
        Code ``text_not_held`` as :func:`held_texts`, for blanks at the end where they are lost,
        and for a column with both empty and missing texts, which would become the same.

    Examples
    --------
    >>> sites = pd.Series(["larynx", None])
    >>> encoded(Variable("site", "Site", "text"), sites, "SPSS", 32_767, padded=True).tolist()
    [b'larynx', b'']
    """
    cells = held_texts(variable, column, program, longest)
    if None in cells and "" in cells:
        row = cells.index("")
        why = "the column has missing texts too, which are the same there"
        raise _text_not_held(variable, row, "", program, why)
    for row, cell in enumerate(cells):
        if padded and cell is not None and cell.endswith(" "):
            raise _text_not_held(variable, row, cell, program, "blanks at the end, which get lost")
    found = [(cell or "").encode() for cell in cells]
    return np.array(found, f"S{max([1, *map(len, found)])}")


def beginning(text: str, longest: int, unit: str = "bytes") -> str:
    """Return as much of a label as there is room for; ``...`` at its end says that it was cut.

    Zero bytes and half characters become ``?``: a label is for reading.

    Parameters
    ----------
    text
        The label.
    longest
        How long it may be, in ``unit``: ``"bytes"`` of UTF-8 or ``"characters"``.

    Examples
    --------
    >>> beginning("Größe des Tumors", 10)
    'Größe...'
    """
    clean = text.encode(errors="replace").decode().replace("\0", "?")

    def length(part: str) -> int:
        return len(part.encode()) if unit == "bytes" else len(part)

    if length(clean) <= longest:
        return clean
    kept = clean[: longest - 3]
    while length(kept) > longest - 3:
        kept = kept[:-1]
    return f"{kept}..."


def _not_held(variable: Variable, row: int, value: float, program: str, held: str) -> TableError:
    return TableError(
        f"Column {variable.name!r}, row {row + 1}: {program} cannot hold {value!r}; it has {held}. "
        f"{_WAY_OUT}",
        code="number_not_held",
    )


def _text_not_held(variable: Variable, row: int, text: str, program: str, why: str) -> TableError:
    return TableError(
        f"Column {variable.name!r}, row {row + 1}: {program} cannot hold {text[:80]!r} "
        f"({why}). Correct the text, or write another format.",
        code="text_not_held",
    )
