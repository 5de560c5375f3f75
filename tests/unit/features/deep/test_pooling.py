"""One row for the tumour from those of its views."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.pooling import POOLINGS, pooled

features = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=st.floats(-8, 8, width=32)
)


@given(features, st.randoms())
def test_the_order_of_views_does_not_matter(values: np.ndarray, random) -> None:
    areas = np.arange(1.0, len(values) + 1)
    order = list(range(len(values)))
    random.shuffle(order)
    for how in POOLINGS:
        np.testing.assert_allclose(
            pooled(values[order], areas[order], how), pooled(values, areas, how), atol=1e-12
        )


@given(features)
def test_views_that_are_alike_are_one_view(values: np.ndarray) -> None:
    alike = np.repeat(values[:1], 3, axis=0)
    for how in POOLINGS:
        expected = np.zeros(values.shape[1]) if how == "std" else values[0].astype(np.float64)
        np.testing.assert_allclose(pooled(alike, np.ones(3), how), expected, atol=1e-12)


@given(features, st.integers(1, 4))
def test_a_view_of_n_times_the_area_counts_as_n_views(values: np.ndarray, n: int) -> None:
    areas = np.ones(len(values))
    areas[0] = n
    repeated = np.concatenate([np.repeat(values[:1], n - 1, axis=0), values])
    got = pooled(values, areas, "area_weighted")
    np.testing.assert_allclose(got, repeated.astype(np.float64).mean(axis=0), atol=1e-12)


@pytest.mark.parametrize(
    ("values", "areas", "how", "code"),
    [
        (np.zeros((0, 3)), np.zeros(0), "mean", "view_values"),
        (np.ones((2, 3)), np.zeros(2), "area_weighted", "view_values"),
        (np.ones((2, 3)), np.ones(2), "median", "settings"),
    ],
)
def test_what_cannot_be_pooled_is_refused(values, areas, how, code) -> None:
    with pytest.raises(FeatureError) as caught:
        pooled(values, areas, how)
    assert caught.value.code == code
