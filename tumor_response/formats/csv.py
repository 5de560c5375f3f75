"""CSV: numbers with all their digits, text in quotes, a missing value is nothing at all.

An empty text is ``""``, with quotes, and so differs from a missing one. Lines end with a line
feed; the encoding is UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.formats.cells import plain
from tumor_response.formats.sheet import Sheet, Variable

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
        Codes ``text_not_held`` for text with a zero byte or half a character; ``level_unknown``.
    """
    del codes
    _write(sheet.frame, sheet.variables, path, [names[v.name] for v in sheet.variables])


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write any frame of numbers and text, without its index.

    Raises
    ------
    TableError
        As :func:`write`.
    """
    variables = [
        Variable(str(name), "", "number" if pd.api.types.is_numeric_dtype(kind) else "text")
        for name, kind in frame.dtypes.items()
    ]
    _write(frame, variables, path, [variable.name for variable in variables])


def _write(
    frame: pd.DataFrame, variables: Sequence[Variable], path: Path, names: Sequence[str]
) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        try:
            file.write(",".join(_quoted(name) for name in names) + "\n")
            for start in range(0, len(frame), _ROWS):
                for line in _lines(frame.iloc[start : start + _ROWS], variables):
                    file.write((line or '""') + "\n")  # readers skip a line without anything
        except UnicodeEncodeError as error:
            raise _not_held(error.object[max(0, error.start - 40) :]) from None


def _lines(frame: pd.DataFrame, variables: Sequence[Variable]) -> Iterator[str]:
    columns = [
        [_cell(cell) for cell in plain(variable, column)]
        for variable, (_, column) in zip(variables, frame.items(), strict=True)
    ]
    return map(",".join, zip(*columns, strict=True))


def _cell(cell: str | float | int | None) -> str:
    if isinstance(cell, str):
        return _quoted(cell)
    return "" if cell is None else repr(cell)  # the shortest text that leads back to the same bits


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
