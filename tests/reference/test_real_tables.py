"""Real tables: what ``evaluate`` reports of the named models against plain scikit-learn scripts.

The scripts share three things with the library and no more: which rows were drawn, the seeded
assignment of patients to inner folds, and XGBoost. Everything else (imputing, leaving columns out,
scaling, tuning, scoring, the estimates) is scikit-learn, pandas or written out here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import tumor_response as tr
from tumor_response.models.folds import patient_folds

pytestmark = pytest.mark.needs("data")

Scores = Callable[[pd.DataFrame, np.ndarray, pd.DataFrame], np.ndarray]


@pytest.fixture(scope="module")
def hn1(shared_data: Path) -> tuple[pd.DataFrame, pd.Series]:
    table = pd.read_csv(shared_data / "tables" / "hn1_radiomics.csv").set_index("ID")
    table.index.name = "patient_id"
    assert table.shape == (113, 160)
    return table, (table.pop("label") == "T34").astype(float)


@pytest.fixture(scope="module")
def ispy1(shared_data: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Complete pathological response from what was known after the first cycles."""
    table = pd.read_csv(shared_data / "tables" / "ispy1_longest_diameter.csv")
    table = table.set_index("SUBJECTID")
    table.index.name = "patient_id"
    y = (table["PCR"] == "Yes").astype(float)
    known = ["age", "White", "ER+", "PR+", "Bilateral", "MRI_LD_Baseline", "MRI_LD_1_3dAC"]
    table = table[known]
    # the table is complete; holes at fixed places put the imputer to work
    table.iloc[::17, 0] = np.nan
    return table, y


def vary(X: pd.DataFrame) -> list[str]:
    """Columns of which no value fills more than 95 % of the rows."""
    return [name for name in X if (X[name] == X[name].median()).mean() <= 0.95]


def impute(X: pd.DataFrame, new: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    imputer = SimpleImputer(strategy="median").set_output(transform="pandas").fit(X)
    return imputer.transform(X), imputer.transform(new)


def ridge_script(Cs: list[float]) -> Scores:
    """Ridge logistic regression with the penalty of the least pooled held-out deviance."""

    def scores(X: pd.DataFrame, y: np.ndarray, new: pd.DataFrame) -> np.ndarray:
        X, new = impute(X, new)
        kept = vary(X)
        scale = make_pipeline(
            StandardScaler(),
            FunctionTransformer(lambda z: np.clip(z, -5, 5) / np.sqrt(len(kept))),
        )
        values = scale.fit_transform(X[kept].to_numpy())
        patients = np.unique(X.index.astype(str), return_inverse=True)[1]
        fold = patient_folds(patients, y, 5, 0)
        deviances = []
        for C in Cs if len(Cs) > 1 else []:
            held_out = np.empty(len(y))
            for k in range(5):
                fitted = logistic(C).fit(values[fold != k], y[fold != k])
                held_out[fold == k] = fitted.predict_proba(values[fold == k])[:, 1]
            deviances.append(log_loss(y, held_out))
        best = Cs[int(np.argmin(deviances))] if deviances else Cs[0]
        fitted = logistic(best).fit(values, y)
        return fitted.predict_proba(scale.transform(new[kept].to_numpy()))[:, 1]

    return scores


def logistic(C: float) -> LogisticRegression:
    return LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12)


