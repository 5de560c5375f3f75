"""SPSS: ``.sav`` files by pyreadstat, with one date for all of them."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

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
from tumor_response.formats.whole import unwritable

__all__ = ["write"]

_LONGEST_TEXT = 32_767
_LONGEST_LABEL, _LONGEST_WORD, _LONGEST_TITLE = 255, 120, 64  # bytes
_LARGEST = np.finfo(np.float64).max
_LOWEST = float(np.nextafter(-_LARGEST, 0))  # SPSS's LOWEST; its HIGHEST is _LARGEST
_PLACE_OF_TIME = 92
_TIME = b"01 Jan 8000:00:00"  # the same bytes at any time of day


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
    import pyreadstat

    values = {v.name: _values(v, sheet.frame[v.name]) for v in sheet.variables if v.kind != "text"}
    first = _first_code(sheet, list(values.values()))
    reasons = words_of_letters(codes)
    of_reasons = {first - (ord(c) - ord("a") + 1): word for c, word in reasons.items()}
    columns: dict[str, pd.Series] = {}
    words, missing, formats, measures = {}, {}, {}, {}
    for variable in sheet.variables:
        name, column = names[variable.name], sheet.frame[variable.name]
        if variable.kind == "text":
            texts = encoded(variable, column, "SPSS", _LONGEST_TEXT, padded=True)
            columns[name] = pd.Series([text.decode() for text in texts], dtype="str")
            measures[name] = "nominal"
            continue
        why = letters(sheet, variable.name, codes)
        columns[name] = pd.Series(np.where(why > 0, first - why, values[variable.name]))
        told = words_of_values(variable)
        formats[name] = "F8.0" if told else "F16.6"
        measures[name] = "nominal" if told else "scale"
        if why.any():
            missing[name] = [{"lo": float(first - 26), "hi": float(first - 1)}]
            told |= of_reasons
        if told:
            words[name] = {float(n): beginning(word, _LONGEST_WORD) for n, word in told.items()}
    try:
        pyreadstat.write_sav(
            pd.DataFrame(columns),
            path,
            file_label=beginning(sheet.label, _LONGEST_TITLE),
            column_labels=[beginning(v.label, _LONGEST_LABEL) for v in sheet.variables],
            variable_value_labels=words,
            missing_ranges=missing,
            variable_format=formats,
            variable_measure=measures,
        )
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError) as error:
        raise unwritable(path, OSError(errno.EIO, str(error))) from None
    with path.open("r+b") as file:
        file.seek(_PLACE_OF_TIME)
        file.write(_TIME)


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
