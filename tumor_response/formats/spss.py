"""SPSS: ``.sav`` files, the dictionary by pyreadstat, the rows put behind it at once.

pyreadstat goes through a table cell by cell (4 s for 200 rows of 5,000 columns) and writes the
time of day. Here it writes one row, which shows how wide the columns are, and that row and the
times are replaced.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.formats.columns import (
    FloatArray,
    beginning,
    doubles,
    encoded,
    letters,
    padded_with_blanks,
    refuse_numbers,
    words_of_letters,
    words_of_values,
)
from tumor_response.formats.sheet import Sheet, Variable

__all__ = ["write"]

_LONGEST_TEXT = 32_767
_LONGEST_LABEL, _LONGEST_WORD, _LONGEST_TITLE = 255, 120, 64  # bytes
_LARGEST = np.finfo(np.float64).max
_LOWEST = float(np.nextafter(-_LARGEST, 0))  # SPSS's LOWEST, its HIGHEST is _LARGEST
_MISSING = -_LARGEST  # SYSMIS
_PLACE_OF_COUNT, _PLACE_OF_TIME = 80, 92
_TIME = b"01 Jan 8000:00:00"  # the same bytes at any time of day
_EXTENDED_COUNT = struct.pack("<4iq", 7, 16, 8, 2, 1)
_SEGMENT, _SEGMENT_STEP = 255, 252  # of texts longer than that, in bytes


@dataclass(frozen=True)
class _Column:
    variable: Variable
    name: str
    cells: npt.NDArray[Any]  # doubles, or UTF-8 without padding
    has_letters: bool = False


def write(sheet: Sheet, path: Path, names: Mapping[str, str], codes: Mapping[str, str]) -> None:
    """Write a sheet.

    SPSS has no letters for missing values: a reason is a number, -9001 for the letter ``a`` to
    -9026 for ``z`` (-90001 ... if the sheet has such values), declared a user-missing range of
    its column, with value labels that tell the reason. A missing value without a reason is
    system-missing. Categories are the numbers of their levels.

    Parameters
    ----------
    sheet
        What to write.
    path
        The file.
    names
        From column to the name it gets.
    codes
        Letters of reasons.

    Raises
    ------
    TableError
        Codes ``number_not_held`` for infinite numbers and the largest sizes, which SPSS keeps for
        itself; ``text_not_held`` for more than 32,767 bytes, zero bytes, blanks at the end, and
        columns with both empty and missing texts; ``level_unknown``.
    """
    values = {v.name: _values(v, sheet.frame[v.name]) for v in sheet.variables if v.kind != "text"}
    first = _first_code(sheet, list(values.values()))
    columns = []
    for variable in sheet.variables:
        name = names[variable.name]
        if variable.kind == "text":
            texts = encoded(
                variable, sheet.frame[variable.name], "SPSS", _LONGEST_TEXT, padded=True
            )
            columns.append(_Column(variable, name, texts))
        else:
            why = letters(sheet, variable.name, codes)
            absent = np.where(why > 0, first - why, _MISSING)
            there = values[variable.name]
            cells = np.where(np.isnan(there), absent, there).astype("<f8")
            columns.append(_Column(variable, name, cells, bool(why.any())))
    model = [_Column(c.variable, c.name, _longest(c.cells), c.has_letters) for c in columns]
    _write_dictionary(sheet, model, path, first, words_of_letters(codes))
    path.write_bytes(_with_rows(path.read_bytes(), _rows(model), _rows(columns)))


def _values(variable: Variable, column: pd.Series) -> FloatArray:
    values = doubles(variable, column, "SPSS")
    outside = (values <= _LOWEST) | (values >= _LARGEST)
    refuse_numbers(variable, values, outside, "SPSS", "numbers between its LOWEST and HIGHEST")
    return values


def _first_code(sheet: Sheet, columns: Sequence[FloatArray]) -> int:
    """Return the number above those of reasons: no value of the sheet is among them."""
    for digits in range(3, 16):
        first = int(-9 * 10**digits)
        if not any(((v >= first - 26) & (v < first)).any() for v in columns):
            return first
    raise TableError(
        f"{sheet.name!r} has values wherever reasons could have their numbers in SPSS (-9026 to "
        "-9001, -90026 to -90001 ...). Write another format.",
        code="number_not_held",
    )


def _longest(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return one cell, of a text the longest there could be."""
    one: Any = b"x" * cells.dtype.itemsize if cells.dtype.kind == "S" else 0
    return np.array([one], cells.dtype)


