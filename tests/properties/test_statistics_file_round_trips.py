"""Arbitrary sheets are read back from Stata, SPSS, SAS and R files, or refused with a cause."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest
import rdata
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.test_format_round_trips import TEXT, sheets
from tests.unit.formats.patients import bits
from tumor_response.exceptions import TableError
from tumor_response.formats import Sheet, Variable, write_sheet

LARGEST = 1.7976931348623157e308
# what the programs' own documents say they have, by size
HELD: dict[str, Callable[[float], bool]] = {
    "dta": lambda x: -LARGEST <= x < 2.0**1023,
    "sav": lambda x: -LARGEST < x < LARGEST and x != np.nextafter(-LARGEST, 0),
    "xpt": lambda x: x == 0 or 16.0**-65 <= abs(x) < 16.0**63,
    "rds": lambda _: True,
}


def is_text(sheet: Sheet, variable: Variable, format: str) -> bool:
    return variable.kind == "text" or (variable.kind == "category" and format == "xpt")


def causes(sheet: Sheet, format: str) -> set[str]:
    """Why a program cannot hold a sheet, found cell by cell."""
    found = set()
    for variable in sheet.variables:
        there = [v for v in sheet.frame[variable.name] if not pd.isna(v)]
        if variable.kind == "number":
            if not all(HELD[format](float(v)) for v in there):
                found.add("number_not_held")
        elif is_text(sheet, variable, format):
            mixed = "" in there and len(there) < len(sheet.frame)
            blank = format in ("sav", "xpt") and any(v.endswith(" ") for v in there)
            if format != "rds" and (mixed or blank):
                found.add("text_not_held")
    return found


def made_to_fit(sheet: Sheet, format: str) -> Sheet:
    """The same sheet with what the program lacks replaced."""
    frame = sheet.frame.copy()
    for variable in sheet.variables:
        column = frame[variable.name]
        if variable.kind == "number":
            outside = [not (pd.isna(v) or HELD[format](float(v))) for v in column]
            frame[variable.name] = column.mask(np.array(outside, bool), 3)
        elif is_text(sheet, variable, format) and format != "rds":
            fits = [None if pd.isna(v) or v != v.rstrip(" ") or not v else v for v in column]
            frame[variable.name] = pd.Series(fits, dtype=object)
    return replace(sheet, frame=frame)


def by_pyreadstat(path: Path, format: str) -> list[list[Any]]:
    reader = {"dta": pyreadstat.read_dta, "sav": pyreadstat.read_sav, "xpt": pyreadstat.read_xport}
    frame, _ = reader[format](path)
    return [list(frame.iloc[:, place]) for place in range(frame.shape[1])]


def by_rdata(path: Path, format: str) -> list[list[Any]]:
    parsed = rdata.parser.parse_file(path).object
    found: list[list[Any]] = []
    for column in parsed.value:
        levels = [a for name, a in attributes(column) if name == b"levels"]
        if column.info.type is rdata.parser.RObjectType.STR:
            found.append(texts(column))
        elif levels:
            words = texts(levels[0])
            found.append([None if v < 0 else words[v - 1] for v in np.ma.filled(column.value, -1)])
        else:
            found.append(list(column.value))
    return found


def attributes(vector: Any) -> list[tuple[bytes, Any]]:
    pair, found = vector.attributes, []
    while pair is not None and pair.info.type is rdata.parser.RObjectType.LIST:
        tag = pair.tag.referenced_object or pair.tag
        found.append((tag.value.value, pair.value[0]))
        pair = pair.value[1]
    return found


def texts(vector: Any) -> list[str | None]:
    return [None if c.value is None else c.value.decode() for c in vector.value]


READERS = {"dta": by_pyreadstat, "sav": by_pyreadstat, "xpt": by_pyreadstat, "rds": by_rdata}


@pytest.mark.parametrize("format", READERS)
@settings(max_examples=15)
@given(data=st.data())
def test_what_is_written_is_read_back(format: str, data: st.DataObject) -> None:
    sheet = made_to_fit(data.draw(sheets(TEXT)), format)
    with tempfile.TemporaryDirectory() as folder:
        written = write_sheet(sheet, Path(folder) / "t", format)
        found = READERS[format](written.paths[0], format)
    assert len(found) == len(sheet.variables)
    for variable, read in zip(sheet.variables, found, strict=True):
        column = sheet.frame[variable.name]
        there = column.notna().to_numpy()
        assert len(read) == len(column)
        values = [v for v, known in zip(read, there, strict=True) if known]
        rest = [v for v, known in zip(read, there, strict=True) if not known]
        assert all(pd.isna(v) or v == "" for v in rest)
        if variable.kind == "number":
            expected = bits(column[there].astype(float))
            if format == "xpt":  # zero has no sign there
                expected = [0 if b == 1 << 63 else b for b in expected]
            assert bits(np.array(values, float)) == expected
        elif variable.kind == "category" and format in ("dta", "sav"):
            assert [variable.levels[int(v) - 1] for v in values] == list(column[there])
        else:
            assert values == list(column[there])


@pytest.mark.parametrize("format", READERS)
@settings(max_examples=15)
@given(data=st.data())
def test_refused_if_and_only_if_something_cannot_be_held(format: str, data: st.DataObject) -> None:
    sheet = data.draw(sheets(TEXT))
    expected = causes(sheet, format)
    with tempfile.TemporaryDirectory() as folder:
        if not expected:
            write_sheet(sheet, Path(folder) / "t", format)
            return
        with pytest.raises(TableError) as caught:
            write_sheet(sheet, Path(folder) / "t", format)
        assert caught.value.code in expected
        assert list(Path(folder).iterdir()) == []
