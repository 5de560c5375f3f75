"""A reduction and a ridge regression tuned as one: what it equals, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

import tumor_response as tr
from tumor_response.exceptions import ModelError, SettingsError
from tumor_response.models import LogisticSettings, ReducedRidgeLogistic, RidgeLogistic
from tumor_response.models.folds import PatientKFold
from tumor_response.transformers import BlockPCA, BlockPLS

REDUCTIONS = ("pca", "pls", "supervised_pca", "mrmr")


def table(n: int = 60, p: int = 150, seed: int = 0, lesions: int = 1):
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"P{i:02d}" for i in range(n)], [str(k) for k in range(lesions)]],
        names=["patient_id", "lesion_id"],
    )
    hidden = rng.normal(size=(len(index), 6))
    deep = hidden @ rng.normal(size=(6, p)) + rng.normal(size=(len(index), p))
    X = pd.DataFrame(deep, index=index, columns=[f"deep__n__{i:03d}" for i in range(p)])
    X.insert(0, "clinical__age", rng.normal(60, 9, len(index)))
    y = (hidden[:, 2] + rng.normal(size=len(index)) > 0).astype(float)
    return X, pd.Series(y, index=index, name="responder")


def test_fixed_penalty_is_scikit_learns_logistic_regression_on_the_components():
    X, y = table()
    model = ReducedRidgeLogistic(BlockPCA(4), Cs=(0.7,)).fit(X, y)
    Z = BlockPCA(4).fit_transform(X)
    theirs = LogisticRegression(C=0.7, tol=1e-12, max_iter=10_000).fit(Z, y)
    np.testing.assert_allclose(model.decision_function(X), theirs.decision_function(Z), atol=1e-6)
    assert model.tuned_ is None
    assert np.isnan(model.path_deviances_).all()


@pytest.mark.parametrize("reduction", [BlockPLS(2), BlockPCA(5)], ids=lambda r: type(r).__name__)
def test_the_path_is_that_of_pipelines_refitted_in_each_patient_fold(reduction):
    X, y = table(30, 60, lesions=2)
    Cs = (0.01, 1.0, 100.0)
    model = ReducedRidgeLogistic(reduction, Cs=Cs, n_inner_folds=4).fit(X, y)
    deviances = []
    for C in Cs:
        total = 0.0
        for train, held_out in PatientKFold(4).split(X, y):
            assert not set(X.index[train].droplevel(1)) & set(X.index[held_out].droplevel(1))
            line = Pipeline([("r", clone(reduction)), ("c", RidgeLogistic(Cs=(C,)))])
            p = line.fit(X.iloc[train], y.iloc[train]).predict_proba(X.iloc[held_out])[:, 1]
            t = y.iloc[held_out]
            total -= 2 * (t * np.log(p) + (1 - t) * np.log(1 - p)).sum()
        deviances.append(total / len(y))
    np.testing.assert_allclose(model.path_deviances_, deviances, rtol=1e-6)
    assert Cs[int(np.argmin(deviances))] == model.C_


def test_a_penalty_tuned_behind_pls_is_weaker_than_one_tuned_with_it():
    """Held-out rows that PLS has seen are no held-out rows."""
    rng = np.random.default_rng(0)
    X, _ = table()
    y = pd.Series(rng.permutation(np.arange(len(X)) % 2), X.index)  # nothing to find
    behind = RidgeLogistic().fit(BlockPLS(3).fit_transform(X, y), y)
    with_it = ReducedRidgeLogistic(BlockPLS(3)).fit(X, y)
    assert behind.C_ >= 30 * with_it.C_


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_make_model_reduces_and_stands_in_an_evaluation(reduction):
    X, y = table()
    X = X.assign(clinical__site=pd.Categorical(list("abc") * 20), deep__constant=1.0)
    X.iloc[4, 7] = np.nan
    model = tr.make_model("logistic", reduction=reduction)
    result = tr.evaluate({"m": model}, X, y, tr.Bootstrap632Plus(n_resamples=4))
    assert result.summary().loc["m", "auc_oob"] > 0.6
    fitted = clone(model).fit(X, y)
    final = fitted[-1]
    assert final.coef_.shape == (1, fitted[:-1].transform(X).shape[1])
    names = [str(name) for name in final.reduction_.get_feature_names_out()]
    clinical = ["clinical__age", *(f"clinical__site={level}" for level in "abc")]
    assert [name for name in names if name.startswith("clinical")] == clinical
    assert len(names) < 30
    again = clone(model).fit(X.copy(), y.copy())
    assert again[-1].coef_.tobytes() == final.coef_.tobytes()
    assert fitted.predict(X).tolist() == (fitted.predict_proba(X)[:, 1] > 0.5).tolist()


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_bytes_of_an_evaluation_do_not_depend_on_n_jobs(reduction):
    X, y = table(30, 60)
    model, scheme = (
        tr.make_model("logistic", reduction=reduction),
        tr.Bootstrap632Plus(n_resamples=4),
    )
    one, two = (tr.evaluate({"m": model}, X, y, scheme, n_jobs=n) for n in (1, 2))
    pd.testing.assert_frame_equal(one.scores, two.scores, check_exact=True)


def test_too_few_patients_to_tune_are_counted():
    X, _ = table(20)
    y = pd.Series(np.r_[1.0, 1.0, np.zeros(18)], X.index)
    model = tr.make_model("logistic", reduction="pls")
    result = tr.evaluate({"m": model}, X, y, tr.Bootstrap632Plus(n_resamples=10))
    assert result.summary().loc["m", "n_untuned"] > 0


def test_settings_without_effect_are_refused():
    assert LogisticSettings(reduction="mrmr").columns == 20
    assert LogisticSettings(reduction="pls", n_components=2).components == 2
    assert LogisticSettings().components == LogisticSettings().columns == 0
    for settings, message in (
        ({"n_components": 3}, "no effect with reduction='none'"),
        ({"reduction": "pca", "n_columns": 3}, "no effect.*'supervised_pca', 'mrmr'"),
        ({"reduction": "mrmr", "n_components": 3}, "no effect"),
        ({"reduction": "umap"}, "reduction"),
        ({"reduction": "pca", "n_components": 0}, "n_components"),
        ({"reduction": "supervised_pca", "n_columns": 2}, "n_columns=2"),
    ):
        with pytest.raises(SettingsError, match=message):
            tr.make_model("logistic", **settings)


def test_what_cannot_be_fitted_is_refused():
    X, y = table()
    with pytest.raises(ModelError, match="DataFrame"):
        ReducedRidgeLogistic(BlockPCA()).fit(X.to_numpy(), y)
    with pytest.raises(ModelError, match="two classes"):
        ReducedRidgeLogistic(BlockPCA()).fit(X, y * 0)
    with pytest.raises(ModelError, match="Cs="):
        ReducedRidgeLogistic(BlockPCA(), Cs=()).fit(X, y)
    with pytest.raises(ModelError, match="n_inner_folds"):
        ReducedRidgeLogistic(BlockPCA(), n_inner_folds=1).fit(X, y)
    with pytest.raises(ModelError, match="missing or infinite"):
        ReducedRidgeLogistic(BlockPCA()).fit(X.where(X < 2), y)
    fitted = ReducedRidgeLogistic(BlockPCA()).fit(X, y)
    with pytest.raises(ModelError, match="deep__n__003"):
        fitted.predict_proba(X.drop(columns="deep__n__003"))


def test_weights_repeat_rows_in_the_reduction_as_well():
    X, y = table(40, 60)
    weight = np.random.default_rng(0).integers(0, 3, 40)
    rows = np.repeat(np.arange(40), weight)
    weighted = ReducedRidgeLogistic(BlockPLS(2)).fit(X, y, sample_weight=weight)
    plain = ReducedRidgeLogistic(BlockPLS(2)).fit(X.iloc[rows], y.iloc[rows])
    np.testing.assert_allclose(weighted.coef_, plain.coef_, atol=1e-9)
    with pytest.raises(ModelError, match="whole numbers") as error:
        ReducedRidgeLogistic(BlockPLS(2)).fit(X, y, sample_weight=weight + 0.5)
    assert error.value.code == "sample_weight"


def test_balanced_classes_are_weights_of_the_regression():
    X, _ = table()
    y = pd.Series((np.arange(60) % 4 == 0).astype(float), X.index)
    model = ReducedRidgeLogistic(BlockPCA(3), Cs=(0.5,), class_weight="balanced").fit(X, y)
    Z = BlockPCA(3).fit_transform(X)
    theirs = LogisticRegression(C=0.5, class_weight="balanced", tol=1e-12, max_iter=10_000)
    expected = theirs.fit(Z, y).decision_function(Z)
    np.testing.assert_allclose(model.decision_function(X), expected, atol=1e-6)
