"""The filter of the trees against ranks by SciPy, and the names of constrained columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from tests.unit.models.samples import cohort, resampled
from tumor_response.exceptions import ModelError
from tumor_response.models.trees.columns import (
    EncoderOfNamed,
    StrongestColumns,
    constraints,
    rank_scores,
)
from tumor_response.transformers import UnivariateFilter


@pytest.mark.parametrize("outcome", ["classes", "thirds", "rate"])
def test_scores_are_covariances_of_midranks_with_weights_as_repeats(outcome):
    X, rate = cohort(40, 12)
    X = X.round(0).to_numpy()  # ties
    y = {
        "classes": (rate > 0).astype(int),
        "thirds": pd.qcut(rate, 3, labels=False),
        "rate": rate.round(1),
    }[outcome]
    rows = resampled(40)
    n = len(rows)
    ranks = rankdata(X[rows], axis=0) - (n + 1) / 2
    expected = np.abs((rankdata(y[rows]) - (n + 1) / 2) @ ranks) / n**3
    np.testing.assert_allclose(rank_scores(X[rows], y[rows]), expected, atol=1e-12)
    weighted = rank_scores(X, y, np.bincount(rows, minlength=40).astype(float))
    np.testing.assert_allclose(weighted, expected, atol=1e-12)


def test_for_two_classes_it_keeps_what_the_univariate_filter_keeps():
    X, rate = cohort(60, 100, seed=3)
    X.insert(0, "clinical__age", np.arange(60.0))
    y = (rate > 0.3).astype(int)
    mine = StrongestColumns(7).fit(X, y)
    other = UnivariateFilter(7).fit(X, y)
    assert mine.get_feature_names_out().tolist() == other.get_feature_names_out().tolist()
    assert mine.transform(X).equals(other.transform(X))
    assert mine.dropped_.index.equals(other.dropped_.index)
    assert set(mine.dropped_["reason"]) == {"not_selected"}


def test_constant_columns_score_nothing_and_the_earlier_of_equals_stays():
    X = np.column_stack([np.ones(9), np.arange(9.0), np.arange(9.0)])
    scores = rank_scores(X, np.arange(9))
    assert scores[0] == 0
    assert scores[1] == scores[2] > 0
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    assert StrongestColumns(1).fit(frame, np.arange(9)).get_feature_names_out().tolist() == ["b"]
    with pytest.raises(ModelError, match="n_columns_per_block"):
        StrongestColumns(0).fit(frame, np.arange(9))


def test_names_stand_for_columns_before_and_behind_encoding():
    columns = ["clinical__age", "clinical__sex=m", "clinical__stage=I", "clinical__stage=II"]
    found = constraints({"clinical__age": -1, "clinical__sex": 1, "clinical__stage=II": 1}, columns)
    assert found.tolist() == [-1, 1, 0, 1]
    assert not constraints({"clinical__gone": 1}, columns).any()
    with pytest.raises(ModelError, match="clinical__stage=I'") as caught:
        constraints({"clinical__stage": 1}, columns)
    assert caught.value.code == "monotone_category"
    with pytest.raises(ModelError, match="direction 2"):
        constraints({"clinical__age": 2}, columns)


def test_a_misspelt_name_is_an_error_where_columns_are_still_all_there():
    X = pd.DataFrame({"clinical__age": [1.0, 2.0], "clinical__sex": pd.Categorical(["f", "m"])})
    assert EncoderOfNamed(("clinical__age", "clinical__sex")).fit(X).transform(X).shape == (2, 2)
    with pytest.raises(ModelError, match="clinical__agee") as caught:
        EncoderOfNamed(("clinical__agee",)).fit(X)
    assert caught.value.code == "missing_columns"
