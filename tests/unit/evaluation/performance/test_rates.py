"""Figures for a continuous end point and for ordered classes, against others' and by counting."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score, mean_absolute_error, mean_squared_error, r2_score

from tumor_response.evaluation import auc
from tumor_response.evaluation.performance import rates as ours
from tumor_response.exceptions import EvaluationError


def draws(seed: int, n: int = 40):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    score = y + rng.normal(size=n)
    return (np.round(y), np.round(score)) if seed % 2 else (y, score)


@pytest.mark.parametrize("seed", range(6))
def test_rates_against_scikit_learn_and_scipy(seed):
    y, p = draws(seed)
    assert ours.r2(y, p) == pytest.approx(r2_score(y, p), abs=1e-13)
    assert ours.mean_absolute_error(y, p) == pytest.approx(mean_absolute_error(y, p))
    assert ours.root_mean_squared_error(y, p) == pytest.approx(mean_squared_error(y, p) ** 0.5)
    assert ours.spearman(y, p) == pytest.approx(spearmanr(y, p).statistic, abs=1e-13)


def test_r2_of_the_reference_is_zero_and_the_test_mean_is_the_hardest():
    y, p = draws(0)
    assert ours.r2(y, np.full(y.size, 0.3), reference=0.3) == pytest.approx(0, abs=1e-14)
    assert ours.r2(y, p, reference=y.mean()) == ours.r2(y, p)
    assert all(ours.r2(y, p, reference=y.mean() + d) > ours.r2(y, p) for d in (-0.2, 0.2))


@pytest.mark.parametrize("seed", range(6))
def test_c_index_by_counting_pairs(seed, monkeypatch):
    y, score = draws(seed, 25)
    won = pairs = 0.0
    for i in range(y.size):
        for j in range(i):
            if y[i] != y[j]:
                pairs += 1
                agree = (y[i] - y[j]) * (score[i] - score[j])
                won += 1.0 if agree > 0 else 0.5 if agree == 0 else 0.0
    assert ours.c_index(y, score) == pytest.approx(won / pairs, abs=1e-15)
    monkeypatch.setattr(ours, "_PAIRS", 60)  # two rows at a time
    assert ours.c_index(y, score) == pytest.approx(won / pairs, abs=1e-15)


def test_c_index_of_two_classes_is_the_auc():
    y, score = draws(1)
    assert ours.c_index(y > 0, score) == pytest.approx(auc(y > 0, score), abs=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_kappa_is_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 50)
    told = ours.nearest_class(np.clip(y + rng.normal(0, 0.8, 50), 0, 2))
    assert ours.quadratic_weighted_kappa(y, told) == pytest.approx(
        cohen_kappa_score(y, told, weights="quadratic"), abs=1e-13
    )
    assert ours.accuracy(y, told) == np.mean(y == told)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: ours.r2([1, 1], [1, 2]), "constant_outcome"),
        (lambda: ours.r2([1, 1], [1, 2], reference=1.0), "constant_outcome"),
        (lambda: ours.r2([0.1] * 3, [1, 2, 3]), "constant_outcome"),
        (lambda: ours.spearman([1, 1], [1, 2]), "constant_outcome"),
        (lambda: ours.spearman([1, 2], [1, 1]), "constant_prediction"),
        (lambda: ours.c_index([2, 2], [1, 2]), "constant_outcome"),
        (lambda: ours.quadratic_weighted_kappa([1, 1], [1, 1]), "one_class"),
        (lambda: ours.mean_absolute_error([1], [np.nan]), "not_finite"),
        (lambda: ours.root_mean_squared_error([1], [1, 2]), "shape"),
    ],
)
def test_refused(call, code):
    with pytest.raises(EvaluationError) as raised:
        call()
    assert raised.value.code == code


def test_r2_against_another_number_is_defined_for_a_constant_outcome():
    assert ours.r2([1, 1], [1, 1], reference=0.0) == 1
