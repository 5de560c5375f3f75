"""Late fusion against stacking by hand, with blocks missing, copies, weights and bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

import tumor_response as tr
from tests.unit.models.fusion.cohort import cohort, resampled
from tumor_response.exceptions import ModelError, SettingsError
from tumor_response.models import RidgeLogistic
from tumor_response.models.folds import PatientKFold, patients_of
from tumor_response.models.fusion import RECIPES, StackedBlocks, StackedBlocksRegression
from tumor_response.models.fusion.stacked import log_odds
from tumor_response.models.fusion.weights import least_squares_weights, logistic_weights
from tumor_response.models.recipe import numbers
from tumor_response.transformers import (
    BlockScaler,
    MissingnessFilter,
    block_selectors,
    selection_record,
)


def base(Cs=(0.01, 0.1, 1.0, 10.0)) -> Pipeline:
    steps = numbers(None, 0.95)[1:]
    return Pipeline([*steps, ("scale", BlockScaler()), ("classify", RidgeLogistic(Cs))])


def by_hand(X, y, C=1.0, n_folds=5):
    """Out-of-fold log-odds of each block by scikit-learn's parts, and the mean of each."""
    blocks = {}
    for column in X.columns:
        blocks.setdefault(column.split("__")[0], []).append(column)
    matrix = pd.DataFrame(np.nan, index=range(len(X)), columns=list(blocks))
    for train, test in PatientKFold(n_folds).split(X, y):
        for block, columns in blocks.items():
            model = clone(base((C,))).fit(X[columns].iloc[train], y.iloc[train])
            matrix.loc[test, block] = model.decision_function(X[columns].iloc[test])
    return matrix


# ---------------------------------------------------------------- the weights


def test_weights_are_those_of_a_ridge_regression_where_none_is_negative():
    rng = np.random.default_rng(0)
    said = rng.normal(size=(200, 3))
    said -= said.mean(axis=0)
    label = (rng.uniform(size=200) < expit(said @ [1.0, 0.5, 0.8])).astype(float)
    intercept, found = logistic_weights(said, label, np.ones(200), 2.0)
    theirs = LogisticRegression(C=1 / 2.0, tol=1e-12, max_iter=1000).fit(said, label)
    np.testing.assert_allclose(found, theirs.coef_[0], atol=1e-5)
    assert intercept == pytest.approx(theirs.intercept_[0], abs=1e-5)


def test_weights_satisfy_the_conditions_of_the_optimum_and_repeat_rows():
    rng = np.random.default_rng(1)
    said = rng.normal(size=(60, 4))
    said[:, 3] = -said[:, 0] + 0.1 * rng.normal(size=60)
    label = (rng.uniform(size=60) < expit(2 * said[:, 0] - said[:, 1])).astype(float)
    weight = rng.integers(1, 4, size=60).astype(float)
    intercept, found = logistic_weights(said, label, weight, 1.0)
    residual = weight * (expit(intercept + said @ found) - label)
    slope = said.T @ residual + found
    assert (found >= 0).all()
    assert (found[1], found[3]) == (0.0, 0.0)
    np.testing.assert_allclose(slope[found > 0], 0, atol=1e-5)
    assert (slope[found == 0] > 0).all()
    assert residual.sum() == pytest.approx(0, abs=1e-5)
    again = logistic_weights(
        np.repeat(said, weight.astype(int), axis=0),
        np.repeat(label, weight.astype(int)),
        np.ones(int(weight.sum())),
        1.0,
    )
    np.testing.assert_allclose(again[1], found, atol=1e-5)


def test_least_squares_weights_are_scikit_learns_non_negative_ridge():
    rng = np.random.default_rng(2)
    said = rng.normal(size=(80, 3))
    rate = 40 + 5 * said[:, 0] - 3 * said[:, 1] + 4 * rng.normal(size=80)
    intercept, found = least_squares_weights(said, rate, np.ones(80), 2.0)
    theirs = Ridge(2.0 * rate.var(), positive=True, tol=1e-12).fit(said, rate)
    np.testing.assert_allclose(found, theirs.coef_, atol=1e-6)
    assert intercept == pytest.approx(theirs.intercept_)
    free = least_squares_weights(said, rate, np.ones(80), 1e-12)[1]
    plain = LinearRegression(positive=True).fit(said, rate)
    np.testing.assert_allclose(free, plain.coef_, atol=1e-6)


