from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import TableError


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tr.FeatureTable:
    folder = tmp_path_factory.mktemp("cohort")
    frame = cases.cohort_folder(folder, 3).assign(sex=["f", "m", "?"], site=["A", "B", None])
    cases.write(folder, "empty.nii.gz", cases.empty_mask())
    frame.loc[2, "mask"] = "empty.nii.gz"
    factors = tr.ClinicalFactors(["age", "volume_cc"], categories={"sex": ["f", "m"]})
    cohort = tr.Cohort.from_frame(frame, base=folder)
    return tr.extract(cohort, [tr.Radiomics("minimal"), factors])


def assert_same(a: tr.FeatureTable, b: tr.FeatureTable) -> None:
    pd.testing.assert_frame_equal(a.data, b.data, check_exact=True)
    pd.testing.assert_frame_equal(a.dictionary, b.dictionary)
    pd.testing.assert_frame_equal(a.failures, b.failures)
    assert a.provenance == b.provenance


def test_dtypes_index_and_dictionary(table: tr.FeatureTable) -> None:
    kinds = set(table.data.dtypes.astype(str))
    assert kinds == {"float64", "category"}
    assert list(table.data.index.names) == ["patient_id", "lesion_id"]
    assert list(table.dictionary.index) == list(table.data.columns)
    predictors = table.dictionary[table.dictionary["block"] != "meta"]
    assert (predictors["role"] == "baseline").all()
    assert predictors["settings_sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert predictors.groupby("block")["settings_sha256"].nunique().tolist() == [1, 1]


def test_saved_and_loaded_loses_nothing(table: tr.FeatureTable, tmp_path: Path) -> None:
    table.save(tmp_path / "t")
    assert_same(tr.FeatureTable.load(tmp_path / "t"), table)
    table.select("clinical").save(tmp_path / "t")  # over the earlier one
    assert tr.FeatureTable.load(tmp_path / "t").blocks == ["clinical"]


def test_selected_block_keeps_meta_and_its_own_failures(table: tr.FeatureTable) -> None:
    chosen = table.select("clinical")
    assert chosen.blocks == ["clinical"]
    assert "meta__site" in chosen.data
    assert set(chosen.failures["block"]) == {"clinical"}
    assert len(chosen.failures) < len(table.failures)
    with pytest.raises(TableError, match="there are: radiomics, clinical"):
        table.select(["deep"])


@pytest.mark.parametrize("part", ["data-00000.parquet", "provenance.json", "SHA256SUMS.json"])
def test_changed_or_missing_part_is_refused(
    table: tr.FeatureTable, tmp_path: Path, part: str
) -> None:
    table.save(tmp_path)
    content = bytearray((tmp_path / part).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / part).write_bytes(bytes(content))
    with pytest.raises(TableError):
        tr.FeatureTable.load(tmp_path)
    (tmp_path / part).unlink()
    with pytest.raises(TableError):
        tr.FeatureTable.load(tmp_path)


def test_folder_with_other_files_is_left_alone(table: tr.FeatureTable, tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("")
    with pytest.raises(TableError, match=r"thesis\.docx"):
        table.save(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.docx"]


def test_exported_csv_and_parquet_hold_every_digit(table: tr.FeatureTable, tmp_path: Path) -> None:
    written = table.export(tmp_path / "out" / "features", ["csv", "parquet"])
    assert [p.name for p in written] == [
        "features.csv",
        "features.parquet",
        "features_missing.csv",
        "features_dictionary.csv",
        "features_failures.csv",
        "features_provenance.json",
    ]
    index = ["patient_id", "lesion_id"]
    numbers = table.data.select_dtypes("float64")
    text = pd.read_csv(written[0], dtype=dict.fromkeys(index, str))
    pd.testing.assert_frame_equal(text.set_index(index)[numbers.columns], numbers, check_exact=True)
    binary = pd.read_parquet(written[1]).set_index(index)
    pd.testing.assert_frame_equal(binary[numbers.columns], numbers, check_exact=True)


def test_export_formats(table: tr.FeatureTable, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="csv, parquet"):
        table.export(tmp_path / "f", ["csv", "docx"])
    assert not list(tmp_path.iterdir())


def test_parts_that_do_not_belong_together(table: tr.FeatureTable) -> None:
    with pytest.raises(TableError, match="dictionary"):
        dataclasses.replace(table, dictionary=table.dictionary.iloc[1:])
    with pytest.raises(TableError, match="index"):
        dataclasses.replace(table, data=table.data.reset_index(drop=True))
    with pytest.raises(TableError, match="two rows"):
        dataclasses.replace(table, data=pd.concat([table.data, table.data]))
