"""Rates by regressors, thirds by classifiers of three classes, weights of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tumor_response.evaluation.metrics import auc, c_index, r2
from tumor_response.exceptions import EvaluationError

SCHEME = tr.Bootstrap632Plus(n_resamples=15, seed=2)


def test_a_regressor_predicts_the_rate_itself(table):
    X, rate = table(60)
    result = tr.evaluate({"ridge": make_pipeline(StandardScaler(), Ridge())}, X, rate, SCHEME)
    row = result.summary().loc["ridge"]
    assert (result.task, result.headline) == ("rate", "r2_oob")
    # a plain script: the reference is the mean of the training rows, copies included
    predictors = [c for c in X if not c.startswith("meta__")]
    values = []
    for one in result.resamples:
        model = make_pipeline(StandardScaler(), Ridge())
        model.fit(X.iloc[one.train][predictors], rate.iloc[one.train])
        predicted = model.predict(X.iloc[one.test][predictors])
        left = ((rate.iloc[one.test] - predicted) ** 2).sum()
        values.append(1 - left / ((rate.iloc[one.test] - rate.iloc[one.train].mean()) ** 2).sum())
    np.testing.assert_allclose(result.oob_values("ridge"), values, rtol=1e-12)
    assert row["r2_oob"] == pytest.approx(np.mean(values))
    assert row["r2_apparent"] > row["r2_oob"] > 0.2
    assert "n_responders" not in row
    assert "n_responders" not in result.cohort_flow
    with pytest.raises(EvaluationError, match="oob_values"):
        result.oob_aucs("ridge")


def test_r2_on_the_training_rows_is_scikit_learns():
    rng = np.random.default_rng(0)
    y, prediction = rng.normal(size=30), rng.normal(size=30)
    assert r2(y, prediction, float(y.mean())) == pytest.approx(r2_score(y, prediction), rel=1e-12)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-5, 5)), min_size=2, max_size=40))
@settings(deadline=None)
def test_concordance_of_two_classes_is_the_auc(pairs):
    y, score = np.array(pairs).T
    if len(set(y)) == 2:
        assert c_index(y, score) == pytest.approx(auc(y, score), abs=1e-12)
    else:
        with pytest.raises(EvaluationError):
            c_index(y, score)


def test_thirds_are_scored_by_the_expected_class(table):
    X, rate = table(60)
    thirds = tr.label_tertiles(rate.to_frame())
    forest = RandomForestClassifier(20, random_state=0)
    result = tr.evaluate({"forest": forest}, X, thirds, SCHEME)
    assert (result.task, result.headline) == ("tertiles", "c_index_oob")
    one, resample = result.out_of_bag[0], result.resamples[0]
    predictors = [c for c in X if not c.startswith("meta__")]
    forest.fit(X.iloc[resample.train][predictors], thirds.iloc[resample.train])
    expected = forest.predict_proba(X.iloc[resample.test][predictors]) @ [0.0, 1.0, 2.0]
    np.testing.assert_allclose(one.scores["forest"], expected, atol=1e-12)
    assert one.values["forest"] == pytest.approx(
        c_index(thirds.iloc[resample.test], expected), abs=1e-12
    )
    assert all(len(set(thirds.iloc[r.train])) == 3 for r in result.resamples)


def test_models_and_outcomes_that_do_not_fit_are_refused(table):
    X, rate = table(40)
    y = (rate > 0).astype(float)
    with pytest.raises(EvaluationError, match="Evaluate them apart") as caught:
        tr.evaluate({"a": LinearRegression(), "b": LogisticRegression()}, X, y, SCHEME)
    assert caught.value.code == "mixed_models"
    with pytest.raises(EvaluationError, match="Give the continuous end point"):
        tr.evaluate(LinearRegression(), X, y, SCHEME)
    with pytest.raises(EvaluationError, match="Leave label=None for regressors"):
        tr.evaluate(LinearRegression(), X, rate, SCHEME, label=tr.ResponderCut("median"))
    with pytest.raises(EvaluationError, match="outcome='rate'"):
        tr.evaluate(LogisticRegression(), X, rate, SCHEME)
    with pytest.raises(EvaluationError, match="have the rate 1"):
        tr.evaluate(LinearRegression(), X, rate * 0 + 1.5, SCHEME)
    with pytest.raises(EvaluationError, match="infinite"):
        tr.evaluate(LinearRegression(), X, rate.where(rate < rate.max(), np.inf), SCHEME)
    with pytest.raises(EvaluationError, match="fewer than four"):
        tr.evaluate(LinearRegression(), X.iloc[:3], rate.iloc[:3], SCHEME)


def test_training_and_whole_cohort_values_are_those_of_the_same_fit(table):
    X, rate = table(40)
    y = (rate > 0).astype(float)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    result = tr.evaluate({"m": model}, X, y, SCHEME)
    predictors = [c for c in X if not c.startswith("meta__")]
    for one, resample in zip(result.out_of_bag, result.resamples, strict=True):
        fitted = model.fit(X.iloc[resample.train][predictors], y.iloc[resample.train])
        score = fitted.predict_proba(X[predictors])[:, 1]
        assert one.train_values["m"] == pytest.approx(
            auc(y.iloc[resample.train], score[resample.train]), abs=1e-12
        )
        assert one.all_values["m"] == pytest.approx(auc(y, score), abs=1e-12)


def test_weights_reach_the_fit_and_no_measure(table):
    X, rate = table(40, lesions=2)
    y = (rate > 0).astype(float)
    models = {"m": make_pipeline(StandardScaler(), LogisticRegression())}
    plain = tr.evaluate(models, X, y, SCHEME)
    even = tr.evaluate(models, X, y, SCHEME, sample_weight=pd.Series(1.0, X.index))
    assert (plain.scores["score"] == even.scores["score"]).all()
    rng = np.random.default_rng(0)
    weight = pd.Series(rng.uniform(0.1, 3, len(X)), X.index)
    given = tr.evaluate(models, X, y, SCHEME, sample_weight=weight.sample(frac=1, random_state=1))
    predictors = [c for c in X if not c.startswith("meta__")]
    train, test = given.resamples[0].train, given.resamples[0].test
    by_hand = models["m"].fit(
        X.iloc[train][predictors],
        y.iloc[train],
        logisticregression__sample_weight=weight.iloc[train],
    )
    score = by_hand.predict_proba(X.iloc[test][predictors])[:, 1]
    np.testing.assert_allclose(given.out_of_bag[0].scores["m"], score, rtol=1e-12)
    assert given.out_of_bag[0].values["m"] == pytest.approx(auc(y.iloc[test], score))
    # two lesions each: everybody weighs one half, and a ridge penalty notices
    halves = tr.evaluate(models, X, y, SCHEME, sample_weight="per_patient")
    half = tr.evaluate(models, X, y, SCHEME, sample_weight=pd.Series(0.5, X.index))
    assert (halves.scores["score"] == half.scores["score"]).all()


def test_weights_that_mean_nothing_are_refused(table):
    X, rate = table(40)
    y = (rate > 0).astype(float)
    model = LogisticRegression()
    weight = pd.Series(1.0, X.index)
    for wrong in (
        weight.iloc[:-1],
        weight.where(weight.index != X.index[0], -1.0),
        weight.where(weight.index != X.index[0]),
        weight * 0,
        "per_lesion",
    ):
        with pytest.raises(EvaluationError, match="sample_weight: expected"):
            tr.evaluate(model, X, y, SCHEME, sample_weight=wrong)
    with pytest.raises(EvaluationError, match="takes no weights"):
        tr.evaluate(KNeighborsClassifier(), X, y, SCHEME, sample_weight=weight)