# ---------------------------------------------------------------- the stack


@pytest.mark.parametrize("lesions", [1, 2])
def test_the_stack_is_the_one_by_hand(lesions):
    X, y, _ = cohort(40, lesions)
    model = StackedBlocks(base((1.0,))).fit(X, y)
    matrix = by_hand(X, y)
    centred = (matrix - matrix.mean()).to_numpy()
    intercept, found = logistic_weights(centred, y.to_numpy(), np.ones(len(y)), 1.0)
    np.testing.assert_allclose(model.block_weights_, found, atol=1e-8)
    score = np.full(len(X), intercept)
    for place, block in enumerate(matrix):
        columns = [c for c in X if c.startswith(block)]
        full = clone(base((1.0,))).fit(X[columns], y)
        said = full.decision_function(X[columns])
        score += found[place] * (said - matrix[block].mean())
    np.testing.assert_allclose(model.decision_function(X), score, atol=1e-8)
    contributions = model.contributions(X)
    np.testing.assert_allclose(
        model.intercept_ + contributions.sum(axis=1), model.decision_function(X), rtol=1e-12
    )
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expit(score), atol=1e-9)
    assert model.tuned_


def test_copies_share_a_fold_so_that_an_idle_block_gets_no_weight():
    weights = []
    for seed in range(4):
        X, y, _ = cohort(60, seed=seed, clinical=2.0, deep=0.0)
        rows = resampled(X, seed)
        # a block that knows each patient by heart, and nothing else
        memory = RandomForestClassifier(30, random_state=0)
        model = StackedBlocks(base(), {"deep": memory}).fit(X.iloc[rows], y.iloc[rows])
        weights.append(model.block_weights_)
    mean = pd.concat(weights, axis=1).mean(axis=1)
    assert mean["clinical"] > 0.5
    assert mean["deep"] < 0.35


def test_a_stack_of_copies_is_the_same_in_any_order():
    X, y, _ = cohort(40)
    rows = resampled(X)
    first = StackedBlocks(base()).fit(X.iloc[rows], y.iloc[rows])
    order = np.random.default_rng(3).permutation(rows)
    second = StackedBlocks(base()).fit(X.iloc[order], y.iloc[order])
    np.testing.assert_allclose(first.decision_function(X), second.decision_function(X), atol=1e-6)


def test_weight_zero_is_no_row_and_copies_of_all_weights_change_nothing_of_the_folds():
    X, y, _ = cohort(40)
    weight = np.ones(40)
    weight[[3, 17]] = 0
    ours = StackedBlocks(base()).fit(X, y, sample_weight=weight)
    without = StackedBlocks(base()).fit(X[weight > 0], y[weight > 0])
    np.testing.assert_allclose(ours.decision_function(X), without.decision_function(X), atol=1e-6)
    plain = Pipeline([("scale", BlockScaler()), ("classify", RidgeLogistic((1.0,)))])
    double = StackedBlocks(plain).fit(X, y, sample_weight=np.full(40, 2.0))
    repeated = StackedBlocks(plain).fit(pd.concat([X, X]), pd.concat([y, y]))
    np.testing.assert_allclose(
        double.decision_function(X), repeated.decision_function(X), atol=1e-6
    )


def test_balanced_classes_move_the_prior_to_one_half():
    X, y, _ = cohort(60, clinical=0.0, deep=0.0)
    y = pd.Series((np.arange(60) < 12).astype(float), index=y.index)
    plain = StackedBlocks(base()).fit(X, y).predict_proba(X)[:, 1].mean()
    balanced = StackedBlocks(base(), class_weight="balanced").fit(X, y)
    assert plain == pytest.approx(0.2, abs=0.05)
    assert balanced.predict_proba(X)[:, 1].mean() == pytest.approx(0.5, abs=0.1)


# ---------------------------------------------------------------- whole blocks missing