def _write_dictionary(
    sheet: Sheet, model: Sequence[_Column], path: Path, first: int, reasons: Mapping[str, str]
) -> None:
    """Write a file of one row."""
    import pyreadstat

    words, missing, formats, measures = {}, {}, {}, {}
    for column in model:
        values = words_of_values(column.variable)
        whole = bool(values)
        if column.has_letters:
            missing[column.name] = [{"lo": float(first - 26), "hi": float(first - 1)}]
            values |= {first - (ord(c) - ord("a") + 1): word for c, word in reasons.items()}
        if values:
            words[column.name] = {
                float(number): beginning(word, _LONGEST_WORD) for number, word in values.items()
            }
        if column.cells.dtype.kind == "f":
            formats[column.name] = "F8.0" if whole else "F16.6"
        is_scale = column.variable.kind == "number" and not whole
        measures[column.name] = "scale" if is_scale else "nominal"
    pyreadstat.write_sav(
        pd.DataFrame({c.name: [_plain(c.cells[0])] for c in model}),
        path,
        file_label=beginning(sheet.label, _LONGEST_TITLE),
        column_labels=[beginning(c.variable.label, _LONGEST_LABEL) for c in model],
        variable_value_labels=words,
        missing_ranges=missing,
        variable_format=formats,
        variable_measure=measures,
    )


def _plain(cell: Any) -> float | str:
    return cell.decode() if isinstance(cell, bytes) else float(cell)


def _rows(columns: Sequence[_Column]) -> npt.NDArray[np.void]:
    stored = [_padded(c.cells) if c.cells.dtype.kind == "S" else c.cells for c in columns]
    n_rows = len(stored[0]) if stored else 0
    rows = np.zeros(n_rows, [(f"c{n}", cells.dtype) for n, cells in enumerate(stored)])
    for number, cells in enumerate(stored):
        rows[f"c{number}"] = cells
    return rows


def _padded(texts: npt.NDArray[np.bytes_]) -> npt.NDArray[np.void]:
    """Return texts with blanks to a whole number of 8 bytes, long ones in segments.

    A text of more than 255 bytes is a row of variables, each but the last of 255 bytes and a
    blank; there is one for every 252 bytes.
    """
    width = texts.dtype.itemsize
    n_more = -(-width // _SEGMENT_STEP) - 1 if width > _SEGMENT else 0
    last = -(-(width - n_more * _SEGMENT_STEP) // 8) * 8
    room = padded_with_blanks(texts, n_more * _SEGMENT + last)
    if not n_more:
        return room
    # each segment but the last has a blank behind it
    places = np.arange(n_more) * _SEGMENT + _SEGMENT
    bytes_of = room.view(np.uint8).reshape(len(texts), -1)
    spaced = np.insert(bytes_of, places, ord(" "), axis=1)
    return spaced.view(f"V{spaced.shape[1]}").reshape(-1)


def _with_rows(file: bytes, model: npt.NDArray[np.void], rows: npt.NDArray[np.void]) -> bytes:
    """Return a file with its one row replaced, the rows counted and the times fixed."""
    one = model.tobytes()
    if not file.endswith(one) or file.count(_EXTENDED_COUNT) != 1:
        raise TableError(
            "The installed pyreadstat lays the rows of a .sav file out in a way not known here. "
            "Install pyreadstat 1.3, or write another format.",
            code="table_unwritable",
        )
    head = bytearray(file[: -len(one)])
    place = head.index(_EXTENDED_COUNT) + len(_EXTENDED_COUNT)
    head[place : place + 8] = struct.pack("<q", len(rows))
    head[_PLACE_OF_COUNT : _PLACE_OF_COUNT + 4] = struct.pack("<i", len(rows))
    head[_PLACE_OF_TIME : _PLACE_OF_TIME + len(_TIME)] = _TIME
    return bytes(head) + rows.tobytes()
