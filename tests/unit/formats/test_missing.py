from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.unit.formats.sheets import keys, mixed
from tumor_response.exceptions import TableError
from tumor_response.formats import Sheet, Variable
from tumor_response.formats.missing import missing_table, reason_codes_of


def with_reasons(reasons: list[str]) -> Sheet:
    """One column of missing values with these reasons, and no keys."""
    frame = pd.DataFrame({"x": np.full(len(reasons), np.nan)})
    words = pd.DataFrame({"x": reasons}, dtype=object)
    return Sheet("s", "S", frame, (Variable("x", "X", "number"),), words)


def test_letters_by_the_alphabet_the_rarest_share_the_last() -> None:
    assert reason_codes_of(with_reasons(["b", "a", "", "b"])) == {"a": "a", "b": "b"}
    many = [f"r{i:02d}" for i in range(30)]
    often = [reason for reason in many if reason != "r00" for _ in range(2)]
    codes = reason_codes_of(with_reasons(["r00", *often]))
    assert set(codes) == set(many)
    assert codes["r00"] == "z"
    assert sorted(codes.values()) == [*(chr(97 + i) for i in range(25)), *"zzzzz"]
    assert codes["r01"] == "a"


def test_a_reason_beside_a_value_is_no_reason() -> None:
    frame = pd.DataFrame({"x": [1.0, np.nan]})
    reasons = pd.DataFrame({"x": ["mask_empty", None]}, dtype=object)
    sheet = Sheet("s", "S", frame, (Variable("x", "X", "number"),), reasons)
    assert reason_codes_of(sheet) == {}
    assert missing_table(sheet).empty


def test_table_of_reasons_names_rows_by_their_keys() -> None:
    table = missing_table(mixed())
    assert list(table.columns) == ["patient_id", "lesion_id", "column", "reason", "letter"]
    assert len(table) == 10
    site = table[table["column"] == "site"]
    assert site.to_numpy().tolist() == [["000", "1", "site", "clinical_missing", "a"]]


def test_table_of_reasons_counts_rows_where_there_are_no_keys() -> None:
    table = missing_table(with_reasons(["", "gone"]))
    assert table.to_numpy().tolist() == [[2, "x", "gone", "a"]]


def test_sheets_that_do_not_belong_together() -> None:
    frame = pd.DataFrame(keys(2))
    one = Variable("patient_id", "Patient", "text")
    with pytest.raises(TableError, match="not its columns"):
        Sheet("s", "S", frame, (one,))
    twice = pd.concat([frame[["patient_id"]]] * 2, axis=1)
    with pytest.raises(TableError, match="patient_id") as caught:
        Sheet("s", "S", twice, (one, one))
    assert caught.value.code == "names_repeated"
    half = pd.DataFrame([[1.0]], columns=pd.Index(["\ud800"], dtype=object))
    with pytest.raises(TableError) as caught:
        Sheet("s", "S", half, (Variable("\ud800", "", "number"),))
    assert caught.value.code == "name_not_text"
    with pytest.raises(TableError, match="reasons"):
        Sheet("s", "S", frame[["patient_id"]], (one,), frame)
