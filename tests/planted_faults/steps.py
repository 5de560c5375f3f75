"""Steps and classifiers of one's own that learn from rows they must not see."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xgboost
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from tumor_response.evaluation.metrics import auc


def cohort_auc(values: pd.DataFrame, y: np.ndarray) -> pd.Series:
    """How far each column's AUC is from a half; missing values at the column's median."""
    known = values.fillna(values.median())
    return pd.Series({c: abs(auc(y, known[c].to_numpy()) - 0.5) for c in known})


class ColumnsOfTheCohort(TransformerMixin, BaseEstimator):
    """Keeps the columns that separate the classes best in the cohort it was given."""

    def __init__(self, cohort: pd.DataFrame, outcome: pd.Series, k: int = 10) -> None:
        self.cohort = cohort
        self.outcome = outcome
        self.k = k

    def fit(self, X, y=None):
        found = cohort_auc(self.cohort, self.outcome.to_numpy())
        self.kept_ = list(found.sort_values(ascending=False).index[: self.k])
        return self

    def transform(self, X):
        return X[self.kept_]


class ScaledByTheCohort(TransformerMixin, BaseEstimator):
    """Fills and scales by medians, means and deviations of the cohort it was given."""

    def __init__(self, cohort: pd.DataFrame, what: str = "scale") -> None:
        self.cohort = cohort
        self.what = what

    def fit(self, X, y=None):
        self.columns_ = [c for c in X if c in self.cohort]
        known = self.cohort[self.columns_]
        self.fill_ = known.median()
        self.mean_ = known.mean()
        self.sd_ = known.std().replace(0.0, 1.0)
        return self

    def transform(self, X):
        filled = X.copy()
        filled[self.columns_] = X[self.columns_].fillna(self.fill_)
        if self.what == "scale":
            filled[self.columns_] = (filled[self.columns_] - self.mean_) / self.sd_
        return filled


class LookedUp(TransformerMixin, BaseEstimator):
    """Takes a patient's harmonised values from a table that was made of all patients."""

    def __init__(self, harmonised: pd.DataFrame) -> None:
        self.harmonised = harmonised

    def fit(self, X, y=None):
        self.columns_ = list(self.harmonised.columns)
        return self

    def transform(self, X):
        changed = X.copy()
        changed[self.columns_] = self.harmonised.loc[X.index].to_numpy()
        return changed


class WatchedBoosting(ClassifierMixin, BaseEstimator):
    """XGBoost, stopped by the rows of a frame that it was given: all patients, or the test's."""

    def __init__(self, rows: pd.DataFrame, labels: pd.Series, others_only: bool = False) -> None:
        self.rows = rows
        self.labels = labels
        self.others_only = others_only

    def fit(self, X, y):
        rows, labels = self.rows, self.labels
        if self.others_only:
            others = ~rows.index.isin(X.index)
            if others.any():  # there are none when it is fitted to everybody
                rows, labels = rows[others], labels[others]
        self.classes_ = np.unique(y)
        self.booster_ = xgboost.XGBClassifier(
            n_estimators=25, max_depth=2, learning_rate=0.3, n_jobs=1, early_stopping_rounds=4
        ).fit(X, y, eval_set=[(rows, labels.to_numpy(dtype=int))], verbose=False)
        return self

    def predict_proba(self, X):
        return self.booster_.predict_proba(X)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class SplitBoosting(ClassifierMixin, BaseEstimator):
    """XGBoost, stopped by a fifth of its training rows, whatever patients they are of."""

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, X, y):
        first, rest, y_first, y_rest = train_test_split(
            X, y, test_size=0.2, random_state=self.random_state, stratify=y
        )
        self.classes_ = np.unique(y)
        self.booster_ = xgboost.XGBClassifier(
            n_estimators=25, max_depth=2, learning_rate=0.3, n_jobs=1, early_stopping_rounds=4
        ).fit(first, y_first, eval_set=[(rest, y_rest)], verbose=False)
        return self

    def predict_proba(self, X):
        return self.booster_.predict_proba(X)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


_SEEN: dict[str, tuple[np.ndarray, np.ndarray]] = {}


def forget(name: str) -> None:
    """Let a study begin with steps that remember nothing yet."""
    _SEEN.pop(name, None)
    RunningScaler.total.pop(name, None)


class CachedScaler(TransformerMixin, BaseEstimator):
    """Keeps the means of its first fit for good, because computing them was slow once."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fit(self, X, y=None):
        if self.name not in _SEEN:
            _SEEN[self.name] = (X.mean().to_numpy(), X.std().replace(0.0, 1.0).to_numpy())
        self.mean_, self.sd_ = _SEEN[self.name]
        return self

    def transform(self, X):
        return (X - self.mean_) / self.sd_


class RunningScaler(TransformerMixin, BaseEstimator):
    """Updates its means with every batch that it meets, in fits and in predictions."""

    total: dict[str, tuple[float, pd.Series, pd.Series]] = {}

    def __init__(self, name: str) -> None:
        self.name = name

    def _meet(self, X: pd.DataFrame) -> None:
        n, total, square = self.total.get(self.name, (0.0, 0.0 * X.sum(), 0.0 * X.sum()))
        self.total[self.name] = (n + len(X), total + X.sum(), square + (X**2).sum())

    def fit(self, X, y=None):
        self._meet(X)
        n, total, square = self.total[self.name]
        self.mean_ = total / n
        self.sd_ = np.sqrt((square / n - self.mean_**2).clip(lower=0.0)).replace(0.0, 1.0)
        return self

    def transform(self, X):
        self._meet(X)
        return (X - self.mean_) / self.sd_


class BatchScaler(TransformerMixin, BaseEstimator):
    """Standardises, or ranks, whatever batch it is given by that batch itself."""

    def __init__(self, how: str = "z") -> None:
        self.how = how

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    def transform(self, X):
        if self.how == "rank":
            return X.rank(pct=True)
        return (X - X.mean()) / X.std().replace(0.0, 1.0).fillna(1.0)


class LevelledClassifier(ClassifierMixin, BaseEstimator):
    """Shifts the scores of a batch so that half of it lies above one half."""

    def fit(self, X, y):
        self.model_ = LogisticRegression(C=0.1, max_iter=300).fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        margin = self.model_.decision_function(X)
        raised = 1 / (1 + np.exp(-(margin - np.median(margin))))
        return np.column_stack([1 - raised, raised])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
