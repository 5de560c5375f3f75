"""SHAP values against shap called by hand, and against the definition enumerated."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from xgboost import XGBClassifier

from tumor_response.explanation.attribution import attribute
from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.models import RidgeLogistic, make_model

with warnings.catch_warnings():
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    import shap


def data(n: int = 60, p: int = 5, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    columns = ["a__0", "a__1", "b__0", "b__1", "c__0"][:p]
    X = pd.DataFrame(rng.normal(size=(n, p)), columns=columns)
    y = (X["a__0"] * X["b__0"] + X["c__0"] + 0.5 * rng.normal(size=n) > 0).to_numpy().astype(int)
    return X, y


BLOCKS = {"a": ["a__0", "a__1"], "b": ["b__0", "b__1"], "c": ["c__0"]}


def brute_force(predict, background, row, players) -> np.ndarray:
    """Shapley's formula over all orders of joining: slow, and nothing else."""
    values = np.zeros(len(players))
    for order in itertools.permutations(range(len(players))):
        mixed = background.copy()
        before = predict(mixed).mean()
        for player in order:
            mixed[:, players[player]] = row[players[player]]
            after = predict(mixed).mean()
            values[player] += after - before
            before = after
    return values / math.factorial(len(players))


@pytest.mark.parametrize("model", [RidgeLogistic(Cs=(0.5,)), LogisticRegression(C=0.5)])
def test_linear_models_against_shap(model):
    X, y = data()
    fitted = model.fit(X, y)
    background, rows = X.iloc[:40], X.iloc[40:]
    mine = attribute(fitted, background, rows, Hierarchy.of(BLOCKS))
    masker = shap.maskers.Independent(background.to_numpy(), max_samples=len(background))
    theirs = shap.LinearExplainer((fitted.coef_[0], fitted.intercept_[0]), masker)
    np.testing.assert_allclose(mine.values, theirs.shap_values(rows.to_numpy()), atol=1e-12)
    assert mine.base == pytest.approx(theirs.expected_value, abs=1e-12)


def test_linear_models_against_the_definition():
    X, y = data()
    fitted = RidgeLogistic(Cs=(0.5,)).fit(X.to_numpy(), y)
    background, row = X.to_numpy()[:40], X.to_numpy()[50]
    expected = brute_force(fitted.decision_function, background, row, [[i] for i in range(5)])
    named = RidgeLogistic(Cs=(0.5,)).fit(X, y)
    mine = attribute(named, X.iloc[:40], X.iloc[[50]], Hierarchy.of(BLOCKS))
    np.testing.assert_allclose(mine.values[0], expected, atol=1e-10)


@pytest.fixture(scope="module")
def trees() -> tuple[XGBClassifier, pd.DataFrame]:
    X, y = data()
    model = XGBClassifier(n_estimators=40, max_depth=3, learning_rate=0.2, n_jobs=1)
    return model.fit(X, y), X


def margin(model, values) -> np.ndarray:
    return model.predict(values, output_margin=True).astype(float)


def test_trees_against_shap(trees):
    model, X = trees
    mine = attribute(model, X.iloc[:40], X.iloc[40:], Hierarchy.of(BLOCKS))
    theirs = shap.TreeExplainer(
        model, X.iloc[:40], feature_perturbation="interventional"
    ).shap_values(X.iloc[40:])
    # shap adds up in single precision
    np.testing.assert_allclose(mine.values, theirs, atol=1e-7)
    np.testing.assert_allclose(
        mine.base + mine.values.sum(axis=1), margin(model, X.iloc[40:]), atol=2e-6
    )


def test_trees_against_the_definition(trees):
    model, X = trees
    mine = attribute(model, X.iloc[:30], X.iloc[55:57], Hierarchy.of(BLOCKS))
    for position in range(2):
        expected = brute_force(
            lambda values: margin(model, values),
            X.to_numpy(dtype=np.float32)[:30],
            X.to_numpy(dtype=np.float32)[55 + position],
            [[i] for i in range(5)],
        )
        np.testing.assert_allclose(mine.values[position], expected, atol=1e-6)


def test_blocks_of_trees_against_the_definition_and_not_against_sums(trees):
    model, X = trees
    mine = attribute(model, X.iloc[:30], X.iloc[50:60], Hierarchy.of(BLOCKS))
    players = [[0, 1], [2, 3], [4]]
    expected = [
        brute_force(
            lambda values: margin(model, values),
            X.to_numpy(dtype=np.float32)[:30],
            X.to_numpy(dtype=np.float32)[row],
            players,
        )
        for row in range(50, 60)
    ]
    np.testing.assert_allclose(mine.block_values, expected, atol=1e-6)
    sums = np.column_stack([mine.values[:, players[k]].sum(axis=1) for k in range(3)])
    # interactions across blocks make the two differ; were they equal, this would test nothing
    assert np.abs(sums - mine.block_values).max() > 1e-3


def test_through_a_whole_pipeline_against_the_definition():
    """Through encoding, imputation, scaling and ridge: coalitions of the table's own columns."""
    rng = np.random.default_rng(3)
    n = 40
    X = pd.DataFrame(
        {
            "clinical__age": rng.normal(60, 9, n),
            "clinical__site": pd.Categorical(rng.choice(["a", "b", "c"], n)),
            "deep__0": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
        }
    )
    y = rng.integers(0, 2, n)
    model = make_model("logistic", Cs=(1.0,)).fit(X, y)
    background, row = X.iloc[:30], X.iloc[[35]]
    blocks = {"clinical": ["clinical__age", "clinical__site"], "deep": ["deep__0"]}
    mine = attribute(model, background, row, Hierarchy.of(blocks))
    expected = np.zeros(3)
    for order in itertools.permutations(X.columns):
        mixed = background.copy()
        before = model.decision_function(mixed).mean()
        for column in order:
            mixed[column] = pd.Series([row[column].iloc[0]] * len(mixed), index=mixed.index).astype(
                X[column].dtype
            )
            after = model.decision_function(mixed).mean()
            expected[X.columns.get_loc(column)] += (after - before) / 6
            before = after
    np.testing.assert_allclose(mine.values[0], expected, atol=1e-10)
