"""BlockSelector: which columns, under which names, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from tumor_response.exceptions import ModelError
from tumor_response.transformers import (
    BlockSelector,
    MedianImputer,
    bind_blocks,
    block_selectors,
    blocks_of,
)


@pytest.fixture
def frame() -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(
        [("P1", "1"), ("P1", "2"), ("P2", "1")], names=["patient_id", "lesion_id"]
    )
    columns = [
        "clinical__age",
        "meta__site",
        "radiomics__original__a",
        "views__v__key",
        "clinical__volume_cc",
    ]
    values = np.arange(15.0).reshape(3, 5)
    return pd.DataFrame(values, index=index, columns=columns)


def test_none_takes_every_predictor_and_never_meta_or_keys(frame):
    selected = BlockSelector().fit_transform(frame)
    assert list(selected.columns) == [
        "clinical__age",
        "clinical__volume_cc",
        "radiomics__original__a",
    ]
    assert selected.index.equals(frame.index)


def test_blocks_come_in_the_order_asked_for_with_their_values(frame):
    selected = BlockSelector(["radiomics", "clinical"]).fit_transform(frame)
    assert selected.columns[0] == "radiomics__original__a"
    np.testing.assert_array_equal(selected["clinical__volume_cc"], [4.0, 9.0, 14.0])


def test_a_mapping_prefixes_bare_names_and_remembers_where_they_came_from():
    bare = pd.DataFrame({"age": [1.0], "entropy": [2.0], "note": ["x"]})
    selector = BlockSelector({"clinical": ["age"], "image": ["entropy"]}).fit(bare)
    assert selector.get_feature_names_out().tolist() == ["clinical__age", "image__entropy"]
    assert selector.feature_origins_ == {"clinical__age": "age", "image__entropy": "entropy"}
    assert selector.transform(bare)["image__entropy"].tolist() == [2.0]


def test_columns_are_found_by_name_when_the_order_differs(frame):
    selector = BlockSelector(["clinical"]).fit(frame)
    shuffled = frame[frame.columns[::-1]]
    pd.testing.assert_frame_equal(selector.transform(shuffled), selector.transform(frame))


def test_renaming_does_not_reach_the_callers_frame():
    bare = pd.DataFrame({"age": [1.0]})
    BlockSelector({"clinical": ["age"]}).fit_transform(bare)
    assert list(bare.columns) == ["age"]


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (["deep"], "no columns of block 'deep'.*it has 'clinical', 'radiomics'"),
        ([], "no columns of block"),
        ("clinical", r"write \['clinical'\]"),
        ({"clinical": ["missing"]}, "does not have"),
        ({"clinical": []}, "mapped to no columns"),
        ({"a": ["clinical__age"], "b": ["clinical__age"]}, "belongs to one block"),
        ({"a": ["meta__site"]}, "no predictor"),
        ({}, "empty"),
    ],
)
def test_impossible_blocks_are_refused(frame, blocks, message):
    with pytest.raises(ModelError, match=message):
        BlockSelector(blocks).fit(frame)


def test_a_missing_column_at_transform_is_named(frame):
    selector = BlockSelector().fit(frame)
    with pytest.raises(ModelError, match=r"1 of the 3 columns.*clinical__age") as caught:
        selector.transform(frame.drop(columns="clinical__age"))
    assert caught.value.code == "missing_columns"


def test_arrays_and_repeated_columns_are_refused(frame):
    with pytest.raises(ModelError, match="DataFrame"):
        BlockSelector().fit(frame.to_numpy())
    with pytest.raises(ModelError, match="unique"):
        BlockSelector().fit(frame.iloc[:, [0, 0]])
    with pytest.raises(ModelError, match="no predictor columns"):
        BlockSelector().fit(frame[["meta__site"]])


def test_blocks_of_groups_by_prefix():
    assert blocks_of(["a__x", "plain", "meta__d", "a__y"]) == {
        "a": ["a__x", "a__y"],
        "features": ["plain"],
    }


def test_bind_blocks_changes_a_clone_only():
    pipeline = Pipeline([("blocks", BlockSelector(["clinical"])), ("impute", MedianImputer())])
    bound = bind_blocks(pipeline, {"clinical": ["age"], "image": ["entropy"]})
    assert block_selectors(bound)[0].blocks == {"clinical": ["age"]}
    assert block_selectors(pipeline)[0].blocks == ["clinical"]
    with pytest.raises(ModelError, match="No columns for block 'clinical'"):
        bind_blocks(pipeline, {"image": ["entropy"]})


def test_binding_leaves_a_selector_with_its_own_mapping_alone():
    own = BlockSelector({"clinical": ["v"]})
    assert bind_blocks(own, {"x": ["y"]}).blocks == {"clinical": ["v"]}
    assert clone(own).blocks == {"clinical": ["v"]}
