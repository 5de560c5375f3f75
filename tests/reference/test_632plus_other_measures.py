"""The .632+ of losses and gains against a slow script written from the paper alone.

Efron and Tibshirani 1997 (JASA 92:548): their equations for the no-information error rate (all
pairs of an outcome and a prediction), the relative overfitting rate and the weight, with the loop
over pairs written out.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tumor_response.evaluation import auc_632plus, relative_overfitting
from tumor_response.evaluation.performance import estimates632 as ours
from tumor_response.exceptions import EvaluationError


def slow_no_information(y, predicted, loss):
    total = 0.0
    for outcome in y:
        for prediction in predicted:
            total += loss(outcome, prediction)
    return total / (len(y) * len(predicted))


def slow_632plus(err, err1, gamma):
    """Their .632 estimate plus a correction, the form in which the paper prints it (eq. 32)."""
    err1_held = min(err1, gamma)
    rate = (err1_held - err) / (gamma - err) if err1 > err and gamma > err else 0.0
    err632 = 0.368 * err + 0.632 * err1
    return (
        err632
        + (err1_held - err1) * 0.632
        + (err1_held - err) * (0.368 * 0.632 * rate / (1 - 0.368 * rate))
    )


def squared(outcome, prediction):
    return (outcome - prediction) ** 2


def logarithmic(outcome, prediction):
    return -math.log(prediction) if outcome == 1 else -math.log(1 - prediction)


def absolute(value):
    return pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_no_information_over_all_pairs(seed):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, 15), rng.uniform(0.01, 0.99, 15)
    assert ours.no_information_brier(y, p) == absolute(slow_no_information(y, p, squared))
    assert ours.no_information_log_loss(y, p) == absolute(slow_no_information(y, p, logarithmic))
    rate, told = rng.normal(3, 2, 15), rng.normal(2, 1, 15)
    spread = sum((one - sum(rate) / 15) ** 2 for one in rate) / 15
    expected = 1 - slow_no_information(rate, told, squared) / spread
    assert ours.no_information_r2(rate, told) == absolute(expected)


@pytest.mark.parametrize("err", [0.0, 0.1, 0.3, 0.6])
@pytest.mark.parametrize("err1", [0.05, 0.1, 0.25, 0.4, 0.7])
@pytest.mark.parametrize("gamma", [0.1, 0.25, 0.5])
def test_every_branch_for_losses_and_their_mirror_images(err, err1, gamma):
    expected = slow_632plus(err, err1, gamma)
    assert ours.estimate_632plus(err, err1, gamma, "low") == absolute(expected)
    mirrored = ours.estimate_632plus(1 - err, 1 - err1, 1 - gamma, "high")
    assert mirrored == absolute(1 - expected)
    assert 0 <= ours.overfitting_rate(err, err1, gamma, "low") <= 1


@pytest.mark.parametrize("apparent", [0.3, 0.5, 0.6, 0.8, 1.0])
@pytest.mark.parametrize("oob", [0.2, 0.5, 0.55, 0.7, 0.8, 0.95])
def test_the_auc_is_the_special_case(apparent, oob):
    assert ours.estimate_632plus(apparent, oob, 0.5, "high") == absolute(auc_632plus(apparent, oob))
    rate = ours.overfitting_rate(apparent, oob, 0.5, "high")
    assert rate == absolute(relative_overfitting(apparent, oob))


def test_r2_below_its_no_information_value_is_held_there():
    # predictions as spread as the outcome: gamma is -1, and out of bag did worse
    assert ours.estimate_632plus(1.0, -1.7, -1.0, "high") == absolute(-1.0)


def test_average_precision_by_dealing_out_the_outcomes():
    y = [1, 1, 0, 0, 0]
    values = []
    for dealt in set(itertools.permutations(y)):
        found, precisions = 0, []
        for rank, one in enumerate(dealt, start=1):
            if one:
                found += 1
                precisions.append(found / rank)
        values.append(sum(precisions) / 2)
    assert ours.no_information_average_precision([y]) == absolute(sum(values) / len(values))
    other = ours.no_information_average_precision([[0, 1]])
    both = ours.no_information_average_precision([y, [0, 1]])
    assert both == absolute((sum(values) / len(values) + other) / 2)


def test_refused():
    with pytest.raises(EvaluationError) as raised:
        ours.estimate_632plus(0, 0.1, 0.2, "lower")
    assert raised.value.code == "better"
    with pytest.raises(EvaluationError) as raised:
        ours.no_information_r2([1, 1], [0, 1])
    assert raised.value.code == "constant_outcome"
    with pytest.raises(EvaluationError) as raised:
        ours.no_information_average_precision([[0, 1], [1, 1]])
    assert raised.value.code == "one_class"
