"""R: a data frame in an ``.rds`` file, for ``readRDS`` of any R.

Why a number is missing stands in the number itself, as haven's tagged NA: ``is.na`` is true, and
``haven::na_tag`` gives the letter. Labels are attributes, which base R and haven both read.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.formats.cells import level_numbers, texts
from tumor_response.formats.columns import (
    doubles,
    held_texts,
    letters,
    words_of_letters,
    words_of_values,
)
from tumor_response.formats.missing import missing_table
from tumor_response.formats.r_objects import NA_WHOLE, Vector, serialised
from tumor_response.formats.sheet import Sheet, Variable

__all__ = ["write"]

_LONGEST_TEXT = 2**31 - 1
_NA = 0x7FF0_0000_0000_07A2
_TAG = 32  # the bit from which on haven keeps a letter
_LABELLED = {"class": Vector(["haven_labelled", "vctrs_vctr", "double"])}


def write(sheet: Sheet, path: Path, names: Mapping[str, str], codes: Mapping[str, str]) -> None:
    """Write a sheet.

    Numbers are doubles with tagged NA, and of class ``haven_labelled`` if they have value labels;
    categories are factors; text is text. The attributes ``label``, ``units`` and ``column`` (the
    library's name, if another) stand at the columns, and at the data frame ``label`` and
    ``missing``: a data frame of why values are missing, of factors and text too.

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
        Codes ``number_not_held`` for whole numbers beyond 2**53; ``text_not_held`` for zero bytes
        and half characters of Unicode; ``level_unknown``.
    """
    columns = []
    for variable in sheet.variables:
        vector = _vector(sheet, variable, codes)
        told = {"label": Vector([variable.label])}
        if variable.unit:
            told["units"] = Vector([variable.unit])
        if names[variable.name] != variable.name:
            told["column"] = Vector([variable.name])
        columns.append(replace(vector, attributes=told | dict(vector.attributes)))
    legal = [names[variable.name] for variable in sheet.variables]
    about = {"label": Vector([sheet.label])}
    if sheet.reasons is not None:
        beside = missing_table(sheet)
        parts = [_as_vector(beside[name]) for name in beside.columns]
        about["missing"] = _data_frame(parts, list(beside.columns), len(beside), {})
    content = serialised(_data_frame(columns, legal, len(sheet.frame), about))
    with path.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        packed.write(content)  # neither time nor name: the same bytes wherever it is written


def _vector(sheet: Sheet, variable: Variable, codes: Mapping[str, str]) -> Vector:
    column = sheet.frame[variable.name]
    if variable.kind == "text":
        return Vector(held_texts(variable, column, "R", _LONGEST_TEXT))
    if variable.kind == "category":
        numbered = [NA_WHOLE if n is None else n for n in level_numbers(variable, column)]
        factor = {"levels": Vector(variable.levels), "class": Vector(["factor"])}
        return Vector(np.array(numbered, np.int32), factor)
    values = doubles(variable, column, "R")
    why = letters(sheet, variable.name, codes)
    cells = np.where(np.isnan(values), _tagged(why), values)
    words = words_of_values(variable)
    reasons = words_of_letters(codes) if why.any() or words else {}
    if not words and not reasons:
        return Vector(cells)
    tags = _tagged(np.array([ord(c) - ord("a") + 1 for c in reasons], np.int64))
    labels = np.concatenate([np.array(list(words), np.float64), tags])
    told = {"labels": Vector(labels, {"names": Vector([*words.values(), *reasons.values()])})}
    return Vector(cells, told | (_LABELLED if words else {}))


def _tagged(why: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return NA, with haven's tag where there is a letter (1 for ``"a"``)."""
    tags = np.where(why > 0, why + ord("a") - 1, 0)
    return (_NA + (tags << _TAG)).view(np.float64)


def _as_vector(column: pd.Series) -> Vector:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return Vector(column.to_numpy(np.int32))
    return Vector(texts(column))


def _data_frame(
    columns: Sequence[Vector], names: Sequence[str], n_rows: int, about: Mapping[str, Vector]
) -> Vector:
    told = {
        "names": Vector(names),
        "row.names": Vector(np.array([NA_WHOLE, -n_rows], np.int32)),  # R's short 1, 2, ...
        "class": Vector(["data.frame"]),
    }
    return Vector(columns, told | dict(about))
