"""What is predicted, a response, a rate or a third, and the headline measure of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier

from tumor_response.evaluation.metrics import auc, c_index, r2
from tumor_response.exceptions import EvaluationError

__all__ = ["MEASURES", "Task", "balance_of", "headline_value", "is_learnable", "task_of"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Outcomes = npt.NDArray[Any]

Task = Literal["response", "rate", "tertiles"]

MEASURES: dict[Task, str] = {"response": "auc", "rate": "r2", "tertiles": "c_index"}
"""The headline measure of each task."""


def predicts_rates(model: BaseEstimator) -> bool:
    """Tell regressors from classifiers by what they can do, Pipelines by their last step.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression, Ridge
    >>> predicts_rates(Ridge()), predicts_rates(LogisticRegression())
    (True, False)
    """
    return hasattr(model, "predict") and not (
        hasattr(model, "predict_proba") or hasattr(model, "decision_function")
    )


def task_of(models: Mapping[str, BaseEstimator], outcome: pd.Series, has_label: bool) -> Task:
    """Return what the models are to predict, from their kind and the outcome's values.

    Raises
    ------
    EvaluationError
        Code ``mixed_models``: classifiers beside regressors; ``y``: an outcome that does not fit.
    """
    rates = [name for name, model in models.items() if predicts_rates(model)]
    if rates and len(rates) < len(models):
        raise EvaluationError(
            f"Regressors ({', '.join(map(repr, rates))}) predict a rate and the other models "
            "classes; they have different outcomes. Evaluate them apart.",
            code="mixed_models",
        )
    values = set(outcome.dropna().unique())
    if rates:
        if has_label:
            raise EvaluationError(
                f"label= makes classes of the end point, and {', '.join(map(repr, rates))} "
                "predict(s) the end point itself. Leave label=None for regressors, or give "
                "classifiers (with predict_proba or decision_function).",
                code="y",
            )
        if values <= {0.0, 1.0}:
            raise EvaluationError(
                f"y holds 0 and 1 only, and {', '.join(map(repr, rates))} is (are) regressors. "
                "Give the continuous end point, or classifiers.",
                code="y",
            )
        return "rate"
    if not has_label and values == {0.0, 1.0, 2.0}:
        return "tertiles"
    return "response"


def check_can_score(name: str, model: BaseEstimator) -> None:
    """Refuse what can be fitted and cannot score."""
    ranks = hasattr(model, "predict_proba") or hasattr(model, "decision_function")
    regresses = predicts_rates(model) and not _says_classifier(model)
    if isinstance(model, type) or not (hasattr(model, "fit") and (ranks or regresses)):
        raise EvaluationError(
            f"Model {name!r} ({model!r}) needs fit and predict_proba or decision_function, or for "
            "rates a regressor's predict: give a scikit-learn estimator, or tr.make_model(...)."
        )


def _says_classifier(model: BaseEstimator) -> bool:
    return hasattr(model, "__sklearn_tags__") and bool(is_classifier(model))


def balance_of(task: Task, y: Outcomes) -> IntArray:
    """Return a class per row for strata: the class itself, or above the median rate."""
    if task == "rate":
        return np.asarray(y > np.median(y), dtype=np.int64)
    return np.asarray(y, dtype=np.int64)


def is_learnable(task: Task, y_train: Outcomes, y_test: Outcomes) -> bool:
    """Tell whether one can learn from one side and judge on the other."""
    classes = len(np.unique(y_train))
    enough = classes == 3 if task == "tertiles" else classes >= 2
    return enough and len(np.unique(y_test)) >= 2


def headline_value(task: Task, y: Outcomes, score: FloatArray, mean_of_training: float) -> float:
    """Return the headline measure; NaN where one value of the outcome is all there is."""
    if len(np.unique(y)) < 2:
        return float("nan")
    if task == "response":
        return auc(y, score)
    if task == "rate":
        return r2(y, score, mean_of_training)
    return c_index(y, score)
