"""Stata: format 118, which Stata 14 and every later one read.

The file is put together here: pyreadstat gives every column value labels of its own, and none to
a column whose name has 32 characters, has no notes, and writes the time of day.
The format is published by StataCorp (``help dta_118``).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import TableError
from tumor_response.formats.columns import (
    FloatArray,
    beginning,
    doubles,
    encoded,
    letters,
    refuse_numbers,
    words_of_letters,
    words_of_values,
)
from tumor_response.formats.sheet import Sheet, Variable

__all__ = ["write"]

_TYPES = {"f": 65_526, "i": 65_528}  # double and long; of text it is the width
_FORMATS = {"f": "%10.0g", "i": "%12.0g"}
_LONGEST_TEXT = 2_045
_LONGEST_LABEL = 80  # characters, of a variable and of the table
_LARGEST = float(np.uint64(0x7FDF_FFFF_FFFF_FFFF).view(np.float64))
_MISSING = 0x7FE0_0000_0000_0000  # is ".", and each letter adds the same
_LETTER = 0x0000_0100_0000_0000
_MISSING_WHOLE = 2_147_483_621  # "." among the whole numbers of value labels
_LARGEST_WHOLE = _MISSING_WHOLE - 1


@dataclass(frozen=True)
class _Column:
    variable: Variable
    name: str
    cells: npt.NDArray[Any]
    labels: str  # the name of its value labels, "" for none


def write(sheet: Sheet, path: Path, names: Mapping[str, str], codes: Mapping[str, str]) -> None:
    """Write a sheet.

    Numbers are doubles; categories, by the numbers of their levels, and whole numbers with words
    are longs with value labels. Missing values are ``.a`` to ``.z`` by their reason, which the
    value labels tell, and ``.`` without one. A column whose name had to change has it in the
    characteristic ``column``, one whose label is longer than 80 characters the whole label in a
    note (``notes list``).

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
        Codes ``number_not_held`` for numbers beyond Stata's (8.988e307); ``text_not_held`` for
        more than 2,045 bytes, zero bytes, and columns with both empty and missing texts;
        ``level_unknown``.
    """
    reasons = words_of_letters(codes)
    shared = "reasons"
    while shared in names.values():
        shared += "_"
    sets: dict[str, dict[int, str]] = {}
    columns = []
    for variable in sheet.variables:
        name = names[variable.name]
        cells, has_letters = _cells(sheet, variable, codes)
        values = words_of_values(variable)
        labels = name if values else shared if has_letters else ""
        if labels:
            sets[labels] = _numbered(variable, values, reasons)
        columns.append(_Column(variable, name, cells, labels))
    path.write_bytes(_file(sheet, columns, sets))


def _cells(
    sheet: Sheet, variable: Variable, codes: Mapping[str, str]
) -> tuple[npt.NDArray[Any], bool]:
    """Return a column as it stands in the file, and whether letters are in it."""
    column = sheet.frame[variable.name]
    if variable.kind == "text":
        return encoded(variable, column, "Stata", _LONGEST_TEXT, padded=False), False
    values = doubles(variable, column, "Stata")
    outside = (values > _LARGEST) | np.isneginf(values)
    refuse_numbers(variable, values, outside, "Stata", f"finite numbers up to {_LARGEST:.3e}")
    why = letters(sheet, variable.name, codes)
    has_letters, missing = bool(why.any()), np.isnan(values)
    # other programs give words to whole numbers only where they are stored as such
    if words_of_values(variable) and _are_long(values[~missing]):
        whole = np.where(missing, _MISSING_WHOLE + why, np.where(missing, 0, values))
        return whole.astype("<i4"), has_letters
    bits = (_MISSING + why * _LETTER).view(np.float64)
    return np.where(missing, bits, values).astype("<f8"), has_letters


def _are_long(values: FloatArray) -> bool:
    whole = (values == np.round(values)) & (np.abs(values) <= _LARGEST_WHOLE)
    return bool((whole & ~((values == 0) & np.signbit(values))).all())  # a long has no -0


def _numbered(
    variable: Variable, values: Mapping[int, str], reasons: Mapping[str, str]
) -> dict[int, str]:
    strangers = [number for number in values if abs(number) > _LARGEST_WHOLE]
    if strangers:
        raise TableError(
            f"Column {variable.name!r}: Stata has words for whole numbers up to "
            f"{_LARGEST_WHOLE:,}, received {strangers[:3]}. Leave their words out.",
            code="number_not_held",
        )
    of_letters = {_MISSING_WHOLE + ord(c) - ord("a") + 1: word for c, word in reasons.items()}
    return dict(sorted((dict(values) | of_letters).items()))


def _file(sheet: Sheet, columns: Sequence[_Column], sets: Mapping[str, Mapping[int, str]]) -> bytes:
    """Return the file: a header, a map of where the sections are, and the sections."""
    stored = [c.cells.dtype for c in columns]
    kinds = [_TYPES.get(dtype.kind, dtype.itemsize) for dtype in stored]
    shown = [_FORMATS.get(dtype.kind, f"%-{min(dtype.itemsize, 80)}s") for dtype in stored]
    short = [beginning(c.variable.label, _LONGEST_LABEL, "characters") for c in columns]
    rows = np.zeros(len(sheet.frame), [(f"c{n}", c.cells.dtype) for n, c in enumerate(columns)])
    for number, column in enumerate(columns):
        rows[f"c{number}"] = column.cells
    title = beginning(sheet.label, _LONGEST_LABEL, "characters").encode()
    header = b"<stata_dta>" + _tagged(
        "header",
        _tagged("release", b"118")
        + _tagged("byteorder", b"LSF")
        + _tagged("K", struct.pack("<H", len(columns)))
        + _tagged("N", struct.pack("<Q", len(rows)))
        + _tagged("label", struct.pack("<H", len(title)) + title)
        + _tagged("timestamp", b"\0"),  # none: the same bytes at any time of day
    )
    sections = [
        _tagged("variable_types", struct.pack(f"<{len(kinds)}H", *kinds)),
        _tagged("varnames", _fields([c.name for c in columns], 129)),
        _tagged("sortlist", b"\0\0" * (len(columns) + 1)),
        _tagged("formats", _fields(shown, 57)),
        _tagged("value_label_names", _fields([c.labels for c in columns], 129)),
        _tagged("variable_labels", _fields(short, 321)),
        _tagged("characteristics", b"".join(map(_characteristics, columns))),
        _tagged("data", rows.tobytes()),
        _tagged("strls", b""),
        _tagged("value_labels", b"".join(_label_set(name, sets[name]) for name in sets)),
    ]
    places = [0, len(header)]
    first = len(header) + len(_tagged("map", bytes(14 * 8)))
    places += accumulate(map(len, sections), initial=first)
    ending = b"</stata_dta>"
    places.append(places[-1] + len(ending))
    return b"".join([header, _tagged("map", struct.pack("<14Q", *places)), *sections, ending])


def _tagged(name: str, content: bytes) -> bytes:
    return b"<%b>%b</%b>" % (name.encode(), content, name.encode())


def _fields(texts: Sequence[str], width: int) -> bytes:
    return b"".join(text.encode().ljust(width, b"\0") for text in texts)


def _characteristics(column: _Column) -> bytes:
    """Return what is said of a column beyond its short label, each by its name."""
    told = {}
    if column.name != column.variable.name:
        told["column"] = column.variable.name
    if len(column.variable.label) > _LONGEST_LABEL:
        told |= {"note0": "1", "note1": column.variable.label}
    entries = []
    for name, text in told.items():
        content = _fields([column.name, name], 129) + beginning(text, 67_784).encode() + b"\0"
        entries.append(_tagged("ch", struct.pack("<I", len(content)) + content))
    return b"".join(entries)


def _label_set(name: str, words: Mapping[int, str]) -> bytes:
    texts = [beginning(word, 32_000).encode() + b"\0" for word in words.values()]
    offsets = list(accumulate(map(len, texts), initial=0))
    table = struct.pack("<2I", len(words), offsets[-1])
    table += struct.pack(f"<{len(words)}I", *offsets[:-1])
    table += struct.pack(f"<{len(words)}i", *words) + b"".join(texts)
    return _tagged("lbl", struct.pack("<I", len(table)) + _fields([name], 129) + bytes(3) + table)
