from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.table.tables import LEVELS, arbitrary
from tumor_response.exceptions import TableError
from tumor_response.features.assemble import FAILURE_COLUMNS
from tumor_response.table import FeatureTable
from tumor_response.table.as_sheet import table_as_sheet


def failing(table: FeatureTable, rows: list[tuple[int, str, str, int]]) -> FeatureTable:
    """The table with these failures: row, block, reason, columns missing."""
    failures = pd.DataFrame(
        [(*table.data.index[row], block, reason, n, "") for row, block, reason, n in rows],
        columns=FAILURE_COLUMNS,
    )
    return dataclasses.replace(table, failures=failures)


def test_columns_keys_first_and_what_each_is() -> None:
    table = arbitrary(5)
    table.dictionary.loc["deep__net__0000", ["description", "unit"]] = ["Depth.", "mm"]
    sheet = table_as_sheet(table)
    assert list(sheet.frame.columns) == ["patient_id", "lesion_id", *table.data.columns]
    kinds = {variable.name: variable for variable in sheet.variables}
    assert kinds["patient_id"].kind == "text"
    assert kinds["clinical__sex"].kind == "category"
    assert kinds["clinical__sex"].levels == tuple(LEVELS)
    assert kinds["views__axial__key"].kind == "text"  # a key has as many levels as rows
    assert kinds["deep__net__0000"].label == "Depth (mm)"
    assert kinds["deep__net__0000"].unit == "mm"
    assert kinds["radiomics__original__F000"].label == "radiomics__original__F000"
    pd.testing.assert_frame_equal(
        sheet.frame.set_index(["patient_id", "lesion_id"]), table.data, check_exact=True
    )


def test_a_missing_value_has_the_reason_of_its_lesion_and_block() -> None:
    table = arbitrary(4)
    table.data.loc[:, table.dictionary["block"] == "radiomics"] = 1.0
    table.data.iloc[0, 2] = np.nan
    name = table.data.columns[2]
    assert table.dictionary.loc[name, "block"] == "radiomics"
    sheet = table_as_sheet(
        failing(
            table,
            [
                (0, "radiomics", "roi_too_small", 1),
                (0, "radiomics", "mask_touches_border", 0),
                (1, "radiomics", "mask_empty", 3),
            ],
        )
    )
    assert sheet.reasons is not None
    known = sheet.reasons.to_numpy() != ""
    assert known.sum() == 1
    assert sheet.reasons.loc[0, name] == "roi_too_small"  # a finding costs no value


def test_several_shortfalls_of_a_block_are_all_named() -> None:
    table = arbitrary(4)
    table.data.loc[:, table.dictionary["block"] == "deep"] = np.nan
    told = [(2, "deep", "weights", 1), (2, "deep", "case", 1), (2, "case", "mask_empty", 3)]
    sheet = table_as_sheet(failing(table, told))
    assert sheet.reasons is not None
    assert set(sheet.reasons.loc[2, list(table.data.filter(like="deep"))]) == {"case or weights"}
    assert not (sheet.reasons.drop(index=2) != "").to_numpy().any()


def test_failures_of_lesions_that_are_not_there_are_nobodys() -> None:
    table = arbitrary(4)
    sheet = table_as_sheet(dataclasses.replace(table, data=table.data.iloc[1:]))
    assert sheet.reasons is not None
    assert sheet.reasons.shape == sheet.frame.shape


def test_what_one_format_cannot_hold_leaves_no_file_of_any(tmp_path: Path) -> None:
    table = arbitrary(30)
    assert np.isinf(table.data.select_dtypes("float64")).any(axis=None)
    with pytest.raises(TableError, match="finite") as caught:
        table.export(tmp_path / "features", ["csv", "parquet", "xlsx"])
    assert caught.value.code == "number_not_held"
    assert not list(tmp_path.iterdir())


def test_exported_reasons_are_those_of_the_failures(tmp_path: Path) -> None:
    table = arbitrary(12)
    table.export(tmp_path / "features", "csv")
    told = pd.read_csv(tmp_path / "features_missing.csv", dtype=str, keep_default_na=False)
    assert set(told["reason"]) == {"mask_empty"}
    failed = table.failures[table.failures["block"].isin(["radiomics", "deep"])]
    expected = {
        (row.patient_id, row.lesion_id, column)
        for row in failed.itertuples()
        for column in table.dictionary.index[table.dictionary["block"] == row.block]
        if pd.isna(table.data.loc[(row.patient_id, row.lesion_id), column])
    }
    found = set(map(tuple, told[["patient_id", "lesion_id", "column"]].to_numpy()))
    assert found == expected
    assert expected
