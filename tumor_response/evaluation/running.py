"""Fit and score every model on every resample: parallel, one thread each, nothing swallowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from tumor_response.evaluation.kept_fits import write_fit
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.sampling import Resample
from tumor_response.evaluation.tasks import Task, headline_value
from tumor_response.exceptions import EvaluationError
from tumor_response.models import left_untuned
from tumor_response.parallel import spread

__all__ = [
    "Means",
    "ResampleScores",
    "fit_again",
    "fit_model",
    "run_resamples",
    "score_resamples",
    "score_rows",
    "weight_parameter",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ResampleScores:
    """What one resample yields.

    Attributes
    ----------
    cut : float or None
        The cut that its training rows fitted.
    y_test : ndarray of shape (n_test,)
        Outcome of the test rows, by that cut.
    scores : dict of str to ndarray of shape (n_test,)
        Each model's score of the test rows.
    values : dict of str to float
        The headline measure there; NaN where the test rows have one class.
    train_values, all_values : dict of str to float
        The same measure of the same fit, on its own training rows (copies included), and on all
        rows of the cohort (by the resample's cut): what the optimism is made of.
    untuned : frozenset of str
        Models that had to tune and met too few patients of a class.
    """

    cut: float | None
    y_test: npt.NDArray[Any]
    scores: dict[str, FloatArray]
    values: dict[str, float]
    train_values: dict[str, float]
    all_values: dict[str, float]
    untuned: frozenset[str]

    @property
    def aucs(self) -> dict[str, float]:
        """The values, where the headline measure is the AUC."""
        return self.values


def fit_model(
    name: str,
    model: BaseEstimator,
    X: pd.DataFrame,
    y: npt.NDArray[Any],
    where: str,
    weight: FloatArray | None = None,
) -> BaseEstimator:
    """Fit a clone; an error names the model and the resample."""
    try:
        if weight is None:
            return clone(model).fit(X, y)
        return clone(model).fit(X, y, **{weight_parameter(model): weight})
    except Exception as error:
        raise _failure(name, "fit", where, error) from error


def fit_again(rows: EvaluationRows, name: str, resample: Resample, where: str) -> BaseEstimator:
    """Fit a model to a resample's training rows as the evaluation did: labels, weights and all."""
    train = resample.train
    y_train, _, _ = rows.labels(train, resample.test)
    weight = None if rows.weight is None else rows.weight[train]
    X = rows.shown_to(name).iloc[train]
    return fit_model(name, rows.models[name], X, y_train, where, weight)


def weight_parameter(model: BaseEstimator) -> str:
    """Return the name by which a model's ``fit`` takes the weights of rows.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.linear_model import LogisticRegression
    >>> weight_parameter(make_pipeline(LogisticRegression()))
    'logisticregression__sample_weight'
    """
    if isinstance(model, Pipeline):
        name, last = model.steps[-1]
        return f"{name}__{weight_parameter(last)}"
    return "sample_weight"


def score_rows(
    name: str, model: BaseEstimator, X: pd.DataFrame, where: str, task: Task = "response"
) -> FloatArray:
    """Return one number per row: the higher, the greater the outcome is expected to be.

    The probability of response, or the decision function where there is none; the predicted rate;
    the expected class, the sum over ordered classes of class times probability.
    """
    try:
        if task == "rate":
            scores = np.asarray(model.predict(X), dtype=np.float64).ravel()
        elif hasattr(model, "predict_proba"):
            probabilities = np.asarray(model.predict_proba(X), dtype=np.float64)
            if task == "tertiles":
                scores = probabilities @ np.asarray(model.classes_, dtype=np.float64)
            else:
                scores = probabilities[:, list(model.classes_).index(1)]
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


@dataclass(frozen=True)
class Means:
    """How the resamples are run.

    Attributes
    ----------
    n_jobs : int
        Processes.
    client : dask.distributed.Client or None
        A cluster instead of this machine.
    fits_directory : Path or None
        Where each fitted model is kept.
    """

    n_jobs: int = 1
    client: Any = None
    fits_directory: Path | None = None


def run_resamples(
    rows: EvaluationRows, resamples: Sequence[tuple[int, Resample]], means: Means
) -> Iterator[ResampleScores]:
    """Yield the scores of all models on the numbered resamples, in their order."""
    work = partial(score_resamples, rows, means.fits_directory)
    yield from spread(
        work,
        resamples,
        means.n_jobs,
        f"Evaluating {len(rows.models)} model(s)",
        parts_per_worker=16,
        client=means.client,
    )


def score_resamples(
    rows: EvaluationRows, fits_directory: Path | None, tasks: list[tuple[int, Resample]]
) -> list[ResampleScores]:
    """Return the scores of all models on the numbered resamples, in this process."""
    shown = {name: rows.shown_to(name) for name in rows.models}
    return [_score_one(rows, shown, number, one, fits_directory) for number, one in tasks]


def _score_one(
    rows: EvaluationRows,
    shown: dict[str, pd.DataFrame],
    number: int,
    resample: Resample,
    fits_directory: Path | None,
) -> ResampleScores:
    train, test = resample.train, resample.test
    y_train, y_all, cut = rows.labels(train, np.arange(len(rows.X)))
    weight = None if rows.weight is None else rows.weight[train]
    reference = float(y_train.mean())
    where = f"resample {number}"
    scores: dict[str, FloatArray] = {}
    values: dict[str, float] = {}
    train_values: dict[str, float] = {}
    all_values: dict[str, float] = {}
    untuned = set()
    for name, model in rows.models.items():
        X = shown[name]
        fitted = fit_model(name, model, X.iloc[train], y_train, where, weight)
        # apart, so that a model which looks at the rows it scores meets the test rows alone
        score = np.full(len(rows.X), np.nan)
        for side in (test, np.unique(train)):
            score[side] = score_rows(name, fitted, X.iloc[side], where, rows.task)
        scores[name] = score[test]
        values[name] = headline_value(rows.task, y_all[test], score[test], reference)
        train_values[name] = headline_value(rows.task, y_train, score[train], reference)
        all_values[name] = headline_value(rows.task, y_all, score, reference)
        if left_untuned(fitted):
            untuned.add(name)
        if fits_directory is not None:
            write_fit(fits_directory, name, number, fitted)
    return ResampleScores(
        cut, y_all[test], scores, values, train_values, all_values, frozenset(untuned)
    )
