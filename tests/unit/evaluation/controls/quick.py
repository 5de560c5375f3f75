"""Models that are fitted in a blink."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class MeanDifference(ClassifierMixin, BaseEstimator):
    """Score by the standardised difference of the highest and the lowest class's means."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        values = np.nan_to_num(np.asarray(X, dtype=float))
        self.mean_, self.sd_ = values.mean(axis=0), values.std(axis=0) + 1e-12
        high, low = (values[y == of].mean(axis=0) for of in (self.classes_[-1], self.classes_[0]))
        self.weights_ = (high - low) / self.sd_
        return self

    def _scores(self, X):
        values = np.nan_to_num(np.asarray(X, dtype=float))
        return ((values - self.mean_) / self.sd_) @ self.weights_

    def decision_function(self, X):
        return self._scores(X)


class ThirdsByMean(MeanDifference):
    """The same as chances of three classes."""

    def predict_proba(self, X):
        high = 1 / (1 + np.exp(-self._scores(X)))
        return np.column_stack([(1 - high) * 0.7, np.full(len(high), 0.3), high * 0.7])


class Covariance(RegressorMixin, BaseEstimator):
    """Ridge regression."""

    def fit(self, X, y):
        values = np.asarray(X, dtype=float)
        self.mean_, self.at_ = values.mean(axis=0), y.mean()
        centred = values - self.mean_
        gram = centred.T @ centred + 10 * np.eye(values.shape[1])
        self.weights_ = np.linalg.solve(gram, centred.T @ (y - self.at_))
        return self

    def predict(self, X):
        return self.at_ + (np.asarray(X, dtype=float) - self.mean_) @ self.weights_
