"""Boosted trees against XGBoost itself, and what early stopping is shown."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks
from xgboost import XGBClassifier, XGBRegressor

from tests.unit.models.samples import cohort, noise_with_hidden_copies, resampled
from tumor_response.exceptions import ModelError
from tumor_response.models import PatientKFold, patients_of
from tumor_response.models.trees import (
    RECIPES,
    BoostedTreesClassifier,
    BoostedTreesRegressor,
    XGBoostRateSettings,
    XGBoostSettings,
    boosted,
)

QUICK = {"n_estimators": 6, "least_rounds": 2, "patience": 2, "n_inner_folds": 2}


@parametrize_with_checks(
    [
        BoostedTreesClassifier(**QUICK),
        # the checks want half of the variance explained
        BoostedTreesRegressor(**QUICK | {"n_estimators": 20, "learning_rate": 0.9}),
    ]
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def their(kind: type, **changed) -> XGBClassifier | XGBRegressor:
    """XGBoost's own estimator with the settings that are ours by default."""
    settings = {
        "n_estimators": 30,
        "max_depth": 2,
        "learning_rate": 0.05,
        "subsample": 0.8,
        "colsample_bytree": 0.5,
        "reg_lambda": 5.0,
        "min_child_weight": 2.0,
        "max_bin": 32,
        "tree_method": "hist",
        "n_jobs": 1,
        "random_state": 3,
        "seed_per_iteration": True,
    }
    return kind(**{**settings, **changed})


def outcomes(rate: np.ndarray) -> dict[str, np.ndarray]:
    return {"two": (rate > 0).astype(int), "three": pd.qcut(rate, 3, labels=False), "rate": rate}


@pytest.mark.parametrize("kind", ["two", "three", "rate"])
def test_without_stopping_predictions_are_those_of_xgboost(kind):
    X, rate = cohort(60, 15)
    y = outcomes(rate)[kind]
    shared = {"n_columns_per_block": None, "early_stopping": "none", "n_estimators": 30}
    if kind == "rate":
        mine = BoostedTreesRegressor(**shared, random_state=3).fit(X, y).predict(X)
        expected = their(XGBRegressor).fit(X, y).predict(X)
    else:
        mine = BoostedTreesClassifier(**shared, random_state=3).fit(X, y).predict_proba(X)
        expected = their(XGBClassifier).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(mine, expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["two", "rate"])
def test_rounds_are_those_of_a_plain_script_on_patient_grouped_folds(kind):
    """Bin edges of the script's models come from the rows that they train on: so do ours."""
    X, rate = cohort(50, 12, lesions=2)
    y = outcomes(rate)[kind]
    order = np.lexsort((X.iloc[:, 0], y, patients_of(X)))  # what is drawn goes by the order
    X, y = X.iloc[order], y[order]
    losses = np.zeros(60)
    for train, held_out in PatientKFold(4, random_state=3).split(X, y):
        theirs = XGBRegressor if kind == "rate" else XGBClassifier
        one = their(theirs, n_estimators=60)
        watched = [(X.iloc[held_out], y[held_out])]
        one.fit(X.iloc[train], y[train], eval_set=watched, verbose=False)
        by_round = next(iter(one.evals_result()["validation_0"].values()))
        losses += np.array(by_round) ** (2 if kind == "rate" else 1) * len(held_out) / len(y)
    ours = BoostedTreesRegressor if kind == "rate" else BoostedTreesClassifier
    mine = ours(
        n_columns_per_block=None,
        n_estimators=60,
        patience=60,
        least_rounds=1,
        n_inner_folds=4,
        random_state=3,
    ).fit(X, y)
    np.testing.assert_allclose(mine.losses_, losses, rtol=1e-5)
    assert mine.n_rounds_ == 1 + np.argmin(losses)
    assert mine.booster_.num_boosted_rounds() == mine.n_rounds_


def test_every_part_holds_whole_patients_and_filters_by_its_own_rows(monkeypatch):
    seen = []

    def watch(parts, *arguments):
        seen.extend(parts)
        return original(parts, *arguments)

    original = boosted.losses_by_round
    monkeypatch.setattr(boosted, "losses_by_round", watch)
    X, rate = cohort(40, 60, lesions=2)
    rows = resampled(80)
    y = (rate > 0).astype(int)
    BoostedTreesClassifier(n_columns_per_block=4, **QUICK | {"n_inner_folds": 5}).fit(
        X.iloc[rows], y[rows]
    )
    assert len(seen) == 5
    weight = sum(part.held_out.weight.sum() for part in seen)
    assert weight == len(rows)  # every copy is held out exactly once
    codes = patients_of(X.iloc[rows])
    for part in seen:
        assert not set(part.train.patients) & set(part.held_out.patients)
        assert set(part.train.patients) | set(part.held_out.patients) == set(codes)
        assert set(part.train.y) == set(part.held_out.y) == {0, 1}
        assert part.train.values.shape[1] == 4
    chosen = {part.train.values[:, 0].tobytes() for part in seen}
    assert len(chosen) > 1


