"""CSV, Parquet and Excel, read back by the csv module, pyarrow, openpyxl and R."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.unit.formats.sheets import KEYS, keys, mixed
from tumor_response.exceptions import TableError
from tumor_response.formats import FORMATS, Sheet, Variable, write_sheet


def one_column(kind: str, values: list[object], levels: tuple[str, ...] = ()) -> Sheet:
    """The keys and one column."""
    frame = pd.DataFrame(keys(len(values)))
    frame["x"] = pd.Series(values, dtype=object if kind != "number" else None)
    return Sheet("s", "S", frame, (*KEYS, Variable("x", "X", kind, levels=levels)))  # type: ignore[arg-type]


def test_csv_holds_every_digit_and_tells_empty_from_missing(tmp_path: Path) -> None:
    path = write_sheet(mixed(), tmp_path / "t", "csv").paths[0]
    content = path.read_bytes()
    assert b"\r" not in content
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    frame = mixed().frame
    for name in ("radiomics__original__glcm_Contrast", "Größe [cm]", "count"):
        there = frame[name].notna()
        read = [row[name] for row in rows]
        assert [text == "" for text in read] == (~there).tolist()
        kept = np.array([float(text) for text in read if text])
        expected = frame.loc[there, name].to_numpy(float)
        assert kept.tobytes() == expected.tobytes()  # the sign of zero as well
    assert [row["site"] for row in rows][2:] == ['a "b", c', "=1+1", "東京", " x"]
    assert [row["sex"] for row in rows] == ["m", "", "f", "m", "m", "f"]
    empty = write_sheet(one_column("text", ["", None]), tmp_path / "e", "csv").paths[0]
    assert empty.read_text() == '"patient_id","lesion_id","x"\n"000","0",""\n"000","1",\n'


def test_parquet_keeps_types_levels_and_labels(tmp_path: Path) -> None:
    sheet = mixed()
    path = write_sheet(sheet, tmp_path / "t", "parquet").paths[0]
    table = pq.read_table(path)
    assert table.schema.metadata[b"label"].decode() == sheet.label
    facts = {
        field.name: {
            k.decode(): v.decode() for k, v in field.metadata.items() if k != b"PARQUET:field_id"
        }
        for field in table.schema
    }
    assert facts["Größe [cm]"]["label"] == "Body height (cm)"
    assert facts["Größe [cm]"]["unit"] == "cm"
    assert json.loads(facts["sex"]["levels"]) == ["f", "m", "unknown"]
    assert json.loads(facts["responder"]["value_labels"]) == {"0": "less", "1": "more"}
    read = pd.read_parquet(path)
    assert list(read["sex"].cat.categories) == ["f", "m", "unknown"]
    assert read["count"].tolist()[5] == 2**31
    x = "radiomics__original__glcm_Contrast"
    assert read[x].to_numpy().tobytes() == sheet.frame[x].to_numpy().tobytes()
    assert read["site"].tolist()[2:] == sheet.frame["site"].tolist()[2:]


def test_excel_opens_in_openpyxl_with_text_that_stays_text(tmp_path: Path) -> None:
    sheet = mixed()
    path = write_sheet(sheet, tmp_path / "t", "xlsx").paths[0]
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["data", "variables", "missing"]
    rows = list(book["data"].values)
    assert list(rows[0]) == list(sheet.frame.columns)
    for place, name in enumerate(sheet.frame.columns):
        expected = [None if pd.isna(v) else v for v in sheet.frame[name]]
        assert [row[place] for row in rows[1:]] == expected
    assert book["data"]["H5"].data_type == "s"  # =1+1 is no formula
    told = {row[1]: row for row in book["variables"].values}
    assert told["responder"][2:] == (
        "Shrank more than the median",
        "number",
        None,
        "0 = less; 1 = more",
    )
    assert told["sex"][5] == "f; m; unknown"
    assert len(list(book["missing"].values)) == 11


@pytest.mark.needs("r")
def test_r_reads_csv_and_excel(tmp_path: Path) -> None:
    for format in ("csv", "xlsx"):
        write_sheet(mixed(), tmp_path / "t", format)
    script = """
    options(digits = 17)
    csv <- read.csv("t.csv", na.strings = "", encoding = "UTF-8", check.names = FALSE,
                    colClasses = c(patient_id = "character", lesion_id = "character"))
    xlsx <- as.data.frame(readxl::read_excel("t.xlsx", na = "", trim_ws = FALSE))
    for (d in list(csv, xlsx)) {
      x <- d[["radiomics__original__glcm_Contrast"]]
      stopifnot(identical(x, c(0.1 + 0.2, NA, -0, 1e70, 1e-70, 2 / 3)), 1 / x[3] == -Inf)
      stopifnot(identical(d$site, c("K\\u00f6ln", NA, 'a "b", c', "=1+1", "\\u6771\\u4eac", " x")))
      stopifnot(identical(d$patient_id, c("000", "000", "000", "001", "001", "001")))
      stopifnot(d$count[6] == 2^31, is.na(d$sex[2]), all(is.na(d$nothing)))
    }
    """
    command = ["Rscript", "--vanilla", "-e", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("format", "kind", "value", "code"),
    [
        ("xlsx", "number", np.inf, "number_not_held"),
        ("xlsx", "number", 2**53 + 1, "number_not_held"),
        ("xlsx", "text", "a\x01", "text_not_held"),
        ("xlsx", "text", "x" * 32_768, "text_not_held"),
        ("xlsx", "text", "\ud800", "text_not_held"),
        ("csv", "text", "a\0b", "text_not_held"),
        ("csv", "text", "\ud800", "text_not_held"),
        ("parquet", "text", "\ud800", "text_not_held"),
        ("parquet", "category", "other", "level_unknown"),
        ("xlsx", "category", "other", "level_unknown"),
        ("csv", "category", "other", "level_unknown"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_nothing_is_left(
    tmp_path: Path, format: str, kind: str, value: object, code: str
) -> None:
    sheet = one_column(kind, [value], ("f", "m") if kind == "category" else ())
    with pytest.raises(TableError, match=r"'x'|cannot hold") as caught:
        write_sheet(sheet, tmp_path / "t", format)
    assert caught.value.code == code
    assert not list(tmp_path.iterdir())


def test_excel_rows_end(tmp_path: Path) -> None:
    rows = 2**20
    frame = pd.DataFrame({"x": np.zeros(rows)})
    sheet = Sheet("s", "S", frame, (Variable("x", "X", "number"),))
    with pytest.raises(TableError, match="1,048,575") as caught:
        write_sheet(sheet, tmp_path / "t", "xlsx")
    assert caught.value.code == "too_many_rows"


def test_text_that_looks_like_an_escape_of_excel(tmp_path: Path) -> None:
    sheet = one_column("text", ["_x000D_", "a\rb\nc\t", "<&>"])
    path = write_sheet(sheet, tmp_path / "t", "xlsx").paths[0]
    read = [row[2] for row in openpyxl.load_workbook(path)["data"].values][1:]
    # openpyxl hands on the escaped underscore as it stands; Excel and readxl read _x000D_
    assert read == ["_x005F_x000D_", "a\rb\nc\t", "<&>"]


@pytest.mark.parametrize("format", FORMATS)
def test_labels_that_a_format_cannot_hold_do_not_cost_the_table(
    tmp_path: Path, format: str
) -> None:
    frame = pd.DataFrame({"x": [1.0]})
    ugly = "half \ud800, zero \0, bell \a, " + "long " * 10_000
    words = {1: ugly}
    variable = Variable("x", ugly, "number", unit="\udfff", value_labels=words)
    written = write_sheet(Sheet("s", ugly, frame, (variable,)), tmp_path / "t", format)
    assert written.paths[0].stat().st_size > 0
