"""Stata, SPSS, SAS and R files against the libraries that know them, and what they refuse."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest
import rdata

from tests.unit.formats.patients import REASONS, bits, patients
from tests.unit.formats.sheets import mixed, wide
from tumor_response.exceptions import TableError
from tumor_response.formats import Sheet, Variable, spss, write_sheet
from tumor_response.formats.sas import _to_base_16

PROGRAMS = ["dta", "sav", "xpt", "rds"]


def one(column: Any, kind: Any = "number", **facts: Any) -> Sheet:
    frame = pd.DataFrame({"x": column})
    return Sheet("one", "One column", frame, (Variable("x", "X", kind, **facts),))


def moderate() -> Sheet:
    return patients(1e-70, 1e70, [1.5, -2.5, 0.0])


@pytest.mark.parametrize("format", PROGRAMS)
def test_the_same_bytes_again(tmp_path: Path, format: str) -> None:
    found = []
    for name in ("first", "second"):
        (path, _) = write_sheet(moderate(), tmp_path / name, format).paths
        found.append(path.read_bytes())
    assert found[0] == found[1]
    stamp = {"sav": b"01 Jan 8000:00:00", "xpt": b"01JAN80:00:00:00"}
    assert stamp.get(format, b"") in found[0]
    assert format != "dta" or b"<timestamp>\0</timestamp>" in found[0]
    assert format != "rds" or found[0][4:8] == bytes(4)  # where gzip has the time


@pytest.mark.parametrize("format", ["dta", "sav"])
def test_pyreadstat_reads_labels_words_and_reasons(tmp_path: Path, format: str) -> None:
    read = {"dta": pyreadstat.read_dta, "sav": pyreadstat.read_sav}[format]
    (path, _) = write_sheet(moderate(), tmp_path / "t", format).paths
    frame, known = read(path, user_missing=True)
    letters = dict(zip(sorted(REASONS), "abc", strict=True))
    numbers = dict(zip(sorted(REASONS), (-9001.0, -9002.0, -9003.0), strict=True))
    code: dict[str, Any] = letters if format == "dta" else numbers
    assert frame["any_bits"][3:6].tolist()[:2] == [code[REASONS[0]], code[REASONS[1]]]
    assert pd.isna(frame["any_bits"][5])
    assert frame["site"][3] == code[REASONS[0]]
    assert set(frame["nothing"]) == {code[REASONS[2]]}
    words = known.variable_value_labels
    reasons = {value: reason for reason, value in code.items()}
    assert words["response"] == {0.0: "shrank less", 1.0: "shrank more"} | reasons
    assert words["site"] == {1: "larynx", 2: "Zungengrund ß", 3: "never seen"} | reasons
    assert words["nothing"] == reasons
    assert "whole" not in words
    assert known.column_names_to_labels["any_bits"] == "Any number (mm³)"
    assert known.file_label == "Features of 40 lesions"


def test_pandas_reads_stata_files(tmp_path: Path) -> None:
    (path, _) = write_sheet(moderate(), tmp_path / "t", "dta").paths
    frame = pd.read_stata(path, convert_missing=True, convert_categoricals=False)
    assert [str(v) for v in frame["any_bits"][3:6]] == [".c", ".a", "."]
    assert {str(v) for v in frame["nothing"]} == {".b"}
    assert [str(v) for v in frame["response"][3:6]] == [".c", ".a", "."]
    worded = pd.read_stata(path, columns=["patient_id", "site", "response"])
    assert worded["site"].isna().tolist() == moderate().frame["site"].isna().tolist()
    assert worded["site"].dropna().tolist() == moderate().frame["site"].dropna().tolist()
    assert set(worded["response"].dropna()) == {"shrank less", "shrank more"}
    assert frame["note"][39] == moderate().frame["note"][39]
    with pd.io.stata.StataReader(path) as reader:
        assert reader.variable_labels()["any_bits"] == "Any number (mm³)"
        assert reader.value_labels()["response"][1] == "shrank more"


def test_stata_keeps_names_and_long_labels_as_characteristics(tmp_path: Path) -> None:
    (path, _) = write_sheet(moderate(), tmp_path / "t", "dta").paths
    file = path.read_bytes()
    head = file[: file.index(b"<data>")]
    entries = {}
    for piece in head.split(b"<ch>")[1:]:
        (length,) = struct.unpack("<I", piece[:4])
        about, name, text = piece[4:133], piece[133:262], piece[262 : 4 + length]
        entries[about.rstrip(b"\0"), name.rstrip(b"\0")] = text.rstrip(b"\0").decode()
        assert piece[4 + length :].startswith(b"</ch>")
    long = moderate().variables[3]
    legal = next(about for about, name in entries if name == b"note1")
    assert entries[legal, b"note1"] == long.label
    assert entries[legal, b"note0"] == "1"
    assert entries[legal, b"column"] == long.name
    assert entries[b"any_bits", b"column"] == "any bits"


def test_stata_has_one_set_of_words_for_all_features(tmp_path: Path) -> None:
    sheet = wide(30)
    assert sheet.reasons is not None
    sheet.frame.iloc[1, 2:] = np.nan
    sheet.reasons.iloc[1, 2:] = "mask_empty"
    (path, _) = write_sheet(sheet, tmp_path / "t", "dta").paths
    assert path.read_bytes().count(b"<lbl>") == 1


def test_sas_headers_are_those_of_pyreadstat(tmp_path: Path) -> None:
    """Everything but the times, long labels' cut and numbers that it gets wrong."""
    frame = pd.DataFrame(
        {
            "age": [61.0, np.nan, -0.25],
            "a_name_longer_than_eight": [1.0, 2.0, 1 / 3],
            "site": ["Köln", "xy", "東京"],
        }
    )
    labels = ["Age (years)", "Short", "A label longer than 40 characters, of 51 characters"]
    kinds: list[Any] = ["number", "number", "text"]
    variables = [Variable(*told) for told in zip(frame, labels, kinds, strict=True)]
    sheet = Sheet("features", "The label", frame, tuple(variables))
    (path,) = write_sheet(sheet, tmp_path / "ours", "xpt").paths
    theirs = tmp_path / "theirs.xpt"
    pyreadstat.write_xport(
        frame, theirs, file_label="The label", column_labels=labels, table_name="features"
    )
    ours, other = path.read_bytes(), theirs.read_bytes()
    assert len(ours) == len(other)
    differ = {n // 80 for n, pair in enumerate(zip(ours, other, strict=True)) if pair[0] != pair[1]}
    short = ours.index(b"A label longer than 40 characters") // 80
    assert differ <= {1, 2, 5, 6, short, short + 1}


def test_sas_numbers_are_exact() -> None:
    rng = np.random.default_rng(3)
    values = np.ldexp(rng.uniform(0.5, 1, 500), rng.integers(-258, 252, 500))
    values[:4] = [16.0**-65, np.nextafter(2.0**252, 0), 1.0, 1 / 3]
    values *= rng.choice([-1, 1], 500)
    for value, cell in zip(values, _to_base_16(values, np.zeros(500, np.int64)), strict=True):
        raw = cell.tobytes()
        sign, power, fraction = raw[0] >> 7, raw[0] & 127, int.from_bytes(raw[1:])
        assert fraction >> 52  # the first of 14 digits is not zero
        assert (-1) ** sign * Fraction(fraction) * Fraction(16) ** (power - 64 - 14) == Fraction(
            value
        )


def test_sas_missing_values_are_letters() -> None:
    cells = _to_base_16(np.array([np.nan, np.nan, np.nan, 0.0]), np.array([0, 1, 26, 0]))
    assert [c.tobytes() for c in cells] == [first + bytes(7) for first in (b".", b"A", b"Z", b"\0")]


@pytest.mark.parametrize("width", [1, 8, 255, 256, 505, 32_767])
def test_spss_texts_of_any_length(tmp_path: Path, width: int) -> None:
    texts = ["x" * width, "é"[: width - 1]]
    write_sheet(one(pd.Series(texts), "text"), tmp_path / "t", "sav")
    assert pyreadstat.read_sav(tmp_path / "t.sav")[0]["x"].tolist() == texts


def test_spss_reasons_keep_away_from_values(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [-9002.0, -90026.0, np.nan]})
    reasons = pd.DataFrame({"x": ["", "", "gone"]})
    sheet = Sheet("s", "S", frame, (Variable("x", "X", "number"),), reasons)
    (path, _) = write_sheet(sheet, tmp_path / "t", "sav").paths
    read, known = pyreadstat.read_sav(path, user_missing=True)
    assert read["x"].tolist() == [-9002.0, -90026.0, -900001.0]
    assert known.missing_ranges["x"] == [{"lo": -900026.0, "hi": -900001.0}]
    assert known.variable_value_labels["x"] == {-900001.0: "gone"}


