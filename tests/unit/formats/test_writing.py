"""The door: every format, all files or none, the same bytes, parts with their keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.unit.formats.sheets import mixed, wide
from tumor_response.exceptions import TableError
from tumor_response.formats import FORMATS, write_sheet, writing
from tumor_response.formats.whole import write_all


@pytest.mark.parametrize("format", FORMATS)
def test_same_bytes_for_the_same_sheet(
    tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_sheet(mixed(), tmp_path / "a" / "t", format).paths
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setattr("time.time", lambda: 2e9)
    second = write_sheet(mixed(), tmp_path / "b" / "t", format).paths
    assert [p.name for p in first] == [f"t.{format}", "t_missing.csv"]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_parts_repeat_the_keys_and_the_map_says_where_a_column_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = {"parquet": dataclasses.replace(writing._PROGRAMS["parquet"], most_columns=5)}
    monkeypatch.setattr(writing, "_PROGRAMS", writing._PROGRAMS | narrow)
    sheet = wide(7)
    written = write_sheet(sheet, tmp_path / "t", "parquet")
    assert [p.name for p in written.paths] == [
        "t_1.parquet",
        "t_2.parquet",
        "t_3.parquet",
        "t_missing.csv",
    ]
    parts = [pd.read_parquet(path) for path in written.paths[:3]]
    assert [part.shape[1] for part in parts] == [5, 5, 3]
    keys = ["patient_id", "lesion_id"]
    whole = parts[0].merge(parts[1], on=keys, validate="1:1").merge(parts[2], on=keys)
    pd.testing.assert_frame_equal(whole, sheet.frame, check_dtype=False)
    for row in written.names.itertuples():
        assert row.name in parts[row.part - 1].columns
    assert written.names["column"].tolist() == list(sheet.frame.columns)
    assert written.names["part"].tolist() == [1] * 5 + [2] * 3 + [3]
    no_keys = dataclasses.replace(
        sheet, frame=sheet.frame.drop(columns=keys), variables=sheet.variables[2:], reasons=None
    )
    with pytest.raises(TableError, match="at most 5") as caught:
        write_sheet(no_keys, tmp_path / "u", "parquet")
    assert caught.value.code == "too_many_columns"


def test_excel_and_stata_are_split_where_they_end() -> None:
    for format, most in (("dta", 2048), ("xlsx", 16_384)):
        for n, parts in ((most - 2, 1), (most - 1, 2)):
            prepared = writing.prepare_sheet(wide(n, 1), Path("t"), format)
            assert len(prepared.tables) == parts


def test_names_that_differ_are_told(tmp_path: Path) -> None:
    writers = writing.prepare_formats(mixed(), tmp_path / "t", ["csv", "sav", "dta"])
    assert [path.name for path in writers] == [
        "t.csv",
        "t.sav",
        "t.dta",
        "t_missing.csv",
        "t_sav_names.csv",
        "t_dta_names.csv",
    ]
    for path, write in writers.items():
        if path.name.endswith("names.csv"):
            write(path)
    names = pd.read_csv(tmp_path / "t_dta_names.csv").set_index("column")["name"]
    assert names["Größe [cm]"] == "Gro_e__cm_"
    assert names["count"] == "count"


def test_unknown_format_and_none(tmp_path: Path) -> None:
    for formats in (["csv", "docx"], []):
        with pytest.raises(TableError, match="csv, parquet, dta, sav, rds, xpt, xlsx") as caught:
            writing.check_formats(formats)
        assert caught.value.code == "format_unknown"
    assert writing.check_formats(["csv", "csv"]) == ["csv"]


def test_all_files_or_none(tmp_path: Path) -> None:
    before = tmp_path / "a"
    before.write_text("before")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    later = {before: lambda part: part.write_text("after"), tmp_path / "b": fail}
    with pytest.raises(TableError, match=r"b cannot be written \(No space left") as caught:
        write_all(later)
    assert caught.value.code == "table_unwritable"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert before.read_text() == "before"


@pytest.mark.parametrize(
    ("format", "read"),
    [("csv", pd.read_csv), ("parquet", pd.read_parquet), ("xlsx", pd.read_excel)],
)
def test_five_thousand_columns_come_back_to_the_bit(
    tmp_path: Path, format: str, read: Callable[[Path], pd.DataFrame]
) -> None:
    sheet = wide(5000)
    path = write_sheet(sheet, tmp_path / "t", format).paths[0]
    found, expected = read(path), sheet.frame
    assert list(found.columns) == list(expected.columns)
    numbers = [frame.iloc[:, 2:].to_numpy(float).tobytes() for frame in (found, expected)]
    assert numbers[0] == numbers[1]