def boosting_script(X: pd.DataFrame, y: np.ndarray, new: pd.DataFrame) -> np.ndarray:
    """Shallow boosted trees on the 20 columns that separate the classes best one at a time."""
    from xgboost import XGBClassifier

    X, new = impute(X, new)
    apart = pd.Series({name: abs(roc_auc_score(y, X[name]) - 0.5) for name in vary(X)})
    best = set(apart.round(12).sort_values(ascending=False, kind="stable").index[:20])
    kept = [name for name in X if name in best]
    booster = XGBClassifier(
        n_estimators=60,
        max_depth=2,
        learning_rate=0.05,
        subsample=0.8,
        colsample_bytree=0.5,
        reg_lambda=5.0,
        min_child_weight=2.0,
        max_bin=32,
        n_jobs=1,
        random_state=0,
        seed_per_iteration=True,
    )
    # a patient drawn k times is one row of weight k, in the order of the patients' names: drawing
    # rows for a tree then does not take one copy and leave another
    times = X.index.value_counts()
    once = X.assign(y=y)[~X.index.duplicated()].sort_index()
    fitted = booster.fit(
        once[kept].to_numpy(), once["y"].to_numpy(), sample_weight=times[once.index].to_numpy()
    )
    return fitted.predict_proba(new[kept].to_numpy())[:, 1]


def relative_632plus(apparent: float, oob: float) -> float:
    clamped = max(oob, 0.5)
    overfitting = min(max((apparent - clamped) / (apparent - 0.5), 0.0), 1.0)
    weight = 0.632 / (1 - 0.368 * overfitting)
    return (1 - weight) * apparent + weight * clamped


def check(
    model: object,
    script: Scores,
    table: pd.DataFrame,
    y: pd.Series,
    by_hand: pd.DataFrame,
    n_resamples: int,
    tolerance: float,
) -> None:
    result = tr.evaluate(
        {"m": model}, table, y, tr.Bootstrap632Plus(n_resamples=n_resamples, seed=11)
    )
    labels = y.to_numpy().astype(int)
    apparent = roc_auc_score(labels, script(by_hand, labels, by_hand))
    aucs = []
    for resample, found in zip(result.resamples, result.out_of_bag, strict=True):
        train, test = resample.train, resample.test
        assert sorted(test) == sorted(set(range(len(y))) - set(train))
        score = script(by_hand.iloc[train], labels[train], by_hand.iloc[test])
        np.testing.assert_allclose(found.scores["m"], score, atol=tolerance)
        aucs.append(roc_auc_score(labels[test], score))
        assert found.aucs["m"] == pytest.approx(aucs[-1], abs=1e-12)
    row = result.summary().loc["m"]
    expected = {
        "auc_apparent": apparent,
        "auc_oob": np.mean(aucs),
        "auc_632plus": relative_632plus(apparent, np.mean(aucs)),
        "auc_632plus_per_resample": np.mean([relative_632plus(apparent, a) for a in aucs]),
    }
    assert len(aucs) == n_resamples
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, abs=1e-12), name


def test_ridge_of_one_penalty_on_radiomics(hn1):
    table, y = hn1
    model = tr.make_model("logistic", Cs=(1.0,))
    check(model, ridge_script([1.0]), one_block(table), y, table, n_resamples=6, tolerance=1e-7)


def test_tuned_ridge_on_radiomics(hn1):
    table, y = hn1
    Cs = [0.01, 0.1, 1.0]
    model = tr.make_model("logistic", Cs=tuple(Cs))
    check(model, ridge_script(Cs), one_block(table), y, table, n_resamples=2, tolerance=1e-7)


def test_boosted_trees_on_radiomics(hn1):
    table, y = hn1
    model = tr.make_model("xgboost", n_estimators=60, early_stopping="none")
    check(model, boosting_script, one_block(table), y, table, n_resamples=3, tolerance=1e-7)


def test_tuned_ridge_on_clinical_factors_with_categories_and_holes(ispy1):
    table, y = ispy1
    words = table.select_dtypes(exclude="number").columns
    given = table.astype(dict.fromkeys(words, "category")).add_prefix("clinical__")
    by_hand = table.assign(**{name: (table[name] == "Yes").astype(float) for name in words})
    Cs = [0.01, 0.1, 1.0]
    model = tr.make_model("clinical_only", Cs=tuple(Cs))
    check(model, ridge_script(Cs), given, y, by_hand, n_resamples=3, tolerance=1e-7)


def one_block(table: pd.DataFrame) -> pd.DataFrame:
    return table.add_prefix("features__")
