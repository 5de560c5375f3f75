"""The mean of two models, against the two fitted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

import tumor_response as tr
from tumor_response.exceptions import ModelError
from tumor_response.models.fusion import MeanOfModels


@pytest.fixture
def study():
    rng = np.random.default_rng(4)
    index = pd.MultiIndex.from_product(
        [[f"P{i:02d}" for i in range(50)], ["1"]], names=["patient_id", "lesion_id"]
    )
    X = pd.DataFrame(rng.normal(size=(50, 12)), index).add_prefix("radiomics__f__")
    y = (X.iloc[:, 0] + rng.normal(size=50) > 0).astype(int)
    return X, y


def test_it_is_scikit_learns_soft_vote(study):
    X, y = study
    models = {"a": LogisticRegression(), "b": GaussianNB()}
    ours = MeanOfModels(models).fit(X.to_numpy(), y)
    vote = VotingClassifier(list(models.items()), voting="soft").fit(X.to_numpy(), y)
    given = X.to_numpy()
    np.testing.assert_allclose(ours.predict_proba(given), vote.predict_proba(given), rtol=1e-12)
    assert (ours.predict(given) == vote.predict(given)).all()
    weight = np.arange(50.0)
    weighted = MeanOfModels(models).fit(given, y, sample_weight=weight)
    vote.fit(given, y, sample_weight=weight)
    np.testing.assert_allclose(weighted.predict_proba(given), vote.predict_proba(given), rtol=1e-12)


def test_the_named_model_is_the_mean_of_the_two(study):
    X, y = study
    mean = tr.make_model("average").fit(X, y).predict_proba(X)
    logistic = tr.make_model("logistic").fit(X, y).predict_proba(X)
    trees = tr.make_model(
        "xgboost",
        n_columns_per_block=12,
        n_estimators=200,
        learning_rate=0.03,
        colsample_bytree=0.1,
        reg_lambda=1,
        min_child_weight=1,
        early_stopping="none",
    ).fit(X, y)
    np.testing.assert_allclose(mean, (logistic + trees.predict_proba(X)) / 2, rtol=1e-9)


def test_what_cannot_be_averaged_is_refused(study):
    X, y = study
    with pytest.raises(ModelError, match="no models to average"):
        MeanOfModels({}).fit(X, y)
    with pytest.raises(ModelError, match="needs two classes"):
        MeanOfModels({"a": DummyClassifier()}).fit(X, np.zeros(50))


def test_a_part_that_could_not_be_tuned_is_told(study):
    X, y = study
    y = np.zeros(50, dtype=int)
    y[0] = 1  # one responder: no fold can hold one out and train on another
    assert tr.make_model("average").fit(X, y).steps[-1][1].tuned_ is False
