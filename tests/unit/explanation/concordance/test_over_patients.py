from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal
from scipy.stats import t as student

from tumor_response.explanation.concordance.combine import combined
from tumor_response.explanation.over_patients import (
    difference_interval,
    exchanged_p,
    mean_interval,
    null_p,
)

# vaccination against tuberculosis (Colditz et al. 1994): cases and others, vaccinated and not
TRIALS = np.array(
    [
        (4, 119, 11, 128),
        (6, 300, 29, 274),
        (3, 228, 11, 209),
        (62, 13536, 248, 12619),
        (33, 5036, 47, 5761),
        (180, 1361, 372, 1079),
        (8, 2537, 10, 619),
        (505, 87886, 499, 87892),
        (29, 7470, 45, 7232),
        (17, 1699, 65, 1600),
        (186, 50448, 141, 27197),
        (5, 2493, 3, 2338),
        (27, 16886, 29, 17825),
    ],
    dtype=float,
)


def test_one_lesion_per_patient_is_metafors_model() -> None:
    """rma(yi, vi, data = dat.bcg, test = "knha"), as its documentation prints it."""
    a, b, c, d = TRIALS.T
    log_ratio = np.log(a / (a + b)) - np.log(c / (c + d))
    variance = 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)
    found = combined(log_ratio, np.sqrt(variance), np.arange(13), np.ones((13, 1)))
    assert found.estimates[0] == pytest.approx(-0.7145, abs=5e-5)
    assert found.between**2 == pytest.approx(0.3132, abs=5e-5)
    assert found.errors[0] == pytest.approx(0.1807, abs=2e-4)
    assert found.degrees == 12


def test_lesions_of_patients_are_the_likelihood_of_their_contrasts() -> None:
    rng = np.random.default_rng(4)
    patients = np.array([0, 0, 1, 2, 2, 2, 3, 4, 5, 5, 6, 7])
    errors = rng.uniform(0.1, 0.3, 12)
    values = rng.normal(0, 0.4, 8)[patients] + errors * rng.standard_normal(12)
    design = np.column_stack([np.ones(12), patients % 2])
    contrasts = null_space(design.T)
    same = patients[:, None] == patients[None, :]

    def slow(sd: float) -> float:
        covariance = np.diag(errors**2) + sd**2 * same
        return -multivariate_normal.logpdf(
            contrasts.T @ values, cov=contrasts.T @ covariance @ contrasts
        )

    expected = minimize_scalar(slow, bounds=(0, 3), method="bounded", options={"xatol": 1e-9}).x
    found = combined(values, errors, patients, design)
    assert found.between == pytest.approx(expected, abs=1e-4)
    weights = np.linalg.inv(np.diag(errors**2) + expected**2 * same)
    estimate = np.linalg.inv(design.T @ weights @ design) @ design.T @ weights @ values
    assert found.estimates == pytest.approx(estimate, abs=1e-5)
    assert found.degrees == 6


def test_a_second_lesion_that_says_the_same_narrows_nothing() -> None:
    values, errors = np.array([0.1, 0.9, 0.3, 0.7, 0.5, 0.4]), np.full(6, 0.01)
    once = combined(values, errors, np.arange(6), np.ones((6, 1)))
    twice = combined(
        np.tile(values, 2), np.tile(errors, 2), np.tile(np.arange(6), 2), np.ones((12, 1))
    )
    as_others = combined(np.tile(values, 2), np.tile(errors, 2), np.arange(12), np.ones((12, 1)))
    assert twice.errors[0] == pytest.approx(once.errors[0], rel=0.02)
    assert as_others.errors[0] < 0.75 * once.errors[0]


def test_the_interval_of_a_mean_is_near_students() -> None:
    rng = np.random.default_rng(5)
    means = rng.normal(3, 1, 12)
    low, high = mean_interval(means, 0.95, 20_000, rng)
    reach = student.ppf(0.975, 11) * means.std(ddof=1) / np.sqrt(12)
    assert (low, high) == pytest.approx((means.mean() - reach, means.mean() + reach), abs=0.06)


def test_a_difference_is_drawn_by_patients_with_what_they_have_in_both_groups() -> None:
    rng = np.random.default_rng(6)
    base = rng.normal(0, 5, 30)  # patients differ much, their two lesions do not
    within = difference_interval(base + 1, base, 0.95, 500, rng)
    assert within == pytest.approx((1.0, 1.0))
    gone = np.full(30, np.nan)
    apart = difference_interval(np.append(base + 1, gone), np.append(gone, base), 0.95, 500, rng)
    assert apart[0] < 0 < apart[1]


def test_copies_of_lesions_make_no_evidence() -> None:
    rng = np.random.default_rng(7)
    values, responds = rng.standard_normal(12), np.arange(12) < 6
    values[:6] += 0.8
    patients = np.arange(12)
    once = exchanged_p(values, responds, patients, 999, np.random.default_rng(0))
    copied = [np.repeat(v, 5) for v in (values, responds, patients)]
    assert exchanged_p(*copied, 999, np.random.default_rng(0)) == once
    as_patients = exchanged_p(copied[0], copied[1], np.arange(60), 999, np.random.default_rng(0))
    assert as_patients < once / 2


def test_a_mean_is_held_against_its_draws() -> None:
    rng = np.random.default_rng(8)
    null, patients = rng.standard_normal((10, 399)), np.arange(10)
    assert null_p(np.zeros(10), null, patients) == 1.0
    assert null_p(np.full(10, 2.0), null, patients) == 1 / 400
