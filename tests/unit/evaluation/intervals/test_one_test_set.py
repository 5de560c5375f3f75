"""DeLong and Obuchowski against their formulas, a simulation and what they have to refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumor_response.evaluation import auc
from tumor_response.evaluation.intervals import (
    delong,
    delong_test,
    obuchowski,
    obuchowski_test,
)
from tumor_response.exceptions import EvaluationError


def lesions(rng: np.random.Generator, n_patients: int, same: float = 1.0) -> tuple:
    """Several lesions of both classes per patient, their scores alike within a patient."""
    who = np.repeat(np.arange(n_patients), rng.integers(1, 5, n_patients))
    y = (rng.random(len(who)) < 0.4).astype(int)
    score = y + same * rng.normal(size=n_patients)[who] + rng.normal(size=len(who))
    return y, score, who


def by_hand(y: np.ndarray, score: np.ndarray, who: np.ndarray) -> float:
    """Obuchowski (1997), pair by pair and patient by patient."""
    positive, negative = np.nonzero(y == 1)[0], np.nonzero(y == 0)[0]

    def psi(i: int, j: int) -> float:
        return 1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0

    above = {i: np.mean([psi(i, j) for j in negative]) for i in positive}
    below = {j: np.mean([psi(i, j) for i in positive]) for j in negative}
    area = np.mean(list(above.values()))
    s10 = s01 = s11 = 0.0
    for patient in set(who.tolist()):
        x = sum(above[i] - area for i in positive if who[i] == patient)
        z = sum(below[j] - area for j in negative if who[j] == patient)
        s10, s01, s11 = s10 + x * x, s01 + z * z, s11 + x * z
    i10, i01, i = len(set(who[positive])), len(set(who[negative])), len(set(who))
    m, n = len(positive), len(negative)
    return (
        s10 * i10 / ((i10 - 1) * m) / m
        + s01 * i01 / ((i01 - 1) * n) / n
        + 2 * s11 * i / (i - 1) / (m * n)
    )


@pytest.mark.parametrize("digits", [8, 0])
def test_obuchowski_is_its_formula(digits: int) -> None:
    y, score, who = lesions(np.random.default_rng(1), 25)
    score = np.round(score, digits)
    found = obuchowski(y, score, who)
    assert found.auc == pytest.approx(auc(y, score), abs=1e-14)
    assert found.variance == pytest.approx(by_hand(y, score, who), abs=1e-14)


def test_with_one_lesion_each_it_is_delong() -> None:
    rng = np.random.default_rng(2)
    y, score = rng.integers(0, 2, 60), rng.normal(size=60)
    assert obuchowski(y, score, np.arange(60)) == delong(y, score, np.arange(60))


def test_the_clustered_variance_is_right_where_the_plain_one_is_not() -> None:
    rng = np.random.default_rng(3)
    areas, clustered, plain = [], [], []
    for _ in range(600):
        y, score, who = lesions(rng, 40, same=0.0)
        y = (rng.random(40) < 0.5).astype(int)[who]  # a patient's lesions respond alike
        score = y + 1.5 * rng.normal(size=40)[who] + 0.5 * rng.normal(size=len(who))
        found = obuchowski(y, score, who)
        areas.append(found.auc)
        clustered.append(found.variance)
        plain.append(delong(y, score, np.arange(len(y))).variance)
    truth = np.var(areas)
    assert np.mean(clustered) == pytest.approx(truth, rel=0.18)
    assert np.mean(plain) < 0.7 * truth


def test_the_paired_test_holds_its_level_with_clusters() -> None:
    rng = np.random.default_rng(4)
    p_values = []
    for _ in range(400):
        who = np.repeat(np.arange(60), 2)
        y = (rng.random(60) < 0.5).astype(int)[who]
        shared = y + rng.normal(size=60)[who]
        a, b = (shared + rng.normal(size=60)[who] for _ in range(2))
        p_values.append(obuchowski_test(y, a, b, who).p_value)
    assert 0.02 < np.mean(np.array(p_values) < 0.05) < 0.085


@given(st.integers(0, 10_000), st.sampled_from([np.exp, np.cbrt, lambda s: 3 * s - 7]))
def test_a_monotone_transform_changes_nothing(seed: int, transform: object) -> None:
    y, score, who = lesions(np.random.default_rng(seed), 20)
    assert obuchowski(y, transform(score), who) == obuchowski(y, score, who)


@given(st.integers(0, 10_000))
def test_turning_the_labels_mirrors_the_interval(seed: int) -> None:
    y, score, who = lesions(np.random.default_rng(seed), 20)
    one, other = obuchowski(y, score, who), obuchowski(1 - y, score, who)
    assert other.auc == pytest.approx(1 - one.auc, abs=1e-12)
    assert other.variance == pytest.approx(one.variance, abs=1e-12)
    for scale in ("plain", "logit"):
        low, high = one.limits(scale=scale)
        assert other.limits(scale=scale) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_swapping_the_scores_turns_the_sign() -> None:
    y, a, who = lesions(np.random.default_rng(5), 30)
    b = np.random.default_rng(6).normal(size=len(y))
    one, other = obuchowski_test(y, a, b, who), obuchowski_test(y, b, a, who)
    assert one.z == pytest.approx(-other.z)
    assert one.p_value == pytest.approx(other.p_value)
    # the variance of the difference is that of a contrast, so a shared part drops out
    assert one.difference == pytest.approx(obuchowski(y, a, who).auc - obuchowski(y, b, who).auc)


def test_logit_limits_stay_inside() -> None:
    y, score = np.repeat([0, 1], 6), np.array([1.0, 2, 3, 4, 5, 8, 7, 9, 10, 11, 12, 13])
    found = delong(y, score, range(12))
    assert found.limits()[1] == 1.0
    assert 0.5 < found.limits(scale="logit")[0] < found.auc < found.limits(scale="logit")[1] < 1.0


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: delong([0, 1, 0, 1], [1, 2, 3, 4], ["a", "a", "b", "c"]), "repeated_patients"),
        (
            lambda: delong_test([0, 1, 0, 1], [1, 2, 3, 4], [1, 2, 4, 3], [1, 1, 2, 3]),
            "repeated_patients",
        ),
        (
            lambda: delong_test(
                [0, 1, 0, 1], [1, 2, 3, 4], [1, 2, 4, 3], range(4), nested=True, in_sample=True
            ),
            "nested_in_sample",
        ),
        (lambda: obuchowski([0, 0], [1, 2], [0, 1]), "one_class"),
        (lambda: obuchowski([0, 1, 0], [1, 2, 3], [0, 1, 2]), "too_few_patients"),
        (lambda: obuchowski([0, 1, 1, 0], [1, 2, np.nan, 3], range(4)), "test_set"),
        (lambda: obuchowski([0, 1, 1, 0], [1, 2, 3, 3], range(3)), "test_set"),
    ],
)
def test_what_is_refused(call: object, code: str) -> None:
    with pytest.raises(EvaluationError) as refusal:
        call()
    assert refusal.value.code == code
