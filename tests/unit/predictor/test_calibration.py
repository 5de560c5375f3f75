"""Calibration on cross-fitted scores: against a plain fit, and what patients with copies change."""

from __future__ import annotations

import json

import numpy as np
import pytest
import statsmodels.api as sm

from tumor_response.exceptions import EvaluationError
from tumor_response.predictor.calibration import Calibration, cross_calibrated, fit_calibration


def drawn(n: int, seed: int = 0, slope: float = 0.4, intercept: float = -0.5):
    rng = np.random.default_rng(seed)
    log_odds = 2.0 * rng.normal(size=n)
    true = intercept + slope * log_odds
    return log_odds, (rng.random(n) < 1 / (1 + np.exp(-true))).astype(float), np.arange(n)


def test_many_patients_calibrate_as_a_plain_logistic_regression():
    log_odds, y, patients = drawn(20_000)
    found = fit_calibration(log_odds, y, patients)
    plain = sm.GLM(y, sm.add_constant(log_odds), sm.families.Binomial()).fit().params
    # what draws the line toward (0, 1) is nothing beside 20,000 patients
    np.testing.assert_allclose([found.intercept, found.slope], plain, atol=1e-3)


def test_a_patient_counts_once_however_many_lesions_answer_alike():
    log_odds, y, patients = drawn(40)
    times = np.random.default_rng(1).integers(1, 6, 40)
    once = fit_calibration(log_odds, y, patients)
    often = fit_calibration(*(np.repeat(a, times) for a in (log_odds, y, patients)))
    np.testing.assert_allclose([often.intercept, often.slope], [once.intercept, once.slope])
    assert often.n_patients == once.n_patients == 40


def test_scores_that_separate_or_oppose_the_classes_give_a_line_that_keeps_the_order():
    log_odds = np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0])
    apart = fit_calibration(log_odds, log_odds > 0, np.arange(6))
    turned = fit_calibration(log_odds, log_odds < 0, np.arange(6))
    assert 1 < apart.slope < 2.5
    assert 0.01 <= turned.slope < 0.5


def test_patients_are_calibrated_without_their_own_outcome():
    log_odds, y, patients = drawn(30)
    whose = patients // 2
    before = cross_calibrated(log_odds, y, whose)
    other = y.copy()
    other[whose == 3] = 1 - other[whose == 3]
    after = cross_calibrated(log_odds, other, whose)
    np.testing.assert_array_equal(before[whose == 3], after[whose == 3])
    assert (before[whose != 3] != after[whose != 3]).all()


def test_it_goes_through_json():
    found = Calibration(0.1, 0.7, 60, "cross_fitted")
    assert Calibration.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize(
    ("log_odds", "y", "patients", "code"),
    [
        ([0.0, np.inf], [0, 1], [1, 2], "not_finite"),
        ([0.0, 1.0], [0, 1], [1], "shape"),
        ([0.0, 1.0], [0, 2], [1, 2], "y"),
    ],
)
def test_what_cannot_be_calibrated_says_why(log_odds, y, patients, code):
    with pytest.raises(EvaluationError) as caught:
        fit_calibration(log_odds, y, patients)
    assert caught.value.code == code
