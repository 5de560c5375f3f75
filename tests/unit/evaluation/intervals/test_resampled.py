"""Influence, jackknife, folds and the shifted bootstrap against slow scripts of their formulas."""

from __future__ import annotations

import numpy as np
import pytest

from tumor_response.evaluation import auc
from tumor_response.evaluation.intervals import delong
from tumor_response.evaluation.intervals.folds import corrected_resampled_se
from tumor_response.evaluation.intervals.influence import pair_influence, times_drawn
from tumor_response.evaluation.intervals.jackknife import (
    concordance_without_each,
    jackknife_after_bootstrap,
    r2_without_each,
)
from tumor_response.evaluation.intervals.ledell import ledell
from tumor_response.evaluation.intervals.shifted import location_shifted
from tumor_response.evaluation.metrics import c_index, r2
from tumor_response.exceptions import EvaluationError


def bootstrap(
    seed: int, n_patients: int = 14, n_resamples: int = 60, lesions: int = 1
) -> tuple[np.ndarray, np.ndarray, list, list, list]:
    """Classes, patients, training rows, test rows and scores of a bootstrap of patients."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(n_patients), lesions)
    y = rng.permutation(np.arange(len(who)) % 2)
    signal = y + rng.normal(size=len(who))
    train, test, scores = [], [], []
    while len(train) < n_resamples:
        drawn = rng.integers(n_patients, size=n_patients)
        out = np.nonzero(~np.isin(who, drawn))[0]
        if len(set(y[out])) < 2:
            continue
        train.append(np.concatenate([np.nonzero(who == one)[0] for one in drawn]))
        test.append(out)
        scores.append(signal[out] + 0.5 * rng.normal(size=len(out)))
    return y, who, train, test, scores


@pytest.mark.parametrize("lesions", [1, 3])
def test_influence_is_its_formula(lesions: int) -> None:
    y, who, train, test, scores = bootstrap(1, lesions=lesions)
    drawn = times_drawn(train, who)
    found = pair_influence([y[rows] for rows in test], scores, test, drawn, who)

    def psi(b: int, i: int, j: int) -> float | None:
        if i not in test[b] or j not in test[b]:
            return None
        one, other = (scores[b][list(test[b]).index(row)] for row in (i, j))
        return float(one > other) + 0.5 * float(one == other)

    resamples = range(len(test))
    h, seen = {}, {}
    for i in np.nonzero(y == 1)[0]:
        for j in np.nonzero(y == 0)[0]:
            values = {b: value for b in resamples if (value := psi(b, i, j)) is not None}
            if values:
                h[i, j], seen[i, j] = np.mean(list(values.values())), values
    omega, theta = 1 / len(h), np.mean(list(h.values()))
    residual = [
        sum(
            omega * (values[b] - h[pair]) / (len(values) / len(test))
            for pair, values in seen.items()
            if b in values
        )
        for b in resamples
    ]
    assert found.estimate == pytest.approx(theta, abs=1e-12)
    for k in range(who.max() + 1):
        tested = sum(
            omega * (value - theta) * (int(who[i] == k) + int(who[j] == k))
            for (i, j), value in h.items()
        )
        times = [sum(who[row] == k for row in train[b]) / lesions for b in resamples]
        trained = np.mean([(times[b] - 1) * residual[b] for b in resamples])
        assert found.tested[k] == pytest.approx(tested, abs=1e-12)
        assert found.trained[k] == pytest.approx(trained, abs=1e-12)
    assert found.variance_about_target >= (found.tested**2).sum()


def test_a_fixed_score_has_no_influence_through_training() -> None:
    y, who, train, test, _ = bootstrap(2, n_patients=40, n_resamples=400)
    fixed = y + np.random.default_rng(3).normal(size=40)
    found = pair_influence(
        [y[rows] for rows in test],
        [fixed[rows] for rows in test],
        test,
        times_drawn(train, who),
        who,
    )
    plain = delong(y, fixed, who)
    assert found.estimate == pytest.approx(plain.auc, abs=1e-12)
    assert np.abs(found.trained).max() < 1e-12
    # DeLong's variance has n - 1 where this has n
    assert found.variance_of_estimate == pytest.approx(plain.variance * 19 / 20, abs=1e-12)


def test_a_cut_that_moves_counts_pairs_by_their_share() -> None:
    """A lesion that is of either class in half of the resamples enters half as each."""
    test = [np.arange(3)] * 2
    found = pair_influence(
        [[1, 1, 0], [1, 0, 0]], [[3.0, 2, 1], [3.0, 2, 1]], test, np.zeros((2, 3)), np.arange(3)
    )
    assert found.estimate == 1.0
    uneven = pair_influence(
        [[1, 1, 0], [1, 0, 0]], [[3.0, 1, 2], [3.0, 1, 2]], test, np.zeros((2, 3)), np.arange(3)
    )
    assert uneven.estimate == pytest.approx((1 + 0.5 * 0 + 0.5 * 1) / 2)


@pytest.mark.parametrize("lesions", [1, 2])
def test_jackknife_after_bootstrap_is_its_formula(lesions: int) -> None:
    y, who, train, test, scores = bootstrap(4, n_patients=12, n_resamples=300, lesions=lesions)
    drawn = times_drawn(train, who)
    values = np.array([auc(y[rows], score) for rows, score in zip(test, scores, strict=True)])
    without = np.full(drawn.shape, np.nan)
    for b, (rows, score) in enumerate(zip(test, scores, strict=True)):
        names, left = concordance_without_each(y[rows], score, who[rows])
        without[b, names] = left
    corrected, raw = jackknife_after_bootstrap(without, values, drawn)

    means = []
    for k in range(12):
        own = []
        for rows, score, inside in zip(test, scores, train, strict=True):
            others = who[rows] != k
            if k not in who[inside] and len(set(y[rows][others])) == 2:
                own.append(auc(y[rows][others], score[others]))
        means.append(np.mean(own))
    expected = 11 / 12 * np.sum((np.array(means) - np.mean(means)) ** 2)
    assert raw == pytest.approx(expected, abs=1e-12)
    by_chance = (np.e - 1) * 12 / 300 * np.var(values)
    assert corrected == pytest.approx(expected - by_chance, abs=1e-12)


def test_too_few_resamples_leave_nothing_of_the_jackknife() -> None:
    rng = np.random.default_rng(5)
    drawn = rng.multinomial(50, np.full(50, 0.02), size=30)
    values = rng.normal(size=30)
    assert np.isnan(jackknife_after_bootstrap(np.tile(values[:, None], 50), values, drawn)[0])


def test_measures_without_a_patient() -> None:
    rng = np.random.default_rng(6)
    who = rng.integers(8, size=30)
    y, score = rng.integers(3, size=30), rng.normal(size=30).round(1)
    rate = rng.normal(size=30)
    names, concordance = concordance_without_each(y, score, who)
    same, explained = r2_without_each(rate, score, who, 0.1)
    assert names.tolist() == same.tolist() == sorted(set(who.tolist()))
    for place, name in enumerate(names):
        others = who != name
        assert concordance[place] == pytest.approx(c_index(y[others], score[others]))
        assert explained[place] == pytest.approx(r2(rate[others], score[others], 0.1))


@pytest.mark.parametrize("lesions", [1, 2])
def test_ledell_is_its_formula(lesions: int) -> None:
    rng = np.random.default_rng(7)
    who = np.repeat(np.arange(20), lesions)
    n = len(who)
    y = np.tile([0, 1], n // 2)
    fold = who // 4 % 5
    test = [np.nonzero(fold == v)[0] for v in range(5)]
    scores = [y[rows] + rng.normal(size=len(rows)) for rows in test]
    influence, areas = np.zeros(n), []
    for rows, score in zip(test, scores, strict=True):
        area = auc(y[rows], score)
        areas.append(area)
        for place, row in enumerate(rows):
            other = score[y[rows] != y[row]]
            right = other < score[place] if y[row] else other > score[place]
            influence[row] = (right.mean() - area) / (y == y[row]).mean()
    expected = sum((influence[who == k].sum() / n) ** 2 for k in range(20))
    found = ledell([y[rows] for rows in test], scores, test, [0] * 5, who)
    assert found.auc == pytest.approx(np.mean(areas), abs=1e-12)
    assert found.variance == pytest.approx(expected, abs=1e-14)
    twice = ledell([y[rows] for rows in test * 2], scores * 2, test * 2, [0] * 5 + [1] * 5, who)
    assert twice.variance == pytest.approx(found.variance, abs=1e-14)


def test_corrected_resampled_is_its_formula() -> None:
    values = np.array([0.5, 0.6, 0.8, 0.9])
    mean = values.sum() / 4
    squares = sum((value - mean) ** 2 for value in values) / 3
    assert corrected_resampled_se(values, 0.25) == pytest.approx((squares * (1 / 4 + 0.25)) ** 0.5)


def test_location_shifted_is_its_formula() -> None:
    rng = np.random.default_rng(8)
    train, out = rng.normal(0.8, 0.05, 200), rng.normal(0.7, 0.08, 200)
    low, high = location_shifted(0.72, 0.79, train, out, level=0.9)
    assert (low, high) == pytest.approx(
        (np.quantile(train, 0.05) - 0.07, np.quantile(train, 0.95) - 0.07)
    )


@pytest.mark.parametrize("train", [np.ones(200), 1 - 1e-3 * np.random.default_rng(9).random(200)])
def test_an_apparent_value_that_hardly_varies_is_refused(train: np.ndarray) -> None:
    out = np.random.default_rng(10).normal(0.6, 0.1, 200)
    with pytest.raises(EvaluationError, match="hardly vary") as refusal:
        location_shifted(0.6, 1.0, train, out)
    assert refusal.value.code == "apparent_hardly_varies"
