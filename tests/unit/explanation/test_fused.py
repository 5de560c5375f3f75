"""SHAP values of fused blocks and of the clinical set: exact, whole blocks missing as well."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit.models.fusion.cohort import cohort

MODELS = [
    ("clinical_first", {}),
    ("clinical_set", {}),
    ("late_fusion", {}),
    ("late_fusion", {"base_by_block": {"clinical": "clinical_set", "deep": "xgboost"}}),
]


def table():
    X, y, _ = cohort(40, clinical=1.5, deep=1.5)
    X["clinical__cT"] = pd.Categorical(["T1", "T2", "T3", "T4a", "Tx"] * 8)
    X.loc[X.index[::6], [c for c in X if c.startswith("deep")]] = np.nan
    return X, y


@pytest.mark.parametrize(("name", "settings"), MODELS, ids=lambda value: str(value))
def test_values_add_up_to_the_log_odds(name, settings):
    X, y = table()
    fitted = tr.make_model(name, **settings).fit(X, y)
    explanation = tr.explain(fitted, X, in_sample=True)
    np.testing.assert_allclose(explanation.outputs, fitted.decision_function(X), atol=1e-6)
    total = explanation.base_values + explanation.values.sum(axis=1)
    np.testing.assert_allclose(total, explanation.outputs, atol=1e-9)


def test_values_of_a_stack_are_its_blocks_contributions_less_the_backgrounds():
    X, y = table()
    fitted = tr.make_model("late_fusion").fit(X, y)
    explanation = tr.explain(fitted, X, in_sample=True)
    contributions = fitted[-1].contributions(fitted[:-1].transform(X))
    expected = contributions - contributions.mean()
    for block in expected:
        of = [c for c in X if c.startswith(block)]
        np.testing.assert_allclose(explanation.values[of].sum(axis=1), expected[block], atol=1e-9)


def test_an_evaluation_with_weights_is_explained_with_them():
    rng = np.random.default_rng(2)
    index = pd.MultiIndex.from_product(
        [[f"P{i}" for i in range(40)], ["1"]], names=["patient_id", "lesion_id"]
    )
    X = pd.DataFrame(rng.normal(size=(40, 4)), index).add_prefix("deep__n__")
    y = (X.iloc[:, 0] + rng.normal(size=40) > 0).astype(float)
    weight = pd.Series(rng.uniform(0.1, 4.0, 40), index)
    result = tr.evaluate(
        {"m": tr.make_model("logistic", Cs=(1.0,))},
        X,
        y,
        tr.Bootstrap632Plus(n_resamples=8),
        sample_weight=weight,
    )
    explanation = tr.explain(result, "m")
    total = explanation.base_values + explanation.values.sum(axis=1)
    np.testing.assert_allclose(total, explanation.outputs, atol=1e-9)
