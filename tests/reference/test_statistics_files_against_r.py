"""R reads what was written for Stata, SPSS, SAS and R, to the last bit, labels and reasons too.

haven reads all but ``.rds``, foreign reads ``.sav`` by a program that shares nothing with haven,
and ``readRDS`` is R's own.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.formats.patients import REASONS, bits, patients
from tumor_response.formats import Sheet, write_sheet

# numbers go back as bits: a missing value's letter is among them, and -0 is not 0
R_PROGRAM = r"""
suppressMessages(library(haven))
folder <- commandArgs(trailingOnly = TRUE)[1]
at <- function(name) file.path(folder, name)
hex <- function(x) {
  raws <- matrix(as.character(writeBin(as.double(x), raw(), endian = "big")), nrow = 8)
  apply(raws, 2, paste, collapse = "")
}
said <- function(x) if (is.null(x)) "" else enc2utf8(as.character(x))
tell <- function(x) {
  labels <- attr(x, "labels", exact = TRUE)
  plain <- if (is.factor(x)) x else unclass(x)
  list(
    values = if (is.numeric(plain)) hex(plain) else I(enc2utf8(as.character(plain))),
    tags = if (is.double(plain)) I(na_tag(as.double(plain))) else I(character()),
    missing = I(is.na(x)), label = said(attr(x, "label", exact = TRUE)),
    words = I(said(names(labels))), worded = I(hex(labels)),
    letters = if (is.double(labels)) I(na_tag(as.double(labels))) else I(character()),
    levels = I(said(levels(x))), range = I(hex(attr(x, "na_range"))),
    column = said(attr(x, "column", exact = TRUE)), units = said(attr(x, "units", exact = TRUE)))
}
files <- list(
  dta = read_dta(at("t.dta")), sav = read_sav(at("t.sav"), user_na = TRUE),
  xpt = read_xpt(at("t.xpt")), rds = readRDS(at("t.rds")))
found <- lapply(files, function(file) c(
  list(label = said(attr(file, "label")), names = names(file)),
  list(columns = lapply(unname(as.list(file)), tell))))
foreign <- suppressWarnings(
  foreign::read.spss(at("t.sav"), use.value.labels = FALSE, use.missings = FALSE))
found$foreign <- list(
  names = names(foreign), labels = unname(attr(foreign, "variable.labels")),
  values = lapply(foreign, function(x) if (is.numeric(x)) hex(x) else trimws(x, "right")))
found$beside <- attr(files$rds, "missing")
found$plain <- list(mean = mean(files$rds$response, na.rm = TRUE), rows = nrow(files$rds),
  model = unname(coef(lm(whole / 2^53 ~ response, data = files$rds))))
