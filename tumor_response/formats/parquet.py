"""Parquet: types, labels and levels travel in the file's own metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.formats.cells import level_numbers, texts
from tumor_response.formats.sheet import Sheet, Variable

__all__ = ["write"]


def write(sheet: Sheet, path: Path, names: Mapping[str, str], codes: Mapping[str, str]) -> None:
    """Write a sheet.

    Every field's metadata hold ``column``, ``label``, ``kind``, ``unit``, ``levels`` and
    ``value_labels`` (the last two as JSON), the schema's ``label`` what the table is. Categories
    are dictionaries of all levels, in order; a missing value is null.

    Parameters
    ----------
    sheet
        What to write; reasons have no place here.
    path
        The file.
    names
        From column to the name it gets.
    codes
        Letters of reasons, which this format has no use for.

    Raises
    ------
    TableError
        Code ``text_not_held`` for text with half a character of Unicode; ``level_unknown``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    del codes
    arrays, fields = [], []
    for variable, (_, column) in zip(sheet.variables, sheet.frame.items(), strict=True):
        try:
            array = _array(variable, column)
        except UnicodeEncodeError as error:
            raise TableError(
                f"Column {variable.name!r}: Parquet cannot hold {str(error.object)[:80]!r}, which "
                "has half a character of Unicode. Correct the text.",
                code="text_not_held",
            ) from None
        arrays.append(array)
        fields.append(pa.field(names[variable.name], array.type, metadata=_facts(variable)))
    schema = pa.schema(fields, metadata={"name": sheet.name, "label": _said(sheet.label)})
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, compression="zstd")


def _array(variable: Variable, column: pd.Series) -> Any:
    import pyarrow as pa

    if variable.kind == "number":
        return pa.array(column, from_pandas=True)
    if variable.kind == "text":
        return pa.array(texts(column), pa.string())
    places = [None if n is None else n - 1 for n in level_numbers(variable, column)]
    levels = pa.array(list(variable.levels), pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), levels)


def _facts(variable: Variable) -> dict[str, str]:
    return {
        "column": variable.name,
        "label": _said(variable.label),
        "kind": variable.kind,
        "unit": _said(variable.unit),
        "levels": json.dumps(list(variable.levels)),
        "value_labels": json.dumps(variable.value_labels),
    }


def _said(text: str) -> str:
    """Return a label, half characters of Unicode as question marks: it is for reading."""
    return text.encode(errors="replace").decode()
