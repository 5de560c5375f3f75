"""Proper scores against scikit-learn and by adding up."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from tumor_response.evaluation.performance import brier as ours
from tumor_response.exceptions import EvaluationError


def draws(seed: int, n: int = 60):
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(n), 1) if seed % 2 else rng.random(n)
    return (rng.random(n) < p).astype(int), p


@pytest.mark.parametrize("seed", range(6))
def test_scores_are_scikit_learns(seed):
    y, p = draws(seed)
    assert ours.brier_score(y, p) == pytest.approx(brier_score_loss(y, p), abs=1e-14)
    assert ours.log_loss(y, p) == pytest.approx(sklearn_log_loss(y, p), rel=1e-10)


def test_certain_and_wrong_costs_the_clip():
    assert ours.log_loss([1, 0], [0.0, 0.0], clip=1e-3) == pytest.approx(
        -(np.log(1e-3) + np.log1p(-1e-3)) / 2
    )
    assert np.isfinite(ours.log_loss([1], [0.0]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("bins", [1, 3, 10, 250, [0, 0.07, 0.3, 0.31, 1]])
def test_the_terms_add_up(seed, bins):
    y, p = draws(seed)
    parts = ours.brier_decomposition(y, p, bins)
    total = parts.reliability - parts.resolution + parts.uncertainty
    total += parts.within_variance - parts.within_covariance
    assert total == pytest.approx(ours.brier_score(y, p), abs=1e-14)
    assert parts.brier == ours.brier_score(y, p)
    assert parts.counts.sum() == y.size


def test_murphys_three_terms_by_hand_where_bins_hold_one_value():
    # 3 times 0.25 with one responder, 2 times 0.75 with two
    parts = ours.brier_decomposition([0, 0, 1, 1, 1], [0.25, 0.25, 0.25, 0.75, 0.75], bins=2)
    assert parts.reliability == pytest.approx((3 * (1 / 4 - 1 / 3) ** 2 + 2 * (1 / 4) ** 2) / 5)
    assert parts.resolution == pytest.approx((3 * (1 / 3 - 3 / 5) ** 2 + 2 * (2 / 5) ** 2) / 5)
    assert parts.uncertainty == pytest.approx(6 / 25)
    assert parts.within_variance == parts.within_covariance == 0


def test_an_edge_belongs_to_the_bin_above_and_one_to_the_last():
    parts = ours.brier_decomposition([0, 1, 1, 0], [0.3, 0.3, 1.0, 0.0], bins=10)
    assert parts.counts.tolist() == [1, 0, 0, 2, 0, 0, 0, 0, 0, 1]


def test_scaled_brier_of_the_prevalence_is_zero():
    y = [0, 0, 1, 1, 1]
    assert ours.scaled_brier(y, [0.6] * 5) == pytest.approx(0, abs=1e-15)
    assert ours.scaled_brier(y, [0.5] * 5, reference=0.5) == pytest.approx(0, abs=1e-15)
    assert ours.scaled_brier(y, y) == 1


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: ours.brier_score([0, 1], [0, 2]), "not_probability"),
        (lambda: ours.log_loss([0, 1], [-3.0, 2]), "not_probability"),
        (lambda: ours.log_loss([0, 1], [0.5, 0.5], clip=0), "clip"),
        (lambda: ours.scaled_brier([1, 1], [0.5, 0.5]), "one_class"),
        (lambda: ours.brier_decomposition([0, 1], [0.5, 0.5], bins=0), "bins"),
        (lambda: ours.brier_decomposition([0, 1], [0.5, 0.5], bins=[0, 0.5]), "bins"),
        (lambda: ours.brier_decomposition([0, 1], [0.5, 0.5], bins=[0, 0.5, 0.5, 1]), "bins"),
        (lambda: ours.brier_decomposition([0, 1], [0.5, 0.5], bins=True), "bins"),
    ],
)
def test_refused(call, code):
    with pytest.raises(EvaluationError) as raised:
        call()
    assert raised.value.code == code
