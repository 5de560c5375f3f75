"""The precision of an AUC against simulation, published sizes and the defining equation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from tumor_response.evaluation.planning import (
    auc_precision,
    patients_for_auc_width,
    required_patients_external,
)
from tumor_response.evaluation.planning.external import patients_for_slope
from tumor_response.evaluation.planning.precision import newcombe_limits
from tumor_response.exceptions import SettingsError


@pytest.mark.parametrize(("auc", "m", "k"), [(0.7, 30, 66), (0.85, 48, 48)])
def test_hanley_mcneil_is_exact_for_exponential_scores(auc, m, k):
    """With exponential scores the AUC is r / (1 + r), r the ratio of the means, and Q1, Q2 hold."""
    rng = np.random.default_rng(0)
    n_draws = 20_000
    ratio = auc / (1 - auc)
    # ranks of m responders among all, for many studies at once
    scores = np.hstack(
        [ratio * rng.exponential(size=(n_draws, m)), rng.exponential(size=(n_draws, k))]
    )
    ranks = scores.argsort(axis=1).argsort(axis=1)[:, :m] + 1
    aucs = (ranks.sum(axis=1) - m * (m + 1) / 2) / (m * k)
    assert aucs.mean() == pytest.approx(auc, abs=0.002)
    found = auc_precision(auc, m + k, m / (m + k), method="hanley_mcneil")
    assert (found.n_responders, found.n_others) == (m, k)
    assert found.se == pytest.approx(aucs.std(), rel=0.02)  # relative error of an sd: 0.5 %


@settings(max_examples=25)
@given(auc=st.floats(0.5, 0.99), n=st.integers(10, 500), prevalence=st.floats(0.2, 0.8))
def test_newcombe_limits_solve_their_equation_and_know_no_side(auc, n, prevalence):
    found = auc_precision(auc, n, prevalence)
    m, k = found.n_responders, found.n_others
    z = norm.ppf(0.975)
    for limit in (found.low, found.high):
        assert 0 <= limit <= 1
        half = n / 2 - 1
        q = 1 + half * (1 - limit) / (2 - limit) + half * limit / (1 + limit)
        distance = z * math.sqrt(limit * (1 - limit) * q / (m * k))
        assert abs(auc - limit) == pytest.approx(distance, abs=1e-6)
    assert found.low < auc < found.high
    # the worse the model the other way round
    low, high = newcombe_limits(1 - auc, m, k)
    assert (1 - high, 1 - low) == pytest.approx((found.low, found.high), abs=1e-9)


def test_newcombe_coverage_of_a_fixed_score():
    """Binormal scores, 48 and 48: the interval holds the AUC in 95 % of studies."""
    rng = np.random.default_rng(1)
    truth, n_studies, m = 0.75, 1000, 48
    distance = math.sqrt(2) * norm.ppf(truth)
    scores = np.hstack([rng.normal(distance, size=(n_studies, m)), rng.normal(size=(n_studies, m))])
    ranks = scores.argsort(axis=1).argsort(axis=1)[:, :m] + 1
    aucs = (ranks.sum(axis=1) - m * (m + 1) / 2) / m**2
    held = [low <= truth <= high for low, high in (newcombe_limits(one, m, m) for one in aucs)]
    assert 0.93 < np.mean(held) < 0.97  # Monte-Carlo: +- 0.014


def test_the_published_size_of_an_external_validation():
    """Riley 2021: prevalence 0.018, C 0.8, an interval 0.1 wide: 4,252; O/E 1 wide: 905."""
    assert patients_for_auc_width(0.8, 0.018, 0.1) == 4252
    found = (
        required_patients_external(0.018, 0.8, observed_expected_width=1.0)
        .to_frame()
        .set_index("criterion")["n"]
    )
    assert found["3. AUC"] == 4252
    assert found["1. observed / expected"] == pytest.approx(905, abs=1)  # se there in steps of 1e-4


def test_calibration_slope_against_drawn_information():
    """The authors' way draws the linear predictor; N(-5, 2.5) gave 4,544 with a million draws."""
    z = np.linspace(-8, 8, 4001)
    assert patients_for_slope(-5 + 2.5 * z, norm.pdf(z), 0.2) == pytest.approx(4544, rel=0.01)
    # mean -0.455 among the others, at the distance of an AUC of 0.75: 2,492 in one such draw
    found = required_patients_external(0.5, 0.75).to_frame().set_index("criterion")["n"]
    assert found["2. calibration slope"] == pytest.approx(2492, rel=0.01)


def test_calibration_slope_has_that_precision_in_a_simulation():
    """Draw validation studies of the size found; the slope's interval must be that wide."""
    prevalence, auc = 0.5, 0.75
    found = required_patients_external(prevalence, auc, slope_width=0.6).criteria[1].n
    rng = np.random.default_rng(2)
    distance = math.sqrt(2) * norm.ppf(auc)
    slopes = []
    for _ in range(400):
        y = rng.random(found) < prevalence
        lp = -(distance**2) / 2 + distance * rng.normal(size=found) + distance**2 * y
        beta = np.array([0.0, 1.0])
        design = np.column_stack([np.ones(found), lp])
        for _ in range(8):  # Newton
            p = 1 / (1 + np.exp(-design @ beta))
            beta += np.linalg.solve((design.T * (p * (1 - p))) @ design, design.T @ (y - p))
        slopes.append(beta[1])
    assert np.mean(slopes) == pytest.approx(1, abs=0.03)
    assert 2 * 1.96 * np.std(slopes) == pytest.approx(0.6, rel=0.12)  # sd of an sd: 3.5 %


@settings(max_examples=25)
@given(width=st.floats(0.05, 0.4), prevalence=st.floats(0.1, 0.9), auc=st.floats(0.5, 0.95))
def test_width_is_met_and_with_one_patient_fewer_not(width, prevalence, auc):
    n = patients_for_auc_width(auc, prevalence, width)

    def wide(n):
        half = n / 2 - 1
        q = 1 + half * (1 - auc) / (2 - auc) + half * auc / (1 + auc)
        return (
            2
            * norm.ppf(0.975)
            * math.sqrt(auc * (1 - auc) * q / (n**2 * prevalence * (1 - prevalence)))
        )

    assert wide(n) <= width
    if n > 2:
        assert wide(n - 1) > width


def test_the_answer_in_words():
    text = str(auc_precision(0.75, 96))
    assert "48 responders and 48 others" in text
    assert "0.64 to 0.83" in text
    assert "one finished model" in text
    assert "must be new" in str(required_patients_external(0.4, 0.7))


def test_what_cannot_be_is_refused():
    for auc in (0.4, 1.0, "0.7"):
        with pytest.raises(SettingsError, match="auc="):
            auc_precision(auc, 96)
    with pytest.raises(SettingsError, match="leaves a class empty"):
        auc_precision(0.7, 10, 0.01)
    with pytest.raises(SettingsError, match="method='delong'"):
        auc_precision(0.7, 96, method="delong")
    with pytest.raises(SettingsError, match="width=0"):
        patients_for_auc_width(0.7, 0.5, 0.0)
