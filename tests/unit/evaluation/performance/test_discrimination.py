"""Average precision and thresholds against scikit-learn, statsmodels and counting."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, confusion_matrix, precision_recall_curve
from statsmodels.stats.proportion import proportion_confint

from tumor_response.evaluation.performance import discrimination as ours
from tumor_response.exceptions import EvaluationError


def draws(seed: int):
    rng = np.random.default_rng(seed)
    y = np.r_[0, 1, rng.integers(0, 2, 40)]
    return y, rng.integers(0, 12, y.size) / 11 + (0 if seed % 2 else rng.random(y.size))


@pytest.mark.parametrize("seed", range(8))
def test_average_precision_is_scikit_learns(seed):
    y, score = draws(seed)
    assert ours.average_precision(y, score) == pytest.approx(
        average_precision_score(y, score), abs=1e-14
    )
    recall, precision, threshold = ours.precision_recall_curve(y, score)
    theirs = precision_recall_curve(y, score)
    np.testing.assert_allclose(precision, theirs[0][:-1][::-1], atol=1e-14)
    np.testing.assert_allclose(recall, theirs[1][:-1][::-1], atol=1e-14)
    np.testing.assert_array_equal(threshold, theirs[2][::-1])


@pytest.mark.parametrize(("n_positive", "n"), [(1, 4), (2, 5), (3, 6), (5, 6)])
def test_average_precision_by_chance_is_the_mean_over_all_orders(n_positive, n):
    values = []
    for chosen in itertools.combinations(range(n), n_positive):
        y = np.zeros(n)
        y[list(chosen)] = 1
        values.append(average_precision_score(y, -np.arange(n)))
    assert ours.average_precision_by_chance(n_positive, n) == pytest.approx(np.mean(values))


@pytest.mark.parametrize("threshold", [-1, 0.2, 0.5, 1.0, 5])
@pytest.mark.parametrize("seed", range(3))
def test_figures_at_a_threshold_are_those_of_the_confusion_matrix(seed, threshold):
    y, score = draws(seed)
    tn, fp, fn, tp = confusion_matrix(y, score >= threshold, labels=[0, 1]).ravel()
    expected = {
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "ppv": (tp, tp + fp),
        "npv": (tn, tn + fn),
    }
    table = ours.at_threshold(y, score, threshold)
    alone = ours.threshold_figures(y, score, threshold)
    for name, (hits, n) in expected.items():
        assert tuple(table.loc[name, ["hits", "n"]]) == (hits, n)
        if n:
            assert alone[name] == table.loc[name, "value"] == hits / n
        else:
            assert np.isnan(alone[name])
            assert table.loc[name, "note"] == "nobody"


@pytest.mark.parametrize(("successes", "n"), [(0, 7), (7, 7), (3, 10), (1, 200), (40, 41)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_is_statsmodels(successes, n, level):
    theirs = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    assert ours.wilson_interval(successes, n, level) == pytest.approx(theirs, abs=1e-12)


def test_wilson_of_nothing_and_of_nonsense():
    assert all(np.isnan(ours.wilson_interval(0, 0)))
    for successes, n, level in ((3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)):
        with pytest.raises(EvaluationError) as raised:
            ours.wilson_interval(successes, n, level)
        assert raised.value.code == "proportion"


def test_no_interval_where_a_patient_comes_twice():
    y, score = [0, 1, 0, 1], [0.1, 0.4, 0.6, 0.8]
    table = ours.at_threshold(y, score, 0.5, patients=["a", "b", "b", "c"])
    assert table["value"].notna().all()
    assert table[["low", "high"]].isna().all(axis=None)
    assert set(table["note"]) == {"repeated_patients"}
    single = ours.at_threshold(y, score, 0.5, patients=["a", "b", "c", "d"])
    assert single[["low", "high"]].notna().all(axis=None)


@pytest.mark.parametrize("seed", range(6))
def test_thresholds_by_trying_all(seed):
    y, score = draws(seed)
    best, found = -2.0, None
    for t in sorted(set(score), reverse=True):
        told = ours.threshold_figures(y, score, t)
        if told["sensitivity"] + told["specificity"] - 1 > best + 1e-12:
            best, found = told["sensitivity"] + told["specificity"] - 1, t
    assert ours.youden_threshold(y, score) == found
    for wanted in (0.5, 0.9, 1.0):
        found = max(
            t for t in set(score) if ours.threshold_figures(y, score, t)["sensitivity"] >= wanted
        )
        assert ours.sensitivity_threshold(y, score, wanted) == found


@pytest.mark.parametrize(
    ("y", "score", "code"),
    [
        ([0, 0, 0], [0.1, 0.2, 0.3], "one_class"),
        ([0, 1, 2], [0.1, 0.2, 0.3], "y"),
        ([0, 1], [0.1, 0.2, 0.3], "shape"),
        ([[0, 1]], [[0.1, 0.2]], "shape"),
        ([], [], "shape"),
        ([0, 1], [0.1, np.nan], "not_finite"),
        ([0, np.inf], [0.1, 0.2], "not_finite"),
    ],
)
def test_refused(y, score, code):
    for figure in (
        ours.average_precision,
        ours.youden_threshold,
        lambda *a: ours.threshold_figures(*a, 0.5),
        lambda *a: ours.sensitivity_threshold(*a, 0.5),
    ):
        with pytest.raises(EvaluationError) as raised:
            figure(y, score)
        assert raised.value.code == code
