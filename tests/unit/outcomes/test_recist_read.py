"""Reading tables that people filled in: every oddity is a finding or an error."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.recist import DiameterTable, read_diameters
from tumor_response.outcomes.recist.read_ids import patients_of

HEADER = ["id", "day", "mm", "arm"]
ROWS = [["A", -3, 40, 1], ["A", 40, 30, 1], ["B", -5, 20.5, 2], ["B", 44, "NOT EVALUABLE", 2]]


def write(folder: Path, rows: list[list], *, name: str = "table.xlsx", header=HEADER) -> Path:
    file = folder / name
    if file.suffix == ".csv":
        lines = [
            ",".join("" if cell is None else str(cell) for cell in row) for row in [header, *rows]
        ]
        file.write_text("\n".join(lines), encoding="utf-8")
        return file
    book = openpyxl.Workbook()
    for row in [header, *rows]:
        book.active.append(row)
    book.save(file)
    return file


def read(file: Path, **options) -> DiameterTable:
    options = {"figure": "single_lesion", **options}
    return read_diameters(file, patient="id", day="day", diameter="mm", **options)


def refused(file: Path, **options) -> OutcomeError:
    with pytest.raises(OutcomeError) as error:
        read(file, **options)
    return error.value


@pytest.mark.parametrize("name", ["table.xlsx", "table.csv"])
def test_both_formats_read_alike(tmp_path: Path, name: str) -> None:
    found = read(write(tmp_path, ROWS, name=name))
    table = found.measurements
    assert table["patient_id"].tolist() == ["A", "A", "B", "B"]
    assert table["visit"].tolist() == [0, 1, 0, 1]
    assert table["days"].tolist() == [-3.0, 40.0, -5.0, 44.0]
    assert table["longest_diameter_mm"].tolist()[:3] == [40.0, 30.0, 20.5]
    assert table["status"].tolist() == [*["measured"] * 3, "not_evaluable"]
    assert table["row"].tolist() == [2, 3, 4, 5]
    codes = ["figure_declared", "days_before_treatment", "not_evaluable"]
    assert found.findings["code"].tolist() == codes
    assert found.findings["row"].iloc[2] == 5


def test_numbers_that_are_exact_are_identifiers(tmp_path: Path) -> None:
    rows = [[1001, -3, 40, 1], [1001.0, 40, 30, 1]]
    assert read(write(tmp_path, rows)).measurements["patient_id"].tolist() == ["1001"] * 2


def test_whole_floats_that_are_exact_are_whole_numbers() -> None:
    cells = pd.Series([1001.0, 1001])
    days = pd.Series([-3.0, 40.0])
    patients, _, notes = patients_of(
        cells.astype(object), days, pd.DataFrame(index=[0, 1]), "exact"
    )
    assert patients.tolist() == ["1001", "1001"]
    assert notes == []


LONG = 3.65701566790216e18


@pytest.mark.parametrize("cell", [LONG, 2**53 + 2, 1e15, 12.5])
def test_rounded_identifiers_are_refused_with_what_can_be_seen(tmp_path: Path, cell) -> None:
    error = refused(write(tmp_path, [[cell, -3, 40, 1], [cell, 40, 30, 1]]))
    assert error.code == "ids_not_exact"
    assert "1 different ones stand in 1 runs" in str(error)
    assert 'ids="row_groups"' in str(error)


def test_a_float_in_a_text_file_is_rounded_as_well_and_long_text_is_not(tmp_path: Path) -> None:
    lossy = [["3.65701566790216E+18", -3, 40, 1]]
    assert refused(write(tmp_path, lossy, name="a.csv")).code == "ids_not_exact"
    exact = [["3657015667902160123", -3, 40, 1]]
    found = read(write(tmp_path, exact, name="b.csv")).measurements
    assert found["patient_id"].tolist() == ["3657015667902160123"]


def test_accepted_identifiers_are_a_finding(tmp_path: Path) -> None:
    file = write(tmp_path, [[LONG, -3, 40, 1], [LONG, 40, 30, 1], [-LONG, -3, 20, 2]])
    text = read(file, ids="as_text")
    assert text.findings["code"].iloc[0] == "ids_rounded"
    assert text.measurements["patient_id"].tolist() == [str(LONG), str(LONG), str(-LONG)]
    groups = read(file, ids="row_groups")
    assert groups.measurements["patient_id"].tolist() == ["group_1", "group_1", "group_2"]
    assert groups.measurements["id_in_file"].tolist() == [str(LONG), str(LONG), str(-LONG)]


def test_patients_that_fell_together_apart_from_each_other(tmp_path: Path) -> None:
    """Two patients with one rounded identifier, and another one between them."""
    file = write(tmp_path, [[LONG, -3, 40, 1], [-LONG, -3, 20, 1], [LONG, -8, 60, 1]])
    error = refused(file, ids="as_text")
    assert error.code == "ids_fell_together"
    assert str(LONG) in str(error)
    groups = read(file, ids="row_groups")
    assert groups.measurements["patient_id"].nunique() == 3
    assert "id_in_several_runs" in groups.findings["code"].tolist()


@pytest.mark.parametrize("ids", ["as_text", "row_groups"])
def test_patients_that_fell_together_next_to_each_other(tmp_path: Path, ids: str) -> None:
    """Then only their two baselines, or their arms, give them away."""
    rows = [[LONG, -3, 40, 1], [LONG, 40, 30, 1], [LONG, -8, 60, 1], [LONG, 44, 60, 1]]
    error = refused(write(tmp_path, rows), ids=ids)
    assert error.code == "ids_fell_together"
    assert "-8" in str(error)
    arms = [[LONG, -3, 40, 1], [LONG, 40, 30, 2]]
    assert refused(write(tmp_path, arms), ids=ids, constant=["arm"]).code == "patient_inconsistent"


def test_what_to_do_with_identifiers_is_one_of_three_words(tmp_path: Path) -> None:
    with pytest.raises(OutcomeError, match="expected exact, as_text or row_groups"):
        read(write(tmp_path, ROWS), ids="guess")


def test_columns_that_are_constant_are_kept(tmp_path: Path) -> None:
    found = read(write(tmp_path, ROWS), constant=["arm"])
    assert found.measurements["arm"].tolist() == [1, 1, 2, 2]


def test_days_out_of_order_are_put_in_order_and_told(tmp_path: Path) -> None:
    rows = [["A", -3, 40, 1], ["A", 84, 30, 1], ["A", 59, 35, 1]]
    found = read(write(tmp_path, rows))
    assert found.measurements["longest_diameter_mm"].tolist() == [40.0, 35.0, 30.0]
    note = found.findings.set_index("code").loc["days_unordered"]
    assert (note["row"], note["patient_id"]) == (4, "A")


def test_zeros_are_declared(tmp_path: Path) -> None:
    file = write(tmp_path, [["A", -3, 40, 1], ["A", 40, 0, 1]])
    error = refused(file)
    assert error.code == "zero_undeclared"
    assert "A" in str(error)
    gone = read(file, zero="absent")
    assert gone.measurements["status"].tolist() == ["measured", "absent"]
    assert gone.findings["code"].tolist().count("zero_declared") == 1
    lost = read(file, zero="missing").measurements
    assert lost["status"].tolist() == ["measured", "missing"]
    assert lost["longest_diameter_mm"].isna().tolist() == [False, True]


def test_empty_cells_rows_and_small_figures_are_findings(tmp_path: Path) -> None:
    rows = [["A", -3, 40, 1], [None] * 4, ["A", 40, None, 1], ["A", 80, 3, 1]]
    found = read(write(tmp_path, rows))
    assert found.measurements["status"].tolist() == ["measured", "missing", "measured"]
    notes = found.findings.set_index("code")["row"]
    assert notes["row_empty"] == 3
    assert notes["diameter_empty"] == 4
    assert notes["below_5_mm"] == 5


def test_other_words_are_named_by_the_user(tmp_path: Path) -> None:
    file = write(tmp_path, [["A", -3, 40, 1], ["A", 40, "not done", 1]])
    error = refused(file)
    assert error.code == "not_a_number"
    assert "not done" in str(error)
    found = read(file, not_evaluable=["NOT DONE"])
    assert found.measurements["status"].tolist() == ["measured", "not_evaluable"]


def test_what_a_figure_is_has_to_be_said(tmp_path: Path) -> None:
    file = write(tmp_path, ROWS)
    with pytest.raises(TypeError):
        read_diameters(file, patient="id", day="day", diameter="mm")
    assert refused(file, figure="lesion").code == "figure_undeclared"
    found = read(file, figure="sum_of_targets")
    assert set(found.measurements["lesion_id"]) == {"sum"}
    assert "cannot be applied" in found.findings["done"].iloc[0]


@pytest.mark.parametrize(
    ("rows", "code", "shown"),
    [
        ([["A", -3, 40, 1], ["A", -3, 41, 1]], "measured_twice", "41"),
        ([["A", -3, -40, 1]], "diameter_negative", "-40"),
        ([["A", -3, 4000, 1]], "units_suspected", "4000"),
        ([["A", None, 40, 1]], "day_missing", "row 2"),
        ([["A", "week 6", 40, 1]], "day_missing", "week 6"),
        ([[None, -3, 40, 1]], "id_missing", "row 2"),
        ([["A", -3, True, 1]], "not_a_number", "True"),
        ([["A", -3, "40,5", 1]], "not_a_number", "40,5"),
    ],
)
def test_faults_of_cells(tmp_path: Path, rows: list[list], code: str, shown: str) -> None:
    error = refused(write(tmp_path, rows))
    assert error.code == code
    assert shown in str(error)


def test_faults_of_the_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.xlsx").code == "file_missing"
    assert refused(write(tmp_path, [])).code == "no_rows"
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK\x03\x04 no workbook")
    assert refused(broken).code == "file_unreadable"
    old = tmp_path / "old.xls"
    old.write_bytes(b"")
    assert refused(old).code == "file_type"
    latin = tmp_path / "latin.csv"
    latin.write_bytes("id,day,mm\nÄ,-3,40\n".encode("latin-1"))
    assert refused(latin).code == "file_unreadable"
    twice = write(tmp_path, ROWS, header=["id", "day", "mm", "mm"])
    assert refused(twice).code == "column_twice"
    other = write(tmp_path, ROWS, header=["id", "day", "cm", "arm"])
    error = refused(other)
    assert error.code == "column_missing"
    assert "cm" in str(error)


def test_one_of_several_sheets_has_to_be_named(tmp_path: Path) -> None:
    file = write(tmp_path, ROWS)
    book = openpyxl.load_workbook(file)
    book.create_sheet("notes").append(["nothing"])
    book.save(file)
    error = refused(file)
    assert error.code == "sheet_ambiguous"
    assert "notes" in str(error)
    assert len(read(file, sheet="Sheet").measurements) == 4
    assert refused(file, sheet="Blad1").code == "sheet_ambiguous"


def test_a_separator_may_be_named(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("id;day;mm\nA;-3;40\n", encoding="utf-8-sig")
    assert read(file, separator=";").measurements["longest_diameter_mm"].tolist() == [40.0]


def test_findings_have_their_columns_even_if_there_is_one_only(tmp_path: Path) -> None:
    found = read(write(tmp_path, [["A", 0, 40, 1]])).findings
    assert found.columns.tolist() == ["code", "row", "patient_id", "received", "done"]
    assert isinstance(found, pd.DataFrame)
    assert len(found) == 1
