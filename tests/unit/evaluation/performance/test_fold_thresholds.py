"""Thresholds chosen in the fold, against a plain loop, and where own scores would mislead."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import tumor_response as tr
from tumor_response.evaluation import performance
from tumor_response.exceptions import EvaluationError
from tumor_response.models import PatientKFold


def evaluate(n: int, p: int, model, n_resamples: int, signal: float = 1.0):
    rng = np.random.default_rng(2)
    index = pd.Index([f"P{i:02d}" for i in range(n)], name="patient_id")
    X = pd.DataFrame(
        rng.normal(size=(n, p)), index=index, columns=[f"deep__n__{i}" for i in range(p)]
    )
    y = (signal * X["deep__n__0"] + rng.normal(size=n) > 0).astype(float)
    return tr.evaluate({"m": model}, X, y, tr.Bootstrap632Plus(n_resamples=n_resamples, seed=1))


def test_by_a_plain_loop():
    model = LogisticRegression(C=0.5)
    result = evaluate(50, 3, model, 3)
    X, y = result.rows.X, result.rows.y
    for rule in ("youden", 0.8):
        table = performance.in_fold_thresholds(result, "m", rule)
        for number, resample in enumerate(result.resamples):
            inner_X, inner_y = X.iloc[resample.train], y[resample.train]
            scores = np.empty(len(inner_y))
            for train, test in PatientKFold(5).split(inner_X, inner_y):
                assert not set(inner_X.index[train]) & set(inner_X.index[test])
                fitted = model.fit(inner_X.iloc[train], inner_y[train])
                scores[test] = fitted.predict_proba(inner_X.iloc[test])[:, 1]
            best = (
                performance.youden_threshold(inner_y, scores)
                if rule == "youden"
                else performance.sensitivity_threshold(inner_y, scores, rule)
            )
            assert table.loc[number, "threshold"] == best
            one = result.out_of_bag[number]
            told = performance.threshold_figures(one.y_test, one.scores["m"], best)
            assert table.loc[number, list(told)].to_dict() == pytest.approx(told, nan_ok=True)


def test_a_sensitivity_is_about_met_with_more_columns_than_patients():
    result = evaluate(60, 120, LogisticRegression(C=0.01), 12, signal=3.0)
    met = performance.in_fold_thresholds(result, "m", 0.9)["sensitivity"].mean()
    own = []
    for resample, one in zip(result.resamples, result.out_of_bag, strict=True):
        model = LogisticRegression(C=0.01)
        X, y = result.rows.X.iloc[resample.train], result.rows.y[resample.train]
        scores = model.fit(X, y).predict_proba(X)[:, 1]
        threshold = performance.sensitivity_threshold(y, scores, 0.9)
        told = performance.threshold_figures(one.y_test, one.scores["m"], threshold)
        own.append(told["sensitivity"])
    assert abs(met - 0.9) < 0.1
    assert np.mean(own) < 0.6  # what thresholds on the fit's own training scores would do


@pytest.mark.parametrize("rule", ["best", 0.0, 1.1, None])
def test_refused(rule):
    result = evaluate(40, 2, LogisticRegression(), 2)
    with pytest.raises(EvaluationError) as raised:
        performance.in_fold_thresholds(result, "m", rule)
    assert raised.value.code == "proportion"
