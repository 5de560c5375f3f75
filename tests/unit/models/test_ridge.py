"""RidgeLogistic against scikit-learn and against a plain script."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from tumor_response.exceptions import ModelError
from tumor_response.models import PatientKFold, RidgeLogistic


@parametrize_with_checks([RidgeLogistic(Cs=(0.1, 1.0)), RidgeLogistic(Cs=(1.0,))])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def sample(n: int, p: int, seed: int = 0, copies: bool = True) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        rng.normal(size=(n, p)) * rng.uniform(0.2, 3, size=p) / np.sqrt(p) + 1,
        columns=[f"c{i}" for i in range(p)],
        index=pd.MultiIndex.from_arrays(
            [[f"P{i}" for i in range(n)], ["1"] * n], names=["patient_id", "lesion_id"]
        ),
    )
    y = (X.iloc[:, :3].sum(axis=1) + 0.3 * rng.normal(size=n) > 3).to_numpy().astype(int)
    if copies:
        rows = rng.integers(0, n, n)
        X, y = X.iloc[rows], y[rows]
    return X, y


@pytest.mark.parametrize(("n", "p"), [(60, 400), (60, 61), (80, 5), (30, 30)])
@pytest.mark.parametrize("C", [1e-3, 0.3, 30.0])
def test_coefficients_equal_scikit_learns(n, p, C):
    X, y = sample(n, p)
    expected = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    expected.fit(X, y)
    mine = RidgeLogistic(Cs=(C,)).fit(X, y)
    np.testing.assert_allclose(mine.coef_, expected.coef_, atol=1e-6 * np.abs(expected.coef_).max())
    np.testing.assert_allclose(mine.intercept_, expected.intercept_, atol=1e-6)
    np.testing.assert_allclose(mine.predict_proba(X), expected.predict_proba(X), atol=1e-7)


def test_the_gradient_vanishes_at_the_solution():
    """The definition itself: no solver's word is needed."""
    X, y = sample(50, 300)
    C = 0.7
    model = RidgeLogistic(Cs=(C,)).fit(X, y)
    residual = model.predict_proba(X)[:, 1] - y
    gradient = X.to_numpy().T @ residual + model.coef_[0] / C
    assert np.abs(gradient).max() < 1e-8
    assert abs(residual.sum()) < 1e-8


def test_the_tuned_penalty_is_that_of_a_plain_script():
    X, y = sample(70, 200, seed=3)
    Cs = np.logspace(-3, 2, 11)
    deviances = []
    for C in Cs:
        total = 0.0
        for train, test in PatientKFold(5, random_state=4).split(X, y):
            plain = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=1000)
            chance = plain.fit(X.iloc[train], y[train]).predict_proba(X.iloc[test])[:, 1]
            total -= 2 * np.log(np.where(y[test] == 1, chance, 1 - chance)).sum()
        deviances.append(total / len(y))
    model = RidgeLogistic(Cs=Cs, random_state=4).fit(X, y)
    np.testing.assert_allclose(model.path_deviances_, deviances, rtol=1e-6)
    assert Cs.tolist().index(model.C_) == np.argmin(deviances)
    assert model.tuned_


def test_copies_of_a_patient_do_not_flatter_weak_penalties():
    """Planted fault: with noise columns, folds that split copies prefer to memorise."""
    rng = np.random.default_rng(0)
    n, p = 60, 500
    rows = rng.integers(0, n, 2 * n)
    X = rng.normal(size=(n, p))[rows] / np.sqrt(p)
    y = rng.integers(0, 2, n)[rows]
    named = pd.DataFrame(X, index=pd.Index([f"P{row}" for row in rows], name="patient_id"))
    # jitter hides that rows are copies, and nobody says whose they are
    unnamed = X + 1e-9 * rng.normal(size=X.shape)
    grouped = RidgeLogistic().fit(named.rename(columns=str), y)
    split = RidgeLogistic().fit(unnamed, y)
    coin = 2 * np.log(2)
    assert split.C_ > 10
    assert split.path_deviances_[-1] < 0.5 * coin  # labels are random: nothing to be known
    assert grouped.path_deviances_[-1] > coin


def test_weights_are_repeats_and_row_order_does_not_matter():
    X, y = sample(40, 100, copies=False)
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    repeated = np.repeat(np.arange(len(y)), weight)
    weighted = RidgeLogistic().fit(X, y, sample_weight=weight)
    order = np.random.default_rng(1).permutation(len(repeated))
    plain = RidgeLogistic().fit(X.iloc[repeated[order]], y[repeated[order]])
    assert weighted.C_ == plain.C_
    np.testing.assert_allclose(weighted.coef_, plain.coef_, atol=1e-9)


