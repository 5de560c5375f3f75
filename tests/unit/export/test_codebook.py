"""The codebook: its numbers against plain ones, its three forms, and nothing in it that runs."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from tests.unit.export.books import FORMULA, HOSTILE, hostile_table, outcomes_of
from tests.unit.table.tables import arbitrary
from tumor_response.exceptions import TableError
from tumor_response.export.codebook import CODEBOOK_COLUMNS, codebook_table, write_codebook
from tumor_response.formats import Sheet, Variable
from tumor_response.repeatability.result import Robustness


@pytest.fixture(scope="module")
def book() -> pd.DataFrame:
    table = hostile_table()
    return codebook_table(table, outcomes=outcomes_of(table))


def row(book: pd.DataFrame, name: str) -> pd.Series:
    return book[book["name"] == name].iloc[0]


def test_every_column_has_its_row(book: pd.DataFrame) -> None:
    table = hostile_table()
    assert list(book.columns) == list(CODEBOOK_COLUMNS)
    named = [*table.data.columns, *outcomes_of(table).columns]
    assert list(book["name"]) == named
    assert set(book.loc[: len(table.data.columns) - 1, "sheet"]) == {"features"}


def test_numbers_are_those_of_the_table(book: pd.DataFrame) -> None:
    table = hostile_table()
    kurtosis = table.data["radiomics__original__firstorder_Kurtosis"]
    told = row(book, str(kurtosis.name))
    assert told["n"] == told["n_patients"] == len(table.data)
    spread = kurtosis.max() - kurtosis.min()
    assert told["median"] == pytest.approx(kurtosis.median(), abs=spread / 100)
    missing = table.data[f"x__{HOSTILE}"].isna().mean()
    assert row(book, f"x__{HOSTILE}")["missing_share"] == pytest.approx(missing)
    assert row(book, "x__empty")["missing_share"] == 1
    assert row(book, "rate_cc_per_day")["missing_share"] == pytest.approx(1 / 40)
    assert row(book, "reason")["n"] == 1  # an empty text is no reason


def test_correlation_to_volume_is_scipys(book: pd.DataFrame) -> None:
    table = hostile_table()
    volume = table.data["clinical__volume_cc"]
    for name in ("radiomics__original__glcm_Contrast", f"x__{HOSTILE}"):
        there = table.data[name].notna()
        expected = spearmanr(table.data.loc[there, name], volume[there]).statistic
        assert row(book, name)["spearman_volume"] == pytest.approx(expected)
    assert row(book, "radiomics__original__firstorder_Kurtosis")["spearman_volume"] > 0.99
    assert np.isnan(row(book, "x__pipe|tick`star*")["spearman_volume"])  # a constant
    rate = outcomes_of(table)["rate_cc_per_day"].dropna()
    expected = spearmanr(rate, volume[rate.index]).statistic
    assert row(book, "rate_cc_per_day")["spearman_volume"] == pytest.approx(expected)
    assert book.attrs["volume"] == "outcomes.volume_baseline_cc"
    assert codebook_table(table).attrs["volume"] == "features.clinical__volume_cc"


def test_formulas_and_definitions_are_there(book: pd.DataFrame) -> None:
    assert row(book, "radiomics__original__glcm_Contrast")["formula"] == "Σᵢⱼ (i − j)² pᵢⱼ"
    # PyRadiomics' kurtosis, not IBSI's excess under the same code
    assert "− 3" not in row(book, "radiomics__original__firstorder_Kurtosis")["formula"]
    assert row(book, "rate_cc_per_day")["unit"] == "cc/day"
    assert row(book, "own")["description"] == ""
    assert row(book, "response")["levels"].startswith("0: ")


def robust(table: pd.DataFrame) -> Robustness:
    rows = pd.DataFrame(
        {
            "perturbation": ["noise", "all"],
            "block": "radiomics",
            "group": "original",
            "feature": "glcm_Contrast",
            "icc_31": [0.2, 0.61],
            "icc_31_low": [0.1, 0.5],
            "icc_31_high": [0.3, 0.7],
        }
    )
    empty = pd.DataFrame()
    return Robustness(rows, ("noise", "all"), "3,1", table.index[:20], empty, {}, empty)


def test_icc_is_of_the_last_perturbation_and_for_reading() -> None:
    table = hostile_table()
    book = codebook_table(table, robustness=robust(table.data))
    told = row(book, "radiomics__original__glcm_Contrast")
    assert (told["icc"], told["icc_low"], told["icc_high"]) == (0.61, 0.5, 0.7)
    assert book["icc"].notna().sum() == 1
    assert book.attrs["icc"] == "ICC(3,1), perturbation all, 20 lesions"


def test_outcomes_of_another_cohort_are_refused() -> None:
    table = hostile_table()
    with pytest.raises(TableError, match=r"39 lesions, the table 40, and 1 of the table's"):
        codebook_table(table, outcomes=outcomes_of(table).iloc[1:])
    twice = outcomes_of(table).rename(columns={"own": "clinical__volume_cc"})
    with pytest.raises(TableError, match=r"clinical__volume_cc: a column of the table and"):
        codebook_table(table, outcomes=twice)


def test_a_table_of_odd_numbers_and_texts_is_described(tmp_path: Path) -> None:
    table = arbitrary(60, n_numbers=40)
    book = codebook_table(table)
    finite = np.isfinite(table.data.select_dtypes("float64")).sum()
    assert (book.set_index("name")["n"][finite.index] == finite).all()
    keys = row(book, "views__axial__key")
    assert keys["levels"] == ""  # keys say nothing of a lesion, and may name files
    write_codebook(tmp_path, book)


class Text(HTMLParser):
    """What a page shows, its elements, and what could run in it."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: dict[str, int] = {}
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "href"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, book: pd.DataFrame) -> Path:
    folder = tmp_path_factory.mktemp("codebook")
    frame = pd.DataFrame({"resample": [1], HOSTILE: [2.0]})
    variables = (Variable("resample", HOSTILE, "number"), Variable(HOSTILE, "2", "number"))
    empty = pd.DataFrame({"x__empty": [np.nan] * 3})
    reasons = pd.DataFrame({"x__empty": ["lost", HOSTILE, "lost"]})
    of_features = Sheet("features", "", empty, (Variable("x__empty", "", "number"),), reasons)
    write_codebook(folder, book, [of_features, Sheet("resamples", HOSTILE, frame, variables)])
    return folder


