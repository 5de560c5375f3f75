"""Figures for a continuous end point and for ordered classes, against others' and by counting."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score, mean_absolute_error, mean_squared_error

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
    assert ours.mean_absolute_error(y, p) == pytest.approx(mean_absolute_error(y, p))
    assert ours.root_mean_squared_error(y, p) == pytest.approx(mean_squared_error(y, p) ** 0.5)
    assert ours.spearman(y, p) == pytest.approx(spearmanr(y, p).statistic, abs=1e-13)


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
        (lambda: ours.spearman([1, 1], [1, 2]), "constant_outcome"),
        (lambda: ours.spearman([1, 2], [1, 1]), "constant_prediction"),
        (lambda: ours.quadratic_weighted_kappa([1, 1], [1, 1]), "one_class"),
        (lambda: ours.mean_absolute_error([1], [np.nan]), "not_finite"),
        (lambda: ours.root_mean_squared_error([1], [1, 2]), "shape"),
    ],
)
def test_refused(call, code):
    with pytest.raises(EvaluationError) as raised:
        call()
    assert raised.value.code == code