def test_a_missing_block_counts_as_its_mean_and_is_in_no_fit_of_its_model():
    X, y, _ = cohort(60, clinical=1.0, deep=2.0)
    holes = X.copy()
    gone = np.arange(60) % 4 == 0
    deep = [c for c in X if c.startswith("deep")]
    holes.loc[gone, deep] = np.nan
    model = StackedBlocks(base()).fit(holes, y)
    assert (model.contributions(holes)["deep"][gone] == 0).all()
    assert (model.contributions(holes)["deep"][~gone] != 0).all()
    alone = clone(base()).fit(holes.loc[~gone, deep], y[~gone])
    np.testing.assert_allclose(
        model.models_["deep"].decision_function(X[deep]), alone.decision_function(X[deep])
    )
    # what is said where the block is there has a mean of 0 out of fold, so the weights are
    # fitted to rows that are average where it is not
    other = X.copy()
    other.loc[gone, deep] = 1e6
    assert np.isfinite(model.decision_function(other)).all()


def test_values_of_a_missing_block_cannot_matter():
    X, y, _ = cohort(50)
    X.loc[X.index[:10], "deep__n__000"] = np.nan  # one column of a block: imputed in its model
    model = StackedBlocks(base()).fit(X, y)
    assert (model.contributions(X)["deep"].iloc[:10] != 0).all()
    nothing = X.copy()
    nothing.loc[:, :] = np.nan
    np.testing.assert_allclose(model.decision_function(nothing), model.intercept_)


def test_a_block_that_one_class_alone_has_is_left_out():
    X, y, _ = cohort(40)
    X.loc[(y == 1).to_numpy(), [c for c in X if c.startswith("radiomics")]] = np.nan
    model = StackedBlocks(base()).fit(X, y)
    assert model.left_out_ == ["radiomics"]
    assert model.block_weights_["radiomics"] == 0
    assert (model.contributions(X)["radiomics"] == 0).all()


def test_an_evaluation_with_blocks_missing_runs_and_is_told_apart():
    X, y, _ = cohort(50, clinical=1.0, deep=2.0)
    X.loc[X.index[::5], [c for c in X if c.startswith("deep")]] = np.nan
    recipe = RECIPES["late_fusion", "response"]
    model = recipe.make(recipe.settings(), None, 0)
    scheme = tr.Bootstrap632Plus(n_resamples=3, seed=0)
    with pytest.raises(tr.exceptions.EvaluationError) as error:
        tr.evaluate({"late": model}, X, y, scheme=scheme)
    assert error.value.code == "block_failed"
    result = tr.evaluate({"late": model}, X, y, scheme=scheme, failed="impute")
    assert result.summary().loc["late", "auc_oob"] > 0.6


# ---------------------------------------------------------------- few patients, bad input


def test_with_one_patient_of_a_class_all_blocks_weigh_the_same():
    X, _, _ = cohort(8)
    y = np.array([1.0] + [0.0] * 7)
    model = StackedBlocks(base()).fit(X, y)
    assert model.tuned_ is False
    np.testing.assert_allclose(model.block_weights_, 1 / 3)
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(1 / 8, abs=0.05)


def test_two_patients_of_a_class_are_enough():
    X, _, _ = cohort(12)
    y = np.array([1.0, 1.0] + [0.0] * 10)
    model = StackedBlocks(base()).fit(X, y)
    assert model.tuned_
    assert np.isfinite(model.decision_function(X)).all()


@pytest.mark.parametrize(
    ("changed", "match", "code"),
    [
        ({"n_folds": 1}, "n_folds", "model"),
        ({"strength": 0.0}, "strength", "model"),
        ({"by_block": {"petct": base()}}, "petct", "missing_block"),
        ({"class_weight": "evenly"}, "class_weight", "class_weight"),
    ],
)
def test_settings_out_of_range_are_refused(changed, match, code):
    X, y, _ = cohort(20)
    with pytest.raises(ModelError, match=match) as error:
        StackedBlocks(base(), **changed).fit(X, y)
    assert error.value.code == code


def test_one_class_and_rates_that_are_no_numbers_are_refused():
    X, _, rate = cohort(20)
    with pytest.raises(ModelError, match="two classes"):
        StackedBlocks(base()).fit(X, np.ones(20))
    with pytest.raises(ModelError, match="finite rates"):
        StackedBlocksRegression(Ridge()).fit(X, np.where(rate > 0, np.nan, rate))
    with pytest.raises(ModelError, match="DataFrame"):
        StackedBlocks(base()).fit(X.to_numpy(), np.arange(20) % 2)


# ---------------------------------------------------------------- rates, probabilities, recipes


