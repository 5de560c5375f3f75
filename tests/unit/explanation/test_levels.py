"""Blocks, families and columns: against the definitions, and their sums at every level."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from xgboost import XGBClassifier

import tumor_response as tr
from tests.unit.explanation.small import BLOCK, COLUMNS, FAMILY, LEVELS, small, sums
from tests.unit.explanation.trees.by_hand import interventional, members, owen, shapley
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attribution import attribute
from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.models import BestOfInner, RidgeLogistic
from tumor_response.models.fusion import StackedBlocks
from tumor_response.transformers import blocks_of

ROWS = 4


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, pd.Series]:
    return small()


def explained(model, table, **how) -> tr.Explanation:
    X, y = table
    fitted = model.fit(X, y)
    return tr.explain(fitted, X.iloc[:ROWS], in_sample=True, background=X.iloc[10:], **how)


def margin(model):
    return lambda X: model.predict(X.astype(np.float32), output_margin=True).astype(float)


@pytest.fixture(scope="module")
def boosted() -> XGBClassifier:
    return XGBClassifier(n_estimators=15, max_depth=3, learning_rate=0.3, n_jobs=1)


@pytest.fixture(scope="module")
def of_trees(table, boosted) -> tuple[tr.Explanation, object]:
    one = explained(boosted, table)
    X = table[0].to_numpy()
    return one, interventional(margin(boosted), X[10:], X[:ROWS])


def test_trees_at_every_level_against_the_definitions(of_trees):
    one, worth = of_trees
    assert (one.method, one.output, one.value_function) == ("exact", "log_odds", "interventional")
    np.testing.assert_allclose(one.values, shapley(worth, members(range(5), 5)), atol=1e-6)
    np.testing.assert_allclose(one.block_values, shapley(worth, members(BLOCK, 3)), atol=1e-6)
    nested = owen(worth, LEVELS, 5)
    np.testing.assert_allclose(one.nested_values, nested, atol=1e-6)
    np.testing.assert_allclose(one.family_values, sums(nested, FAMILY), atol=1e-6)


def test_each_level_sums_to_the_one_above_and_single_columns_do_not(of_trees):
    one, _ = of_trees
    np.testing.assert_allclose(sums(one.nested_values.to_numpy(), FAMILY), one.family_values)
    np.testing.assert_allclose(sums(one.nested_values.to_numpy(), BLOCK), one.block_values)
    # Shapley values of columns know no blocks; were they to sum up, the levels would say nothing
    assert np.abs(sums(one.values.to_numpy(), BLOCK) - one.block_values).max().max() > 1e-3


def test_interactions_of_blocks_are_those_of_the_game(of_trees):
    one, worth = of_trees
    pair = one.block_interactions["image x deep"].to_numpy()
    # of the pair and one more block: the mean over the other being absent and present
    other, image, deep = {0}, {1, 2, 3}, {4}
    both = [
        worth(frozenset(base | image | deep))
        - worth(frozenset(base | image))
        - worth(frozenset(base | deep))
        + worth(frozenset(base))
        for base in (set(), other)
    ]
    np.testing.assert_allclose(pair, np.mean(both, axis=0), atol=1e-6)
    told = one.interactions()
    assert set(told.index) == {"clinical x image", "clinical x deep", "image x deep"}
    assert told.loc["image x deep", "mean_abs"] == pytest.approx(np.abs(pair).mean())
    assert told["mean_abs"].is_monotonic_decreasing


def test_in_an_additive_model_groups_are_sums_in_log_odds_and_not_in_probability(table):
    model = RidgeLogistic(Cs=(10.0,))
    additive = explained(model, table)
    pd.testing.assert_frame_equal(additive.values, additive.nested_values)
    np.testing.assert_allclose(sums(additive.values.to_numpy(), FAMILY), additive.family_values)
    X = table[0].to_numpy()

    def chance(values):
        return model.predict_proba(pd.DataFrame(values, columns=COLUMNS))[:, 1]

    worth = interventional(chance, X[10:], X[:ROWS])
    columns = shapley(worth, members(range(5), 5))
    blocks = shapley(worth, members(BLOCK, 3))
    assert np.abs(sums(columns, BLOCK) - blocks).max() > 1e-4
    told = explained(model, table, output="probability", n_pairs=400)
    assert (told.method, told.output) == ("sampled", "probability")
    gap = np.abs(told.nested_values - owen(worth, LEVELS, 5))
    assert (gap <= 5 * told.standard_error + 1e-12).all(axis=None)
    assert told.standard_error.max().max() < 0.01
    gap = np.abs(told.block_values - blocks)
    assert (gap <= 5 * told.block_standard_error + 1e-12).all(axis=None)


def test_a_forest_is_exact_in_probability_and_sampled_in_log_odds(table):
    forest = RandomForestClassifier(12, min_samples_leaf=6, random_state=0)
    chance = explained(forest, table, output="probability")
    X = table[0].to_numpy()

    def positive(values):
        return forest.predict_proba(pd.DataFrame(values, columns=COLUMNS))[:, 1]

    worth = interventional(positive, X[10:], X[:ROWS])
    assert chance.method == "exact"
    np.testing.assert_allclose(chance.nested_values, owen(worth, LEVELS, 5), atol=1e-10)
    odds = explained(forest, table, n_pairs=2)
    assert odds.method == "sampled"


def test_the_tree_path_dependent_mode_is_shaps_own(table, boosted):
    import shap

    one = explained(boosted, table, value_function="tree_path_dependent")
    explainer = shap.TreeExplainer(boosted, feature_perturbation="tree_path_dependent")
    np.testing.assert_allclose(one.values, explainer.shap_values(table[0].iloc[:ROWS]), atol=1e-5)
    np.testing.assert_allclose(sums(one.nested_values.to_numpy(), BLOCK), one.block_values)
    assert one.value_function == "tree_path_dependent"
    for model, how in ((RidgeLogistic(Cs=(1.0,)), {}), (boosted, {"output": "probability"})):
        with pytest.raises(ExplanationError, match="ensembles of trees") as caught:
            explained(model, table, value_function="tree_path_dependent", **how)
        assert caught.value.code == "value_function"


def test_rates_are_explained_in_their_unit(table):
    X, _ = table
    rate = 3.0 * X["image__f__0"] + X["clinical__age"] - 20.0
    straight = explained(LinearRegression(), (X, rate))
    assert (straight.method, straight.output) == ("exact", "rate")
    expected = 3.0 * (X["image__f__0"].iloc[:ROWS] - X["image__f__0"].iloc[10:].mean())
    np.testing.assert_allclose(straight.values["image__f__0"], expected, atol=1e-10)
    forest = RandomForestRegressor(8, random_state=0)
    grown = explained(forest, (X, rate))
    values = X.to_numpy()
    worth = interventional(
        lambda a: forest.predict(pd.DataFrame(a, columns=COLUMNS)), values[10:], values[:ROWS]
    )
    assert grown.method == "exact"
    np.testing.assert_allclose(grown.nested_values, owen(worth, LEVELS, 5), atol=1e-9)


def test_in_a_stack_each_blocks_families_are_those_of_its_own_model(table):
    """A block of boosted trees: its family values are Owen's of that block alone, weighted."""
    X, y = table
    trees = XGBClassifier(n_estimators=4, max_depth=2, learning_rate=0.3, n_jobs=1)
    stack = StackedBlocks(RidgeLogistic(Cs=(1.0,)), {"image": trees}, n_folds=2).fit(X, y)
    one = attribute(stack, X.iloc[10:], X.iloc[:ROWS], Hierarchy.of(blocks_of(X.columns)))
    assert one.errors is None
    image = X.columns[1:4]
    inner = stack.models_["image"]
    game = interventional(margin(inner), X[image].to_numpy()[10:], X[image].to_numpy()[:ROWS])
    expected = stack.block_weights_["image"] * owen(game, [[0, 0, 1]], 3)
    assert stack.block_weights_["image"] > 0
    np.testing.assert_allclose(one.nested_values[:, 1:4], expected, atol=1e-6)
    np.testing.assert_allclose(one.base + one.block_values.sum(axis=1), one.outputs, atol=1e-9)
    np.testing.assert_allclose(one.outputs, stack.decision_function(X.iloc[:ROWS]), atol=1e-9)


