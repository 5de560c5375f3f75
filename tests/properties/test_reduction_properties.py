"""Order of columns, scale of columns and repeated rows: what must not matter to a reduction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from tumor_response.transformers import (
    BlockPCA,
    BlockPLS,
    BlockSupervisedPCA,
    CorrelationFilter,
    MRMRFilter,
)

seeds = st.integers(0, 2**32 - 1)
STEPS = [
    BlockPCA(2, min_columns=1),
    BlockPLS(2, min_columns=1),
    BlockSupervisedPCA(2, 6, min_columns=1),
    MRMRFilter(4),
]


def drawn(seed: int) -> tuple[pd.DataFrame, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(12, 40)), int(rng.integers(12, 60))
    values = rng.normal(size=(n, 4)) @ rng.normal(size=(4, p)) + rng.normal(size=(n, p))
    values *= rng.lognormal(0, 0.5, size=p)
    y = rng.permutation(np.arange(n) % 2)
    return pd.DataFrame(values, columns=[f"deep__{i:02d}" for i in range(p)]), y, rng


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
@given(seed=seeds)
@settings(max_examples=25)
def test_the_order_of_columns_does_not_matter(step, seed):
    X, y, rng = drawn(seed)
    shuffled = X.iloc[:, rng.permutation(X.shape[1])]
    one, two = clone(step).fit(X, y), clone(step).fit(shuffled, y)
    if isinstance(step, MRMRFilter):
        ranks = pd.Series(one.rank_, X.columns)
        pd.testing.assert_series_equal(pd.Series(two.rank_, shuffled.columns)[X.columns], ranks)
    else:
        np.testing.assert_allclose(two.transform(shuffled), one.transform(X), atol=1e-8)


@given(seed=seeds)
@settings(max_examples=25)
def test_scale_sign_and_zero_of_a_column_do_not_matter_to_mrmr(seed):
    X, y, rng = drawn(seed)
    factors = rng.choice([-1.0, 1.0], X.shape[1]) * rng.lognormal(0, 3, size=X.shape[1])
    other = X * factors + rng.normal(size=X.shape[1])
    np.testing.assert_array_equal(MRMRFilter(5).fit(other, y).rank_, MRMRFilter(5).fit(X, y).rank_)


@pytest.mark.parametrize("step", [*STEPS, CorrelationFilter(0.6)], ids=lambda s: type(s).__name__)
@given(seed=seeds)
@settings(max_examples=25)
def test_all_rows_twice_are_all_rows_once(step, seed):
    X, y, _ = drawn(seed)
    twice, labels = pd.concat([X, X]), np.r_[y, y]
    one, two = clone(step).fit(X, y), clone(step).fit(twice, labels)
    np.testing.assert_allclose(two.transform(X), one.transform(X), atol=1e-8)
    assert one.get_feature_names_out().tolist() == two.get_feature_names_out().tolist()


@pytest.mark.parametrize("step", [*STEPS, CorrelationFilter(0.9)], ids=lambda s: type(s).__name__)
@given(seed=seeds)
@settings(max_examples=25)
def test_any_bootstrap_sample_with_two_classes_can_be_fitted(step, seed):
    X, y, rng = drawn(seed)
    rows = np.r_[np.nonzero(y)[0][0], np.nonzero(1 - y)[0][0], rng.integers(0, len(X), len(X))]
    out = clone(step).fit(X.iloc[rows], y[rows]).transform(X)
    assert np.isfinite(out).all(axis=None)
