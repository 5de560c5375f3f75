"""Gaussian processes against scikit-learn's at the same kernel, and what the evidence may see."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import gaussian_process as theirs
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.unit.models.samples import cohort, noise_with_hidden_copies, resampled
from tumor_response.models.kernel import GaussianProcessClassifier, GaussianProcessRegressor
from tumor_response.models.kernel.gaussian_process import AMPLITUDES, INTERCEPT_VARIANCE
from tumor_response.models.kernel.laplace import SHAPES, laplace, shaped


@parametrize_with_checks([GaussianProcessClassifier(), GaussianProcessRegressor()])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def their_kernel(shape, amplitude: float):
    """The same kernel on rows that are centred and divided by the root of their variance."""
    both = (
        ConstantKernel(amplitude * shape.linear) * DotProduct(1e-9, "fixed")
        if shape.linear
        else None
    )
    if shape.linear < 1:
        smooth = ConstantKernel(amplitude * (1 - shape.linear)) * RBF(np.sqrt(shape.length))
        both = smooth if both is None else both + smooth
    return both


def scaled(X: pd.DataFrame) -> np.ndarray:
    centred = X.to_numpy() - X.to_numpy().mean(axis=0)
    return centred / np.sqrt((centred**2).sum(axis=1).mean())


@pytest.mark.parametrize("shape", SHAPES[::2])
@pytest.mark.parametrize("amplitude", [0.1, 10.0])
def test_evidence_is_scikit_learns(shape, amplitude):
    X, rate = cohort(40, 30)
    y = (rate > 0.5).astype(float)
    Z = scaled(X)
    kernel = their_kernel(shape, amplitude) + ConstantKernel(INTERCEPT_VARIANCE)
    # their Newton iterations stop at a step of the evidence; ours go on to the mode
    expected = theirs.GaussianProcessClassifier(kernel, optimizer=None).fit(Z, y)
    products = X.to_numpy() - X.to_numpy().mean(axis=0)
    variance = (products**2).sum(axis=1).mean()
    distances = ((Z[:, None] - Z[None]) ** 2).sum(axis=2) * variance
    mine = shaped(shape, products @ products.T, distances, variance)
    found = laplace(amplitude * mine + INTERCEPT_VARIANCE, y, np.ones(40), np.zeros(40))
    assert found.evidence == pytest.approx(expected.log_marginal_likelihood_value_, abs=1e-4)


def test_probabilities_are_scikit_learns_at_the_kernel_that_was_chosen():
    X, rate = cohort(60, 20, seed=3)
    new, _ = cohort(30, 20, seed=4)
    y = (rate > 0).astype(int)
    mine = GaussianProcessClassifier().fit(X, y)
    kernel = their_kernel(mine.shape_, mine.amplitude_) + ConstantKernel(INTERCEPT_VARIANCE)
    scale = np.sqrt(((X - X.mean()) ** 2).sum(axis=1).mean())
    expected = theirs.GaussianProcessClassifier(kernel, optimizer=None).fit(scaled(X), y)
    chance = expected.predict_proba(((new - X.mean()) / scale).to_numpy())[:, 1]
    # theirs is an approximation by five error functions
    np.testing.assert_allclose(mine.predict_proba(new)[:, 1], chance, atol=3e-3)


def test_the_best_evidence_of_the_grid_is_taken():
    X, rate = cohort(40, 5, seed=6)
    y = (rate > 0).astype(float)
    Z = scaled(X)
    best = max(
        theirs.GaussianProcessClassifier(
            their_kernel(shape, amplitude) + ConstantKernel(INTERCEPT_VARIANCE), optimizer=None
        )
        .fit(Z, y)
        .log_marginal_likelihood_value_
        for shape in SHAPES
        for amplitude in AMPLITUDES
    )
    assert GaussianProcessClassifier().fit(X, y).evidence_ == pytest.approx(best, abs=1e-4)


def test_rates_are_scikit_learns_and_their_evidence_too():
    X, rate = cohort(50, 30, seed=5)
    new, _ = cohort(20, 30, seed=6)
    mine = GaussianProcessRegressor().fit(X, rate)
    scale = np.sqrt(((X - X.mean()) ** 2).sum(axis=1).mean())
    kernel = their_kernel(mine.shape_, mine.amplitude_)
    expected = theirs.GaussianProcessRegressor(kernel, alpha=mine.noise_, optimizer=None)
    expected.fit(scaled(X), rate - rate.mean())
    predicted = rate.mean() + expected.predict(((new - X.mean()) / scale).to_numpy())
    np.testing.assert_allclose(mine.predict(new), predicted, atol=1e-6)
    assert mine.evidence_ == pytest.approx(expected.log_marginal_likelihood_value_, abs=1e-6)


@pytest.mark.parametrize("kind", [GaussianProcessClassifier, GaussianProcessRegressor])
def test_evidence_counts_a_patient_once_and_the_posterior_as_often_as_drawn(kind):
    X, rate = cohort(50, 200, strength=1.0)
    y = (rate > 0).astype(int) if kind is GaussianProcessClassifier else rate
    rows = resampled(50)
    distinct = np.unique(rows)
    copies = kind().fit(X.iloc[rows], y[rows])
    once = kind().fit(X.iloc[distinct], y[distinct])
    assert copies.shape_ == once.shape_
    assert kind is GaussianProcessRegressor or copies.evidence_ == pytest.approx(once.evidence_)
    weighted = kind().fit(X, y, sample_weight=np.bincount(rows, minlength=50))
    np.testing.assert_allclose(copies.predict(X), weighted.predict(X), atol=1e-8)


def test_evidence_of_repeated_rows_would_prefer_to_memorise():
    """Planted fault: were copies independent patients, the evidence would be sure of noise."""
    named, strangers, y = noise_with_hidden_copies()
    sure = GaussianProcessClassifier().fit(strangers, y)
    once = ~named.index.duplicated()
    fair = GaussianProcessClassifier().fit(strangers[once], y[once])
    assert sure.amplitude_ > 10 * fair.amplitude_


def test_bad_input_is_survived():
    X = pd.DataFrame({"a": np.repeat([0.0, 1.0], 10), "b": 3.0})
    y = np.repeat([0, 1], 10)
    model = GaussianProcessClassifier().fit(X, y)
    assert (model.predict(X) == y).all()
    np.testing.assert_allclose(
        GaussianProcessClassifier().fit(X[["b"]], y).predict_proba(X[["b"]]), 0.5, atol=1e-9
    )
    three = GaussianProcessClassifier().fit(X.iloc[[0, 1, 10]], y[[0, 1, 10]])
    assert 0.02 < three.predict_proba(X)[:, 1].min() < three.predict_proba(X)[:, 1].max() < 0.98
    np.testing.assert_allclose(GaussianProcessRegressor().fit(X, np.ones(20)).predict(X), 1.0)


def test_balanced_classes_raise_the_rarer_one():
    X, rate = cohort(80, 5, seed=1)
    y = (rate > 1.5).astype(int)
    plain = GaussianProcessClassifier().fit(X, y).predict_proba(X)[:, 1].mean()
    balanced = GaussianProcessClassifier("balanced").fit(X, y).predict_proba(X)[:, 1].mean()
    assert plain == pytest.approx(y.mean(), abs=0.03)
    assert balanced > plain + 0.08