def test_a_stack_of_forests_samples_what_it_hears_of_them(table):
    """It holds their probabilities between 0.01 and 0.99; leaves of one row say 0 and 1."""
    X = table[0]
    y = (X["image__f__0"] + X["image__g__0"] > 0).astype(int)
    forest = RandomForestClassifier(3, random_state=0)
    stack = StackedBlocks(RidgeLogistic(Cs=(1.0,)), {"image": forest}, n_folds=2).fit(X, y)
    one = tr.explain(stack, X.iloc[:ROWS], in_sample=True, background=X.iloc[10:], n_pairs=4)
    assert one.method == "sampled"
    assert (one.standard_error["deep__n__0"] == 0).all()  # that block's model is linear
    assert one.standard_error["image__f__0"].max() > 0
    np.testing.assert_allclose(one.outputs, stack.decision_function(X.iloc[:ROWS]), atol=1e-9)
    contributions = stack.contributions(X)
    expected = (contributions - contributions.iloc[10:].mean()).iloc[:ROWS]
    np.testing.assert_allclose(one.block_values, expected[one.block_values.columns], atol=1e-9)


def test_a_model_that_was_found_is_taken_for_what_was_found(table):
    X, y = table
    found = BestOfInner({"a": RidgeLogistic(Cs=(1.0,)), "b": RidgeLogistic(Cs=(0.1,))}).fit(X, y)
    one = tr.explain(found, X, in_sample=True)
    assert one.method == "exact"
    alone = tr.explain(found.best_estimator_, X, in_sample=True)
    pd.testing.assert_frame_equal(one.values, alone.values)


