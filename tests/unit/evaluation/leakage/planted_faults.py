"""Studies with a fault of each kind, and the same without."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from tumor_response.evaluation.sampling import Resample, Scheme, SchemeRows


def cohort(
    n: int = 60, p: int = 12, lesions: int = 1, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A frame of raw features and the outcome table that goes with it."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(n)], [str(k + 1) for k in range(lesions)]],
        names=["patient_id", "lesion_id"],
    )
    size = len(index)
    hidden = rng.normal(size=(size, 3))
    features = np.exp(0.4 * (hidden @ rng.normal(size=(3, p)) + rng.normal(size=(size, p))))
    features *= 10.0 ** rng.uniform(-2, 3, p)
    X = pd.DataFrame(features, index=index).add_prefix("radiomics__original__f")
    volume = np.exp(2.5 + 0.7 * rng.normal(size=size))
    X.insert(0, "clinical__volume_cc", volume)
    X.insert(1, "clinical__age", np.repeat(rng.integers(45, 85, n).astype(float), lesions))
    X["meta__site"] = pd.Categorical(np.repeat(rng.choice(["A", "B"], n), lesions))
    shrinkage = 25 + 8 * hidden[:, 0] + 10 * rng.normal(size=size)
    days = rng.integers(25, 35, size).astype(float)
    after = volume * (1 - shrinkage / 100)
    outcomes = pd.DataFrame(
        {
            "volume_baseline_cc": volume,
            "volume_follow_up_cc": after,
            "interval_days": days,
            "shrinkage_percent": shrinkage,
            "rate_percent_per_day": shrinkage / days,
        },
        index=index,
    )
    return X, outcomes


class ByRow(Scheme):
    """Folds of rows, whoever they belong to."""

    kind: ClassVar[Any] = "folds"

    def resamples(self, rows: SchemeRows) -> list[Resample]:
        of = np.arange(len(rows.X)) % 3
        return [Resample(np.nonzero(of != k)[0], np.nonzero(of == k)[0], fold=k) for k in range(3)]


class ScaledWithAll(TransformerMixin, BaseEstimator):
    """Scales by means of a table that it was given, whatever it is fitted to."""

    def __init__(self, table: Any = None, uses_it: bool = True) -> None:
        self.table = table
        self.uses_it = uses_it

    def fit(self, X: Any, y: Any = None) -> ScaledWithAll:
        values = np.asarray(self.table if self.uses_it else X, dtype=float)
        self.mean_, self.scale_ = values.mean(axis=0), values.std(axis=0)
        return self

    def transform(self, X: Any) -> Any:
        return (np.asarray(X, dtype=float) - self.mean_) / self.scale_


def scaled_with_closure(table: pd.DataFrame) -> Any:
    """The same, the table being a variable of the function that makes the class."""

    class Scaled(TransformerMixin, BaseEstimator):
        def fit(self, X: Any, y: Any = None) -> Any:
            values = table.to_numpy()
            self.mean_, self.scale_ = values.mean(axis=0), values.std(axis=0)
            return self

        def transform(self, X: Any) -> Any:
            return (np.asarray(X) - self.mean_) / self.scale_

    return Scaled()


class ByItsBatch(TransformerMixin, BaseEstimator):
    """Scales the rows it transforms by themselves."""

    def fit(self, X: Any, y: Any = None) -> ByItsBatch:
        self.is_fitted_ = True
        return self

    def transform(self, X: Any) -> Any:
        return StandardScaler().fit_transform(np.asarray(X, dtype=float))


class _Boosted(ClassifierMixin, BaseEstimator):
    def _fit(self, X: Any, y: Any, X_stop: Any, y_stop: Any) -> Any:
        self.model_ = XGBClassifier(n_estimators=15, early_stopping_rounds=2, n_jobs=1)
        self.model_.fit(X, y, eval_set=[(X_stop, y_stop)], verbose=False)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: Any) -> Any:
        return self.model_.predict_proba(np.asarray(X, dtype=float))


class StoppedByTheTestRows(_Boosted):
    def __init__(self, X_stop: Any = None, y_stop: Any = None) -> None:
        self.X_stop = X_stop
        self.y_stop = y_stop

    def fit(self, X: Any, y: Any) -> Any:
        return self._fit(np.asarray(X), y, np.asarray(self.X_stop), np.asarray(self.y_stop))


class StoppedByRows(_Boosted):
    """Early stopping on rows of the training set, copies on both sides."""

    def fit(self, X: Any, y: Any) -> Any:
        train, stop, y_train, y_stop = train_test_split(
            np.asarray(X, dtype=float), y, test_size=0.25, random_state=0, stratify=y
        )
        return self._fit(train, y_train, stop, y_stop)


class TunedByHand(ClassifierMixin, BaseEstimator):
    """Chooses a penalty on rows that it put aside by itself."""

    def fit(self, X: Any, y: Any) -> TunedByHand:
        values = StandardScaler().fit_transform(np.asarray(X))
        order = np.random.default_rng(0).permutation(len(values))
        inside, outside = order[: len(order) // 2], order[len(order) // 2 :]
        tried = {
            C: LogisticRegression(C=C)
            .fit(values[inside], y[inside])
            .score(values[outside], y[outside])
            for C in (0.01, 1.0)
        }
        self.scaler_ = StandardScaler().fit(np.asarray(X))
        self.model_ = LogisticRegression(C=max(tried, key=tried.__getitem__)).fit(values, y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: Any) -> Any:
        return self.model_.predict_proba(self.scaler_.transform(np.asarray(X)))


REMEMBERED: dict[Any, Any] = {}


class Remembers(TransformerMixin, BaseEstimator):
    """Centres by the means of its first fit, of all fits so far, or of these rows, kept by them."""

    def __init__(self, kind: str = "first") -> None:
        self.kind = kind

    def fit(self, X: pd.DataFrame, y: Any = None) -> Remembers:
        key = X.to_numpy().tobytes() if self.kind == "by content" else "mean"
        if key not in REMEMBERED:
            REMEMBERED[key] = X.mean()
        elif self.kind == "running":
            REMEMBERED[key] = (REMEMBERED[key] + X.mean()) / 2
        self.mean_ = REMEMBERED[key]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        return X - self.mean_


class LooksUp(TransformerMixin, BaseEstimator):
    """Takes a patient's values from a table that it was given."""

    def __init__(self, held: pd.DataFrame) -> None:
        self.held = held

    def fit(self, X: pd.DataFrame, y: Any = None) -> LooksUp:
        self.fitted_ = True
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        return self.held.loc[X.index]