def test_perfect_separation_is_no_obstacle():
    X = np.r_[-np.ones((10, 2)), np.ones((10, 2))]
    y = np.r_[np.zeros(10), np.ones(10)]
    model = RidgeLogistic(Cs=(1e6,)).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert (model.predict(X) == y).all()


def test_one_patient_in_a_class_takes_the_strongest_penalty_and_says_so():
    X, y = sample(30, 50, copies=False)
    y = np.zeros(30, dtype=int)
    y[4] = 1
    model = RidgeLogistic(Cs=(0.01, 1.0)).fit(X, y)
    assert not model.tuned_
    assert model.C_ == 0.01
    assert np.isnan(model.path_deviances_).all()


def test_a_cohort_of_mixed_patients_is_tuned():
    """No patient is without a lesion of either class: the folds are none the worse for that."""
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"P{i}" for i in range(30)], list("1234")], names=["patient_id", "lesion_id"]
    )
    y = np.tile([1, 0, 1, 0], 30)
    X = pd.DataFrame({"a": y + rng.normal(size=120), "b": rng.normal(size=120)}, index=index)
    model = RidgeLogistic().fit(X, y)
    assert model.tuned_
    assert np.isfinite(model.path_deviances_).all()
    assert model.C_ > 0.001


def test_constant_and_empty_information_gives_the_prior():
    y = np.r_[np.zeros(10), np.ones(30)]
    model = RidgeLogistic().fit(np.zeros((40, 3)), y)
    np.testing.assert_allclose(model.predict_proba(np.ones((2, 3)))[:, 1], 0.75, atol=1e-9)


@pytest.mark.parametrize(
    "settings", [{"Cs": ()}, {"Cs": (0.0,)}, {"Cs": (-1.0, 1.0)}, {"n_inner_folds": 1}]
)
def test_impossible_settings_are_refused(settings):
    X, y = sample(20, 5)
    with pytest.raises(ModelError):
        RidgeLogistic(**settings).fit(X, y)


def test_balanced_classes_are_scikit_learns_and_change_what_is_tuned():
    X, y = sample(60, 30)
    y[np.nonzero(y)[0][8:]] = 0
    theirs = LogisticRegression(C=0.3, class_weight="balanced", tol=1e-12, max_iter=1000)
    theirs.fit(X, y)
    mine = RidgeLogistic((0.3,), class_weight="balanced").fit(X, y)
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=1e-6)
    weight = np.where(y == 1, 3.0, 0.5)
    by_hand = RidgeLogistic().fit(X, y, sample_weight=weight)
    by_class = RidgeLogistic(class_weight={1: 3.0, 0: 0.5}).fit(X, y)
    np.testing.assert_allclose(by_class.coef_, by_hand.coef_)
    np.testing.assert_allclose(by_class.path_deviances_, by_hand.path_deviances_)
    # a balanced model of nothing says one half
    nothing = RidgeLogistic(class_weight="balanced").fit(np.zeros((60, 2)), y)
    np.testing.assert_allclose(nothing.predict_proba(np.zeros((1, 2))), 0.5, atol=1e-9)


def test_one_standard_error_is_that_of_the_folds_mean_deviances():
    X, y = sample(70, 60, seed=1, copies=False)
    least, one_se = (RidgeLogistic(rule=rule).fit(X, y) for rule in ("min", "one_se"))
    np.testing.assert_array_equal(least.path_deviances_, one_se.path_deviances_)
    best = int(np.argmin(least.path_deviances_))
    of_fold, sizes = [], []
    for train, test in PatientKFold(5).split(X, y):
        model = RidgeLogistic((least.C_,)).fit(X.iloc[train], y[train])
        chance = model.predict_proba(X.iloc[test])[np.arange(len(test)), y[test]]
        of_fold.append(-2 * np.log(chance).mean())
        sizes.append(len(test))
    spread = np.average((of_fold - np.average(of_fold, weights=sizes)) ** 2, weights=sizes)
    limit = least.path_deviances_[best] + np.sqrt(spread / 4)
    expected = least.path_Cs_[least.path_deviances_ <= limit][0]
    assert one_se.C_ == expected < least.C_


@pytest.mark.parametrize("settings", [{"rule": "max"}, {"class_weight": "even"}])
def test_unknown_words_are_refused(settings):
    X, y = sample(20, 5)
    with pytest.raises(ModelError, match=next(iter(settings))):
        RidgeLogistic(**settings).fit(X, y)
