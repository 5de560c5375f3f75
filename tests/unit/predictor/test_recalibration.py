"""Recalibration on local patients: against plain fits, with few patients and with many."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.dummy import DummyClassifier

from tumor_response.exceptions import EvaluationError
from tumor_response.predictor.calibration import (
    INTERCEPT_SD,
    SLOPE_SD,
    Calibration,
    fit_calibration,
    fit_rate_calibration,
)
from tumor_response.predictor.conformal import ConformalRule, fit_conformal
from tumor_response.predictor.domain import TrainingDomain
from tumor_response.predictor.recalibration import recalibrated
from tumor_response.predictor.state import PredictorState


def drawn(n: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    patients = np.sort(rng.integers(0, max(n // 2, 1), n))
    log_odds = 1.5 * rng.normal(size=n)
    y = (rng.random(n) < expit(0.8 + 0.4 * log_odds)).astype(float)
    return log_odds, y, patients


def state_of(task: str = "response") -> PredictorState:
    kind = "label_set" if task == "response" else "interval"
    return PredictorState(
        task=task,
        end_point={},
        provenance={},
        dictionary=pd.DataFrame(),
        model=DummyClassifier(),
        volume_model=DummyClassifier(),
        resample_models=(),
        calibration=Calibration(0.2, 0.5, 100, "cross_fitted"),
        volume_calibration=Calibration(0.0, 0.9, 100, "cross_fitted"),
        conformal=ConformalRule(kind, {"0.8": 0.5, "0.9": 0.6, "0.95": 0.7}, 100),
        threshold={"value": 0.4, "rule": "youden"},
        domain=TrainingDomain({}),
    )


@pytest.mark.parametrize("n", [12, 60])
def test_few_patients_give_the_mode_of_likelihood_times_prior(n):
    log_odds, y, patients = drawn(n)
    weight = 1 / np.bincount(patients)[patients]

    def loss(line: np.ndarray) -> float:
        z = line[0] + line[1] * log_odds
        pulled = (line[0] / INTERCEPT_SD) ** 2 + ((line[1] - 1) / SLOPE_SD) ** 2
        return weight @ (np.logaddexp(0, z) - y * z) + pulled / 2

    expected = minimize(loss, [0.0, 1.0], method="BFGS", options={"gtol": 1e-9}).x
    found = fit_calibration(log_odds, y, patients)
    np.testing.assert_allclose([found.intercept, found.slope], expected, atol=1e-6)


def test_many_patients_give_a_plain_logistic_regression():
    log_odds, y, _ = drawn(30_000)
    plain = sm.GLM(y, sm.add_constant(log_odds), sm.families.Binomial()).fit().params
    found = fit_calibration(log_odds, y, np.arange(30_000))
    np.testing.assert_allclose([found.intercept, found.slope], plain, atol=2e-3)


def test_one_class_moves_the_intercept_and_leaves_it_finite():
    log_odds = np.linspace(-1, 1, 15)
    none = fit_calibration(log_odds, np.zeros(15), np.arange(15))
    every = fit_calibration(log_odds, np.ones(15), np.arange(15))
    assert -10 < none.intercept < -1 < 1 < every.intercept < 10


def test_scores_against_the_outcome_do_not_turn_the_order():
    log_odds = np.linspace(-4, 4, 400)
    found = fit_calibration(log_odds, log_odds < 0, np.arange(400))
    assert found.slope == 0.01
    assert expit(found.apply(log_odds)).mean() == pytest.approx(0.5, abs=1e-3)


def test_rates_against_plain_least_squares_with_many_patients():
    rng = np.random.default_rng(0)
    rate = rng.normal(2, 1, 5000)
    y = 0.5 + 0.6 * rate + rng.normal(0, 0.3, 5000)
    found = fit_rate_calibration(rate, y, np.arange(5000))
    np.testing.assert_allclose([found.slope, found.intercept], np.polyfit(rate, y, 1), atol=1e-3)


def test_rates_of_few_patients_are_shifted_rather_than_turned():
    rng = np.random.default_rng(1)
    rate = rng.normal(2, 0.1, 10)
    y = rate + 1.0 + rng.normal(0, 1.0, 10)
    free = np.polyfit(rate, y, 1)[0]
    found = fit_rate_calibration(rate, y, np.arange(10))
    assert abs(found.slope - 1) < 0.2 * abs(free - 1)
    assert found.apply(rate).mean() == pytest.approx(y.mean())


def test_the_child_applies_both_lines_and_says_whose_child_it_is():
    parent = state_of()
    log_odds, y, patients = drawn(40)
    child = recalibrated(
        parent, log_odds, y, patients, volume_outputs=log_odds[::-1], parent_sha256="ab"
    )
    line = fit_calibration(parent.calibration.apply(log_odds), y, patients)
    expected = line.apply(parent.calibration.apply(log_odds))
    np.testing.assert_allclose(child.calibration.apply(log_odds), expected)
    assert child.calibration.method == child.volume_calibration.method == "local"
    assert child.volume_calibration != parent.volume_calibration
    assert child.model is parent.model
    assert child.threshold == parent.threshold
    assert child.parents[-1]["sha256"] == "ab"
    assert child.parents[-1]["n_patients"] == len(np.unique(patients))
    grandchild = recalibrated(child, log_odds, y, patients)
    assert [one["sha256"] for one in grandchild.parents] == ["ab", ""]


def test_conformal_scores_are_of_patients_the_line_was_not_fitted_to():
    parent = state_of()
    log_odds, y, patients = drawn(40)
    before = parent.calibration.apply(log_odds)
    left_out = np.empty_like(before)
    for patient in np.unique(patients):
        own = patients == patient
        line = fit_calibration(before[~own], y[~own], patients[~own])
        left_out[own] = line.apply(before[own])
    expected = fit_conformal("label_set", expit(left_out), y, patients, (0.8, 0.9, 0.95))
    child = recalibrated(parent, log_odds, y, patients)
    assert child.conformal.quantiles == expected.quantiles


def test_rates_and_coverages_that_few_patients_cannot_give():
    rng = np.random.default_rng(2)
    rate = rng.normal(size=12)
    child = recalibrated(state_of("rate"), rate, rate + rng.normal(size=12), np.arange(12))
    assert child.conformal.kind == "interval"
    assert np.isfinite(child.conformal.quantile(0.9))
    assert child.conformal.quantile(0.95) == np.inf


def test_too_few_patients_are_refused():
    with pytest.raises(EvaluationError, match="at least 10") as caught:
        recalibrated(state_of(), np.zeros(30), np.arange(30) % 2, np.arange(30) % 9)
    assert caught.value.code == "too_few_patients"


def test_other_outcomes_than_classes_are_refused():
    with pytest.raises(EvaluationError) as caught:
        fit_calibration([0.1, 0.2], [0.0, 0.5], [1, 2])
    assert caught.value.code == "y"
