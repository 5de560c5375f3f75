from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.table.tables import arbitrary, assert_same
from tumor_response.exceptions import TableError
from tumor_response.table import FeatureTable, parts
from tumor_response.table.parts import PartWriter, rows_per_part

TEXTS = ["views__axial__key", "clinical__sex", "meta__site"]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four rows of nine columns to a part."""
    monkeypatch.setattr(parts, "_VALUES_PER_PART", 40)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@contextmanager
def files_no_larger_than(n_bytes: int) -> Iterator[None]:
    """A disk that is full, as far as the process can tell: the system refuses the write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_parts_follow_from_the_number_of_columns_alone(tmp_path: Path) -> None:
    arbitrary(10).save(tmp_path / "ten")
    arbitrary(4).save(tmp_path / "four")
    assert len(list((tmp_path / "ten").glob("data-*.parquet"))) == 3
    assert len(list((tmp_path / "four").glob("data-*.parquet"))) == 1
    assert rows_per_part(1_000_000) == rows_per_part(10**9) == 1


@pytest.mark.parametrize("n_rows", [0, 1, 4, 8, 9])
def test_saved_and_loaded_loses_nothing(tmp_path: Path, n_rows: int) -> None:
    table = arbitrary(n_rows)
    table.save(tmp_path)
    assert_same(FeatureTable.load(tmp_path), table)


def test_shorter_table_over_a_longer_one_leaves_no_part_behind(tmp_path: Path) -> None:
    arbitrary(30).save(tmp_path / "over")
    arbitrary(5).save(tmp_path / "over")
    arbitrary(5).save(tmp_path / "new")
    assert contents(tmp_path / "over") == contents(tmp_path / "new")


def test_interrupted_writer_leaves_what_is_refused_and_overwritten(tmp_path: Path) -> None:
    table = arbitrary(10)
    table.save(tmp_path)
    undisturbed = contents(tmp_path)
    writer = PartWriter(tmp_path, list(table.data.columns), TEXTS)
    writer.add(table.data.iloc[:6])
    (tmp_path / "data-00001.parquet.part").write_bytes(b"half a pa")
    assert (tmp_path / "data-00000.parquet").is_file()  # written as soon as it was full
    for asked in (None, ["clinical"]):
        with pytest.raises(TableError, match=r"no whole feature table.*start it again"):
            FeatureTable.load(tmp_path, blocks=asked)
    table.save(tmp_path)
    assert contents(tmp_path) == undisturbed


def test_full_disk_is_an_error_with_a_way_out_and_no_table(tmp_path: Path) -> None:
    table = arbitrary(12)
    with files_no_larger_than(3000), pytest.raises(TableError, match="Make room") as caught:
        table.save(tmp_path)
    assert caught.value.code == "table_unwritable"
    assert not list(tmp_path.glob("*.part"))  # the room that there is, is given back
    with pytest.raises(TableError, match="no whole feature table"):
        FeatureTable.load(tmp_path)
    table.save(tmp_path)
    assert_same(FeatureTable.load(tmp_path), table)


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_full_disk_leaves_no_half_an_export(tmp_path: Path, name: str) -> None:
    before = arbitrary(2)
    before.export(tmp_path / "features", formats=[name])
    there = contents(tmp_path)
    after = arbitrary(200)
    with files_no_larger_than(6000), pytest.raises(TableError, match="Make room") as caught:
        after.export(tmp_path / "features", formats=[name])
    assert caught.value.code == "table_unwritable"
    assert f"features.{name}" in str(caught.value)
    assert contents(tmp_path) == there
    after.export(tmp_path / "features", formats=[name])
    assert contents(tmp_path) != there


def test_folder_that_takes_no_file_is_found_out_before_the_first_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, content: bytes) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)  # root may write anywhere
    with pytest.raises(TableError, match="Permission denied") as caught:
        PartWriter(tmp_path, ["clinical__age"], [])
    assert caught.value.code == "table_unwritable"


def test_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TableError, match="expected a folder"):
        arbitrary(1).save(tmp_path / "file")
    with pytest.raises(TableError, match="Not a directory"):
        arbitrary(1).save(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    "name", ["data.parquet", "data-.parquet", "data-00001.csv", "data-x1.parquet", "notes.part"]
)
def test_no_file_but_a_tables_is_deleted(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(TableError, match="other files"):
        arbitrary(1).save(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_two_writers_to_one_folder_never_leave_a_mixture(tmp_path: Path) -> None:
    one, two = arbitrary(8, seed=1), arbitrary(8, seed=2)
    first = PartWriter(tmp_path, list(one.data.columns), TEXTS)
    first.add(one.data)
    second = PartWriter(tmp_path, list(two.data.columns), TEXTS)
    second.add(two.data.iloc[:4])  # its first part is there, its second not yet
    levels = {name: list(one.data[name].cat.categories) for name in TEXTS}
    first.finish(levels, one.dictionary, one.failures, one.provenance)
    with pytest.raises(TableError):
        FeatureTable.load(tmp_path)
    second.add(two.data.iloc[4:])
    second.finish(levels, two.dictionary, two.failures, two.provenance)
    assert_same(FeatureTable.load(tmp_path), two)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("int64", [1, 2]),
        ("bool", [True, False]),
        ("str", pd.array(["a", "b"], dtype="str")),
        ("category", pd.Categorical([3, 4])),
        ("category", pd.Categorical(["a", "b"], ordered=True)),
    ],
)
def test_what_would_come_back_as_something_else_is_refused(
    tmp_path: Path, column: str, values: object
) -> None:
    table = arbitrary(2)
    data = table.data.assign(deep__net__0000=values)
    with pytest.raises(TableError, match=f"'deep__net__0000' is {column}"):
        FeatureTable(data, table.dictionary, table.failures, {}).save(tmp_path)
    numbered = table.data.set_axis(
        pd.MultiIndex.from_tuples([(1, 1), (2, 1)], names=table.data.index.names)
    )
    with pytest.raises(TableError, match="must be text"):
        FeatureTable(numbered, table.dictionary, table.failures, {}).save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_any_change_of_a_value_or_a_key_changes_the_hash_of_the_data() -> None:
    data = arbitrary(6).data
    before = parts.data_sha256(data)
    numbers = data.copy()
    numbers.loc[("P1 ö", "0"), "deep__net__0001"] = np.nextafter(1.0, 2.0)
    texts = data.copy()
    texts.loc[("P1 ö", "0"), "meta__site"] = "never seen"
    keys = data.rename(index={"P2 ö": "P3 ö"})
    changed = [numbers, texts, keys, data.iloc[::-1]]
    assert len({before, *(parts.data_sha256(frame) for frame in changed)}) == 5