def test_rates_are_stacked_by_hand():
    X, _, rate = cohort(50, clinical=1.0, deep=1.0)
    X = X.drop(columns=[c for c in X if c.startswith("radiomics")])
    model = StackedBlocksRegression(Ridge(5.0), n_folds=4).fit(X, rate)
    matrix = np.zeros((50, 2))
    for place, block in enumerate(("clinical", "deep")):
        columns = [c for c in X if c.startswith(block)]
        for train, test in PatientKFold(4).split(X, rate):
            one = Ridge(5.0).fit(X[columns].iloc[train], rate[train])
            matrix[test, place] = one.predict(X[columns].iloc[test])
    centred = matrix - matrix.mean(axis=0)
    found = Ridge(rate.var(), positive=True, tol=1e-12).fit(centred, rate)
    np.testing.assert_allclose(model.block_weights_, found.coef_, atol=1e-6)
    assert np.corrcoef(model.predict(X), rate)[0, 1] > 0.5
    assert len(np.unique(patients_of(X))) == 50


def test_probabilities_of_nought_and_one_are_held():
    X, y, _ = cohort(30)
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    assert np.abs(log_odds(forest, X)).max() <= np.log(99) + 1e-9
    ridge = RidgeLogistic((100.0,)).fit(X.to_numpy(), y)
    np.testing.assert_array_equal(
        log_odds(ridge, X.to_numpy()), ridge.decision_function(X.to_numpy())
    )


def test_the_recipe_selects_its_blocks_outside_the_stack_and_has_a_record():
    recipe = RECIPES["late_fusion", "response"]
    model = recipe.make(recipe.settings(n_folds=3), ["clinical", "deep"], 0)
    assert [name for name, _ in model.steps] == ["blocks", "classify"]
    assert len(block_selectors(model)) == 1
    X, y, _ = cohort(40)
    X["deep__n__001"] = 1.0
    fitted = clone(model).fit(X, y)
    assert list(fitted[-1].models_) == ["clinical", "deep"]
    record = selection_record(fitted)
    assert record["step"].tolist() == ["classify/deep/vary"]
    again = clone(model).fit(X, y)
    np.testing.assert_array_equal(fitted.predict_proba(X), again.predict_proba(X))
    mapped = recipe.make(recipe.settings(), {"a": ["deep__n__000"], "b": ["clinical__age"]}, 0)
    assert list(mapped.fit(X, y)[-1].models_) == ["a", "b"]


def test_blocks_may_have_models_of_their_own():
    recipe = RECIPES["late_fusion", "response"]
    own = recipe.make(recipe.settings(base_by_block={"clinical": "volume_only"}), None, 0)
    X, y, _ = cohort(40)
    assert len(block_selectors(own)) == 1
    fitted = own.fit(X, y)
    assert "log" in fitted[-1].models_["clinical"].named_steps
    with pytest.raises(ModelError, match="brings its own columns"):
        recipe.make(recipe.settings(base="volume_only"), None, 0)
    with pytest.raises(ModelError, match="no model named"):
        recipe.make(recipe.settings(base="ridge"), None, 0)
    with pytest.raises(SettingsError, match="n_folds"):
        recipe.settings(n_folds=1)


def test_a_signal_in_two_blocks_is_fused():
    gains = []
    for seed in range(5):
        X, y, _ = cohort(140, seed=seed, clinical=1.2, deep=1.2)
        train, test = np.arange(0, 140, 2), np.arange(1, 140, 2)
        model = StackedBlocks(base()).fit(X.iloc[train], y.iloc[train])
        fused = roc_auc_score(y.iloc[test], model.decision_function(X.iloc[test]))
        alone = [
            roc_auc_score(y.iloc[test], log_odds(one, X.iloc[test][model._members[block]]))
            for block, one in model.models_.items()
        ]
        gains.append(fused - max(alone))
    assert np.mean(gains) > 0.01


def test_missing_columns_before_the_stack_go_with_their_record():
    X, y, _ = cohort(30)
    X["radiomics__3"] = np.nan
    line = Pipeline([("known", MissingnessFilter()), ("classify", StackedBlocks(base()))])
    record = selection_record(line.fit(X, y))
    assert record.iloc[0][["step", "column"]].tolist() == ["known", "radiomics__3"]
