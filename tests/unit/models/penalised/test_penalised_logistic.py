"""PenalisedLogistic against scikit-learn, its own optimality conditions and a plain script."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.unit.models.linear_cohort import cohort, drawn
from tumor_response.exceptions import ModelError
from tumor_response.models import PatientKFold, PenalisedLogistic


@parametrize_with_checks([PenalisedLogistic(0.7, Cs=(0.1, 0.3))])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("C", [0.1, 0.4, 3.0])
def test_it_is_scikit_learns_saga_behind_a_scaler(l1_ratio, C):
    X, y, _ = cohort(80, 40)
    scaler = StandardScaler().fit(X)
    theirs = LogisticRegression(C=C, l1_ratio=l1_ratio, solver="saga", tol=1e-12, max_iter=200_000)
    theirs.fit(scaler.transform(X), y)
    mine = PenalisedLogistic(l1_ratio, Cs=(C,)).fit(X, y)
    np.testing.assert_allclose(mine.coef_ * scaler.scale_, theirs.coef_, atol=1e-6)
    assert (mine.coef_ != 0).tolist() == (theirs.coef_ != 0).tolist()
    expected = theirs.decision_function(scaler.transform(X))
    np.testing.assert_allclose(mine.decision_function(X), expected, atol=1e-6)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("noise", [1.0, 0.01])
def test_the_conditions_of_the_optimum_hold_at_more_columns_than_rows(l1_ratio, noise):
    """The definition itself, also where columns are all but copies of each other."""
    X, y, _ = cohort(60, 300, noise=noise)
    X, y = drawn(X, y)
    for C in (0.02, 0.1, 1.0, 10.0):
        model = PenalisedLogistic(l1_ratio, Cs=(C,)).fit(X, y)
        scaler = StandardScaler().fit(X)
        b = model.coef_[0] * scaler.scale_
        residual = model.predict_proba(X)[:, 1] - y
        slope = C * residual @ scaler.transform(X) + (1 - l1_ratio) * b
        inside = b != 0
        np.testing.assert_allclose(slope[inside], -l1_ratio * np.sign(b[inside]), atol=1e-7)
        assert np.abs(slope[~inside]).max() < l1_ratio + 1e-7
        assert abs(residual.sum()) < 1e-7
        assert model.n_selected_ == inside.sum()


def test_the_tuned_penalty_is_that_of_a_plain_script():
    X, y, _ = cohort(60, 20, signal=1.0)
    X, y = drawn(X, y)
    model = PenalisedLogistic(random_state=4).fit(X, y)
    Z = pd.DataFrame(StandardScaler().fit_transform(X), index=X.index)
    # not where nothing is in: there saga stops before its intercept has settled
    for place in (8, 14, 20):
        total = 0.0
        for train, test in PatientKFold(5, random_state=4).split(X, y):
            plain = LogisticRegression(
                C=model.path_Cs_[place], l1_ratio=1.0, solver="saga", tol=1e-9, max_iter=100_000
            )
            chance = plain.fit(Z.iloc[train], y[train]).predict_proba(Z.iloc[test])[:, 1]
            total -= 2 * np.log(np.where(y[test] == 1, chance, 1 - chance)).sum()
        assert model.path_deviances_[place] == pytest.approx(total / len(y), rel=1e-6)
    best = np.argmin(model.path_deviances_)
    assert model.path_Cs_[best] == model.C_
    assert model.tuned_ is True
    assert 0 < best < len(model.path_Cs_) - 1


def test_the_default_path_begins_where_nothing_is_left_in():
    X, y, _ = cohort(60, 100)
    C = PenalisedLogistic(0.5).fit(X, y).path_Cs_
    assert len(C) == 30
    assert C[-1] / C[0] == pytest.approx(50)
    assert PenalisedLogistic(0.5, Cs=(C[0] * 0.999,)).fit(X, y).n_selected_ == 0
    assert PenalisedLogistic(0.5, Cs=(C[0] * 1.01,)).fit(X, y).n_selected_ == 1


def test_weights_are_repeats_and_row_order_does_not_matter():
    X, y, _ = cohort(40, 100)
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    repeated = np.repeat(np.arange(len(y)), weight)
    order = np.random.default_rng(1).permutation(repeated)
    weighted = PenalisedLogistic().fit(X, y, sample_weight=weight)
    plain = PenalisedLogistic().fit(X.iloc[order], y[order])
    assert pytest.approx(plain.C_) == weighted.C_
    np.testing.assert_allclose(weighted.coef_, plain.coef_, atol=1e-7)


def test_copies_of_a_patient_do_not_flatter_weak_penalties():
    """Planted fault: columns of noise, and folds that split copies prefer to memorise."""
    X, _, _ = cohort(60, 300)
    y = np.random.default_rng(0).integers(0, 2, 60)
    named, y = drawn(X, y, times=2)
    unnamed = named.to_numpy() + 1e-9 * np.random.default_rng(1).normal(size=named.shape)
    grouped, split = PenalisedLogistic().fit(named, y), PenalisedLogistic().fit(unnamed, y)
    coin = 2 * np.log(2)
    assert split.path_deviances_.min() < 0.8 * coin  # labels are random: nothing to be known
    assert grouped.path_deviances_.min() > 0.97 * coin


def test_one_standard_error_takes_a_stronger_penalty():
    X, y, _ = cohort(80, 100, signal=2.0)
    least, one_se = (PenalisedLogistic(rule=rule).fit(X, y) for rule in ("min", "one_se"))
    assert one_se.C_ < least.C_
    assert one_se.n_selected_ < least.n_selected_


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_with_nothing_to_find_the_path_stays_at_its_strong_end(l1_ratio):
    """Random labels: in most samples nothing, or next to nothing, is taken in."""
    places = []
    for seed in range(10):
        X, _, _ = cohort(40, 80, seed=seed)
        y = np.random.default_rng(seed).permutation(np.arange(40) % 2)
        model = PenalisedLogistic(l1_ratio).fit(X, y)
        places.append(model.path_Cs_.tolist().index(model.C_))
    assert np.median(places) <= 2
    assert np.mean(places) < 8


def test_perfect_separation_is_no_obstacle():
    X = np.r_[-np.ones((10, 2)), np.ones((10, 2))] + 0.1 * np.arange(40).reshape(20, 2)
    y = np.r_[np.zeros(10), np.ones(10)]
    for model in (PenalisedLogistic(), PenalisedLogistic(Cs=(1e5,))):
        model.fit(X, y)
        assert np.isfinite(model.coef_).all()
        assert (model.predict(X) == y).all()


def test_constant_and_copied_columns_are_left_alone():
    X, y, _ = cohort(60, 5, signal=2.0)
    plain = PenalisedLogistic(Cs=(0.3,)).fit(X, y)
    wider = X.assign(constant=1e7 + 0.1, again=X["deep__0"])
    model = PenalisedLogistic(Cs=(0.3,)).fit(wider, y)
    assert model.coef_[0, 5] == 0
    np.testing.assert_allclose(model.predict_proba(wider), plain.predict_proba(X), atol=1e-7)
    nothing = PenalisedLogistic().fit(np.ones((40, 3)), np.r_[np.zeros(10), np.ones(30)])
    np.testing.assert_allclose(nothing.predict_proba(np.ones((2, 3)))[:, 1], 0.75, atol=1e-9)


def test_balanced_classes_weigh_the_same():
    X, y, _ = cohort(80, 30, signal=2.0)
    y[np.nonzero(y)[0][10:]] = 0
    theirs = LogisticRegression(
        C=0.5, l1_ratio=1.0, solver="saga", class_weight="balanced", tol=1e-12, max_iter=200_000
    )
    weight = np.where(y == 1, len(y) / (2 * y.sum()), len(y) / (2 * (1 - y).sum()))
    centre = np.average(X, axis=0, weights=weight)
    scale = np.sqrt(np.average((X - centre) ** 2, axis=0, weights=weight))
    Z = (X.to_numpy() - centre) / scale
    mine = PenalisedLogistic(Cs=(0.5,), class_weight="balanced").fit(X, y)
    expected = theirs.fit(Z, y).decision_function(Z)
    np.testing.assert_allclose(mine.decision_function(X), expected, atol=1e-6)
    named = PenalisedLogistic(Cs=(0.5,), class_weight={0: weight.min(), 1: weight.max()})
    np.testing.assert_allclose(named.fit(X, y).coef_, mine.coef_, atol=1e-9)


def test_one_patient_in_a_class_takes_the_strongest_penalty_and_says_so():
    X, _, _ = cohort(30, 20)
    y = np.zeros(30, dtype=int)
    y[4] = 1
    model = PenalisedLogistic().fit(X, y)
    assert model.tuned_ is False
    assert model.n_selected_ == 0
    assert np.isnan(model.path_deviances_).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"Cs": ()},
        {"Cs": (-1.0,)},
        {"n_inner_folds": 1},
        {"l1_ratio": 0.0},
        {"l1_ratio": 1.1},
        {"rule": "max"},
        {"class_weight": "even"},
        {"class_weight": {0: 0.0}},
    ],
)
def test_impossible_settings_are_refused(settings):
    X, y, _ = cohort(20, 5)
    with pytest.raises(ModelError):
        PenalisedLogistic(**settings).fit(X, y)
