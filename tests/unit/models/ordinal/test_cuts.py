"""OrdinalByCuts: what Frank and Hall wrote, and probabilities that are some."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.isotonic import isotonic_regression
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tests.unit.models.linear_cohort import cohort
from tests.unit.models.ordinal.test_ordinal_ridge import tertiles
from tumor_response.models import OrdinalByCuts, OrdinalRidge, RidgeLogistic, left_untuned
from tumor_response.models.ordinal import by_cuts
from tumor_response.models.ordinal.cuts import descending
from tumor_response.models.penalised import RECIPES


@given(
    arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=st.floats(0, 1))
)
def test_descending_is_isotonic_regression(chances):
    expected = [isotonic_regression(row, increasing=False) for row in chances]
    np.testing.assert_allclose(descending(chances), expected, atol=1e-12)


def test_where_cuts_agree_it_is_the_difference_of_two_models():
    X, _, rate = cohort(90, 4, signal=2.0)
    y = np.array(["a", "b", "c"])[tertiles(rate)]
    model = OrdinalByCuts(LogisticRegression()).fit(X, y)
    first = LogisticRegression().fit(X, y > "a").predict_proba(X)[:, 1]
    second = LogisticRegression().fit(X, y > "b").predict_proba(X)[:, 1]
    chance = model.predict_proba(X)
    agree = second <= first
    assert agree.mean() > 0.8
    expected = np.column_stack([1 - first, first - second, second])
    np.testing.assert_allclose(chance[agree], expected[agree], atol=1e-12)
    np.testing.assert_allclose(chance.sum(axis=1), 1)
    assert model.predict(X).tolist() == model.classes_[chance.argmax(axis=1)].tolist()


def test_contradicting_cuts_leave_no_negative_probability():
    X, _, rate = cohort(60, 3)
    model = OrdinalByCuts(DecisionTreeClassifier(max_depth=3, random_state=0))
    fitted = model.fit(X, tertiles(rate))
    first, second = (one.predict_proba(X)[:, 1] for one in fitted.estimators_)
    assert (second > first).any()  # otherwise nothing is shown
    assert fitted.predict_proba(X).min() >= 0


def test_weights_reach_the_last_step_and_zero_leaves_out():
    X, _, rate = cohort(60, 3)
    y = tertiles(rate)
    weight = np.random.default_rng(0).integers(0, 3, 60)
    weight[0], y = 0, np.r_[7, y[1:]]  # a class that nobody of weight has
    line = make_pipeline(StandardScaler(with_std=False), RidgeLogistic((1.0,)))
    weighted = OrdinalByCuts(line).fit(X, y, sample_weight=weight)
    assert weighted.classes_.tolist() == [0, 1, 2]
    rows = np.repeat(np.arange(60), weight)
    plain = OrdinalByCuts(line).fit(X.iloc[rows], y[rows])
    np.testing.assert_allclose(weighted.predict_proba(X), plain.predict_proba(X), atol=1e-7)


def test_it_tells_whether_its_models_could_tune():
    X, _, rate = cohort(60, 3)
    y = tertiles(rate)
    assert OrdinalByCuts(RidgeLogistic()).fit(X, y).tuned_ is True
    assert OrdinalByCuts(RidgeLogistic((1.0,))).fit(X, y).tuned_ is None
    rare = np.where(np.arange(60) == 4, 2, y.clip(max=1))
    assert left_untuned(OrdinalByCuts(RidgeLogistic()).fit(X, rare))
    with pytest.raises(ValueError, match="two classes"):
        OrdinalByCuts(RidgeLogistic()).fit(X, np.ones(60))


def test_a_recipe_of_responses_becomes_one_of_tertiles():
    X, _, rate = cohort(90, 30, signal=3.0)
    X = X.assign(clinical__site=pd.Categorical(list("abc") * 30))
    recipe = by_cuts(RECIPES["logistic", "response"])
    model = recipe.make(recipe.settings(Cs=(1.0,)), None, 0).fit(X, tertiles(rate))
    assert list(model.named_steps) == ["blocks", "encode", "impute", "vary", "scale", "classify"]
    chance = model.predict_proba(X)
    proportional = OrdinalRidge((1.0,)).fit(model[:-1].transform(X), tertiles(rate))
    expected = proportional.predict_proba(model[:-1].transform(X))
    assert np.corrcoef(chance @ [0, 1, 2], expected @ [0, 1, 2])[0, 1] > 0.95
