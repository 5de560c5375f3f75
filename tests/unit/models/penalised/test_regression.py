"""Ridge, lasso and elastic net for rates, against scikit-learn and plain scripts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import ElasticNet, LinearRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.unit.models.linear_cohort import cohort, drawn
from tumor_response.exceptions import ModelError
from tumor_response.models import PatientKFold, PenalisedRegression, RidgeRegression


@parametrize_with_checks(
    [RidgeRegression((1.0, 10.0)), PenalisedRegression(0.7, alphas=(0.01, 0.1))]
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("n", "p"), [(60, 400), (30, 30), (80, 5)])
@pytest.mark.parametrize("alpha", [1e-3, 1.0, 1e4])
def test_ridge_is_scikit_learns(n, p, alpha):
    X, _, rate = cohort(n, p)
    X, rate = drawn(X, rate)
    theirs = Ridge(alpha, solver="svd").fit(X, rate)
    mine = RidgeRegression((alpha,)).fit(X, rate)
    scale = np.abs(theirs.coef_).max()
    np.testing.assert_allclose(mine.coef_[0], theirs.coef_, atol=1e-8 * max(scale, 1))
    np.testing.assert_allclose(mine.predict(X), theirs.predict(X), atol=1e-8)


def test_a_negligible_penalty_is_least_squares():
    X, _, rate = cohort(60, 5)
    weight = np.random.default_rng(0).uniform(0.2, 3, 60)
    theirs = LinearRegression().fit(X, rate, sample_weight=weight)
    mine = RidgeRegression((1e-10,)).fit(X, rate, sample_weight=weight)
    np.testing.assert_allclose(mine.coef_[0], theirs.coef_, rtol=1e-8)
    assert mine.intercept_[0] == pytest.approx(theirs.intercept_)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.5])
def test_lasso_and_elastic_net_are_scikit_learns_behind_a_scaler(l1_ratio, alpha):
    X, _, rate = cohort(70, 40, signal=2.0)
    X, rate = drawn(X, 100 + 30 * rate)
    scaler = StandardScaler().fit(X)
    theirs = ElasticNet(alpha=30 * alpha, l1_ratio=l1_ratio, tol=1e-14, max_iter=1_000_000)
    theirs.fit(scaler.transform(X), rate)
    mine = PenalisedRegression(l1_ratio, (30 * alpha,)).fit(X, rate)
    np.testing.assert_allclose(mine.coef_[0] * scaler.scale_, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(mine.predict(X), theirs.predict(scaler.transform(X)), atol=1e-6)


@pytest.mark.parametrize("noise", [1.0, 0.01])
def test_the_conditions_of_the_lasso_hold_down_to_a_full_fit(noise):
    """As many columns in as rows can hold: the system of the signs is singular on the way."""
    X, _, rate = cohort(40, 300, noise=noise)
    X, rate = drawn(X, rate)
    Z, n = StandardScaler().fit_transform(X), len(rate)
    for alpha in (0.3, 0.03, 0.003, 1e-4):
        model = PenalisedRegression(1.0, (alpha,)).fit(X, rate)
        slope = (model.predict(X) - rate) @ Z / n
        inside = model.coef_[0] != 0
        signs = np.sign(model.coef_[0, inside])
        np.testing.assert_allclose(slope[inside], -alpha * signs, atol=1e-7 * alpha + 1e-10)
        assert np.abs(slope[~inside]).max() <= alpha * (1 + 1e-6) + 1e-10


@pytest.mark.parametrize("model", [RidgeRegression(), PenalisedRegression(0.5)], ids=repr)
def test_the_tuned_penalty_is_that_of_a_plain_script(model):
    X, _, rate = cohort(60, 50, signal=2.0)
    X = (X - X.mean()) / X.std() / np.sqrt(50)
    X, rate = drawn(X, rate)
    model.fit(X, rate)
    for place in range(0, len(model.path_alphas_), 6):
        alpha, total = model.path_alphas_[place], 0.0
        if isinstance(model, RidgeRegression):
            plain, Z = Ridge(alpha, solver="svd"), X
        else:
            plain = ElasticNet(alpha=alpha, l1_ratio=0.5, tol=1e-12, max_iter=1_000_000)
            Z = pd.DataFrame(StandardScaler().fit_transform(X), index=X.index)
        for train, test in PatientKFold(5).split(X, rate):
            if isinstance(plain, ElasticNet):
                # the penalty is on the sum of squares: the same one in each fold
                plain.set_params(alpha=alpha * len(rate) / len(train))
            predicted = plain.fit(Z.iloc[train], rate[train]).predict(Z.iloc[test])
            total += ((predicted - rate[test]) ** 2).sum()
        assert model.path_errors_[place] == pytest.approx(total / len(rate), rel=1e-6)
    assert model.alpha_ == model.path_alphas_[np.argmin(model.path_errors_)]
    assert model.tuned_ is True
    assert (np.diff(model.path_alphas_) < 0).all()


@pytest.mark.parametrize("model", [RidgeRegression(), PenalisedRegression()], ids=repr)
def test_weights_are_repeats_and_units_do_not_matter(model):
    X, _, rate = cohort(40, 60)
    weight = np.random.default_rng(0).integers(0, 4, len(rate))
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(len(rate)), weight))
    weighted = model.fit(X, rate, sample_weight=weight).predict(X)
    plain = model.fit(X.iloc[order], rate[order]).predict(X)
    np.testing.assert_allclose(weighted, plain, atol=1e-8)
    in_other_units = model.fit(X.iloc[order], 7 + 1e6 * rate[order]).predict(X)
    np.testing.assert_allclose(in_other_units, 7 + 1e6 * plain, rtol=1e-6)


@pytest.mark.parametrize("model", [RidgeRegression(), PenalisedRegression()], ids=repr)
def test_copies_of_a_patient_do_not_flatter_weak_penalties(model):
    X, _, _ = cohort(60, 300)
    rate = np.random.default_rng(0).normal(size=60)
    named, rate = drawn(X, rate, times=2)
    unnamed = named.to_numpy() + 1e-9 * np.random.default_rng(1).normal(size=named.shape)
    variance = rate.var()
    assert model.fit(unnamed, rate).path_errors_.min() < 0.5 * variance
    assert model.fit(named, rate).path_errors_.min() > 0.9 * variance


@pytest.mark.parametrize("model", [RidgeRegression(), PenalisedRegression()], ids=repr)
def test_nothing_to_learn_gives_the_mean(model):
    rate = np.arange(10.0)
    np.testing.assert_allclose(model.fit(np.ones((10, 3)), rate).predict(np.ones((1, 3))), 4.5)
    constant = model.fit(np.arange(10.0)[:, None], np.full(10, 2.0))
    np.testing.assert_allclose(constant.predict([[100.0]]), 2.0)
    one_patient = pd.DataFrame({"a": rate}, index=pd.Index(["P1"] * 10, name="patient_id"))
    assert model.fit(one_patient, rate).tuned_ is False


@pytest.mark.parametrize("model", [RidgeRegression(), PenalisedRegression()], ids=repr)
def test_with_nothing_to_find_strong_penalties_are_taken(model):
    shares = []
    for seed in range(10):
        X, _, _ = cohort(40, 80, seed=seed)
        X = (X - X.mean()) / X.std() / np.sqrt(80)
        rate = np.random.default_rng(100 + seed).normal(size=40)
        shares.append(model.fit(X, rate).predict(X).var() / rate.var())
    assert np.median(shares) < 0.05


@pytest.mark.parametrize(
    "model",
    [
        RidgeRegression(()),
        RidgeRegression((0.0,)),
        RidgeRegression(n_inner_folds=1),
        RidgeRegression(rule="best"),
        PenalisedRegression(0.0),
        PenalisedRegression(alphas=(-1.0,)),
    ],
    ids=repr,
)
def test_impossible_settings_are_refused(model):
    X, _, rate = cohort(20, 5)
    with pytest.raises(ModelError):
        model.fit(X, rate)
    with pytest.raises(ValueError, match="weight"):
        RidgeRegression().fit(X, rate, sample_weight=np.zeros(20))
