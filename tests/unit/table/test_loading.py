from __future__ import annotations

import dataclasses
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.table.tables import arbitrary, assert_same
from tumor_response.exceptions import TableError
from tumor_response.table import FeatureTable, parts


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    return arbitrary(10, n_numbers=8)


@pytest.fixture
def folder(table: FeatureTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(parts, "_VALUES_PER_PART", 44)  # four rows to a part
    table.save(tmp_path / "table")
    return tmp_path / "table"


@pytest.mark.parametrize("blocks", ["deep", ["radiomics"], ["clinical", "deep"], ["views"]])
def test_chosen_blocks_are_what_select_gives(
    table: FeatureTable, folder: Path, blocks: str | list[str]
) -> None:
    assert_same(FeatureTable.load(folder, blocks), table.select(blocks))


def test_chosen_columns_come_in_the_tables_order_with_meta(
    table: FeatureTable, folder: Path
) -> None:
    wanted = ["deep__net__0003", "radiomics__original__F001"]
    some = FeatureTable.load(folder, blocks="clinical", columns=wanted)
    assert list(some.data) == [*wanted[::-1][:1], "clinical__sex", wanted[0], "meta__site"]
    pd.testing.assert_frame_equal(some.data, table.data[list(some.data)], check_exact=True)
    assert list(some.dictionary.index) == list(some.data)
    assert some.provenance["selected_columns"] == wanted
    one = FeatureTable.load(folder, columns=["deep__net__0003"])
    assert list(one.data) == ["deep__net__0003", "meta__site"]
    assert set(one.failures["block"]) == {"deep", "case"}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"blocks": "radiomic"}, "No block 'radiomic' in the table; there are: radiomics"),
        ({"blocks": ["xyz"]}, "there are: views, radiomics, clinical, deep"),
        ({"blocks": ["meta"]}, "No block 'meta'"),
        ({"columns": ["deep__net__003"]}, "there are: deep__net__000"),
        ({"columns": ["q"]}, "No column 'q' in the table."),
        ({"blocks": []}, "No block or column was chosen"),
        ({"columns": []}, "No block or column was chosen"),
    ],
)
def test_what_is_not_there_is_named(
    folder: Path, asked: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(TableError) as caught:
        FeatureTable.load(folder, **asked)
    assert message in str(caught.value)


def test_partial_load_reads_no_page_that_was_not_asked_for(
    table: FeatureTable, folder: Path
) -> None:
    """Numbers of another column are overwritten on the disk: the chosen ones still come."""
    import pyarrow.parquet as pq

    path = folder / "data-00001.parquet"
    with pq.ParquetFile(path) as file:
        group = file.metadata.row_group(0)
        chunks = [group.column(i) for i in range(group.num_columns)]
    spoilt = next(c for c in chunks if c.path_in_schema == "deep__net__0001")
    content = bytearray(path.read_bytes())
    start, size = spoilt.data_page_offset, spoilt.total_compressed_size
    content[start : start + size] = bytes(size)
    path.write_bytes(bytes(content))
    assert_same(FeatureTable.load(folder, "radiomics"), table.select("radiomics"))
    for asked in ({"blocks": "deep"}, {"columns": ["deep__net__0001"]}, {}):
        with pytest.raises(TableError, match="data-00001"):
            FeatureTable.load(folder, **asked)


@pytest.mark.parametrize("asked", [None, ["deep"]])
def test_no_flipped_bit_gives_other_values(
    table: FeatureTable, folder: Path, asked: list[str] | None
) -> None:
    """One bit of every 13th byte of the Parquet files, and of every 5th of the small ones."""
    right = table if asked is None else table.select(asked)
    refused = 0
    no_matter: Counter[str] = Counter()
    for path in sorted(folder.iterdir()):
        content = bytearray(path.read_bytes())
        for i in range(0, len(content), 13 if path.suffix == ".parquet" else 5):
            content[i] ^= 1 << (i % 8)
            path.write_bytes(bytes(content))
            try:
                loaded = FeatureTable.load(folder, asked)
            except TableError:
                refused += 1
            else:
                assert_same(loaded, right)
                no_matter[path.name] += 1
            content[i] ^= 1 << (i % 8)
        path.write_bytes(bytes(content))
    # whole: all bytes are held against the sums, whose own layout is all that may differ;
    # partly: pages of the other blocks may be damaged as well
    parts_read_partly = {path.name for path in folder.glob("data-*")} if asked else set()
    assert set(no_matter) == {*parts_read_partly, parts.SUMS}
    assert refused > sum(no_matter.values())


@pytest.mark.parametrize("asked", [None, ["clinical"]])
def test_truncated_exchanged_and_missing_files_are_refused(
    folder: Path, tmp_path: Path, asked: list[str] | None
) -> None:
    for name in sorted(path.name for path in folder.iterdir()):
        for change in ("truncated", "empty", "missing", "exchanged"):
            copy = tmp_path / f"{name}_{change}"
            shutil.copytree(folder, copy)
            path = copy / name
            if change == "truncated":
                path.write_bytes(path.read_bytes()[:-2])
            elif change == "empty":
                path.write_bytes(b"")
            elif change == "missing":
                path.unlink()
            else:
                path.write_bytes((folder / "data-00001.parquet").read_bytes())
            if change == "exchanged" and name == "data-00001.parquet":
                continue
            with pytest.raises(TableError):
                FeatureTable.load(copy, asked)


@pytest.mark.parametrize("asked", [None, ["clinical"]])
def test_part_of_another_table_of_the_same_shape_is_refused(
    folder: Path, tmp_path: Path, asked: list[str] | None
) -> None:
    """Its numbers alone differ, so that the footers would be alike if they spoke of shapes."""
    name = "data-00001.parquet"
    table = FeatureTable.load(folder)
    data = table.data.copy()
    numbers = list(data.select_dtypes("float64"))
    data[numbers] = data[numbers].to_numpy()[:, ::-1]
    dataclasses.replace(table, data=data).save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / name, folder / name)
    with pytest.raises(TableError, match="was changed since"):
        FeatureTable.load(folder, asked)


