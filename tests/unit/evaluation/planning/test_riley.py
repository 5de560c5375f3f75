"""Riley's criteria against published examples, an independent slow computation and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from tumor_response.evaluation.planning import (
    cox_snell_from_auc,
    required_patients,
    required_patients_rate,
    supported_parameters,
)
from tumor_response.evaluation.planning.riley import largest_cox_snell
from tumor_response.exceptions import SettingsError

# Test cases of the authors' R package pmsampsize 1.1.3 (tests/testthat/test_bin.R): Cox-Snell R2,
# parameters, prevalence; patients by criteria 1 to 3. The first is the example of its manual.
BINARY = [
    (0.288, 24, 0.174, [623, 662, 221]),
    (0.55, 24, 0.174, [255, 532, 221]),
    (0.288, 36, 0.174, [934, 992, 221]),
    (0.288, 24, 0.25, [623, 590, 289]),
]

# the same package's test_cont.R: R2, parameters, shrinkage; patients by criteria 1 to 3
CONTINUOUS = [
    (0.2, 25, 0.9, [918, 401, 259]),
    (0.3, 25, 0.9, [574, 351, 259]),
    (0.2, 50, 0.9, [1924, 801, 284]),
    (0.5, 100, 0.9, [1264, 1001, 334]),
    (0.89, 30, 0.84, [32, 67, 264]),
]


@pytest.mark.parametrize(("r2", "n_parameters", "prevalence", "expected"), BINARY)
def test_binary_examples_of_the_authors_package(r2, n_parameters, prevalence, expected):
    found = required_patients(n_parameters, prevalence, anticipated_r2=r2).to_frame()["n"]
    assert found.tolist()[:3] == expected


@pytest.mark.parametrize(("r2", "n_parameters", "shrinkage", "expected"), CONTINUOUS)
def test_continuous_examples_of_the_authors_package(r2, n_parameters, shrinkage, expected):
    found = required_patients_rate(n_parameters, r2, mean=1.9, sd=0.6, shrinkage=shrinkage)
    assert found.to_frame()["n"].tolist()[:3] == expected


def test_mean_criterion_by_hand():
    # 25 parameters, R2 0.2, mean 1.9, sd 0.6: n = 38 has df 12 and t = 2.1788
    def half(n):
        return {38: 2.17881, 37: 2.20099}[n] * math.sqrt(0.36 * 0.8 / n)

    assert half(38) <= 0.19 < half(37)
    found = required_patients_rate(25, 0.2, mean=1.9, sd=0.6)
    assert found.criteria[3].n == 38
    # a rate that is negative on average has the same margin, and a mean of no use is left out
    assert required_patients_rate(25, 0.2, mean=-1.9, sd=0.6).criteria[3].n == 38
    assert required_patients_rate(25, 0.2).criteria[3].n is None


def test_error_criterion_where_it_applies():
    """Van Smeden 2019: 30 parameters, prevalence 0.05, error 0.05; 544 by a pocket calculator."""
    by_hand = (-0.508 + 0.259 * -2.995732 + 0.504 * 3.401197 + 2.995732) / 0.544
    found = required_patients(30, 0.05, anticipated_r2=0.05).criteria[3]
    assert found.n == math.ceil(math.exp(by_hand)) == 544
    assert required_patients(31, 0.05, anticipated_r2=0.05).criteria[3].n is None


@pytest.mark.parametrize(("auc", "prevalence"), [(0.6, 0.5), (0.75, 0.4), (0.89, 0.174)])
def test_cox_snell_from_auc_against_a_fit_to_drawn_patients(auc, prevalence):
    """The paper's way: draw both classes' linear predictors, fit, take the likelihood ratio."""
    rng = np.random.default_rng(5)
    n = 100_000
    y = np.arange(n) < round(n * prevalence)
    x = rng.normal(size=n) + y * math.sqrt(2) * norm.ppf(auc)
    design = np.column_stack([np.ones(n), x])
    beta = np.zeros(2)
    for _ in range(8):  # Newton
        p = 1 / (1 + np.exp(-design @ beta))
        beta += np.linalg.solve((design.T * (p * (1 - p))) @ design, design.T @ (y - p))
    eta = design @ beta
    fitted = 2 * np.mean(np.logaddexp(0, eta) - y * eta)
    null = -2 * (prevalence * math.log(prevalence) + (1 - prevalence) * math.log(1 - prevalence))
    drawn = 1 - math.exp(fitted - null)
    assert cox_snell_from_auc(auc, prevalence) == pytest.approx(drawn, abs=0.005)


def test_cox_snell_from_auc_as_the_authors_package_draws_it():
    # pmsampsize(type="b", cstatistic=0.89, parameters=24, prevalence=0.174) with a million draws
    assert cox_snell_from_auc(0.89, 0.174) == pytest.approx(0.2908, abs=5e-4)
    found = required_patients(24, 0.174, anticipated_auc=0.89).to_frame()["n"].tolist()
    assert found[:3] == [615, 660, 221]


def slow_smallest(holds, start: int = 2) -> int:
    n = start
    while not holds(n):
        n += 1
    return n


@pytest.mark.parametrize(
    ("p", "prevalence", "auc"), [(1, 0.5, 0.7), (5, 0.3, 0.65), (12, 0.45, 0.8)]
)
def test_first_two_criteria_by_a_plain_search(p, prevalence, auc):
    """Expected shrinkage at n, eq. 7 of Part II, solved for n by counting upwards."""
    r2 = cox_snell_from_auc(auc, prevalence)

    def shrinkage(n):  # S such that n = P / ((S - 1) ln(1 - R2 / S)), by bisection
        low, high = r2 + 1e-12, 1 - 1e-12
        for _ in range(200):
            middle = (low + high) / 2
            needs = p / ((middle - 1) * math.log(1 - r2 / middle))
            low, high = (middle, high) if needs < n else (low, middle)
        return low

    criteria = required_patients(p, prevalence, anticipated_auc=auc).criteria
    assert criteria[0].n == slow_smallest(lambda n: shrinkage(n) >= 0.9 - 1e-12)
    # optimism of Nagelkerke's R2: R2_app = R2 / S for the adjusted R2 to be R2
    largest = largest_cox_snell(prevalence)
    optimism = slow_smallest(lambda n: (r2 / shrinkage(n) - r2) / largest <= 0.05 + 1e-12)
    assert criteria[1].n == optimism


def test_as_many_columns_as_radiomics_has_need_tens_of_thousands():
    answer = required_patients(1500, 0.5, anticipated_auc=0.75)
    assert 60_000 < answer.n < 70_000
    assert answer.decided_by == "1. shrinkage"
    text = str(answer)
    assert "1,500 candidate parameter(s)" in text
    assert "not applied" in text
    assert "counts every candidate" in text
    assert "penalised" in text
    assert answer.n_events == math.ceil(answer.n / 2)


@settings(max_examples=25)
@given(
    n=st.integers(30, 3000),
    prevalence=st.floats(0.1, 0.9),
    auc=st.floats(0.55, 0.9),
)
def test_supported_parameters_is_the_inverse(n, prevalence, auc):
    most = supported_parameters(n, prevalence, anticipated_auc=auc)

    def needed(p):
        answer = required_patients(p, prevalence, anticipated_auc=auc)
        return max(one.n for one in answer.criteria[:2])

    if most:
        assert needed(most) <= n
    assert needed(most + 1) > n - 1  # rounding up to whole patients


@settings(max_examples=25)
@given(
    p=st.integers(1, 60),
    prevalence=st.floats(0.05, 0.95),
    auc=st.floats(0.55, 0.9),
    more=st.integers(1, 20),
)
def test_more_parameters_need_more_and_a_better_model_fewer(p, prevalence, auc, more):
    def first_three(p, auc):
        answer = required_patients(p, prevalence, anticipated_auc=auc)
        return np.array([one.n for one in answer.criteria[:3]])

    assert (first_three(p + more, auc) >= first_three(p, auc)).all()
    assert first_three(p, auc + 0.05)[0] <= first_three(p, auc)[0]
    # which class is called the responders plays no part
    swapped = required_patients(p, 1 - prevalence, anticipated_auc=auc)
    mine = required_patients(p, prevalence, anticipated_auc=auc)
    np.testing.assert_allclose(
        [one.n or 0 for one in swapped.criteria], [one.n or 0 for one in mine.criteria], atol=1
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either anticipated_auc or anticipated_r2"),
        ({"anticipated_auc": 0.7, "anticipated_r2": 0.1}, "received both"),
        ({"anticipated_auc": 0.5}, "above 0.5 and below 1"),
        ({"anticipated_r2": 0.8}, "stays below 0.750"),
        ({"anticipated_r2": 0.7, "shrinkage": 0.6}, "not above the anticipated R2"),
        ({"anticipated_auc": 0.7, "shrinkage": 1.0}, "shrinkage=1.0"),
        ({"anticipated_auc": 0.7, "optimism": 0.0}, "optimism=0.0"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(SettingsError, match=message):
        required_patients(10, 0.5, **arguments)


def test_counts_and_shares_are_checked():
    with pytest.raises(SettingsError, match="n_parameters=0"):
        required_patients(0, 0.5, anticipated_auc=0.7)
    with pytest.raises(SettingsError, match=r"n_parameters=2\.5"):
        required_patients(2.5, 0.5, anticipated_auc=0.7)
    assert required_patients(np.int64(5), np.float32(0.5), anticipated_auc=0.7).n > 0
    with pytest.raises(SettingsError, match="n_parameters=True"):
        required_patients(True, 0.5, anticipated_auc=0.7)
    with pytest.raises(SettingsError, match="prevalence=1"):
        required_patients(5, 1.0, anticipated_auc=0.7)
    with pytest.raises(SettingsError, match="both mean and sd"):
        required_patients_rate(5, 0.2, mean=1.0)
    with pytest.raises(SettingsError, match="mean=0"):
        required_patients_rate(5, 0.2, mean=0.0, sd=1.0)
