"""What a fitted model says of rows, on the scale that is calibrated: log-odds, or rates."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logit
from sklearn.base import BaseEstimator

from tumor_response.evaluation.running import score_rows
from tumor_response.evaluation.tasks import Task
from tumor_response.transformers import block_selectors, is_predictor, keys_read

__all__ = ["LEAST_PROBABILITY", "outputs_of", "raw_outputs", "shown_columns"]

FloatArray = npt.NDArray[np.float64]

LEAST_PROBABILITY = 1e-6
"""Nearer to 0 or 1 no model's probability is believed: log-odds stay finite, within 13.8."""


def raw_outputs(model: BaseEstimator, scores: FloatArray, task: Task) -> FloatArray:
    """Return log-odds of a response from a model's probabilities; rates as they are.

    Scores of a model without probabilities are taken for log-odds up to an intercept and a slope,
    which is what the calibration fits.

    Parameters
    ----------
    model
        Whose scores they are.
    scores : ndarray of shape (n_rows,)
        Probabilities, decision function or rates.
    task
        What is predicted.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> raw_outputs(LogisticRegression(), np.array([0.5, 1.0]), "response").round(1).tolist()
    [0.0, 13.8]
    """
    if task == "rate" or not hasattr(model, "predict_proba"):
        return scores
    held: FloatArray = logit(np.clip(scores, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))
    return held


def outputs_of(
    name: str, fitted: BaseEstimator, X: pd.DataFrame, where: str, task: Task
) -> FloatArray:
    """Return a fitted model's log-odds of a response, or its rates, shape (n_rows,).

    Parameters
    ----------
    name, where
        For the message, should the model fail.
    fitted
        The model.
    X
        Rows in the columns that it is to be shown.
    task
        What is predicted.

    Raises
    ------
    EvaluationError
        Code ``model_failed``: it cannot score the rows, or gives numbers that are not finite.
    """
    return raw_outputs(fitted, score_rows(name, fitted, X, where, task), task)


def shown_columns(model: BaseEstimator, columns: Iterable[str]) -> list[str]:
    """Return which columns of a table a model is shown, as in an evaluation.

    One that selects blocks sees all of them, any other the predictors and the keys it reads.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> shown_columns(LogisticRegression(), ["clinical__age", "meta__site"])
    ['clinical__age']
    """
    there = list(columns)
    if block_selectors(model):
        return there
    predictors = [column for column in there if is_predictor(column)]
    return list(dict.fromkeys([*predictors, *keys_read(model, there)]))