def test_the_page_shows_hostile_text_as_text(written: Path, book: pd.DataFrame) -> None:
    page = (written / "codebook.html").read_text(encoding="utf-8")
    seen = Text()
    seen.feed(page)
    words = "".join(seen.words)
    assert words.count(HOSTILE) >= 2 * len(hostile_table().data.columns)
    assert seen.tags["script"] == 1
    assert "img" not in seen.tags
    assert seen.handlers == []
    assert seen.tags["tr"] == len(book) + 2 + 1 + page.count("<thead>") - 1
    assert "default-src 'none'" in page
    assert "http" not in page.split("</style>")[0].replace("http-equiv", "")


def test_every_form_has_every_column(written: Path, book: pd.DataFrame) -> None:
    page = Text()
    page.feed((written / "codebook.html").read_text(encoding="utf-8"))
    words = "".join(page.words)
    assert all(name in words for name in book["name"])
    assert "Σᵢⱼ (i − j)² pᵢⱼ" in words
    read = pd.read_csv(written / "codebook.csv", keep_default_na=False, na_values={"n": []})
    assert list(read["name"]) == list(book["name"])
    markdown = (written / "codebook.md").read_text(encoding="utf-8")
    rows = [line for line in markdown.splitlines() if re.match(r"\| (`|x\\_|\\<|resample)", line)]
    assert len(rows) == len(book) + 2
    # a bar within a cell is escaped, so that every row has as many cells as the head
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in rows[: len(book)]}
    assert cells == {12}
    assert not re.search(r"(?<!\\)<", markdown)


def test_reasons_for_missing_values_are_counted(written: Path, book: pd.DataFrame) -> None:
    read = pd.read_csv(written / "codebook.csv", keep_default_na=False).set_index("name")
    assert read.loc["x__empty", "missing_reasons"] == f"lost: 2; {HOSTILE}: 1"
    assert (read["missing_reasons"] != "").sum() == 1
    for ending in ("html", "md"):
        assert "lost: 2" in (written / f"codebook.{ending}").read_text(encoding="utf-8")


def test_a_spreadsheet_takes_no_text_of_the_csv_for_a_formula(written: Path) -> None:
    text = (written / "codebook.csv").read_text(encoding="utf-8")
    cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
    numbers = re.compile(r"-?\d[\d.e+-]*( -?\d[\d.e+-]*)*")
    assert any(cell.startswith(f"'{FORMULA}") for cell in cells)
    assert not [c for c in cells if c.startswith(("=", "+", "-", "@")) and not numbers.fullmatch(c)]


def test_the_same_codebook_has_the_same_bytes(written: Path, tmp_path: Path) -> None:
    table = hostile_table()
    again = codebook_table(table, outcomes=outcomes_of(table))
    first = write_codebook(tmp_path / "a", again)
    second = write_codebook(tmp_path / "b", again)
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_what_is_no_codebook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="it has no sheet, name"):
        write_codebook(tmp_path, pd.DataFrame({"a": [1]}))
    book = codebook_table(hostile_table())
    book.attrs.clear()  # how coarse it is would not be known any more
    with pytest.raises(TableError, match=r"attrs\['fewest'\]"):
        write_codebook(tmp_path, book)
