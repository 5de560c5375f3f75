"""However rows arrive, and however large parts are, a table's folder is the same and loads back."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.table.tables import arbitrary, assert_same
from tumor_response.table import FeatureTable, parts
from tumor_response.table.parts import PartWriter

TEXTS = ["views__axial__key", "clinical__sex", "meta__site"]


@settings(max_examples=25, deadline=None)
@given(
    n_rows=st.integers(1, 30),
    values_per_part=st.integers(20, 300),
    seed=st.integers(0, 10**6),
    cuts=st.lists(st.integers(0, 30), max_size=6),
    blocks=st.lists(
        st.sampled_from(["radiomics", "deep", "clinical", "views"]), min_size=1, unique=True
    ),
)
def test_rows_in_any_portions_give_the_bytes_of_save(
    n_rows: int, values_per_part: int, seed: int, cuts: list[int], blocks: list[str]
) -> None:
    table = arbitrary(n_rows, seed=seed)
    as_text = table.data.astype(dict.fromkeys(TEXTS, "str"))  # levels are known at the end alone
    edges = sorted({0, n_rows, *(min(cut, n_rows) for cut in cuts)})
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(parts, "_VALUES_PER_PART", values_per_part)
        at_once, by_and_by = Path(folder, "at_once"), Path(folder, "by_and_by")
        table.save(at_once)
        writer = PartWriter(by_and_by, list(table.data.columns), TEXTS)
        for start, stop in itertools.pairwise(edges):
            writer.add(as_text.iloc[start:stop])
        assert writer.sha256 == table.provenance["data_sha256"]
        for name in TEXTS:
            assert set(writer.seen[name]) == set(as_text[name].dropna())
        levels = {name: list(table.data[name].cat.categories) for name in TEXTS}
        writer.finish(levels, table.dictionary, table.failures, table.provenance)
        names = sorted(path.name for path in at_once.iterdir())
        assert names == sorted(path.name for path in by_and_by.iterdir())
        for name in names:
            assert (at_once / name).read_bytes() == (by_and_by / name).read_bytes(), name
        assert_same(FeatureTable.load(by_and_by), table)
        assert_same(FeatureTable.load(by_and_by, blocks), table.select(blocks))
