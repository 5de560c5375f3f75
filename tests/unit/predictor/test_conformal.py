"""Conformal rules: against mapie's own sets and intervals, by brute force, and by their promise."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from mapie.regression import SplitConformalRegressor
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from tumor_response.exceptions import EvaluationError, ModelError
from tumor_response.predictor.conformal import ConformalRule, fit_conformal

COVERAGES = (0.8, 0.9, 0.95)


class Probabilities(ClassifierMixin, BaseEstimator):
    """Hands over its only column."""

    def fit(self, X, y):
        self.classes_, self.n_features_in_ = np.unique(y), 1
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])

    def predict(self, X):
        return (X[:, 0] > 0.5).astype(int)


class Rates(RegressorMixin, BaseEstimator):
    """The same for rates."""

    def fit(self, X, y):
        self.n_features_in_ = 1
        return self

    def predict(self, X):
        return X[:, 0]


def classes(n: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    p = rng.beta(2, 2, size=n)
    return p, (rng.random(n) < p).astype(int)


@pytest.mark.parametrize("n", [20, 60, 100])
def test_label_sets_are_mapies(n):
    p, y = classes(n)
    new = np.concatenate([np.random.default_rng(1).random(200), p])  # ties with the scores, too
    theirs = SplitConformalClassifier(
        Probabilities().fit(p[:, None], y), confidence_level=list(COVERAGES), prefit=True
    ).conformalize(p[:, None], y)
    sets = theirs.predict_set(new[:, None])[1]
    rule = fit_conformal("label_set", p, y, np.arange(n), COVERAGES)
    names = {(0, 0): "{}", (1, 0): "{0}", (0, 1): "{1}", (1, 1): "{0, 1}"}
    for at, coverage in enumerate(COVERAGES):
        expected = [names[tuple(int(v) for v in row)] for row in sets[:, :, at]]
        assert rule.label_sets(new, coverage).tolist() == expected


@pytest.mark.parametrize("n", [20, 60, 100])
def test_intervals_are_mapies(n):
    rng = np.random.default_rng(n)
    rate = rng.normal(size=n)
    y = rate + rng.normal(size=n)
    theirs = SplitConformalRegressor(
        Rates().fit(rate[:, None], y), confidence_level=list(COVERAGES), prefit=True
    ).conformalize(rate[:, None], y)
    new = np.linspace(-3, 3, 7)
    bounds = theirs.predict_interval(new[:, None])[1]
    rule = fit_conformal("interval", rate, y, np.arange(n), COVERAGES)
    for at, coverage in enumerate(COVERAGES):
        np.testing.assert_allclose(np.column_stack(rule.intervals(new, coverage)), bounds[:, :, at])


def test_copies_of_all_lesions_change_no_quantile():
    p, y = classes(60)
    once = fit_conformal("label_set", p, y, np.arange(60))
    twice = fit_conformal("label_set", *(np.tile(a, 3) for a in (p, y, np.arange(60))))
    assert once.quantiles == twice.quantiles
    assert twice.n_patients == 60


def test_several_lesions_by_brute_force():
    rng = np.random.default_rng(3)
    patients = np.repeat(np.arange(25), rng.integers(1, 5, 25))
    error = rng.exponential(size=patients.size)
    rule = fit_conformal("interval", np.zeros_like(error), error, patients, COVERAGES)
    for coverage in COVERAGES:
        for score in np.sort(error):
            share = sum(np.mean(error[patients == p] <= score) for p in range(25)) / 26
            if share >= coverage - 1e-12:
                break
        assert rule.quantile(coverage) == score


def test_a_lesion_of_a_new_patient_is_covered_as_promised():
    # one patient with many large errors among few with one: lesions alike would miss the promise
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(1500):
        many = rng.random(20) < 0.3
        scale = np.exp(rng.normal(size=20)) * np.where(many, 0.3, 2.0)
        patients = np.repeat(np.arange(20), np.where(many, 8, 1))
        error = np.abs(rng.normal(size=patients.size)) * scale[patients]
        old = patients < 19
        rule = fit_conformal("interval", 0 * error[old], error[old], patients[old], (0.8,))
        covered.append(np.mean(error[~old] <= rule.quantile(0.8)))
    # between nominal and nominal + 2 / (n + 1); standard error .009
    assert 0.8 - 0.027 < np.mean(covered) < 0.8 + 2 / 20 + 0.027


@pytest.mark.parametrize(("n", "finite"), [(8, False), (9, True)])
def test_too_few_patients_leave_everything_open(n, finite):
    p, y = classes(n, seed=2)
    rule = fit_conformal("label_set", p, y, np.arange(n), (0.9,))
    assert np.isfinite(rule.quantile(0.9)) == finite
    rates = fit_conformal("interval", p, y, np.arange(n), (0.9,))
    if not finite:
        assert rule.label_sets(np.array([0.0, 0.5, 1.0]), 0.9).tolist() == ["{0, 1}"] * 3
        assert np.ravel(rates.intervals(np.zeros(1), 0.9)).tolist() == [-np.inf, np.inf]


def test_it_goes_through_json_without_infinity_as_a_number():
    rule = ConformalRule("interval", {"0.8": 0.1234567890123, "0.95": np.inf}, 12, "left out")
    text = json.dumps(rule.to_json(), allow_nan=False)
    assert ConformalRule.from_json(json.loads(text)) == rule


def test_an_ask_that_cannot_be_met_says_what_can():
    rule = ConformalRule("label_set", {"0.8": 0.4, "0.9": 0.6}, 40)
    with pytest.raises(ModelError, match=r"0\.85; kept are 0\.8, 0\.9") as caught:
        rule.label_sets(np.array([0.5]), 0.85)
    assert caught.value.code == "coverage"
    with pytest.raises(ModelError) as caught:
        rule.intervals(np.array([0.5]), 0.9)
    assert caught.value.code == "conformal_kind"
    with pytest.raises(ModelError) as caught:
        fit_conformal("interval", [1.0], [1.0], [1], (0.9, 1.0))
    assert caught.value.code == "coverage"
    with pytest.raises(EvaluationError) as refused:
        fit_conformal("label_set", [0.2, 1.2], [0, 1], [1, 2])
    assert refused.value.code == "not_probability"


def test_an_empty_set_is_said_and_a_missing_probability_has_none():
    rule = ConformalRule("label_set", {"0.8": 0.3}, 40)
    assert rule.label_sets(np.array([0.5, np.nan, 0.1]), 0.8).tolist() == ["{}", "", "{0}"]