def test_rdata_reads_r_files(tmp_path: Path) -> None:
    (path, _) = write_sheet(mixed(), tmp_path / "t", "rds").paths
    frame = rdata.read_rds(
        path,
        constructor_dict=rdata.conversion.DEFAULT_CLASS_MAP
        | {"haven_labelled": lambda values, _: values},
    )
    sheet = mixed().frame
    name = "radiomics__original__glcm_Contrast"
    assert bits(frame[name].dropna()) == bits(sheet[name].dropna())
    assert frame["sex"].tolist()[2:] == sheet["sex"].tolist()[2:]
    assert frame["site"].tolist()[2:] == sheet["site"].tolist()[2:]
    assert list(frame["sex"].cat.categories) == ["f", "m", "unknown"]


@pytest.mark.parametrize(
    ("format", "value"),
    [
        ("dta", 2.0**1023),
        ("dta", -np.inf),
        ("sav", np.inf),
        ("sav", 1.7976931348623157e308),
        ("sav", -1.7976931348623155e308),
        ("xpt", 2.0**252),
        ("xpt", 5e-79),
        ("xpt", -np.inf),
    ],
)
def test_numbers_that_a_program_lacks_are_refused(
    tmp_path: Path, format: str, value: float
) -> None:
    with pytest.raises(TableError, match=r"Column 'x', row 2") as caught:
        write_sheet(one([1.0, value]), tmp_path / "t", format)
    assert caught.value.code == "number_not_held"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", PROGRAMS)
