"""Weights of deep columns: against finite differences of the model's own log-odds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer

import tumor_response as tr
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.slopes import LEAST_DISTANCE
from tumor_response.explanation.attention.weights import embedding_weights
from tumor_response.transformers import MedianImputer


def cohort(n: int = 60, n_deep: int = 25) -> tuple[pd.DataFrame, np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"P{i}" for i in range(n)], ["1"]], names=["patient_id", "lesion_id"]
    )
    deep = [f"deep__n__{i:04d}" for i in range(n_deep)]
    X = pd.DataFrame(rng.normal(size=(n, n_deep)), index, deep)
    X.insert(0, "clinical__age", rng.normal(60, 9, n))
    X["clinical__stage"] = pd.Categorical(["a", "b", "c"] * (n // 3))
    X["meta__site"] = ["A", "B"] * (n // 2)
    X.iloc[0, 3] = 40.0  # held by the scaling
    X.iloc[1, 5] = np.nan
    y = (X[deep[0]] + X[deep[1]] + 0.5 * rng.normal(size=n) > 0).to_numpy(dtype=int)
    return X, y, deep


def differences(fitted, X, columns, step=1e-5):
    found = []
    for column in columns:
        ends = []
        for sign in (1, -1):
            moved = X.copy()
            moved[column] += sign * step
            ends.append(fitted.decision_function(moved))
        found.append((ends[0] - ends[1]) / (2 * step))
    return np.column_stack(found)


MODELS = [
    ("logistic", {"Cs": (1.0,)}),
    ("logistic", {"Cs": (1.0,), "reduction": "pca", "n_components": 3}),
    ("logistic", {"Cs": (1.0,), "reduction": "pls", "n_components": 2}),
    ("logistic", {"Cs": (1.0,), "harmonise": "site_zscore"}),
    ("svm", {}),
    ("pls_da", {}),
    ("clinical_first", {}),
    ("late_fusion", {}),
]


@pytest.mark.parametrize(("name", "settings"), MODELS, ids=lambda value: str(value))
def test_linear_weights_are_the_slopes_of_the_models_own_log_odds(name, settings):
    X, y, deep = cohort()
    fitted = tr.make_model(name, **settings).fit(X, y)
    found = embedding_weights(fitted, deep, table=X, in_sample=True)
    rows = X.loc[found.weights.index]
    np.testing.assert_allclose(found.outputs, fitted.decision_function(rows), atol=1e-9)
    expected = differences(fitted, rows, deep[:8])
    np.testing.assert_allclose(found.weights.iloc[:, :8], expected, atol=1e-7)
    assert found.weights.to_numpy().any()
    assert found.without == {("P1", "1"): "deep_values_missing"}
    if "reduction" not in settings and "harmonise" not in settings:
        assert found.weights.loc[("P0", "1"), deep[2]] == 0  # where scaling holds, nothing moves
        assert (found.held_share == 0).all()


def test_a_step_of_scikit_learn_that_bends_each_column_is_followed():
    X, y, deep = cohort()
    X = X[deep]
    model = make_pipeline(MedianImputer(), PowerTransformer(), LogisticRegression())
    fitted = model.set_output(transform="pandas").fit(X, y)
    found = embedding_weights(fitted, deep, table=X, in_sample=True)
    rows = X.loc[found.weights.index]
    expected = differences(fitted, rows, deep[:5])
    np.testing.assert_allclose(found.weights.iloc[:, :5], expected, atol=1e-5)


def test_trees_weights_times_distances_are_their_shap_values():
    X, y, deep = cohort()
    fitted = tr.make_model("xgboost", early_stopping="none", n_estimators=40).fit(X, y)
    found = embedding_weights(fitted, deep, table=X, in_sample=True)
    rows = X.loc[found.weights.index]
    shap = tr.explain(fitted, X, in_sample=True).values.loc[rows.index, deep]
    filled = X[deep].fillna(X[deep].median())
    distance = rows[deep] - filled.mean()
    far = (distance.abs() > LEAST_DISTANCE * filled.std(ddof=0)).to_numpy()
    product = (found.weights * distance).to_numpy()
    np.testing.assert_allclose(product[far], shap.to_numpy()[far], atol=1e-9)
    # near the mean the weight is held down: never more than the SHAP value, and of its sign
    assert (np.abs(product) <= np.abs(shap) + 1e-9).all(axis=None)
    assert 0 < found.held_share.max() <= 1


def test_out_of_bag_weights_are_means_over_the_models_that_had_not_seen_the_patient():
    X, y, deep = cohort(n=36)
    X = X.drop(columns="meta__site")
    model = tr.make_model("logistic", Cs=(1.0,))
    y = pd.Series(y.astype(float), X.index)
    scheme = tr.Bootstrap632Plus(n_resamples=4, seed=0)
    result = tr.evaluate({"m": model}, X, y, scheme, failed="impute")
    found = embedding_weights(result, deep, name="m")
    totals = {key: [] for key in X.index}
    for resample in result.resamples:
        rows = X.iloc[resample.train]
        fitted = tr.make_model("logistic", Cs=(1.0,)).fit(rows, y.iloc[resample.train])
        left_out = X.iloc[resample.test].dropna()
        slope = differences(fitted, left_out, deep[:2])
        for key, one in zip(left_out.index, slope, strict=True):
            totals[key].append(one)
    expected = {key: np.mean(each, axis=0) for key, each in totals.items() if each}
    assert list(found.weights.index) == [key for key in X.index if key in expected]
    for key in found.weights.index:
        np.testing.assert_allclose(found.weights.loc[key][:2], expected[key], atol=1e-7)
        assert found.n_out_of_bag[key] == len(totals[key])
    never = {key for key, each in totals.items() if not each and key != ("P1", "1")}
    assert {k for k, code in found.without.items() if code == "never_out_of_bag"} == never
    assert found.mode == "out_of_bag"


def test_what_has_no_slope_is_refused():
    X, y, deep = cohort()
    X = X[deep].fillna(0.0)
    for name, settings in (("random_forest", {"n_trees": 5}), ("gaussian_process", {})):
        fitted = tr.make_model(name, **settings).fit(X, y)
        with pytest.raises(ExplanationError) as caught:
            embedding_weights(fitted, deep, table=X, in_sample=True)
        assert caught.value.code == "no_gradient_path"


def test_wrong_calls_are_refused_by_name():
    X, y, deep = cohort()
    model = tr.make_model("logistic", Cs=(1.0,))
    fitted = tr.make_model("logistic", Cs=(1.0,)).fit(X, y)
    clinical = tr.make_model("logistic", Cs=(1.0,), blocks=["clinical"]).fit(X, y)
    calls = {
        "not_fitted": lambda: embedding_weights(model, deep, table=X, in_sample=True),
        "in_sample_not_said": lambda: embedding_weights(fitted, deep, table=X),
        "no_background": lambda: embedding_weights(fitted, deep, table=X, in_sample=False),
        "no_deep_columns": lambda: embedding_weights(
            fitted, ["deep__other__0000"], table=X, in_sample=True
        ),
        "other_columns": lambda: embedding_weights(
            fitted, [*deep, "deep__n__9999"], table=X, in_sample=True
        ),
    }
    for code, call in calls.items():
        with pytest.raises(ExplanationError) as caught:
            call()
        assert caught.value.code == code
    with pytest.raises(ExplanationError) as caught:
        embedding_weights(clinical, deep, table=X, in_sample=True)
    assert caught.value.code == "no_deep_columns"
    with pytest.raises(ExplanationError) as caught:
        embedding_weights(fitted, deep, table=X[deep], in_sample=True)
    assert caught.value.code == "other_columns"
    with pytest.raises(ExplanationError) as caught:
        embedding_weights(fitted, deep, in_sample=True)
    assert caught.value.code == "other_columns"