jsonlite::write_json(found, at("found.json"), auto_unbox = TRUE, digits = NA, na = "null")
"""

LARGEST = 1.7976931348623157e308
# what each program has: its smallest and largest numbers are in the sheet
SHEETS = {
    "dta": patients(
        5e-324, 8.9e307, [-1.7976931348623157e308, float(np.nextafter(2.0**1023, 0)), -0.0]
    ),
    "sav": patients(5e-324, 1.7e308, [1.797e308, -1.797e308, -0.0, 5e-324]),
    "xpt": patients(5.5e-79, 7.2e75, [2.0**-260, -float(np.nextafter(2.0**252, 0)), 1 / 3]),
    "rds": patients(5e-324, 1.7e308, [np.inf, -np.inf, -0.0, 5e-324, -LARGEST]),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("r")
    for format, sheet in SHEETS.items():
        write_sheet(sheet, folder / "t", format)
    (folder / "read.R").write_text(R_PROGRAM, encoding="utf-8")
    subprocess.run(["Rscript", "--vanilla", folder / "read.R", folder], check=True)
    answer: dict[str, Any] = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    return answer


def column(found: dict[str, Any], format: str, name: str) -> dict[str, Any]:
    place = list(SHEETS[format].frame.columns).index(name)
    answer: dict[str, Any] = found[format]["columns"][place]
    return answer


def of_hex(values: list[str]) -> list[int]:
    return [int(value, 16) for value in values]


NUMBERS = ["any bits", "radiomics__wavelet_LLH__glszm_ZoneEntropy", "response", "whole"]


@pytest.mark.needs("r")
@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("format", SHEETS)
def test_numbers_to_the_last_bit(found: dict[str, Any], format: str, name: str) -> None:
    values = SHEETS[format].frame[name]
    read = np.array(of_hex(column(found, format, name)["values"]), np.uint64)
    there = values.notna().to_numpy()
    assert read[there].tolist() == bits(values[there].astype(float))


@pytest.mark.needs("r")
@pytest.mark.parametrize("format", ["dta", "xpt", "rds"])
@pytest.mark.parametrize("name", ["any bits", "response", "nothing"])
def test_missing_numbers_have_the_letter_of_their_reason(
    found: dict[str, Any], format: str, name: str
) -> None:
    sheet, read = SHEETS[format], column(found, format, name)
    letter = dict(zip(sorted(REASONS), "abc", strict=True)) | {"": None}
    told = [letter[reason] for reason in reasons_of(sheet, name)]
    assert read["tags"] == told
    assert read["missing"] == sheet.frame[name].isna().tolist()


@pytest.mark.needs("r")
@pytest.mark.parametrize("name", ["any bits", "response", "nothing", "site"])
def test_spss_has_a_number_for_every_reason(found: dict[str, Any], name: str) -> None:
    sheet, read = SHEETS["sav"], column(found, "sav", name)
    number = dict(zip(sorted(REASONS), (-9001.0, -9002.0, -9003.0), strict=True))
    values = np.array(of_hex(read["values"]), np.uint64).view(np.float64)
    told = [number.get(reason) for reason in reasons_of(sheet, name)]
    assert [v if v in number.values() else None for v in values.tolist()] == told
    assert read["missing"] == sheet.frame[name].isna().tolist()
    assert read["range"] == [f"{b:016x}" for b in bits([-9026.0, -9001.0])]
    words = dict(zip(of_hex(read["worded"]), read["words"], strict=True))
    assert all(words[bits([n])[0]] == reason for reason, n in number.items())


def reasons_of(sheet: Sheet, name: str) -> list[str]:
    assert sheet.reasons is not None
    missing = sheet.frame[name].isna()
    return [r if m else "" for r, m in zip(sheet.reasons[name], missing, strict=True)]


@pytest.mark.needs("r")
@pytest.mark.parametrize("format", ["dta", "rds"])
def test_letters_and_numbers_have_words(found: dict[str, Any], format: str) -> None:
    reasons = dict(zip("abc", sorted(REASONS), strict=True))
    for name, values in (("response", {0: "shrank less", 1: "shrank more"}), ("nothing", {})):
        read = column(found, format, name)
        words = list(zip(read["words"], of_hex(read["worded"]), read["letters"], strict=True))
        letters = {letter: word for word, _, letter in words if letter}
        assert letters == reasons
        numbers = {number: word for word, number, letter in words if not letter}
        assert numbers == {bits([n])[0]: word for n, word in values.items()}


@pytest.mark.needs("r")
def test_categories(found: dict[str, Any]) -> None:
    for format, sheet in SHEETS.items():
        levels = list(sheet.variables[7].levels)
        site, read = sheet.frame["site"], column(found, format, "site")
        if format == "rds":
            assert read["levels"] == levels
            assert read["values"] == [None if pd.isna(v) else v for v in site]
        elif format == "xpt":
            assert read["values"] == ["" if pd.isna(v) else v for v in site]
        else:
            number = {level: bits([float(n)])[0] for n, level in enumerate(levels, start=1)}
            values = of_hex(read["values"])
            assert [v for v, w in zip(values, site, strict=True) if w in number] == [
                number[w] for w in site if w in number
            ]
            words = dict(zip(read["words"], of_hex(read["worded"]), strict=True))
            assert all(words[level] == number[level] for level in levels)


@pytest.mark.needs("r")
@pytest.mark.parametrize("format", SHEETS)
def test_text_and_labels(found: dict[str, Any], format: str) -> None:
    sheet = SHEETS[format]
    for name in ("patient_id", "lesion_id", "note"):
        missing = None if format == "rds" else ""
        told = [missing if pd.isna(v) else v for v in sheet.frame[name]]
        assert column(found, format, name)["values"] == told
    assert found[format]["label"] == sheet.label
    longest = {"dta": 80, "sav": 255, "xpt": 256, "rds": 10**6}[format]
    for variable, read in zip(sheet.variables, found[format]["columns"], strict=True):
        told = variable.label
        if format == "xpt" and variable.value_labels:
            told = "Response (0 = shrank less, 1 = shrank more)"
        cut = read["label"].removesuffix("...")
        assert read["label"] == told or (len(told.encode()) > longest and told.startswith(cut))
        assert len(read["label"].encode()) >= min(longest - 4, len(told.encode()))


@pytest.mark.needs("r")
def test_r_has_what_else_is_known(found: dict[str, Any]) -> None:
    assert column(found, "rds", "any bits")["column"] == "any bits"
    assert column(found, "rds", "any bits")["units"] == "mm³"
    beside = pd.DataFrame(found["beside"])
    reasons = SHEETS["rds"].reasons
    assert reasons is not None
    missing = SHEETS["rds"].frame.isna().to_numpy() & (reasons != "").to_numpy()
    assert len(beside) == missing.sum()
    assert {"note", "site", "any bits"} <= set(beside["column"])
    response = SHEETS["rds"].frame["response"]
    assert found["plain"]["mean"] == pytest.approx(response.mean(), rel=1e-14)
    assert found["plain"]["rows"] == 40
    assert len(found["plain"]["model"]) == 2


@pytest.mark.needs("r")
def test_foreign_reads_the_same_from_spss(found: dict[str, Any]) -> None:
    sheet, read = SHEETS["sav"], found["foreign"]
    by_name = dict(zip(read["names"], read["values"].values(), strict=True))
    assert len(by_name) == len(sheet.variables) + 1  # it has two variables of a text of 274 bytes
    for name, legal in [(name, name.replace(" ", "_")) for name in [*NUMBERS, "patient_id"]]:
        if name == "patient_id":
            assert by_name[legal] == sheet.frame[name].tolist()
        else:
            there = sheet.frame[name].notna().to_numpy()
            of_file = np.array(of_hex(by_name[legal]), np.uint64)[there]
            assert of_file.tolist() == bits(sheet.frame[name][there].astype(float))
