"""Platt's sigmoid against scikit-learn and against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from tumor_response.models.platt import (
    LEAST_SLOPE,
    calibrated_choice,
    fit_sigmoid,
    prior_sigmoid,
)


class Scores(ClassifierMixin, BaseEstimator):
    """Hands over its only column."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return X[:, 0]

    def predict(self, X):
        return (X[:, 0] > 0).astype(int)


def drawn(seed: int, strength: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = 3 + 5 * rng.normal(size=80)
    return scores, (strength * (scores - 3) / 5 + rng.logistic(size=80) > 0.5).astype(float)


@pytest.mark.parametrize("seed", range(3))
def test_sigmoid_is_scikit_learns(seed):
    scores, label = drawn(seed)
    X = scores[:, None]
    theirs = CalibratedClassifierCV(FrozenEstimator(Scores().fit(X, label)), method="sigmoid")
    expected = theirs.fit(X, label.astype(int)).predict_proba(X)[:, 1]
    slope, offset = fit_sigmoid(scores, label, np.ones(80))
    np.testing.assert_allclose(1 / (1 + np.exp(-slope * scores - offset)), expected, atol=1e-5)


def test_sigmoid_minimises_the_weighted_cross_entropy_of_platts_targets():
    scores, label = drawn(5)
    weight = np.random.default_rng(0).integers(1, 4, 80).astype(float)
    positive, negative = (weight * label).sum(), (weight * (1 - label)).sum()
    target = np.where(label == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(line: np.ndarray) -> float:
        p = 1 / (1 + np.exp(-line[0] * scores - line[1]))
        return -(weight * (target * np.log(p) + (1 - target) * np.log(1 - p))).sum()

    expected = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(fit_sigmoid(scores, label, weight), expected, rtol=1e-4)
    repeated = np.repeat(np.arange(80), weight.astype(int))
    again = fit_sigmoid(scores[repeated], label[repeated], np.ones(len(repeated)))
    np.testing.assert_allclose(fit_sigmoid(scores, label, weight), again, rtol=1e-9)


def test_scores_against_the_classes_do_not_turn_the_model_round():
    scores, label = drawn(1, strength=-2.0)
    slope, offset = fit_sigmoid(scores, label, np.ones(80))
    assert slope == pytest.approx(LEAST_SLOPE / scores.std())
    chance = 1 / (1 + np.exp(-slope * scores - offset))
    assert chance.mean() == pytest.approx(label.mean(), abs=0.02)
    assert np.ptp(chance) < 0.03
    assert (np.diff(chance[np.argsort(scores)]) > 0).all()


def test_separated_and_constant_scores_stay_finite():
    label = np.repeat([0.0, 1.0], 10)
    separated = fit_sigmoid(label * 1e6, label, np.ones(20))
    assert np.isfinite(separated).all()
    assert 1 / (1 + np.exp(-separated.slope * 1e6 - separated.offset)) == pytest.approx(11 / 12)
    constant = fit_sigmoid(np.full(20, 7.0), label, np.ones(20))
    assert constant.slope == 0
    assert constant.offset == pytest.approx(0)
    assert prior_sigmoid(np.full(20, 7.0), label, np.ones(20)) == (0.0, 0.0)


def test_of_several_the_best_calibrated_is_chosen_and_of_equals_the_first():
    scores, label = drawn(2, strength=2.0)
    noise = np.random.default_rng(9).normal(size=80)
    found = calibrated_choice(np.array([noise, scores, scores]), label, np.ones(80))
    assert found.best == 1
    alone = fit_sigmoid(scores, label, np.ones(80))
    # side by side all go on until the last one has arrived
    assert found.sigmoid.slope == pytest.approx(alone.slope, rel=1e-7)
    assert found.sigmoid.offset == pytest.approx(alone.offset, rel=1e-7)
    logits = found.sigmoid.slope * scores + found.sigmoid.offset
    expected = 2 * np.mean(np.log1p(np.exp(logits)) - label * logits)
    assert found.deviances[1] == pytest.approx(expected)
