"""Linear support vector machines against scikit-learn's, and against folds that split copies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_predict
from sklearn.svm import SVC, SVR
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.unit.models.samples import cohort, noise_with_hidden_copies, resampled
from tumor_response.exceptions import ModelError
from tumor_response.models import PatientKFold
from tumor_response.models.kernel import LinearSVMClassifier, LinearSVMRegressor
from tumor_response.models.platt import fit_sigmoid


@parametrize_with_checks([LinearSVMClassifier(Cs=(0.1,)), LinearSVMRegressor(Cs=(0.1,))])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("n", "p"), [(60, 200), (60, 10)])
@pytest.mark.parametrize("C", [0.01, 1.0])
def test_coefficients_are_those_of_svc(n, p, C):
    X, rate = cohort(n, p)
    X, y = X / np.sqrt(p), (rate > 0).astype(int)
    rows = resampled(n)
    X, y = X.iloc[rows], y[rows]
    expected = SVC(kernel="linear", C=C, tol=1e-9).fit(X, y)
    mine = LinearSVMClassifier(Cs=(C,)).fit(X, y)
    scale = np.abs(expected.coef_).max()
    np.testing.assert_allclose(
        mine.coef_ / mine.sigmoid_.slope, expected.coef_, atol=1e-3 * scale, rtol=0
    )
    scores = (mine.decision_function(X) - mine.sigmoid_.offset) / mine.sigmoid_.slope
    np.testing.assert_allclose(scores, expected.decision_function(X), atol=2e-3)


def test_c_and_sigmoid_are_those_of_a_plain_script_on_patient_grouped_folds():
    X, rate = cohort(50, 80, seed=2)
    X, y = X / np.sqrt(80), (rate > 0).astype(int)
    Cs = (0.01, 0.1, 1.0)
    sigmoids, deviances = [], []
    for C in Cs:
        scores = cross_val_predict(
            SVC(kernel="linear", C=C, tol=1e-9),
            X,
            y,
            cv=PatientKFold(5, random_state=3),
            method="decision_function",
        )
        sigmoid = fit_sigmoid(scores, y.astype(float), np.ones(50))
        chance = 1 / (1 + np.exp(-sigmoid.slope * scores - sigmoid.offset))
        deviances.append(-2 * np.log(np.where(y == 1, chance, 1 - chance)).mean())
        sigmoids.append(sigmoid)
    mine = LinearSVMClassifier(Cs, random_state=3).fit(X, y)
    np.testing.assert_allclose(mine.path_deviances_, deviances, atol=1e-4)
    assert Cs[int(np.argmin(deviances))] == mine.C_
    np.testing.assert_allclose(mine.sigmoid_, sigmoids[int(np.argmin(deviances))], rtol=5e-3)


def test_copies_of_a_patient_do_not_make_the_sigmoid_sure():
    """Planted fault: folds that split copies meet every held-out patient in training."""
    named, strangers, y = noise_with_hidden_copies()
    grouped = LinearSVMClassifier().fit(named, y)
    split = LinearSVMClassifier().fit(strangers, y)
    spread = {m: np.ptp(m.predict_proba(named)[:, 1]) for m in (grouped, split)}
    assert split.path_deviances_.min() < 0.7 * 2 * np.log(2)  # random labels, foretold
    assert spread[split] > 0.7
    assert grouped.path_deviances_.min() > 1.3
    assert spread[grouped] < 0.5


@pytest.mark.parametrize("kind", [LinearSVMClassifier, LinearSVMRegressor])
def test_weights_are_repeats_and_zero_is_absence(kind):
    X, rate = cohort(40, 30)
    y = (rate > 0).astype(int) if kind is LinearSVMClassifier else rate
    weight = np.random.default_rng(0).integers(0, 4, 40)
    repeated = np.repeat(np.arange(40), weight)
    weighted = kind().fit(X, y, sample_weight=weight)
    plain = kind().fit(X.iloc[repeated], y[repeated])
    np.testing.assert_array_equal(weighted.coef_, plain.coef_)


def test_balanced_classes_move_the_margin_as_in_svc():
    X, rate = cohort(80, 5, seed=1)
    y = (rate > 1.5).astype(int)
    expected = SVC(kernel="linear", C=1.0, class_weight="balanced", tol=1e-9).fit(X, y)
    mine = LinearSVMClassifier(Cs=(1.0,), class_weight="balanced").fit(X, y)
    np.testing.assert_allclose(
        mine.coef_ / mine.sigmoid_.slope, expected.coef_, atol=2e-3 * np.abs(expected.coef_).max()
    )
    plain = LinearSVMClassifier(Cs=(1.0,)).fit(X, y)
    assert mine.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.1


@pytest.mark.parametrize("C", [0.01, 1.0])
def test_rates_are_those_of_svr(C):
    X, rate = cohort(60, 100, seed=4)
    X, rate = X / 10, 3 + 50 * rate
    expected = SVR(kernel="linear", C=C, epsilon=0.1, tol=1e-9)
    expected.fit(X, (rate - rate.mean()) / rate.std())
    mine = LinearSVMRegressor(Cs=(C,)).fit(X, rate)
    assert mine.tuned_ is None
    np.testing.assert_allclose(
        mine.predict(X), rate.mean() + rate.std() * expected.predict(X), atol=1e-3 * rate.std()
    )


def test_one_patient_in_a_class_says_untuned_and_all_but_the_prior():
    X, _ = cohort(30, 50)
    y = np.zeros(30, dtype=int)
    y[4] = 1
    model = LinearSVMClassifier().fit(X, y)
    assert model.tuned_ is False
    assert model.C_ == 0.01
    assert np.ptp(model.predict_proba(X)[:, 1]) < 0.01


def test_separation_and_constant_columns_are_no_obstacle():
    X = pd.DataFrame({"a": np.repeat([0.0, 1.0], 10), "b": 3.0})
    y = np.repeat([0, 1], 10)
    model = LinearSVMClassifier().fit(X, y)
    assert (model.predict(X) == y).all()
    assert np.isfinite(model.coef_).all()
    flat = LinearSVMClassifier().fit(X[["b"]], y)
    np.testing.assert_allclose(flat.predict_proba(X[["b"]]), 0.5)
    np.testing.assert_allclose(LinearSVMRegressor().fit(X, np.ones(20)).predict(X), 1.0)


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (LinearSVMClassifier(Cs=()), "Cs"),
        (LinearSVMClassifier(n_inner_folds=1), "n_inner_folds"),
        (LinearSVMRegressor(epsilon=-1.0), "epsilon"),
    ],
)
def test_impossible_parameters_are_refused(model, what):
    X, rate = cohort(20, 3)
    with pytest.raises(ModelError, match=what):
        model.fit(X, (rate > 0).astype(int))
