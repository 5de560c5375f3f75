"""Recalibration against statsmodels; what is undefined says so."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit

from tumor_response.evaluation.performance import calibration as ours
from tumor_response.evaluation.performance.smoothing import lowess
from tumor_response.exceptions import EvaluationError


def draws(seed: int, n: int = 80, stretch: float = 1.6):
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 1.5, n)
    return (rng.random(n) < expit(truth)).astype(int), expit(stretch * truth + 0.4)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("stretch", [0.05, 1.0, 5.0])
def test_recalibration_is_a_logistic_regression(seed, stretch):
    y, p = draws(seed, stretch=stretch)
    fit = sm.GLM(y, sm.add_constant(logit(p)), family=sm.families.Binomial()).fit(tol=1e-14)
    got = ours.recalibration(y, p)
    assert (got.intercept, got.slope) == pytest.approx(tuple(fit.params), rel=1e-8, abs=1e-9)
    assert got.deviance == pytest.approx(fit.deviance, rel=1e-10)
    alone = sm.GLM(y, np.ones(y.size), family=sm.families.Binomial(), offset=logit(p)).fit()
    assert ours.calibration_in_the_large(y, p) == pytest.approx(alone.params[0], abs=1e-8)


def test_recalibrated_predictions_need_no_recalibration():
    y, p = draws(3)
    fit = ours.recalibration(y, p)
    again = ours.recalibration(y, expit(fit.intercept + fit.slope * logit(p)))
    assert (again.intercept, again.slope) == pytest.approx((0, 1), abs=1e-9)


def test_stretched_log_odds_divide_the_slope():
    y, p = draws(4)
    slope = ours.recalibration(y, p).slope
    assert ours.recalibration(y, expit(2 * logit(p))).slope == pytest.approx(slope / 2, rel=1e-9)


@pytest.mark.parametrize(
    ("y", "p", "code"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], "separated"),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], "separated"),
        ([0, 0, 1, 1], [0.1, 0.3, 0.3, 0.4], "separated"),
        ([0, 0, 1, 1], [0.3, 0.3, 0.3, 0.3], "constant_prediction"),
        ([0, 1, 1, 0], [0.0, 0.3, 0.2, 0.6], "certain_prediction"),
        ([0, 1, 1, 0], [0.1, 0.3, 1.0, 0.6], "certain_prediction"),
        ([1, 1], [0.1, 0.3], "one_class"),
        ([0, 1], [-0.1, 0.3], "not_probability"),
        ([0, 1], [0.1, 1.3], "not_probability"),
        ([0, 3], [0.1, 0.3], "y"),
    ],
)
def test_no_slope(y, p, code):
    with pytest.raises(EvaluationError) as raised:
        ours.recalibration(y, p)
    assert raised.value.code == code


def test_val_prob_says_what_is_undefined():
    certain = ours.val_prob([0, 1, 1, 0], [0.0, 0.3, 0.2, 0.6])
    undefined = certain["reason"] == "certain_prediction"
    assert set(certain.index[undefined]) == {
        *("R2", "D", "D:Chi-sq", "U", "U:Chi-sq", "U:p", "Q", "Intercept", "Slope")
    }
    assert (certain["value"].isna() == undefined).all()
    separated = ours.val_prob([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4])
    assert separated.loc["Slope", "reason"] == "separated"
    assert separated.loc["R2", "reason"] == ""
    halves = ours.val_prob([0, 1], [0.5, 0.5])
    assert halves.loc["S:z", "reason"] == "no_variance"
    assert halves.loc["Slope", "reason"] == "constant_prediction"
    assert halves.loc["Brier", "value"] == 0.25


def test_errors_of_one_prediction_for_all_are_its_distance_from_the_share():
    errors = ours.calibration_errors([0, 0, 0, 1], [0.6] * 4)
    assert (errors.ici, errors.e50, errors.e90, errors.emax) == pytest.approx((0.35,) * 4)


def test_errors_are_zero_where_the_outcome_is_the_prediction():
    y = np.r_[np.zeros(10), np.ones(10)]
    assert ours.calibration_errors(y, y).emax == pytest.approx(0, abs=1e-12)


def test_lowess_keeps_a_line_and_ignores_the_order():
    rng = np.random.default_rng(0)
    x = rng.random(50)
    at, smooth = lowess(x, 3 - 2 * x)
    np.testing.assert_allclose(smooth, 3 - 2 * at, atol=1e-12)
    y = rng.random(50)
    order = rng.permutation(50)
    np.testing.assert_allclose(lowess(x, y)[1], lowess(x[order], y[order])[1], atol=1e-12)


@pytest.mark.parametrize(("share", "delta"), [(0, None), (-1, None), (0.5, -0.1), (np.nan, None)])
def test_lowess_refuses(share, delta):
    with pytest.raises(EvaluationError) as raised:
        lowess([1, 2, 3], [1, 2, 3], share, delta)
    assert raised.value.code == "smoothing"
