"""The fallback: additive whatever is drawn, unbiased, and as far off as it says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from xgboost import XGBClassifier

import tumor_response as tr
from tests.unit.explanation.small import LEVELS, small
from tests.unit.explanation.trees.by_hand import interventional, owen
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.black_box import Mixer
from tumor_response.explanation.sampled import Draws, sampled_values
from tumor_response.models import RidgeLogistic


def estimated(predict, background, rows, n_pairs, seed=0, levels=LEVELS):
    """Sample the game of a plain function of arrays."""
    here, behind = predict(rows), predict(background)
    walk = Mixer(rows, background).walk(predict, (here, behind), np.arange(rows.shape[1]))
    draws = Draws(n_pairs, np.random.default_rng(seed), 10**9)
    block, family = (np.array(level) for level in levels)
    return sampled_values(walk, here, behind, family, block, draws)


def wild(X: np.ndarray) -> np.ndarray:
    return np.tanh(X[:, 0] * X[:, 1] * X[:, 4]) + X[:, 2] * np.exp(X[:, 3] / 3) + X[:, 4]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(1, 6), st.integers(1, 12))
def test_the_sum_is_right_whatever_is_drawn(seed, n_pairs, n_rows, n_behind):
    rng = np.random.default_rng(seed)
    background, rows = rng.normal(size=(n_behind, 5)), rng.normal(size=(n_rows, 5))
    found = estimated(wild, background, rows, n_pairs, seed)
    expected = wild(rows) - wild(background).mean()
    np.testing.assert_allclose(found.values.sum(axis=1), expected, atol=1e-10)


def test_it_closes_in_on_owens_values_and_says_how_far_it_is():
    rng = np.random.default_rng(3)
    background, rows = rng.normal(size=(12, 5)), rng.normal(size=(3, 5))
    truth = owen(interventional(wild, background, rows), LEVELS, 5)
    found = [estimated(wild, background, rows, 10, seed) for seed in range(60)]
    off = np.array([one.values for one in found]) - truth
    real = np.sqrt((off**2).mean(axis=0))
    stated = np.sqrt(np.mean([one.errors**2 for one in found], axis=0))
    # 10 of 12 background rows are drawn: what is stated takes them for independent
    assert (real < 1.3 * stated + 1e-12).all()
    assert stated.mean() < 4 * real.mean()
    mean_error = real / np.sqrt(len(found))
    assert (np.abs(off.mean(axis=0)) < 4.5 * mean_error + 1e-12).all()
    # the error of a block is not the sum of its members'
    blocks = np.array([one.values[:, 1:4].sum(axis=1) for one in found])
    of_blocks = np.sqrt(np.mean([one.block_errors[:, 1] ** 2 for one in found], axis=0))
    assert (blocks.std(axis=0) < 1.3 * of_blocks).all()


def test_pairs_of_players_are_exact_once_the_whole_background_is_drawn():
    """A pair of opposite orders is exact for products of two, whatever the order."""
    rng = np.random.default_rng(1)
    background, rows = rng.normal(size=(7, 5)), rng.normal(size=(2, 5))

    def pairwise(X):
        return X[:, 0] * X[:, 1] + X[:, 2] * X[:, 4] - X[:, 3]

    found = estimated(pairwise, background, rows, 7)
    truth = owen(interventional(pairwise, background, rows), LEVELS, 5)
    np.testing.assert_allclose(found.values, truth, atol=1e-12)


class Product(ClassifierMixin, BaseEstimator):
    """Reads a category and a number; no step of ours knows it."""

    def fit(self, X: pd.DataFrame, y) -> Product:
        assert isinstance(X["clinical__site"].dtype, pd.CategoricalDtype)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        assert isinstance(X["clinical__site"].dtype, pd.CategoricalDtype)
        level = X["clinical__site"].map({"a": 1.0, "b": -1.0}).astype(float).fillna(0.0)
        chance = 1 / (1 + np.exp(-level.to_numpy() * X["deep__n__0"].to_numpy()))
        return np.column_stack([1 - chance, chance])


def test_a_model_of_frames_and_categories_is_asked_with_frames_and_categories():
    rng = np.random.default_rng(0)
    site = pd.Categorical(["a", "b", None, "a", "b", "b"])
    X = pd.DataFrame({"clinical__site": site, "deep__n__0": rng.normal(size=6)})
    y = np.array([0, 1, 0, 1, 0, 1])
    one = tr.explain(Product().fit(X, y), X, in_sample=True, n_pairs=6)
    level = np.array([1.0, -1.0, 0.0, 1.0, -1.0, -1.0])
    number = X["deep__n__0"].to_numpy()
    # of a product of two: half of what one does without the other, half of with it
    z = level * number
    first = (level * number.mean() - z.mean() + level * number - level.mean() * number) / 2
    np.testing.assert_allclose(one.values["clinical__site"], first, atol=1e-9)
    assert one.method == "sampled"
    assert one.n_pairs == 6


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(PCA(3), RandomForestClassifier(5, min_samples_leaf=5, random_state=0)),
        SVC(),
        XGBClassifier(n_estimators=3, booster="dart", n_jobs=1),
    ],
    ids=["behind PCA", "decision function", "trees that are no plain sum"],
)
def test_any_pipeline_is_explained(model):
    X, y = small()
    one = tr.explain(model.fit(X, y), X.iloc[:5], in_sample=True, background=X, n_pairs=3)
    again = tr.explain(model, X.iloc[:5], in_sample=True, background=X, n_pairs=3)
    pd.testing.assert_frame_equal(one.values, again.values)
    other = tr.explain(model, X.iloc[:5], in_sample=True, background=X, n_pairs=3, seed=1)
    assert (other.values != one.values).any(axis=None)
    assert one.output == ("score" if isinstance(model, SVC) else "log_odds")
    total = one.base_values + one.nested_values.sum(axis=1)
    np.testing.assert_allclose(total, one.outputs, atol=1e-9)
    assert "standard_error" in one.table()
    assert "standard_error" in one.by_block()


def test_what_would_take_too_long_is_refused_with_the_way_out():
    X, y = small()
    wide = X.join(pd.DataFrame(np.ones((40, 50)), X.index).add_prefix("deep__n__w"))
    model = SVC().fit(wide, y)
    with pytest.raises(ExplanationError, match="level='family'") as caught:
        tr.explain(model, wide, in_sample=True, max_evaluations=100_000)
    assert caught.value.code == "too_many_columns"
    one = tr.explain(model, wide, in_sample=True, max_evaluations=100_000, level="family")
    assert list(one.values.columns) == ["clinical: age", "image: f", "image: g", "deep: n"]


def test_out_of_bag_samples_sum_to_the_evaluations_own_probabilities():
    X, y = small()
    result = tr.evaluate(
        {"m": RidgeLogistic(Cs=(1.0,))}, X, y.astype(float), tr.Bootstrap632Plus(n_resamples=6)
    )
    one = tr.explain(result, "m", output="probability")
    scores = result.scores.groupby(["patient_id", "lesion_id"])["score"].mean()
    total = one.base_values + one.family_values.sum(axis=1)
    np.testing.assert_allclose(total, scores.reindex(total.index), atol=1e-9)
    assert one.n_pairs == 4
    assert (one.standard_error.mean() < 0.05).all()