def test_whole_numbers_are_not_rounded(tmp_path: Path, format: str) -> None:
    write_sheet(one([2**53, 2**54]), tmp_path / "t", format)
    with pytest.raises(TableError, match="9007199254740993") as caught:
        write_sheet(one([1, 2**53 + 1]), tmp_path / "u", format)
    assert caught.value.code == "number_not_held"
    mixed = pd.Series([np.int64(2**53 + 1), None], dtype=object)
    with pytest.raises(TableError, match="row 1"):
        write_sheet(one(mixed), tmp_path / "v", format)


def test_spss_files_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be written") as caught:
        spss.write(one([1.0]), tmp_path / "no" / "t.sav", {"x": "x"}, {})
    assert caught.value.code == "table_unwritable"


@pytest.mark.parametrize(
    ("format", "texts", "why"),
    [
        ("dta", ["x", "é" * 1_023], "2,046 bytes"),
        ("dta", ["x", "a\0b"], "zero byte"),
        ("dta", [None, ""], "missing texts too"),
        ("sav", ["x", "a "], "blanks at the end"),
        ("sav", ["x", "x" * 32_768], "32,768 bytes"),
        ("xpt", ["x", " "], "blanks at the end"),
        ("xpt", ["x", "\ud800"], "half a character"),
        ("rds", ["x", "a\0b"], "zero byte"),
        ("rds", ["x", "\ud800"], "half a character"),
    ],
)
def test_texts_that_a_program_lacks_are_refused(
    tmp_path: Path, format: str, texts: list[str | None], why: str
) -> None:
    sheet = one(pd.Series(texts, dtype=object), "text")
    with pytest.raises(TableError, match=rf"row 2.*{why}") as caught:
        write_sheet(sheet, tmp_path / "t", format)
    assert caught.value.code == "text_not_held"


@pytest.mark.parametrize("format", PROGRAMS)
def test_levels_that_are_not_named_are_refused(tmp_path: Path, format: str) -> None:
    with pytest.raises(TableError) as caught:
        write_sheet(one(["a", "b"], "category", levels=("a",)), tmp_path / "t", format)
    assert caught.value.code == "level_unknown"


def test_stata_has_words_for_whole_numbers_of_32_bits(tmp_path: Path) -> None:
    with pytest.raises(TableError) as caught:
        write_sheet(one([1.0], value_labels={2_147_483_621: "x"}), tmp_path / "t", "dta")
    assert caught.value.code == "number_not_held"


def test_five_thousand_columns(tmp_path: Path) -> None:
    sheet = wide(5_000)
    parts = write_sheet(sheet, tmp_path / "t", "dta").paths
    shapes = [pyreadstat.read_dta(path)[0].shape for path in parts[:3]]
    assert shapes == [(3, 2_048), (3, 2_048), (3, 910)]
    written = write_sheet(sheet, tmp_path / "t", "sav")
    frame, _ = pyreadstat.read_sav(written.paths[0], user_missing=True)
    assert list(frame.columns) == list(written.names["name"])
    assert bits(frame.iloc[:, -1]) == bits(sheet.frame.iloc[:, -1])
    # of SAS and R the names alone: their readers take seconds for so many columns
    written = write_sheet(sheet, tmp_path / "t", "xpt")
    file = written.paths[0].read_bytes()
    entries = file[file.index(b"NAMSTV8") + 60 :]
    names = [entries[140 * n + 88 : 140 * n + 120].decode().rstrip() for n in range(5_002)]
    assert names == list(written.names["name"])
