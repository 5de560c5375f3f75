"""Whatever a sheet holds, each format gives it back, or refuses it by name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumor_response.formats import Sheet, Variable, write_sheet

LETTERS = st.characters(codec="utf-8", exclude_characters="\0")
TEXT = st.text(LETTERS, max_size=12)
PRINTED = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"]), max_size=12)
DOUBLES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 2.0**53 + 2]),
)
WHOLE = st.integers(-(2**53), 2**53)


@st.composite
def sheets(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> Sheet:
    """A sheet of ugly names, extreme values and much that is missing."""
    n = draw(st.integers(0, 5))
    names = draw(st.lists(TEXT.filter(lambda name: name != "row"), unique=True, max_size=8))
    variables, columns = [Variable("row", "Row", "number")], [pd.Series(range(n), dtype="int64")]
    for name in names:
        kind = draw(st.sampled_from(["number", "whole", "category", "text", "nothing"]))
        label = draw(TEXT)
        if kind == "nothing":  # all of it missing
            column = pd.Series([None] * n, dtype="float64")
            variables.append(Variable(name, label, "number"))
        elif kind == "number":
            column = pd.Series(draw(cells(DOUBLES, n)), dtype="float64")
            variables.append(Variable(name, label, "number", unit="mm"))
        elif kind == "whole":
            column = pd.Series(draw(cells(WHOLE, n)), dtype="Int64")
            variables.append(Variable(name, label, "number", value_labels={1: draw(TEXT)}))
        elif kind == "text":
            column = pd.Series(draw(cells(texts, n)), dtype=object)
            variables.append(Variable(name, label, "text"))
        else:
            levels = draw(st.lists(texts, unique=True, min_size=1, max_size=4))
            column = pd.Series(draw(cells(st.sampled_from(levels), n)), dtype=object)
            variables.append(Variable(name, label, "category", levels=tuple(levels)))
        columns.append(column)
    frame = pd.concat(columns, axis=1)
    frame.columns = pd.Index(["row", *names], dtype=object)
    reasons = draw(cells(st.sampled_from(["", "mask_empty", "follow_up_missing"]), n))
    told = pd.DataFrame(dict.fromkeys(frame.columns, reasons), index=frame.index, dtype=object)
    return Sheet("sheet", draw(TEXT), frame, tuple(variables), told)


def cells(values: st.SearchStrategy[Any], n: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.none() | values, min_size=n, max_size=n)


def read_csv(path: Path, sheet: Sheet) -> list[list[Any]]:
    kinds = {"number": pa.float64(), "category": pa.string(), "text": pa.string()}
    table = pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        read_options=pyarrow.csv.ReadOptions(
            column_names=[str(i) for i in range(sheet.frame.shape[1])], skip_rows=1
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={str(i): kinds[v.kind] for i, v in enumerate(sheet.variables)},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return [column.to_pylist() for column in table.columns]


def read_parquet(path: Path, sheet: Sheet) -> list[list[Any]]:
    columns = pa.parquet.read_table(path).columns
    return [column.to_pylist() for column in columns]


def read_excel(path: Path, sheet: Sheet) -> list[list[Any]]:
    rows = list(openpyxl.load_workbook(path)["data"].values)[1:]
    columns = list(zip(*rows, strict=True)) or [()] * sheet.frame.shape[1]
    return [list(column) for column in columns]


@pytest.mark.parametrize(
    ("format", "texts", "read"),
    [("csv", TEXT, read_csv), ("parquet", TEXT, read_parquet), ("xlsx", PRINTED, read_excel)],
)
@settings(max_examples=30)
@given(data=st.data())
def test_what_is_written_is_read_back(
    format: str,
    texts: st.SearchStrategy[str],
    read: Callable[[Path, Sheet], list[list[Any]]],
    data: st.DataObject,
) -> None:
    sheet = data.draw(sheets(texts))
    with tempfile.TemporaryDirectory() as folder:
        written = write_sheet(sheet, Path(folder) / "t", format)
        found = read(written.paths[0], sheet)
        missing = pd.read_csv(written.paths[1], keep_default_na=False)
    assert len(found) == len(sheet.variables)
    lost = 0
    for place, variable in enumerate(sheet.variables):
        column, reasons = sheet.frame.iloc[:, place], sheet.reasons.iloc[:, place]
        expected = [None if pd.isna(value) else value for value in column]
        assert [repr(as_kind(v, variable)) for v in found[place]] == [
            repr(as_kind(v, variable)) for v in expected
        ]
        lost += sum(pd.isna(v) and bool(r) for v, r in zip(column, reasons, strict=True))
    assert len(missing) == lost


def as_kind(value: Any, variable: Variable) -> Any:
    return float(value) if variable.kind == "number" and value is not None else value
