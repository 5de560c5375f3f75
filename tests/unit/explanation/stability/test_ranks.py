"""Ranks over resamples against SciPy's, one resample at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from tests.unit.explanation.synthetic import explanation_of
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.stability import rank_frequencies, rank_table, top_sets

COLUMNS = [f"a__f__{i}" for i in range(6)] + [f"b__g__{i}" for i in range(6)]


def test_ranks_are_scipys_in_each_resample():
    one = explanation_of(COLUMNS)
    values = one.column_mean_abs.to_numpy(copy=True)
    values[:, 3:5] = 0.0
    one = replace(one, column_mean_abs=pd.DataFrame(values, columns=COLUMNS))
    ranks = np.array([rankdata(-row) for row in values])
    table = rank_table(one, tops=(2, 5)).loc[COLUMNS]
    np.testing.assert_allclose(table["rank_median"], np.median(ranks, axis=0))
    np.testing.assert_allclose(table["rank_low"], np.percentile(ranks, 2.5, axis=0))
    np.testing.assert_allclose(table["rank_high"], np.percentile(ranks, 97.5, axis=0))
    np.testing.assert_allclose(table["top_5"], (ranks <= 5).mean(axis=0))
    np.testing.assert_allclose(table["used"], (values > 0).mean(axis=0))
    assert rank_table(one)["mean_abs_resample"].is_monotonic_decreasing


def test_frequencies_of_a_rank_sum_to_one_and_of_a_row_to_the_top_share():
    one = explanation_of(COLUMNS)
    shares = rank_frequencies(one.column_mean_abs, 4)
    np.testing.assert_allclose(shares.sum(axis=0), 1)
    np.testing.assert_allclose(
        shares.sum(axis=1), top_sets(one.column_mean_abs, 4).mean(axis=0), atol=1e-12
    )


def test_nothing_without_importance_is_ever_listed():
    values = np.zeros((3, 5))
    values[0, 2] = 1.0
    listed = top_sets(values, 3)
    assert listed.sum() == 1
    assert listed[0, 2]


@pytest.mark.parametrize("level", ["column", "family", "block"])
def test_an_explanation_tells_its_own_stability(level):
    one = explanation_of(COLUMNS)
    told = one.stability(level)
    assert list(told.frequencies.index) == list(told.ranks.index)
    assert told.overlap.level == level
    assert told.overlap.k == {"column": 10, "family": 3, "block": 1}[level]
    assert f"top {told.overlap.k} of" in str(told)
    if level == "column":
        np.testing.assert_allclose(
            told.ranks["top_10"], one.top_ten_share[told.ranks.index].to_numpy()
        )
    assert one.stability(level, k=2).overlap.k == 2


def test_in_sample_there_is_nothing_to_agree():
    with pytest.raises(ExplanationError, match="0 resample") as caught:
        explanation_of(COLUMNS, n_resamples=None).stability()
    assert caught.value.code == "no_resamples"
    with pytest.raises(ExplanationError, match="1 resample"):
        explanation_of(COLUMNS, n_resamples=1).stability()
    with pytest.raises(ExplanationError, match="level"):
        explanation_of(COLUMNS).stability("layer")
    pd.testing.assert_frame_equal(
        explanation_of(COLUMNS).stability().ranks, explanation_of(COLUMNS).stability().ranks
    )
