"""The foundation model: the package's own answers, whole rows only, nothing executed unasked."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from geneicl import CKPT, GeneICL
from sklearn.metrics import roc_auc_score

from tests.unit.models.samples import cohort, resampled
from tumor_response.exceptions import ModelError, WeightsError
from tumor_response.models.foundation import InContextClassifier, InContextRegressor, network


@pytest.fixture(autouse=True)
def forget_networks():
    yield
    network._network.cache_clear()


def test_answers_are_those_of_the_package():
    X, rate = cohort(30, 20)
    new, _ = cohort(5, 20, seed=9)
    y = pd.qcut(rate, 3, labels=False)
    expected = GeneICL("classification", device="cpu").fit(X, y).predict_proba(new)
    mine = InContextClassifier().fit(X, y)
    np.testing.assert_allclose(mine.predict_proba(new), expected, atol=1e-5)
    np.testing.assert_allclose(mine.predict_proba(new).sum(axis=1), 1)
    expected = GeneICL("regression", device="cpu").fit(X, rate).predict(new)
    found = InContextRegressor().fit(X, rate).predict(new)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.corrcoef(InContextRegressor().fit(X, rate).predict(X), rate)[0, 1] > 0.5


def test_a_row_is_answered_whoever_else_is_asked_about():
    X, rate = cohort(20, 10)
    y = (rate > 0).astype(int)
    new, _ = cohort(300, 10, seed=5)
    model = InContextClassifier().fit(X, y)
    together = model.predict_proba(new)  # two passes of rows
    np.testing.assert_allclose(model.predict_proba(new.iloc[[298]]), together[[298]], atol=1e-5)
    np.testing.assert_array_equal(model.predict_proba(new), together)


def test_a_narrow_block_weighs_as_much_as_a_wide_one():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, 900))).add_prefix("deep__n__")
    X.insert(0, "clinical__age", rng.normal(60, 9, 80))
    y = (X["clinical__age"] > 60).to_numpy().astype(int)
    named = InContextClassifier().fit(X[:50], y[:50]).predict_proba(X[50:])[:, 1]
    bare = InContextClassifier().fit(X[:50].to_numpy(), y[:50])
    unnamed = bare.predict_proba(X[50:].to_numpy())[:, 1]
    assert roc_auc_score(y[50:], named) > roc_auc_score(y[50:], unnamed) + 0.15


def test_weights_are_repeats_and_fractions_are_refused():
    X, rate = cohort(30, 20)
    y = (rate > 0).astype(int)
    rows = resampled(30)
    weighted = InContextClassifier().fit(X, y, sample_weight=np.bincount(rows, minlength=30))
    repeated = InContextClassifier().fit(X.iloc[np.sort(rows)], y[np.sort(rows)])
    np.testing.assert_array_equal(weighted.known_, repeated.known_)
    assert len(weighted.known_) == 30
    with pytest.raises(ModelError, match="whole numbers") as caught:
        InContextClassifier().fit(X, y, sample_weight=np.full(30, 0.5))
    assert caught.value.code == "sample_weight"


def test_three_trainings_are_averaged():
    X, rate = cohort(20, 10)
    y = (rate > 0).astype(int)
    singly = [
        GeneICL("classification", CKPT.parent / name, "cpu").fit(X, y).predict_proba(X)
        for name in network.CHECKPOINTS
    ]
    mine = InContextClassifier(3).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(mine, np.mean(singly, axis=0), atol=1e-5)
    with pytest.raises(ModelError, match="n_checkpoints"):
        InContextClassifier(4).fit(X, y)


def test_constant_columns_few_rows_and_many_classes():
    X = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": 3.0})
    assert np.isfinite(InContextClassifier().fit(X, [0, 0, 1]).predict_proba(X)).all()
    np.testing.assert_allclose(InContextRegressor().fit(X, [2.0, 2.0, 2.0]).predict(X), 2, atol=5)
    with pytest.raises(ModelError, match="11 classes"):
        InContextClassifier().fit(np.eye(11), np.arange(11))


def test_other_weights_and_none_are_refused(monkeypatch):
    X, rate = cohort(20, 5)
    model = InContextRegressor().fit(X, rate)
    monkeypatch.setitem(network.CHECKPOINTS, "trm_segmented8_s0.pt", "0" * 64)
    with pytest.raises(WeightsError, match="not the recorded") as caught:
        model.predict(X)
    assert caught.value.code == "weights_changed"
    monkeypatch.setitem(sys.modules, "geneicl", None)
    with pytest.raises(WeightsError, match=r"tumor-response\[tabular\]") as caught:
        model.predict(X)
    assert caught.value.code == "weights_missing"
