"""Bad input of evaluate(): a clear error before the first fit, or a defined meaning.

What ``test_evaluate.py`` holds is not repeated here: y of another index, other lengths and
duplicates, NaN in y, text in y, constant and empty columns for two models, infinite values, three
patients, a class of two, duplicate rows and columns, text columns.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import tumor_response as tr
from tumor_response.evaluation.sampling import RepeatedKFold
from tumor_response.exceptions import EvaluationError

SCHEME = tr.Bootstrap632Plus(n_resamples=3)


@pytest.fixture
def study(table):
    X, rate = table()
    return X, (rate > 0).astype(float)


def models(*names):
    return {name: tr.make_model(name) for name in names or ("logistic", "xgboost", "volume_only")}


def same_scores(a, b):
    for one, two in zip(a.out_of_bag, b.out_of_bag, strict=True):
        for name in a.models:
            np.testing.assert_allclose(one.scores[name], two.scores[name], rtol=1e-9)


def refused(message, code, X, y, model=None, **settings):
    with pytest.raises(EvaluationError, match=message) as caught:
        tr.evaluate(model or models(), X, y, **{"scheme": SCHEME} | settings)
    assert caught.value.code == code


# -- the outcome ------------------------------------------------------------------------------


def test_nullable_outcomes_mean_what_plain_ones_do(study):
    X, y = study
    known = np.arange(len(y)) > 2
    plain = tr.evaluate(models("logistic"), X, y.where(known), SCHEME)
    assert plain.cohort_flow.loc["left out, outcome: missing", "n_lesions"] == 3
    for nullable in (y.astype("Float64"), y.astype("Int64"), y.astype(bool).astype("boolean")):
        same_scores(plain, tr.evaluate(models("logistic"), X, nullable.where(known), SCHEME))


def test_other_codes_than_0_and_1(study):
    X, y = study
    refused("holds .*2.* besides 0 and 1", "y", X, y + 1)
    refused("besides 0 and 1", "y", X, 2 * y - 1)
    refused("1 infinite value", "y", X, y.where(np.arange(40) > 0, np.inf))


def test_an_infinite_rate(study):
    X, _ = study
    rate = (X["clinical__age"] * 2.0).rename("rate").where(np.arange(40) > 0, np.inf)
    refused("1 infinite value", "y", X[["deep__n__0"]], rate, {"line": LinearRegression()})


def test_ids_of_another_type_are_other_ids(study):
    X, y = study
    numbered = X.set_axis(
        pd.MultiIndex.from_product([range(40), ["1"]], names=X.index.names), axis=0
    )
    texts = y.set_axis(
        pd.MultiIndex.from_product([[str(i) for i in range(40)], ["1"]], names=X.index.names)
    )
    refused("40 rows of the table are not in y", "index_mismatch", numbered, texts)
    tr.evaluate(tr.make_model("dummy"), numbered, y.set_axis(numbered.index), SCHEME)


def test_levels_in_another_order_are_another_index(study):
    X, y = study
    refused("40 rows of the table are not in y", "index_mismatch", X, y.swaplevel())


def test_missing_ids(study):
    X, y = study
    names = pd.Series(X.index.get_level_values(0), dtype=object)
    names[3] = None
    X.index = y.index = pd.MultiIndex.from_arrays([names, ["1"] * 40], names=X.index.names)
    refused("missing patient or lesion ids", "index", X, y)


# -- columns ----------------------------------------------------------------------------------


def test_a_constant_column_changes_nothing_in_any_model(study):
    X, y = study
    plain = tr.evaluate(models(), X, y, SCHEME)
    for value in (-1e9, np.nan):
        # at the end: where a column stands decides which one a tree takes of two as good
        same_scores(plain, tr.evaluate(models(), X.assign(deep__n__z=value), y, SCHEME))


def test_a_column_that_is_empty_in_some_training_sides_only(study):
    X, y = study
    rare = X.assign(deep__n__rare=np.nan)
    rare.iloc[4, -1] = 2.0
    result = tr.evaluate(models("logistic", "xgboost"), rare, y, tr.Bootstrap632Plus(n_resamples=4))
    in_training = {4 in set(one.train) for one in result.resamples}
    assert in_training == {True, False}
    assert np.isfinite(result.bagged_scores.to_numpy()).any()


def test_an_empty_column_stops_a_model_that_cannot_do_without(study):
    X, y = study
    plain = {"plain": LogisticRegression()}
    empty = X.assign(deep__n__z=np.nan)
    refused("'plain' failed to fit on the full cohort.*NaN", "model_failed", empty, y, plain)


def test_a_category_with_one_level_none_or_a_rare_one(study):
    X, y = study
    plain = tr.evaluate(models("logistic"), X, y, SCHEME)
    one_level = X.assign(clinical__t=pd.Categorical(["a"] * 40))
    same_scores(plain, tr.evaluate(models("logistic"), one_level, y, SCHEME))
    no_level = X.assign(clinical__t=pd.Categorical([None] * 40, categories=["a"]))
    same_scores(plain, tr.evaluate(models("logistic"), no_level, y, SCHEME))
    rare = X.assign(clinical__t=pd.Categorical(["a"] * 39 + ["b"]))
    result = tr.evaluate(models("logistic"), rare, y, tr.Bootstrap632Plus(n_resamples=8))
    # a level that only the other side has is met and scored
    assert any(39 in one.test for one in result.resamples)


def test_kinds_of_numbers_that_are_numbers(study):
    X, y = study
    plain = tr.evaluate(models("logistic", "volume_only"), X, y, SCHEME)
    nullable = X.astype({"deep__n__0": "Float64", "clinical__age": "Float64"})
    same_scores(plain, tr.evaluate(models("logistic", "volume_only"), nullable, y, SCHEME))
    missing = X.copy()
    missing.iloc[3, 3] = np.nan
    nullable.iloc[3, 3] = pd.NA
    same_scores(
        tr.evaluate(models("logistic", "volume_only"), missing, y, SCHEME),
        tr.evaluate(models("logistic", "volume_only"), nullable, y, SCHEME),
    )
    positive = X["deep__n__0"] > 0
    flags = tr.evaluate(models("logistic", "volume_only"), X.assign(deep__n__b=positive), y, SCHEME)
    same_scores(
        flags,
        tr.evaluate(
            models("logistic", "volume_only"), X.assign(deep__n__b=positive * 1.0), y, SCHEME
        ),
    )
    same_scores(
        flags,
        tr.evaluate(
            models("logistic", "volume_only"),
            X.assign(deep__n__b=positive.astype("boolean")),
            y,
            SCHEME,
        ),
    )


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(range(40), dtype=object),
        pd.Series(pd.date_range("2020-01-01", periods=40)),
        pd.Series(pd.to_timedelta(np.arange(40), "D")),
        pd.Series([f"{i}.5" for i in range(40)]),
    ],
    ids=["objects", "dates", "durations", "numbers as text"],
)
def test_kinds_that_are_no_numbers(study, values):
    X, y = study
    strange = X.assign(deep__n__0=values.to_numpy())
    refused("neither numbers nor categories: 'deep__n__0'", "object_columns", strange, y)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_of_either_sign_and_of_single_precision(study, value):
    X, y = study
    single = X.astype({"deep__n__0": "float32"})
    single.iloc[3, 3] = value
    refused("'deep__n__0' at .'P003'", "infinite", single, y)
    # what no model reads may hold anything
    tr.evaluate(tr.make_model("dummy"), X.assign(meta__x=value), y, SCHEME)


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_volume_without_a_logarithm(study, value):
    X, y = study
    X.iloc[5, 0] = value
    message = "'volume_only' failed to fit on the full cohort.*zero or less in clinical__volume_cc"
    refused(message, "model_failed", X, y)
    tr.evaluate(tr.make_model("logistic"), X, y, SCHEME)


# -- few patients, and too clear an answer ----------------------------------------------------


def test_one_patient_and_four(table):
    X, _ = table(4)
    y = pd.Series([0.0, 0.0, 1.0, 1.0], index=X.index)
    refused("All 1 lesions are of class 0", "one_class", X.iloc[:1], y.iloc[:1])
    summary = tr.evaluate(models(), X, y, SCHEME).summary()
    assert (summary["n_patients"] == 4).all()
    # two training patients, one per class, leave nobody to validate on
    assert summary.loc["logistic", "n_untuned"] == 3


def test_folds_of_a_class_of_two(table):
    X, _ = table(12)
    y = pd.Series(0.0, index=X.index)
    y.iloc[[2, 5]] = 1
    refused(
        "smallest class has 2 patient", "too_few_patients", X, y, scheme=RepeatedKFold(n_folds=3)
    )
    result = tr.evaluate(models(), X, y, RepeatedKFold(n_folds=2, n_repeats=2))
    assert all(one.y_test.sum() == 1 for one in result.out_of_bag)


def test_perfect_separation_is_found_and_stays_finite(study):
    X, y = study
    apart = X.assign(deep__n__0=10 * y + np.linspace(0, 1, 40))
    named = {name: tr.make_model(name) for name in ("logistic", "xgboost")}
    unpenalised = {"plain": LogisticRegression(C=np.inf, max_iter=2000)}
    summary = tr.evaluate({**named, **unpenalised}, apart, y, SCHEME).summary()
    assert (summary["auc_apparent"] == 1).all()
    assert summary.loc["logistic", ["auc_oob", "ci_low", "ci_high"]].tolist() == [1, 1, 1]
    assert summary.loc["plain", "auc_oob"] == 1
    assert summary.loc["xgboost", "auc_oob"] > 0.9
    scores = tr.evaluate(tr.make_model("logistic"), apart, y, SCHEME).scores["score"]
    assert scores.between(0, 1).all()


def test_an_infinite_rate_is_refused_whatever_is_made_of_it(table):
    X, rate = table(30)
    rate.iloc[3] = np.inf
    with pytest.raises(EvaluationError, match="infinite") as caught:
        tr.evaluate(tr.make_model("volume_only"), X, rate, SCHEME, label=tr.ResponderCut("median"))
    assert caught.value.code == "y"


def test_ids_that_differ_in_type_alone_are_refused(table):
    X, rate = table(30)
    names = [1, "1", *range(2, 30)]
    X.index = pd.MultiIndex.from_arrays([names, ["1"] * 30], names=["patient_id", "lesion_id"])
    with pytest.raises(EvaluationError, match="differ in their type alone") as caught:
        tr.evaluate(tr.make_model("volume_only"), X, pd.Series(rate.to_numpy(), X.index), SCHEME)
    assert caught.value.code == "index"


@pytest.mark.parametrize(
    ("value", "code"), [(1e160, "infinite"), (1e39, "infinite"), (1 + 2j, "object_columns")]
)
def test_numbers_that_no_model_can_use_are_refused(table, value, code):
    X, rate = table(30)
    X["deep__n__1"] = [value] * 30
    with pytest.raises(EvaluationError) as caught:
        tr.evaluate(tr.make_model("logistic"), X, (rate > 0).astype(float), SCHEME)
    assert caught.value.code == code


def test_an_empty_table_is_refused(table):
    X, rate = table(30)
    for empty in (X.iloc[:0], X[[]]):
        with pytest.raises(EvaluationError, match="no rows or no columns"):
            tr.evaluate(tr.make_model("volume_only"), empty, rate.reindex(empty.index), SCHEME)