def test_a_filter_that_saw_the_held_out_patients_would_never_stop():
    """Planted fault: columns chosen on all rows look as if the trees learned for ever."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        rng.normal(size=(80, 800)),
        index=pd.Index([f"P{i}" for i in range(80)], name="patient_id"),
    ).add_prefix("deep__n__")
    y = rng.permutation(np.repeat([0, 1], 40))
    inside = BoostedTreesClassifier(10, least_rounds=1).fit(X, y)
    chosen = X.iloc[:, BoostedTreesClassifier(10, early_stopping="none").fit(X, y).support_]
    outside = BoostedTreesClassifier(None, least_rounds=1).fit(chosen, y)
    assert outside.n_rounds_ > 5 * inside.n_rounds_
    assert outside.losses_.min() < 0.6 < 0.66 < inside.losses_.min()


def test_copies_of_a_patient_would_never_stop_either():
    named, strangers, y = noise_with_hidden_copies()
    grouped = BoostedTreesClassifier(least_rounds=1).fit(named, y)
    split = BoostedTreesClassifier(least_rounds=1).fit(strangers, y)
    assert split.n_rounds_ > 5 * grouped.n_rounds_
    assert split.losses_.min() < 0.4 < 0.66 < grouped.losses_.min()


def test_without_refit_a_fold_stays_unseen():
    X, rate = cohort(50, 10)
    y = (rate > 0).astype(int)
    kept = {"early_stopping": "part", "n_columns_per_block": None, "least_rounds": 1}
    mine = BoostedTreesClassifier(**kept, refit=False, random_state=3).fit(X, y)
    train, _ = next(PatientKFold(5, random_state=3).split(X, y))
    expected = their(XGBClassifier, n_estimators=mine.n_rounds_).fit(X.iloc[train], y[train])
    np.testing.assert_allclose(mine.predict_proba(X), expected.predict_proba(X), atol=1e-6)
    again = BoostedTreesClassifier(**kept, random_state=3).fit(X, y)
    assert again.n_rounds_ == mine.n_rounds_
    assert not np.allclose(again.predict_proba(X), mine.predict_proba(X))


@pytest.mark.parametrize("kind", [BoostedTreesClassifier, BoostedTreesRegressor])
def test_weights_are_repeats_and_zero_is_absence(kind):
    X, rate = cohort(40, 30)
    y = (rate > 0).astype(int) if kind is BoostedTreesClassifier else rate
    weight = np.random.default_rng(0).integers(0, 4, 40)
    repeated = np.repeat(np.arange(40), weight)
    weighted = kind(**QUICK).fit(X, y, sample_weight=weight)
    plain = kind(**QUICK).fit(X.iloc[repeated], y[repeated])
    np.testing.assert_array_equal(weighted.margin(X), plain.margin(X))


def test_balanced_classes_are_weights_of_xgboost():
    X, rate = cohort(60, 10)
    y = (rate > 1).astype(int)
    weight = np.where(y == 1, 60 / (2 * y.sum()), 60 / (2 * (60 - y.sum())))
    expected = their(XGBClassifier).fit(X, y, sample_weight=weight).predict_proba(X)
    mine = BoostedTreesClassifier(
        None, n_estimators=30, early_stopping="none", class_weight="balanced", random_state=3
    )
    np.testing.assert_allclose(mine.fit(X, y).predict_proba(X), expected, atol=1e-6)


def clinical(n: int = 80) -> tuple[pd.DataFrame, np.ndarray]:
    """Response rises with age, against the constraint; a category and image columns beside it."""
    rng = np.random.default_rng(0)
    index = pd.Index([f"P{i}" for i in range(n)], name="patient_id")
    X = pd.DataFrame(rng.normal(size=(n, 50)), index=index).add_prefix("deep__n__")
    X.insert(0, "clinical__age", rng.normal(60, 9, n))
    X.insert(0, "clinical__smoker", pd.Categorical(rng.choice(["no", "yes"], n)))
    X.insert(0, "clinical__flat", 1.0)
    rise = (X["clinical__age"] - 60) / 9 + (X["clinical__smoker"] == "yes")
    return X, (rise + 0.3 * rng.normal(size=n) > 0.5).to_numpy().astype(int)


@pytest.mark.parametrize("direction", [-1, 1])
def test_a_constraint_finds_its_column_behind_encoder_and_filters(direction):
    X, y = clinical()
    recipe = RECIPES["xgboost", "response"]
    monotone = {"clinical__age": direction, "clinical__smoker": direction}
    model = recipe.make(recipe.settings(monotone=monotone, n_columns_per_block=5), None, 0)
    model.fit(X, y)
    row = X.iloc[[3]]
    ages = pd.concat([row.assign(clinical__age=age) for age in range(30, 90, 2)])
    steps = np.diff(model.predict_proba(ages)[:, 1])
    free = recipe.make(recipe.settings(n_columns_per_block=5), None, 0).fit(X, y)
    assert np.diff(free.predict_proba(ages)[:, 1]).max() > 0.01
    assert (direction * steps >= -1e-7).all()
    assert (steps.max() > 0.01) == (direction == 1)
    smoking = [
        row.assign(clinical__smoker=pd.Categorical([s], ["no", "yes"])) for s in ("no", "yes")
    ]
    change = np.diff(model.predict_proba(pd.concat(smoking))[:, 1])[0]
    assert direction * change >= -1e-7


def test_a_constraint_on_nothing_or_with_three_classes_is_refused():
    X, y = clinical(40)
    recipe = RECIPES["xgboost", "response"]
    with pytest.raises(ModelError, match="clinical__agee"):
        recipe.make(recipe.settings(monotone={"clinical__agee": 1}), None, 0).fit(X, y)
    # a column that does not vary in this resample is no misspelling
    recipe.make(recipe.settings(monotone={"clinical__flat": 1}, n_estimators=2), None, 0).fit(X, y)
    with pytest.raises(ModelError, match="three classes") as caught:
        BoostedTreesClassifier(monotone={"a": 1}).fit(np.eye(9), np.arange(9) % 3)
    assert caught.value.code == "monotone_classes"


def test_few_patients_say_that_nothing_was_tuned():
    X, _ = cohort(30, 5)
    y = np.zeros(30, dtype=int)
    y[4] = 1
    lonely = BoostedTreesClassifier().fit(X, y)
    assert lonely.tuned_ is False
    assert lonely.n_rounds_ == 50
    three = BoostedTreesClassifier().fit(X.iloc[3:6], y[3:6])
    assert np.isfinite(three.predict_proba(X)).all()
    assert BoostedTreesClassifier(early_stopping="none").fit(X, y).tuned_ is None
    pair = y.copy()
    pair[9] = 1
    assert BoostedTreesClassifier(**QUICK).fit(X, pair).tuned_ is True
    single = cohort(1, 5, lesions=4)
    assert BoostedTreesRegressor().fit(*single).tuned_ is False


def test_separation_and_constant_columns_are_no_obstacle():
    X = pd.DataFrame({"a": np.repeat([0.0, 1.0], 20), "b": 3.0})
    y = np.repeat([0, 1], 20)
    model = BoostedTreesClassifier().fit(X, y)
    assert (model.predict(X) == y).all()
    flat = BoostedTreesClassifier().fit(X[["b"]], y).predict_proba(X[["b"]])
    np.testing.assert_allclose(flat, 0.5, atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"early_stopping": "sometimes"},
        {"refit": False},
        {"patience": 0},
        {"n_inner_folds": 1},
        {"n_columns_per_block": 0},
        {"class_weight": "heavy"},
    ],
)
def test_impossible_parameters_are_refused(wrong):
    X, rate = cohort(20, 3)
    with pytest.raises(ModelError, match=next(iter(wrong))):
        BoostedTreesClassifier(**wrong).fit(X, (rate > 0).astype(int))


def test_settings_and_estimator_have_the_same_defaults_and_old_fields_are_valid():
    ours = {
        name: parameter.default
        for name, parameter in inspect.signature(BoostedTreesClassifier).parameters.items()
    }
    settings = XGBoostSettings()
    for name in set(ours) & set(XGBoostSettings.model_fields) - {"monotone"}:
        assert getattr(settings, name) == ours[name], name
    rate = XGBoostRateSettings()
    assert rate.reg_lambda == 4 * settings.reg_lambda
    assert rate.min_child_weight == 4 * settings.min_child_weight
    old = {
        "n_columns_per_block": 5,
        "n_estimators": 50,
        "max_depth": 1,
        "learning_rate": 0.1,
        "subsample": 1.0,
        "colsample_bytree": 1.0,
        "reg_lambda": 1.0,
        "min_child_weight": 1.0,
        "max_bin": 16,
        "max_share": 0.9,
    }
    assert XGBoostSettings(**old).max_bin == 16
    with pytest.raises(ValueError, match="refit"):
        XGBoostSettings(refit=False)
