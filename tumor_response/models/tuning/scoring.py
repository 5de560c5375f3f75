"""How candidates are compared on patients that were held out: one number, higher is better."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.metrics import log_loss, r2_score, roc_auc_score

from tumor_response.exceptions import ModelError
from tumor_response.models.training_rows import Matrix

__all__ = ["Scoring", "checked_scoring", "held_out_score"]

Scoring = Literal["auc", "deviance", "r2"]


def checked_scoring(estimator: BaseEstimator, scoring: Scoring | None) -> Scoring:
    """Return the measure to use: for None ``"auc"`` for a classifier, ``"r2"`` for a regressor.

    Raises
    ------
    ModelError
        An unknown measure, or one that does not suit the estimator.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> checked_scoring(LogisticRegression(), None)
    'auc'
    """
    kind = "classifier" if is_classifier(estimator) else "regressor"
    if kind == "regressor" and not is_regressor(estimator):
        raise ModelError(
            f"{type(estimator).__name__} is neither a classifier nor a regressor; nothing says "
            "how well it does."
        )
    suitable = ("auc", "deviance") if kind == "classifier" else ("r2",)
    if scoring is None:
        return "auc" if kind == "classifier" else "r2"
    if scoring not in suitable:
        raise ModelError(
            f"scoring={scoring!r}: expected {' or '.join(map(repr, suitable))} for a {kind}, or "
            "None."
        )
    return scoring


def held_out_score(
    fitted: BaseEstimator, X: Matrix, y: npt.NDArray[np.generic], scoring: Scoring
) -> float:
    """Score a fitted model on rows that it was not fitted to.

    ``"auc"``: of three classes the mean over all pairs (Hand and Till 2001, Mach. Learn. 45:171);
    ``"deviance"``: two times the mean log-likelihood, which is the deviance with its sign turned;
    ``"r2"``: the share of the held-out rows' variance that is explained. NaN where the rows have
    one class alone, or a rate that does not vary.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> X, y = np.zeros((4, 1)), np.array([0, 1, 0, 1])
    >>> fitted = DummyClassifier(strategy="prior").fit(X, y)
    >>> held_out_score(fitted, X, y, "auc"), round(held_out_score(fitted, X, y, "deviance"), 3)
    (0.5, -1.386)
    """
    if scoring == "r2":
        return float(r2_score(y, fitted.predict(X))) if np.ptp(y) > 0 else float("nan")
    classes = fitted.classes_
    if scoring == "deviance":
        probabilities = np.asarray(fitted.predict_proba(X), dtype=np.float64)
        return -2.0 * float(log_loss(y, probabilities, labels=classes))
    there = np.unique(y)
    if len(there) < len(classes):
        return float("nan")
    if len(classes) > 2:
        return float(roc_auc_score(y, fitted.predict_proba(X), multi_class="ovo", labels=classes))
    scores = (
        fitted.predict_proba(X)[:, 1]
        if hasattr(fitted, "predict_proba")
        else fitted.decision_function(X)
    )
    return float(roc_auc_score(y == classes[1], scores))
