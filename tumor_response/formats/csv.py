"""CSV: numbers with all their digits, text in quotes, a missing value is nothing at all.

An empty text is ``""``, with quotes, and so differs from a missing one. Lines end with a line
feed; the encoding is UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.formats.cells import numbers, texts
from tumor_response.formats.sheet import Sheet

__all__ = ["write", "write_frame"]

_ROWS = 1_000  # are text at a time


def write(sheet: Sheet, path: Path, names: Mapping[str, str], codes: Mapping[str, str]) -> None:
    """Write a sheet.

    Parameters
    ----------
    sheet
        What to write; labels and reasons have no place here.
    path
        The file.
    names
        From column to the name it gets.
    codes
        Letters of reasons, which this format has no use for.

    Raises
    ------
    TableError
        Code ``text_not_held`` for text with a zero byte or half a character.
    """
    del codes
    is_number = [variable.kind == "number" for variable in sheet.variables]
    _write(sheet.frame, path, [names[variable.name] for variable in sheet.variables], is_number)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write any frame of numbers and text, without its index.

    Raises
    ------
    TableError
        As :func:`write`.
    """
    is_number = [pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes]
    _write(frame, path, [str(name) for name in frame.columns], is_number)


def _write(frame: pd.DataFrame, path: Path, names: list[str], is_number: list[bool]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        try:
            file.write(",".join(_quoted(name) for name in names) + "\n")
            for start in range(0, len(frame), _ROWS):
                for line in _lines(frame.iloc[start : start + _ROWS], is_number):
                    file.write(line + "\n")
        except UnicodeEncodeError as error:
            raise _not_held(str(error.object)) from None


def _lines(frame: pd.DataFrame, is_number: list[bool]) -> Iterator[str]:
    columns = []
    for place, of_numbers in enumerate(is_number):
        column = frame.iloc[:, place]
        if of_numbers:
            # repr is the shortest text that leads back to the same bits
            columns.append(["" if v is None else repr(v) for v in numbers(column)])
        else:
            columns.append(["" if v is None else _quoted(v) for v in texts(column)])
    return map(",".join, zip(*columns, strict=True))


def _quoted(text: str) -> str:
    if "\0" in text:
        raise _not_held(text)
    return '"' + text.replace('"', '""') + '"'


def _not_held(text: str) -> TableError:
    return TableError(
        f"CSV cannot hold {text[:80]!r}: it has a zero byte or half a character of Unicode. "
        "Correct the text, or write another format.",
        code="text_not_held",
    )
