"""OrdinalRidge against scipy's optimiser, RidgeLogistic and a plain script."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.unit.models.linear_cohort import cohort, drawn
from tumor_response.exceptions import ModelError
from tumor_response.models import OrdinalRidge, PatientKFold, RidgeLogistic
from tumor_response.models.ordinal.cumulative import class_probabilities


@parametrize_with_checks([OrdinalRidge(Cs=(0.1, 1.0))])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def tertiles(rate: np.ndarray) -> np.ndarray:
    return np.digitize(rate, np.quantile(rate, [1 / 3, 2 / 3]))


def plain_deviance(x, X, y, C):
    """The definition, as slowly as it is written."""
    theta, beta = x[:2], x[2:]
    total = beta @ beta / (2 * C)
    for row, label in zip(X, y, strict=True):
        below = [0.0, *(expit(cut - row @ beta) for cut in theta), 1.0]
        total -= np.log(max(below[label + 1] - below[label], 1e-300))
    return total


@pytest.mark.parametrize("C", [0.05, 5.0])
def test_it_is_the_minimum_that_scipy_finds(C):
    X, _, rate = cohort(40, 3, signal=2.0)
    X, y = (X - X.mean()) / X.std(), tertiles(rate)
    model = OrdinalRidge((C,)).fit(X, y)
    found = minimize(
        plain_deviance, [-1, 1, 0, 0, 0], (X.to_numpy(), y, C), tol=1e-12, options={"gtol": 1e-8}
    )
    np.testing.assert_allclose(model.cut_points_, found.x[:2], atol=1e-5)
    np.testing.assert_allclose(model.coef_[0], found.x[2:], atol=1e-5)
    mine = plain_deviance(np.r_[model.cut_points_, model.coef_[0]], X.to_numpy(), y, C)
    assert mine <= found.fun + 1e-9


def test_the_gradient_vanishes_at_more_columns_than_rows():
    X, _, rate = cohort(50, 200)
    X, y = (X - X.mean()) / X.std() / np.sqrt(200), tertiles(rate)
    C = 0.7
    model = OrdinalRidge((C,)).fit(X, y)
    eta = X.to_numpy() @ model.coef_[0]
    low = expit(np.r_[-np.inf, model.cut_points_][y] - eta)
    high = expit(np.r_[model.cut_points_, np.inf][y] - eta)
    # d log(high - low) / d eta, by the product rule written out
    slope = (high * (1 - high) - low * (1 - low)) / (high - low)
    np.testing.assert_allclose(X.to_numpy().T @ slope + model.coef_[0] / C, 0, atol=1e-8)


def test_two_classes_are_ridge_logistic():
    X, y, _ = cohort(60, 100)
    X = (X - X.mean()) / X.std() / np.sqrt(100)
    X, y = drawn(X, y)
    logistic, ordinal = RidgeLogistic().fit(X, y), OrdinalRidge().fit(X, y)
    assert ordinal.C_ == logistic.C_
    np.testing.assert_allclose(ordinal.coef_, logistic.coef_, atol=1e-8)
    np.testing.assert_allclose(ordinal.predict_proba(X), logistic.predict_proba(X), atol=1e-8)
    np.testing.assert_allclose(ordinal.path_deviances_, logistic.path_deviances_, atol=1e-8)


def test_the_tuned_penalty_is_that_of_a_plain_script():
    X, _, rate = cohort(60, 100, signal=2.0)
    X, y = drawn((X - X.mean()) / X.std() / 10, tertiles(rate))
    model = OrdinalRidge(random_state=3).fit(X, y)
    deviances = []
    for C in model.path_Cs_:
        total = 0.0
        for train, test in PatientKFold(5, random_state=3).split(X, y):
            chance = OrdinalRidge((C,)).fit(X.iloc[train], y[train]).predict_proba(X.iloc[test])
            total -= 2 * np.log(chance[np.arange(len(test)), y[test]]).sum()
        deviances.append(total / len(y))
    np.testing.assert_allclose(model.path_deviances_, deviances, rtol=1e-6)
    assert model.path_Cs_[np.argmin(deviances)] == model.C_


def test_weights_are_repeats_and_the_order_of_classes_counts():
    X, _, rate = cohort(45, 60)
    y = tertiles(rate)
    weight = np.random.default_rng(0).integers(0, 4, 45)
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(45), weight))
    weighted = OrdinalRidge((0.001,)).fit(X, y, sample_weight=weight)
    plain = OrdinalRidge((0.001,)).fit(X.iloc[order], y[order])
    np.testing.assert_allclose(weighted.coef_, plain.coef_, atol=1e-9)
    turned = OrdinalRidge((0.001,)).fit(X, 2 - y, sample_weight=weight)
    np.testing.assert_allclose(turned.coef_, -plain.coef_, atol=1e-9)
    np.testing.assert_allclose(turned.predict_proba(X)[:, ::-1], plain.predict_proba(X), atol=1e-9)


def test_separated_classes_have_finite_coefficients():
    X = np.arange(30.0)[:, None] / 10
    y = np.repeat([0, 1, 2], 10)
    model = OrdinalRidge((1e6,)).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert (model.predict(X) == y).all()


def test_without_information_it_is_the_prior():
    y = np.repeat([0, 1, 2], [10, 20, 30])
    model = OrdinalRidge().fit(np.zeros((60, 2)), y)
    np.testing.assert_allclose(
        model.predict_proba([[5.0, 5.0]]), [[1 / 6, 1 / 3, 1 / 2]], atol=1e-9
    )
    balanced = OrdinalRidge(class_weight="balanced").fit(np.zeros((60, 2)), y)
    np.testing.assert_allclose(balanced.predict_proba([[0.0, 0.0]]), 1 / 3, atol=1e-9)


def test_too_few_patients_of_a_class_are_not_tuned_with():
    X, _, _ = cohort(30, 20)
    y = np.r_[np.zeros(15), np.ones(14), 2].astype(int)
    model = OrdinalRidge().fit(X, y)
    assert model.tuned_ is False
    assert model.C_ == 0.001
    with pytest.raises(ValueError, match="one class"):
        OrdinalRidge().fit(X, np.ones(30))
    with pytest.raises(ModelError):
        OrdinalRidge(Cs=()).fit(X, y)


def test_probabilities_in_the_far_tails_are_not_swallowed_by_rounding():
    cuts, scores = np.array([-1.0, 1.0]), np.array([-60.0, 60.0])
    chance = class_probabilities(cuts, scores)
    np.testing.assert_allclose(chance[0, 2], np.exp(-61), rtol=1e-9)
    np.testing.assert_allclose(chance[1, 0], np.exp(-61), rtol=1e-9)
    np.testing.assert_allclose(chance[0, 1], np.exp(-59) - np.exp(-61), rtol=1e-9)
    np.testing.assert_allclose(chance[1, 1], np.exp(-59) - np.exp(-61), rtol=1e-9)


@pytest.mark.parametrize("model", [RidgeLogistic(), OrdinalRidge()], ids=repr)
def test_with_nothing_to_find_strong_penalties_are_taken(model):
    """Labels at random: in most samples hardly anything but the prior is left."""
    n_classes = 3 if isinstance(model, OrdinalRidge) else 2
    spreads = []
    for seed in range(20):
        X, _, _ = cohort(45, 80, seed=seed)
        X = (X - X.mean()) / X.std() / np.sqrt(80)
        y = np.random.default_rng(100 + seed).permutation(np.arange(45) % n_classes)
        spreads.append(model.fit(X, y).predict_proba(X)[:, -1].std())
    assert np.median(spreads) < 0.05
