"""Scores of patients left out: against a plain loop, and on noise that a model remembers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import tumor_response as tr
from tests.unit.predictor import made
from tumor_response.evaluation.rows import prepare_rows
from tumor_response.exceptions import EvaluationError
from tumor_response.predictor.cross_fitting import cross_fitted_scores

NUMBERS = ["radiomics__f0", "radiomics__f1", "clinical__volume_cc"]


def test_scores_and_labels_are_those_of_a_plain_loop_over_folds() -> None:
    X = made.table()[NUMBERS]
    y, label = made.rates(X), tr.ResponderCut("median")
    models = {"model": LogisticRegression(C=0.5)}
    found, _ = cross_fitted_scores(
        prepare_rows(models, X, y, label, "error", None), n_folds=4, n_repeats=2, seed=3, n_jobs=1
    )
    n = len(X)
    assert found.outputs["model"].shape == (2 * n,)
    patients = X.index.get_level_values("patient_id").to_numpy()
    seen = np.zeros((2, n), dtype=int)
    for repeat in (0, 1):
        outputs = found.outputs["model"][repeat * n : (repeat + 1) * n]
        labels = found.y[repeat * n : (repeat + 1) * n]
        for fold in folds_of(X, y, label, repeat):
            test = np.isin(patients, fold)
            cut = y[~test].median()
            plain = LogisticRegression(C=0.5).fit(X[~test], (y[~test] > cut).astype(int))
            expected = logit(plain.predict_proba(X[test])[:, 1])
            np.testing.assert_allclose(outputs[test], expected, atol=1e-12)
            np.testing.assert_array_equal(labels[test], (y[test] > cut).astype(int))
            seen[repeat, test] += 1
    assert (seen == 1).all()


def folds_of(X: pd.DataFrame, y: pd.Series, label: tr.ResponderCut, repeat: int) -> list[list[str]]:
    """Patients of each fold, as an evaluation of the same seed leaves them out."""
    result = tr.evaluate(
        LogisticRegression(), X, y, tr.RepeatedKFold(n_folds=4, n_repeats=2, seed=3), label=label
    )
    names = X.index.get_level_values("patient_id").to_numpy()
    return [sorted(set(names[one.test])) for one in result.resamples if one.repeat == repeat]


def test_a_model_that_remembers_patients_gains_nothing_from_it() -> None:
    X = made.table(120)[NUMBERS]
    y = pd.Series(np.random.default_rng(5).integers(0, 2, len(X)).astype(float), X.index)
    y = y.groupby(level="patient_id").transform("first")  # both lesions answer alike
    X["radiomics__whose"] = pd.factorize(X.index.get_level_values("patient_id"))[0] * 1000.0
    model = KNeighborsClassifier(1)
    rows = prepare_rows({"model": model}, X, y, None, "error", None)
    assert (model.fit(X, y).predict(X) == y).all()
    found, _ = cross_fitted_scores(rows, n_repeats=3)
    assert abs(found.headline("model", "response") - 0.5) < 0.12


def test_bootstrap_models_are_fits_to_the_patients_of_the_samples() -> None:
    X, label = made.table()[NUMBERS], tr.ResponderCut("median")
    y = made.rates(X)
    rows = prepare_rows({"model": LogisticRegression()}, X, y, label, "error", None)
    _, found = cross_fitted_scores(rows, n_resamples=3, seed=2)
    scheme = tr.Bootstrap632Plus(n_resamples=3, seed=2)
    resamples = tr.evaluate(LogisticRegression(), X, y, scheme, label=label).resamples
    for model, one in zip(found, resamples, strict=True):
        train = X.iloc[one.train]
        above = y.iloc[one.train] > y.iloc[one.train].median()
        expected = LogisticRegression().fit(train, above.astype(int))
        np.testing.assert_array_equal(model.coef_, expected.coef_)


def test_too_few_patients_are_refused() -> None:
    X = made.table(6)
    y = pd.Series([1.0] * 3 + [0.0] * (len(X) - 3), X.index)
    rows = prepare_rows({"m": tr.make_model("logistic")}, X, y, None, "error", None)
    with pytest.raises(EvaluationError) as caught:
        cross_fitted_scores(rows, n_folds=5)
    assert caught.value.code == "too_few_patients"
