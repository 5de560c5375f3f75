"""Partial least squares against scikit-learn's, its number of components against a script."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import cross_val_predict
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.unit.models.samples import cohort, noise_with_hidden_copies, resampled
from tumor_response.exceptions import ModelError
from tumor_response.models import PatientKFold
from tumor_response.models.components import PLSDA, PLSRate
from tumor_response.models.components.pls import pls_path
from tumor_response.models.platt import fit_sigmoid


@parametrize_with_checks([PLSDA(most_components=2), PLSRate(most_components=2)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("n", "p"), [(40, 300), (40, 8)])
def test_path_is_scikit_learns_with_copies_as_weights(n, p):
    X, rate = cohort(n, p)
    X, rows = X.to_numpy(), resampled(n)
    path = pls_path(X, rate, np.bincount(rows, minlength=n).astype(float), 4)
    for number in range(1, 5):
        expected = PLSRegression(number, scale=False).fit(X[rows], rate[rows])
        predicted = path[number, 0] + X @ path[number, 1:]
        np.testing.assert_allclose(predicted, expected.predict(X).ravel(), atol=1e-6)
    np.testing.assert_allclose(path[0, 0], rate[rows].mean())
    assert not path[0, 1:].any()


def test_components_beyond_the_rows_repeat_the_last():
    X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]])
    path = pls_path(X, np.array([1.0, 2.0, 4.0]), np.ones(3), 5)
    np.testing.assert_allclose(path[2] @ np.c_[np.ones(3), X].T, [1.0, 2.0, 4.0], atol=1e-9)
    np.testing.assert_array_equal(path[3], path[5])


def test_number_and_sigmoid_are_those_of_a_plain_script_on_patient_grouped_folds():
    X, rate = cohort(50, 80, seed=2, lesions=2)
    y = (rate > 0).astype(int)
    found = []
    for number in range(1, 5):
        scores = cross_val_predict(
            PLSRegression(number, scale=False), X, y, cv=PatientKFold(5, random_state=1)
        ).ravel()
        sigmoid = fit_sigmoid(scores, y.astype(float), np.ones(100))
        chance = 1 / (1 + np.exp(-sigmoid.slope * scores - sigmoid.offset))
        found.append((-2 * np.log(np.where(y == 1, chance, 1 - chance)).mean(), sigmoid))
    mine = PLSDA(4, random_state=1).fit(X, y)
    np.testing.assert_allclose(mine.deviances_, [deviance for deviance, _ in found], rtol=1e-6)
    assert mine.n_components_ == 1 + int(np.argmin(mine.deviances_))
    expected = PLSRegression(mine.n_components_, scale=False).fit(X, y).predict(X).ravel()
    slope, offset = found[mine.n_components_ - 1][1]
    np.testing.assert_allclose(mine.decision_function(X), slope * expected + offset, atol=1e-5)


def test_number_for_a_rate_has_the_smallest_held_out_error():
    X, rate = cohort(60, 40, seed=7, lesions=1)
    errors = [np.mean((rate - cross_val_predict(Mean(), X, rate, cv=PatientKFold(4))) ** 2)]
    for number in range(1, 4):
        out = cross_val_predict(
            PLSRegression(number, scale=False), X, rate, cv=PatientKFold(4)
        ).ravel()
        errors.append(np.mean((rate - out) ** 2))
    mine = PLSRate(3, n_inner_folds=4).fit(X, rate)
    np.testing.assert_allclose(mine.errors_, errors, rtol=1e-6)
    assert mine.n_components_ == int(np.argmin(errors)) > 0
    noise = np.random.default_rng(8).normal(size=60)
    assert PLSRate().fit(X, noise).n_components_ == 0


class Mean(PLSRegression):
    """No component at all."""

    def fit(self, X, y):
        self.mean_ = y.mean()
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


def test_copies_of_a_patient_do_not_make_the_sigmoid_sure():
    """Planted fault: folds that split copies meet every held-out patient in training."""
    named, strangers, y = noise_with_hidden_copies()
    grouped, split = PLSDA().fit(named, y), PLSDA().fit(strangers, y)
    assert split.deviances_.min() < 0.7 * 2 * np.log(2)
    assert np.ptp(split.predict_proba(named)[:, 1]) > 0.7
    assert grouped.deviances_.min() > 1.3
    assert grouped.n_components_ == 1


@pytest.mark.parametrize("kind", [PLSDA, PLSRate])
def test_weights_are_repeats_and_zero_is_absence(kind):
    X, rate = cohort(40, 30)
    y = (rate > 0).astype(int) if kind is PLSDA else rate
    weight = np.random.default_rng(0).integers(0, 4, 40)
    repeated = np.repeat(np.arange(40), weight)
    weighted = kind().fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(weighted.coef_, kind().fit(X.iloc[repeated], y[repeated]).coef_)


def test_bad_input_is_survived_or_refused():
    X = pd.DataFrame({"a": np.repeat([0.0, 1.0], 10), "b": 3.0})
    y = np.repeat([0, 1], 10)
    assert (PLSDA().fit(X, y).predict(X) == y).all()
    np.testing.assert_allclose(PLSDA().fit(X[["b"]], y).predict_proba(X[["b"]]), 0.5)
    lonely = PLSDA().fit(X.iloc[:11], y[:11])
    assert lonely.tuned_ is False
    assert lonely.predict_proba(X)[:, 1].mean() == pytest.approx(1 / 11, abs=0.01)
    balanced = PLSDA(class_weight="balanced").fit(X.iloc[:13], y[:13])
    assert balanced.predict_proba(X.iloc[10:])[:, 1].min() > 0.5
    np.testing.assert_allclose(PLSRate().fit(X, np.ones(20)).predict(X), 1.0)
    with pytest.raises(ModelError, match="most_components"):
        PLSDA(0).fit(X, y)
