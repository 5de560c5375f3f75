"""Fit and score every model on every resample: parallel, one thread each, nothing swallowed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone

from tumor_response.evaluation.metrics import auc
from tumor_response.evaluation.resampling import Resample
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.exceptions import EvaluationError
from tumor_response.models import left_untuned
from tumor_response.parallel import spread

__all__ = ["ResampleScores", "fit_model", "run_resamples", "score_rows"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ResampleScores:
    """What one resample yields: the cut, and for each model its out-of-bag scores and AUC.

    ``untuned`` names the models that had to tune and met too few patients of a class.
    """

    cut: float | None
    y_test: IntArray
    scores: dict[str, FloatArray]
    aucs: dict[str, float]
    untuned: frozenset[str]


def fit_model(
    name: str, model: BaseEstimator, X: pd.DataFrame, y: IntArray, where: str
) -> BaseEstimator:
    """Fit a clone; an error names the model and the resample."""
    try:
        return clone(model).fit(X, y)
    except Exception as error:
        raise _failure(name, "fit", where, error) from error


def score_rows(name: str, model: BaseEstimator, X: pd.DataFrame, where: str) -> FloatArray:
    """Return the probability of response, or the decision function where there is none."""
    try:
        if hasattr(model, "predict_proba"):
            positive = list(model.classes_).index(1)
            scores = np.asarray(model.predict_proba(X), dtype=np.float64)[:, positive]
        else:
            scores = np.asarray(model.decision_function(X), dtype=np.float64).ravel()
    except Exception as error:
        raise _failure(name, "score", where, error) from error
    if scores.shape != (len(X),) or not np.isfinite(scores).all():
        raise EvaluationError(
            f"Model {name!r}, {where}: expected {len(X)} finite scores, received shape "
            f"{scores.shape} with {int((~np.isfinite(scores)).sum())} not finite.",
            code="model_failed",
        )
    return scores


def _failure(name: str, what: str, where: str, error: Exception) -> EvaluationError:
    return EvaluationError(
        f"Model {name!r} failed to {what} on {where}: {type(error).__name__}: {error}. Nothing "
        "was left out silently; mend the model, or evaluate it on a cohort it can be fitted to.",
        code="model_failed",
    )


def run_resamples(
    rows: EvaluationRows, resamples: list[Resample], n_jobs: int
) -> list[ResampleScores]:
    """Return the out-of-bag scores of all models on all resamples, in resample order."""
    work = partial(_score_resamples, rows)
    tasks = list(enumerate(resamples))
    return list(
        spread(work, tasks, n_jobs, f"Evaluating {len(rows.models)} model(s)", parts_per_worker=16)
    )


def _score_resamples(
    rows: EvaluationRows, tasks: list[tuple[int, Resample]]
) -> list[ResampleScores]:
    shown = {name: rows.shown_to(name) for name in rows.models}
    answers = []
    for number, resample in tasks:
        y_train, y_test, cut = rows.labels(resample.train, resample.test)
        where = f"resample {number}"
        scores, untuned = {}, set()
        for name, model in rows.models.items():
            X = shown[name]
            fitted = fit_model(name, model, X.iloc[resample.train], y_train, where)
            scores[name] = score_rows(name, fitted, X.iloc[resample.test], where)
            if left_untuned(fitted):
                untuned.add(name)
        aucs = {name: auc(y_test, score) for name, score in scores.items()}
        answers.append(ResampleScores(cut, y_test, scores, aucs, frozenset(untuned)))
    return answers
