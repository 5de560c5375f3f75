"""A published table as people left it: 456 rows, 76 patients, rounded identifiers.

Supplement of PLOS Computational Biology e1009822. The expectations are computed here from the
sheet with pandas alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.recist import (
    DiameterTable,
    read_diameters,
    recist_response,
)

pytestmark = pytest.mark.needs("data")


@pytest.fixture(scope="module")
def path(shared_data: Path) -> Path:
    return shared_data / "tables" / "recist_longest_diameter.xlsx"


@pytest.fixture(scope="module")
def sheet(path: Path) -> pd.DataFrame:
    table = pd.read_excel(path)
    table.columns = ["id", "day", "mm", "arm"]
    return table


def read(path: Path, **options) -> DiameterTable:
    options = {"figure": "single_lesion", "zero": "absent", "ids": "row_groups"} | options
    return read_diameters(
        path,
        patient="PatientID",
        day="TreatmentDay",
        diameter="TargetLesionLongDiam_mm",
        constant=["StudyArm"],
        **options,
    )


def test_nothing_is_guessed(path: Path) -> None:
    for options, code in (
        ({"ids": "exact"}, "ids_not_exact"),
        ({"zero": None}, "zero_undeclared"),
        ({"figure": "unknown"}, "figure_undeclared"),
    ):
        with pytest.raises(OutcomeError) as error:
            read(path, **options)
        assert error.value.code == code


def test_pandas_hides_that_the_identifiers_are_rounded(sheet: pd.DataFrame) -> None:
    """Read by pandas they are integers; all of them are multiples of what a float can hold."""
    assert pd.api.types.is_integer_dtype(sheet["id"])
    assert all(int(float(number)) == number for number in sheet["id"].unique())


def test_every_row_and_every_oddity_is_accounted_for(path: Path, sheet: pd.DataFrame) -> None:
    found = read(path)
    count = found.findings["code"].value_counts()
    words = sheet["mm"].map(lambda cell: isinstance(cell, str))
    late = sheet["day"] < sheet.groupby("id")["day"].cummax()
    numbers = pd.to_numeric(sheet["mm"], errors="coerce")
    assert len(found.measurements) == len(sheet) == 456
    assert count["not_evaluable"] == words.sum() == 2
    assert count["zero_declared"] == numbers.eq(0).sum() == 44
    assert count["below_5_mm"] == (numbers.gt(0) & numbers.lt(5)).sum() == 3
    assert count["days_unordered"] == late.sum() == 7
    assert count["ids_rounded"] == count["figure_declared"] == count["days_before_treatment"] == 1
    assert count.sum() == 2 + 44 + 3 + 7 + 3
    rows = found.findings.set_index("code")["row"]
    assert sorted(rows["not_evaluable"]) == (np.flatnonzero(words) + 2).tolist()
    assert sorted(rows["days_unordered"]) == (np.flatnonzero(late) + 2).tolist()


def test_patients_by_text_and_by_row_groups_are_the_same(path: Path) -> None:
    groups, text = read(path).measurements, read(path, ids="as_text").measurements
    assert groups["patient_id"].nunique() == text["patient_id"].nunique() == 76
    assert groups.groupby("patient_id")["id_in_file"].nunique().eq(1).all()
    pd.testing.assert_frame_equal(
        groups.drop(columns="patient_id"), text.drop(columns="patient_id")
    )


def expected_categories(sheet: pd.DataFrame) -> dict[tuple[int, int], str]:
    """(identifier, day) -> category, patient by patient, straight from the definitions."""
    categories: dict[tuple[int, int], str] = {}
    for name, rows in sheet.groupby("id"):
        rows = rows.sort_values("day")
        mm = pd.to_numeric(rows["mm"], errors="coerce").to_numpy(float)
        for place, day in enumerate(rows["day"]):
            now, before = mm[place], mm[:place]
            if place == 0:
                category = "baseline"
            elif np.isnan(now):
                category = "NE"
            elif now == 0:
                category = "CR"
            elif (before == 0).any():
                category = "PD"
            else:
                smallest = np.nanmin(before)
                # tenths of a millimetre are whole numbers, and so decide at the limits
                tenths, low, first = (round(10 * figure) for figure in (now, smallest, mm[0]))
                if tenths - low >= 50 and 10 * tenths >= 12 * low:
                    category = "PD"
                else:
                    category = "PR" if 10 * tenths <= 7 * first else "SD"
            categories[name, day] = category
    return categories


@pytest.mark.parametrize("figure", ["single_lesion", "sum_of_targets"])
def test_target_response_of_every_row(path: Path, sheet: pd.DataFrame, figure: str) -> None:
    read_in = read(path, figure=figure).measurements
    found = recist_response(read_in, kind="non-nodal")
    # identifiers as text and as integers are brought together by the row of the file
    keyed = read_in.set_index(["patient_id", "visit"])["row"]
    rows = sheet.iloc[keyed.loc[found.index].to_numpy() - 2]
    keys = zip(rows["id"], rows["day"], strict=True)
    expected = expected_categories(sheet)
    assert found["target_response"].tolist() == [expected[key] for key in keys]
    assert found["target_response"].eq("NE").sum() == 2
    assert found.loc[found["target_response"] == "NE", "reason"].eq("no_target_evaluated").all()
    assert set(found["overall_response"]) == {"baseline", "not derivable"}