def test_a_family_can_be_the_finest_player(table, boosted):
    whole = explained(boosted, table, level="family")
    labels = ["clinical: age", "image: f", "image: g", "deep: n"]
    assert list(whole.values.columns) == labels
    X = table[0].to_numpy()
    worth = interventional(margin(boosted), X[10:], X[:ROWS])
    np.testing.assert_allclose(whole.values, shapley(worth, members(FAMILY, 4)), atol=1e-6)
    np.testing.assert_allclose(whole.nested_values, whole.family_values)
    told = whole.table()
    assert told.loc["image: f", "family"] == "f"
    assert told.loc["image: f", "block"] == "image"
    assert whole.by_family().loc["image: f", "n_columns"] == 2
    with pytest.raises(ExplanationError, match="of columns"):
        whole.clusters()


def test_families_come_from_the_dictionary_first():
    dictionary = pd.DataFrame(
        {"family": ["original glcm", ""]}, index=["r__x__glcm_a", "r__x__glcm_b"]
    )
    tree = Hierarchy.of({"r": ["r__x__glcm_a", "r__x__glcm_b"]}, dictionary)
    assert list(tree.families) == ["r: original glcm", "r: x glcm"]


def test_boosted_trees_in_probability_are_sampled_on_the_columns_that_they_ask(table, boosted):
    told = explained(boosted, table, output="probability", n_pairs=300)
    X = table[0].to_numpy()
    worth = interventional(lambda a: expit(margin(boosted)(a)), X[10:], X[:ROWS])
    gap = np.abs(told.nested_values - owen(worth, LEVELS, 5))
    assert told.method == "sampled"
    assert (gap <= 5 * told.standard_error + 1e-6).all(axis=None)
    stump = XGBClassifier(n_estimators=1, max_depth=1, n_jobs=1)
    # two players at most would be refused for one evaluation too many; one asks for none
    one = explained(stump, table, output="probability", max_evaluations=1)
    assert (one.values != 0).any().sum() == 1
