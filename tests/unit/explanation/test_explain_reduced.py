"""Values through PCA, PLS, supervised PCA and mRMR: on the table's columns, held to brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tests.unit.explanation.trees.by_hand import interventional, shapley
from tumor_response.models import ReducedRidgeLogistic, RidgeLogistic
from tumor_response.transformers import (
    BlockPCA,
    BlockPLS,
    BlockScaler,
    BlockSelector,
    BlockSupervisedPCA,
    CorrelationFilter,
    MRMRFilter,
    ToArray,
)

REDUCTIONS = ("pca", "pls", "supervised_pca", "mrmr")
STEPS = [
    BlockPCA(2, min_columns=1),
    BlockPLS(2, min_columns=1),
    BlockSupervisedPCA(2, 3, min_columns=1),
    MRMRFilter(3),
]


def small_table(n: int = 40) -> tuple[pd.DataFrame, pd.Series]:
    """Six columns, so that all 64 coalitions can be enumerated."""
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"P{i:02d}" for i in range(n)], ["1"]], names=["patient_id", "lesion_id"]
    )
    hidden = rng.normal(size=(n, 2))
    deep = hidden @ rng.normal(size=(2, 4)) + 0.5 * rng.normal(size=(n, 4))
    X = pd.DataFrame(deep, index=index, columns=[f"deep__n__{i}" for i in range(4)])
    X.insert(0, "clinical__age", rng.normal(60, 9, n))
    X.insert(1, "clinical__volume_cc", rng.lognormal(2, 0.5, n))
    return X, pd.Series((hidden[:, 0] + rng.normal(size=n) > 0).astype(float), index)


def by_brute_force(model, X: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Shapley values of single columns over all coalitions, through the whole fitted Pipeline."""

    def log_odds(values: np.ndarray) -> np.ndarray:
        index = pd.MultiIndex.from_product(
            [[f"Q{i}" for i in range(len(values))], ["1"]], names=["patient_id", "lesion_id"]
        )
        return model.decision_function(pd.DataFrame(values, index, X.columns))

    columns = [[place] for place in range(X.shape[1])]
    return shapley(interventional(log_odds, X.to_numpy(), rows.to_numpy()), columns)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_a_reduced_model_is_explained_on_its_columns_as_brute_force_does(step):
    X, y = small_table()
    reduced = ReducedRidgeLogistic(step)
    model = Pipeline([("b", BlockSelector()), ("s", BlockScaler()), ("c", reduced)]).fit(X, y)
    behind = X.iloc[:12]
    one = tr.explain(model, X.iloc[:3], in_sample=True, background=behind)
    assert list(one.values.columns) == list(X.columns)
    np.testing.assert_allclose(one.values, by_brute_force(model, behind, X.iloc[:3]), atol=1e-9)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_a_named_model_is_explained_by_what_each_column_alone_changes(reduction):
    X, y = small_table()
    rng = np.random.default_rng(1)
    X = X.join(pd.DataFrame(rng.normal(size=(40, 60)), X.index).add_prefix("deep__wide__"))
    model = tr.make_model("logistic", reduction=reduction).fit(X, y)
    assert len(model[-1].reduction_.get_feature_names_out()) < X.shape[1]
    one = tr.explain(model, X.iloc[:1], in_sample=True, background=X)
    before = model.decision_function(X).mean()
    for column in X.columns:
        changed = X.assign(**{column: X[column].iloc[0]})
        alone = model.decision_function(changed).mean() - before
        assert one.values[column].iloc[0] == pytest.approx(alone, abs=1e-9)


@pytest.mark.parametrize("final", [RidgeLogistic(Cs=(1.0,)), LogisticRegression()], ids=str)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_a_pipeline_of_your_own_is_undone_too(step, final):
    X, y = small_table()
    model = Pipeline(
        [
            ("blocks", BlockSelector()),
            ("scale", BlockScaler()),
            ("reduce", step),
            ("again", StandardScaler()),
            ("classify", final),
        ]
    ).fit(X, y)
    behind = X.iloc[:12]
    one = tr.explain(model, X.iloc[:3], in_sample=True, background=behind)
    np.testing.assert_allclose(one.values, by_brute_force(model, behind, X.iloc[:3]), atol=1e-9)
    np.testing.assert_allclose(
        one.block_values["deep"], one.values.filter(like="deep__").sum(axis=1), atol=1e-9
    )


@pytest.mark.parametrize("reduction", ["pls", "mrmr"])  # one that mixes columns, one that picks
def test_out_of_bag_values_sum_to_the_scores_of_the_evaluation(reduction):
    rng = np.random.default_rng(1)
    X, y = small_table(50)
    X = X.join(pd.DataFrame(rng.normal(size=(50, 200)), X.index).add_prefix("deep__wide__"))
    X["clinical__site"] = pd.Categorical(rng.choice(list("abc"), 50))
    result = tr.evaluate(
        {"m": tr.make_model("logistic", reduction=reduction)},
        X,
        y,
        tr.Bootstrap632Plus(n_resamples=3),
    )
    one = tr.explain(result, "m")
    scores = result.scores
    log_odds = np.log(scores["score"] / (1 - scores["score"]))
    expected = log_odds.groupby([scores["patient_id"], scores["lesion_id"]]).mean()
    total = one.base_values + one.values.sum(axis=1)
    np.testing.assert_allclose(total, expected.reindex(total.index), atol=1e-6)
    assert set(one.values.columns) == set(X.columns)


def test_what_is_not_linear_behind_components_is_sampled():
    X, y = small_table()
    from xgboost import XGBClassifier

    clipped = Pipeline(
        [("r", BlockPCA(2, min_columns=1)), ("s", BlockScaler()), ("c", RidgeLogistic(Cs=(1.0,)))]
    )
    trees = Pipeline(
        [("r", BlockPCA(2, 1)), ("v", ToArray()), ("c", XGBClassifier(n_estimators=2))]
    )
    for model in (clipped, trees):
        fitted = model.fit(X, y.astype(int))
        one = tr.explain(fitted, X.iloc[:3], in_sample=True, background=X, n_pairs=4)
        assert one.method == "sampled"
        chance = fitted.predict_proba(X.iloc[:3])[:, 1].astype(float)
        np.testing.assert_allclose(one.outputs, np.log(chance / (1 - chance)), atol=1e-5)
        np.testing.assert_allclose(one.base_values + one.values.sum(axis=1), one.outputs, atol=1e-9)


def test_filters_keep_columns_apart_for_trees_as_well():
    from xgboost import XGBClassifier

    X, y = small_table()
    model = Pipeline(
        [
            ("f", CorrelationFilter(0.9)),
            ("m", MRMRFilter(2)),
            ("v", ToArray()),
            ("c", XGBClassifier(n_estimators=3, max_depth=2)),
        ]
    ).fit(X, y.astype(int))
    one = tr.explain(model, X, in_sample=True)
    assert (one.values.loc[:, (one.values != 0).any()].columns.str.startswith("deep")).any()
