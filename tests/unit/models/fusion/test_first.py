"""Clinical first, and the clinical set as a model: against scikit-learn, R-free and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

import tumor_response as tr
from tests.unit.models.fusion.cohort import cohort, resampled
from tumor_response.exceptions import ModelError, SettingsError
from tumor_response.models import RidgeLogistic
from tumor_response.models.folds import PatientKFold
from tumor_response.models.fusion import RECIPES, ClinicalFirst, ClinicalFirstRegression
from tumor_response.models.fusion.offset_path import offset_path
from tumor_response.models.penalised import RidgeRegression
from tumor_response.models.ridge_path import newton_path
from tumor_response.transformers import BlockScaler, BlockSelector


def scaled(**changed):
    X, y, rate = cohort(**changed)
    return BlockScaler().fit_transform(X), y, rate


def parts(X):
    first = X.columns.str.startswith("clinical")
    return X.loc[:, first], X.loc[:, ~first]


# ---------------------------------------------------------------- the path with an offset


def test_without_an_offset_it_is_the_ridge_path():
    rng = np.random.default_rng(0)
    Z, label = rng.normal(size=(40, 6)), (np.arange(40) % 3 == 0).astype(float)
    weights = rng.uniform(0.5, 2, size=(3, 40))
    Cs = np.array([0.01, 1.0, 30.0])
    ours = offset_path(Z, label, np.zeros(40), weights, Cs)
    for one, other in zip(ours, newton_path(Z, label, weights, Cs), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)


def test_with_an_offset_it_is_the_optimum_that_a_general_minimiser_finds():
    rng = np.random.default_rng(1)
    Z, offset = rng.normal(size=(50, 4)), rng.normal(size=50)
    label = (rng.uniform(size=50) < expit(offset + Z[:, 0])).astype(float)
    weight = rng.uniform(0.5, 2, size=50)

    def objective(at):
        logits = offset + at[0] + Z @ at[1:]
        return weight @ (np.logaddexp(0, logits) - label * logits) + at[1:] @ at[1:] / (2 * 0.7)

    theirs = minimize(objective, np.zeros(5), method="BFGS", options={"gtol": 1e-9}).x
    ours = offset_path(Z, label, offset, weight[None, :], np.array([0.7]))[0][0]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


# ---------------------------------------------------------------- two stages


@pytest.mark.parametrize("lesions", [1, 2])
def test_two_stages_by_hand(lesions):
    X, y, _ = scaled(n=40, lesions=lesions)
    model = ClinicalFirst(Cs_first=(1.0,), Cs=(0.5,)).fit(X, y)
    clinical, rest = parts(X)
    offset = np.zeros(len(X))
    for train, test in PatientKFold(5).split(X, y):
        one = LogisticRegression(C=1.0, tol=1e-12, max_iter=5000)
        one.fit(clinical.iloc[train], y.iloc[train])
        offset[test] = one.decision_function(clinical.iloc[test])

    def objective(at):
        logits = offset + at[0] + rest.to_numpy() @ at[1:]
        return (np.logaddexp(0, logits) - y * logits).sum() + at[1:] @ at[1:]

    def slope(at):
        left = expit(offset + at[0] + rest.to_numpy() @ at[1:]) - y.to_numpy()
        return np.concatenate([[left.sum()], rest.to_numpy().T @ left + 2 * at[1:]])

    second = minimize(objective, np.zeros(rest.shape[1] + 1), jac=slope, options={"gtol": 1e-9}).x
    whole = LogisticRegression(C=1.0, tol=1e-12, max_iter=5000).fit(clinical, y)
    expected = whole.decision_function(clinical) + second[0] + rest.to_numpy() @ second[1:]
    np.testing.assert_allclose(model.decision_function(X), expected, atol=1e-4)
    np.testing.assert_allclose(
        model.decision_function(X), X.to_numpy() @ model.coef_[0] + model.intercept_[0]
    )


def test_two_stages_of_a_rate_by_hand():
    X, _, rate = scaled(n=40, lesions=2)
    model = ClinicalFirstRegression(alphas_first=(2.0,), alphas=(5.0,)).fit(X, rate)
    clinical, rest = parts(X)
    offset = np.zeros(len(X))
    for train, test in PatientKFold(5).split(X, rate):
        one = Ridge(2.0).fit(clinical.iloc[train], rate[train])
        offset[test] = one.predict(clinical.iloc[test])
    second = Ridge(5.0).fit(rest, rate - offset)
    expected = Ridge(2.0).fit(clinical, rate).predict(clinical) + second.predict(rest)
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-8)


@pytest.mark.parametrize("kind", [ClinicalFirst, ClinicalFirstRegression])
def test_weights_are_repeated_rows_and_zero_is_none(kind):
    X, y, rate = scaled(n=40)
    target = y if kind is ClinicalFirst else pd.Series(rate, index=X.index)
    weight = np.random.default_rng(0).integers(0, 4, size=40)
    weight[:2] = 1
    ours = kind().fit(X, target, sample_weight=weight)
    rows = np.repeat(np.arange(40), weight)
    theirs = kind().fit(X.iloc[rows], target.iloc[rows])
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)
    assert ours.tuned_


def test_where_the_rest_says_nothing_the_clinical_model_stays():
    worse = []
    for seed in range(4):
        X, y, _ = scaled(n=160, seed=seed, clinical=2.5, deep=0.0)
        train, test = X.iloc[::2], X.iloc[1::2]
        rows = resampled(train, seed)
        fused = ClinicalFirst().fit(train.iloc[rows], y.iloc[::2].iloc[rows])
        alone = RidgeLogistic().fit(parts(train.iloc[rows])[0], y.iloc[::2].iloc[rows])
        truth = y.iloc[1::2]
        with_rest = roc_auc_score(truth, fused.decision_function(test))
        worse.append(roc_auc_score(truth, alone.decision_function(parts(test)[0])) - with_rest)
    assert np.mean(worse) < 0.03


def test_fitted_offsets_would_leave_the_rest_less_to_explain():
    """The planted fault: many clinical columns of no use, whose fitted values are too good."""
    rng = np.random.default_rng(0)
    X, y, _ = cohort(60, deep=2.0, clinical=0.0)
    for i in range(30):
        X[f"clinical__noise_{i}"] = rng.normal(size=60)
    X = BlockScaler().fit_transform(X)
    model = ClinicalFirst(Cs_first=(100.0,), Cs=(1.0,)).fit(X, y)
    clinical, rest = parts(X)
    fitted = RidgeLogistic((100.0,)).fit(clinical, y).decision_function(clinical)
    naive = offset_path(rest.to_numpy(), y.to_numpy(), fitted, np.ones((1, 60)), np.array([1.0]))[
        0
    ][0]
    kept = model.coef_[0, ~X.columns.str.startswith("clinical")]
    assert np.linalg.norm(naive[1:]) < 0.5 * np.linalg.norm(kept)


@pytest.mark.parametrize("kind", [ClinicalFirst, ClinicalFirstRegression])
def test_stages_that_are_empty_are_the_other_stage_alone(kind):
    X, y, rate = scaled(n=30)
    target = y if kind is ClinicalFirst else rate
    single = RidgeLogistic if kind is ClinicalFirst else RidgeRegression
    clinical, rest = parts(X)
    score = "decision_function" if kind is ClinicalFirst else "predict"
    no_first = kind().fit(rest, target)
    assert no_first.first_ is None
    expected = getattr(single().fit(rest, target), score)(rest)
    np.testing.assert_allclose(getattr(no_first, score)(rest), expected, atol=1e-6)
    no_rest = kind().fit(clinical, target)
    expected = getattr(single().fit(clinical, target), score)(clinical)
    ours = getattr(no_rest, score)(clinical)
    assert np.ptp(ours - expected) == pytest.approx(0, abs=1e-6)


def test_few_patients_are_untuned_and_bad_input_is_refused():
    X, _, _ = scaled(n=8)
    model = ClinicalFirst().fit(X, np.array([1.0] + [0.0] * 7))
    assert model.tuned_ is False
    assert np.isfinite(model.predict_proba(X)).all()
    assert ClinicalFirst(Cs=(1.0,)).fit(X, np.arange(8) % 2).tuned_ is None
    with pytest.raises(ModelError, match="Cs"):
        ClinicalFirst(Cs=(0.0,)).fit(X, np.arange(8) % 2)
    with pytest.raises(ModelError, match="list of one block"):
        ClinicalFirst(first="clinical").fit(X, np.arange(8) % 2)
    with pytest.raises(ModelError, match="DataFrame"):
        ClinicalFirst().fit(X.to_numpy(), np.arange(8) % 2)
    with pytest.raises(ValueError, match="one class"):
        ClinicalFirst().fit(X, np.ones(8))
    bad = X.copy()
    bad.iloc[0, 3] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        ClinicalFirst().fit(bad, np.arange(8) % 2)


# ---------------------------------------------------------------- recipes


@pytest.mark.parametrize("outcome", ["response", "rate"])
@pytest.mark.parametrize("name", ["late_fusion", "clinical_first", "clinical_set"])
def test_every_recipe_fits_repeats_itself_and_takes_weights(name, outcome):
    recipe = RECIPES[name, outcome]
    X, y, rate = cohort(30)
    target = y if outcome == "response" else pd.Series(rate, index=X.index)
    model = recipe.make(recipe.settings(), None, 0)
    last = model.steps[-1][0]
    assert last == ("classify" if outcome == "response" else "regress")
    weight = {f"{last}__sample_weight": np.ones(30)}
    first, second = clone(model).fit(X, target, **weight), clone(model).fit(X, target, **weight)
    score = "decision_function" if outcome == "response" else "predict"
    ours = getattr(first, score)(X)
    assert ours.tobytes() == getattr(second, score)(X).tobytes()
    assert np.corrcoef(ours, rate)[0, 1] > 0.2


def test_clinical_first_needs_the_clinical_block_and_another_before_any_fit():
    recipe = RECIPES["clinical_first", "response"]
    X, y, _ = cohort(30)
    for blocks in (["deep"], ["clinical"]):
        with pytest.raises(ModelError, match="'clinical' and one or more others") as error:
            recipe.make(recipe.settings(), blocks, 0).fit(X, y)
        assert error.value.code == "missing_block"
    without = X.drop(columns=[c for c in X if c.startswith("clinical")])
    with pytest.raises(tr.exceptions.EvaluationError) as refused:
        tr.evaluate({"m": recipe.make(recipe.settings(), None, 0)}, without, y)
    assert refused.value.code == "missing_block"
    with pytest.raises(SettingsError, match="first"):
        recipe.settings(first=())
    assert BlockSelector(["clinical"]).required == ()


def test_the_clinical_set_is_a_model_that_encodes_in_the_fold():
    recipe = RECIPES["clinical_set", "response"]
    X, y, _ = cohort(60, clinical=2.0, deep=0.0)
    X["clinical__cT"] = pd.Categorical(["T1", "T2", "T3", "T4a", "Tx", "T2"] * 10)
    X["clinical__p16"] = pd.Categorical(["pos", "neg", "unknown"] * 20)
    result = tr.evaluate(
        {"set": recipe.make(recipe.settings(), None, 0)},
        X,
        y,
        scheme=tr.Bootstrap632Plus(n_resamples=5, seed=0),
    )
    assert result.summary().loc["set", "auc_oob"] > 0.7
    fitted = recipe.make(recipe.settings(), None, 0).fit(X, y)
    assert list(fitted["clinical_set"].found_) == ["volume", "age", "t_stage", "hpv"]
    with pytest.raises(SettingsError, match="grade"):
        recipe.settings(columns={"grade": "clinical__g"})
    said = recipe.make(recipe.settings(columns={"hpv": None}), None, 0).fit(X, y)
    assert said["clinical_set"].absent_ == ["n_stage", "site", "hpv", "chemotherapy", "dose_gy"]
