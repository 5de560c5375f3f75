"""The .632 family against a slow script written from the definition alone.

Efron and Tibshirani 1997 (JASA 92:548) with the AUC for the error rate: nothing of the library
but the patients drawn is used here, and no rank, no array trick.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tumor_response.evaluation import auc, auc_632, auc_632plus


def slow_auc(y, score) -> float:
    won = pairs = 0.0
    for i in range(len(y)):
        for j in range(len(y)):
            if y[i] == 1 and y[j] == 0:
                pairs += 1
                if score[i] > score[j]:
                    won += 1
                elif score[i] == score[j]:
                    won += 0.5
    return won / pairs


def slow_632plus(apparent: float, oob: float) -> float:
    no_information = 0.5
    if apparent <= no_information:
        rate = 0.0
    elif oob <= no_information:
        rate = 1.0
    elif oob < apparent:
        rate = (apparent - oob) / (apparent - no_information)
    else:
        rate = 0.0
    weight = 0.632 / (1 - 0.368 * rate)
    clamped = oob if oob > no_information else no_information
    return (1 - weight) * apparent + weight * clamped


def compare_with_plain_script(model, X: pd.DataFrame, y: pd.Series, n_resamples: int) -> None:
    result = tr.evaluate({"m": model}, X, y, tr.Bootstrap632Plus(n_resamples=n_resamples, seed=5))
    values, labels = X.to_numpy(), y.to_numpy()
    apparent = slow_auc(labels, model.fit(values, labels).predict_proba(values)[:, 1])
    aucs, collected = [], {}
    for resample in result.resamples:
        fitted = model.fit(values[resample.train], labels[resample.train])
        score = fitted.predict_proba(values[resample.test])[:, 1]
        aucs.append(slow_auc(labels[resample.test], score))
        for row, one in zip(resample.test, score, strict=True):
            collected.setdefault(row, []).append(one)
    oob = sum(aucs) / len(aucs)
    rows = sorted(collected)
    row = result.summary().loc["m"]
    expected = {
        "auc_apparent": apparent,
        "auc_oob": oob,
        "auc_632": 0.368 * apparent + 0.632 * oob,
        "auc_632plus": slow_632plus(apparent, oob),
        "auc_632plus_per_resample": sum(slow_632plus(apparent, a) for a in aucs) / len(aucs),
        "auc_oob_bagged": slow_auc(
            [labels[r] for r in rows], [sum(collected[r]) / len(collected[r]) for r in rows]
        ),
    }
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, abs=1e-12), name
    percentiles = result.interval("m", "oob_percentile")
    assert percentiles.low == pytest.approx(np.percentile(aucs, 2.5), abs=1e-12)
    assert percentiles.high == pytest.approx(np.percentile(aucs, 97.5), abs=1e-12)


def test_simulated_table():
    rng = np.random.default_rng(2)
    index = pd.MultiIndex.from_product(
        [[f"P{i}" for i in range(30)], ["1", "2"]], names=["patient_id", "lesion_id"]
    )
    X = pd.DataFrame(rng.normal(size=(60, 8)), index=index).rename(columns="deep__{}".format)
    y = pd.Series((X.iloc[:, 0] + rng.normal(size=60) > 0).astype(float), index=index)
    compare_with_plain_script(
        make_pipeline(StandardScaler(), LogisticRegression(C=0.5)), X, y, n_resamples=15
    )


@pytest.mark.needs("data")
def test_real_table(shared_data):
    table = pd.read_csv(shared_data / "tables" / "hn1_radiomics.csv").set_index("ID")
    table.index.name = "patient_id"
    y = (table.pop("label") == "T34").astype(float)
    assert 0 < y.sum() < len(y)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3))
    compare_with_plain_script(model, table, y, n_resamples=10)


@pytest.mark.parametrize("apparent", [0.3, 0.5, 0.6, 0.8, 1.0])
@pytest.mark.parametrize("oob", [0.2, 0.5, 0.55, 0.7, 0.8, 0.95])
def test_every_branch_of_the_formula(apparent, oob):
    assert auc_632plus(apparent, oob) == pytest.approx(slow_632plus(apparent, oob), abs=1e-15)
    assert auc_632(apparent, oob) == pytest.approx(0.368 * apparent + 0.632 * oob, abs=1e-15)


def test_worked_by_hand():
    # R = (1 - 0.75) / (1 - 0.5) = 0.5; w = 0.632 / (1 - 0.184) = 0.774509...
    assert auc_632plus(1.0, 0.75) == pytest.approx(1 - 0.25 * 0.632 / 0.816, abs=1e-15)


def test_auc_with_ties_against_counting_pairs():
    rng = np.random.default_rng(0)
    for _ in range(20):
        y = np.r_[0, 1, rng.integers(0, 2, 20)]
        score = rng.integers(0, 5, 22)
        assert auc(y, score) == pytest.approx(slow_auc(y, score), abs=1e-15)
