"""What every fitted linear model does alike: scores, probabilities, predictions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags

from tumor_response.models.inner import values_of
from tumor_response.models.training_rows import Matrix

__all__ = ["LinearClassifier", "LinearRegressor", "LinearScores"]

FloatArray = npt.NDArray[np.float64]


class LinearScores(BaseEstimator):
    """Reads ``coef_`` of shape (1, n_features); a subclass's ``fit`` sets it."""

    coef_: FloatArray

    def _values(self, X: Matrix) -> FloatArray:
        """Return the rows as finite numbers, in the columns of the fit."""
        return values_of(self, X)

    def _linear(self, X: Matrix) -> FloatArray:
        scores: FloatArray = self._values(X) @ self.coef_[0]
        return scores


class LinearClassifier(ClassifierMixin, LinearScores):
    """A classifier of two classes whose log-odds are linear in the columns."""

    intercept_: FloatArray
    classes_: npt.NDArray[np.generic]

    def decision_function(self, X: Matrix) -> FloatArray:
        """Return the log-odds of the positive class, shape (n_rows,)."""
        log_odds: FloatArray = self._linear(X) + self.intercept_[0]
        return log_odds

    def predict_proba(self, X: Matrix) -> FloatArray:
        """Return the probabilities of both classes, shape (n_rows, 2)."""
        positive = expit(self.decision_function(X))
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: Matrix) -> npt.NDArray[np.generic]:
        """Return the likelier class of each row."""
        positive = self.decision_function(X) > 0
        predicted: npt.NDArray[np.generic] = self.classes_[positive.astype(np.int64)]
        return predicted

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


class LinearRegressor(RegressorMixin, LinearScores):
    """A regressor whose prediction is linear in the columns."""

    intercept_: FloatArray

    def predict(self, X: Matrix) -> FloatArray:
        """Return the expected rate of each row, shape (n_rows,)."""
        rates: FloatArray = self._linear(X) + self.intercept_[0]
        return rates
