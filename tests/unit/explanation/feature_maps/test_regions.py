"""What drives a deep column."""

from __future__ import annotations

import numpy as np
import pytest

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.feature_maps import column_regions


@pytest.fixture(scope="module")
def deep() -> tr.DeepFeatures:
    return tr.DeepFeatures("test_resnet", weights="random:0", input_px=64)


@pytest.mark.parametrize("number", [4, 6, 7])
def test_the_regions_of_a_pooled_column_add_up_to_its_value(
    deep: tr.DeepFeatures, number: int
) -> None:
    """The column is the mean of its channel over cells and views, and its map is that channel."""
    case = cases.baseline()
    column = f"deep__test_resnet__{number:04d}"
    found = column_regions(case, deep, column)
    value = deep.extract(case).values[column]
    assert found.output == pytest.approx(value)
    cells = (64 // 32) ** 2
    total = found.view_maps.maps.mean(axis=(1, 2), dtype=np.float64).sum() * cells
    assert total == pytest.approx(value, rel=1e-5)
    assert found.grid == case.geometry


def test_columns_that_are_not_there(deep: tr.DeepFeatures) -> None:
    with pytest.raises(ExplanationError, match="did you mean") as raised:
        column_regions(cases.baseline(), deep, "deep__test_resnet__00007")
    assert raised.value.code == "unknown_column"
    with pytest.raises(ExplanationError, match="feature_map") as raised:
        column_regions(cases.baseline(), tr.Radiomics("minimal"), "radiomics__x")
    assert raised.value.code == "extractor_mismatch"
