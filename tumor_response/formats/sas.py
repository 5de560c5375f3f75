"""SAS: a transport file of version 8, names of up to 32 characters and all.

The file is put together here: pyreadstat writes neither special missing values (``.A`` to
``.Z``) nor the same bytes twice. The format is published by SAS Institute (Record Layout of a SAS
Version 8 or 9 Data Set in SAS Transport Format). SAS reads it with its macro ``%xpt2loc``.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tumor_response.formats.cells import level_numbers
from tumor_response.formats.columns import (
    FloatArray,
    IntArray,
    beginning,
    doubles,
    encoded,
    letters,
    refuse_numbers,
)
from tumor_response.formats.names import SAS, legal_names
from tumor_response.formats.sheet import Sheet, Variable

__all__ = ["write"]

_LONGEST_TEXT = 32_767
_LONGEST_LABEL, _SHORT_LABEL = 256, 40
_RECORD = 80
_SMALLEST, _LARGEST = 16.0**-65, 16.0**63
_TIME = b"01JAN80:00:00:00"  # the same bytes at any time of day
_SYSTEM = b"6.06    bsd4.2  "


@dataclass(frozen=True)
class _Column:
    variable: Variable
    name: str
    cells: npt.NDArray[Any]

    @property
    def is_text(self) -> bool:
        return self.variable.kind != "number"

    @property
    def label(self) -> str:
        words = [f"{number} = {word}" for number, word in self.variable.value_labels.items()]
        told = f" ({', '.join(words)})" if words and not self.is_text else ""
        return beginning(self.variable.label + told, _LONGEST_LABEL)


def write(sheet: Sheet, path: Path, names: Mapping[str, str], codes: Mapping[str, str]) -> None:
    """Write a sheet.

    Missing values are ``.A`` to ``.Z`` by their reason, and ``.`` without one. SAS keeps value
    labels apart from data, and a transport file has none: categories are text, and what the whole
    numbers of a column mean is told in its label. Text is UTF-8, for SAS sessions in UTF-8.

    SAS has its own 64-bit numbers, to the base 16: those from 5.4e-79 to 7.2e75 are held to the
    last bit, others are refused. Zero has no sign there.

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
        Codes ``number_not_held``; ``text_not_held`` for more than 32,767 bytes, zero bytes,
        blanks at the end, and columns with both empty and missing texts; ``level_unknown``.
    """
    columns = [_Column(v, names[v.name], _cells(sheet, v, codes)) for v in sheet.variables]
    rows = np.zeros(len(sheet.frame), [(f"c{n}", c.cells.dtype) for n, c in enumerate(columns)])
    for number, column in enumerate(columns):
        rows[f"c{number}"] = column.cells
    counted = b"%15d" % len(rows)
    path.write_bytes(
        b"".join(
            [
                *_head(sheet),
                _header(b"NAMSTV8", b"%010d" % len(columns)),
                _filled(b"".join(_facts(columns))),
                *_long_labels(columns),
                _header(b"OBSV8", counted.ljust(30)),
                _filled(rows.tobytes()),
            ]
        )
    )


def _cells(sheet: Sheet, variable: Variable, codes: Mapping[str, str]) -> npt.NDArray[Any]:
    """Return a column as it stands in the file: 8 bytes of a number, or text and blanks."""
    column = sheet.frame[variable.name]
    if variable.kind != "number":
        if variable.kind == "category":
            level_numbers(variable, column)  # refuses what is no level
        texts = encoded(variable, column, "SAS", _LONGEST_TEXT, padded=True)
        width = texts.dtype.itemsize
        stored = texts.view(np.uint8).reshape(len(texts), width)
        blank = np.where(stored == 0, np.uint8(ord(" ")), stored)
        return blank.view(f"V{width}").reshape(-1)
    values = doubles(variable, column, "SAS")
    size = np.abs(values)
    outside = (size >= _LARGEST) | ((size > 0) & (size < _SMALLEST))
    held = "numbers from 5.4e-79 to 7.2e75"
    refuse_numbers(variable, values, outside, "SAS transport", held)
    why = letters(sheet, variable.name, codes)
    return _to_base_16(values, why)


def _to_base_16(values: FloatArray, why: IntArray) -> npt.NDArray[np.void]:
    """Return IBM's hexadecimal numbers: a sign, 7 bits of a power of 16, 56 of a fraction.

    Of 56 bits up to three lead with zero, so that the 53 of an IEEE number always fit. A missing
    value is its letter (``.`` without one) and seven bytes of zero, which is no number's form.
    """
    missing = np.isnan(values)
    fraction, power = np.frexp(np.where(missing, 0.0, np.abs(values)))
    power_of_16 = -(-power // 4)
    whole = np.ldexp(fraction, 56 + power - 4 * power_of_16).astype(np.uint64)
    bits = (power_of_16 + 64).astype(np.uint64) << np.uint64(56) | whole
    bits |= np.signbit(values).astype(np.uint64) << np.uint64(63)
    letter = np.where(why > 0, why + ord("A") - 1, ord("."))
    bits = np.where(values == 0, np.uint64(0), bits)
    bits = np.where(missing, letter.astype(np.uint64) << np.uint64(56), bits)
    return bits.astype(">u8").view("V8")


def _head(sheet: Sheet) -> list[bytes]:
    member = legal_names([sheet.name], SAS)[sheet.name].encode()
    label = beginning(sheet.label, _SHORT_LABEL).encode()
    times = _TIME + b" " * 16
    return [
        _header(b"LIBV8", b"0" * 30),
        b"SAS     SAS     SASLIB  " + _SYSTEM + b" " * 24 + _TIME,
        _TIME.ljust(_RECORD),
        _header(b"MEMBV8", b"000000000000000001600000000140"),
        _header(b"DSCPTV8", b"0" * 30),
        b"SAS     " + member.ljust(32) + b"SASDATA " + _SYSTEM + _TIME,
        times + label.ljust(_SHORT_LABEL) + b" " * 8,
    ]


def _facts(columns: Sequence[_Column]) -> list[bytes]:
    """Return what a column is, in 140 bytes each."""
    found, place = [], 0
    for number, column in enumerate(columns, start=1):
        width = column.cells.dtype.itemsize
        name, label = column.name.encode(), column.label.encode()
        short = beginning(column.label, _SHORT_LABEL).encode()
        found.append(
            struct.pack(">4h", 2 if column.is_text else 1, 0, width, number)
            + name[:8].ljust(8)
            + short.ljust(_SHORT_LABEL)
            + b" " * 8  # no format
            + struct.pack(">4h", 0, 0, 0 if column.is_text else 1, 0)
            + b" " * 8  # no informat
            + struct.pack(">2hi", 0, 0, place)
            + name.ljust(32)
            + struct.pack(">h", len(label))
            + bytes(18)
        )
        place += width
    return found


def _long_labels(columns: Sequence[_Column]) -> list[bytes]:
    entries = []
    for number, column in enumerate(columns, start=1):
        name, label = column.name.encode(), column.label.encode()
        if len(label) > _SHORT_LABEL:
            entries.append(struct.pack(">3h", number, len(name), len(label)) + name + label)
    if not entries:
        return []
    return [_header(b"LABELV8", b"%d" % len(entries)), _filled(b"".join(entries))]


def _header(name: bytes, told: bytes) -> bytes:
    head = b"HEADER RECORD*******" + name.ljust(8) + b"HEADER RECORD!!!!!!!"
    return (head + (told.ljust(30, b"0") if told.startswith(b"0") else told)).ljust(_RECORD)


def _filled(content: bytes) -> bytes:
    return content + b" " * (-len(content) % _RECORD)