@pytest.mark.parametrize("rows", [3, 5, 0, -1, "4", None])
@pytest.mark.parametrize("asked", [None, ["clinical"]])
def test_sums_that_lie_about_rows_are_refused(
    folder: Path, asked: list[str] | None, rows: object
) -> None:
    sums = json.loads((folder / parts.SUMS).read_text())
    sums["data-00000.parquet"]["rows"] = rows
    (folder / parts.SUMS).write_text(json.dumps(sums))
    with pytest.raises(TableError):
        FeatureTable.load(folder, asked)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"data-00000.parquet": 1}', "{", "\xff"])
def test_sums_that_are_none(folder: Path, content: str) -> None:
    (folder / parts.SUMS).write_text(content, encoding="latin-1")
    with pytest.raises(TableError, match="no whole feature table"):
        FeatureTable.load(folder)


def test_folders_that_hold_no_table(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no whole feature table"):
        FeatureTable.load(tmp_path / "nowhere")
    pd.DataFrame({"a": [1.0]}).to_parquet(tmp_path / "data.parquet")
    with pytest.raises(TableError, match="earlier version, in one file"):
        FeatureTable.load(tmp_path)
    with pytest.raises(TableError, match="earlier version, in one file"):
        FeatureTable.dataset(tmp_path)


def test_dataset_goes_through_the_parts_in_order(table: FeatureTable, folder: Path) -> None:
    data = FeatureTable.dataset(folder)
    assert len(data.files) == 3
    column = "deep__net__0002"
    numbers = data.to_table(columns=[column])[column].to_numpy()
    np.testing.assert_array_equal(numbers, table.data[column].to_numpy())
    assert data.schema.field("clinical__sex").type == "string"
    path = folder / "data-00002.parquet"
    content = bytearray(path.read_bytes())
    content[50] ^= 1  # in the first page
    path.write_bytes(bytes(content))
    data = FeatureTable.dataset(folder)
    with pytest.raises(OSError, match=r"(?i)checksum|crc|decompress"):
        data.to_table(columns=["patient_id"])
