"""Thresholds that are chosen rather than fixed beforehand: on training patients, in the fold."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.performance.arrays import FloatArray
from tumor_response.evaluation.performance.discrimination import (
    sensitivity_threshold,
    threshold_figures,
    youden_threshold,
)
from tumor_response.evaluation.performance.predictions import check_models, check_responses
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.running import fit_model, score_rows
from tumor_response.evaluation.sampling import Resample
from tumor_response.exceptions import EvaluationError, ModelError
from tumor_response.models import PatientKFold
from tumor_response.parallel import spread
from tumor_response.settings import checked_n_jobs

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["in_fold_thresholds"]

Rule = Literal["youden"] | float


def in_fold_thresholds(
    result: EvaluationResult, name: str, rule: Rule, n_folds: int = 5, n_jobs: int = 1
) -> pd.DataFrame:
    """Choose a threshold in every resample without its test rows, and apply it to them.

    The training patients of a resample are split into folds (copies of a patient stay together);
    the model is refitted without each and scores it; the rule picks the threshold from these
    scores; the resample's own fit, already evaluated, is judged at it. Scores of the training rows
    by their own fit would not do: with more columns than patients they separate the classes, and
    the threshold lands anywhere between. The inner fits learn from fewer patients than the fit
    that is judged, so that a sensitivity that was asked for is met approximately.

    Parameters
    ----------
    result : EvaluationResult
        Of responses; scores need not be probabilities.
    name
        Of the model.
    rule
        ``"youden"``, or a sensitivity above 0, at most 1, that is to be reached.
    n_folds
        Inner folds, at least 2; fewer where fewer patients have a lesion of the rarer class. The
        model is fitted as often again in each resample.
    n_jobs
        Processes; results are the same whatever it is.

    Returns
    -------
    pandas.DataFrame
        One row per resample: ``threshold``, ``sensitivity``, ``specificity``, ``ppv``, ``npv`` on
        its test rows, ``reason`` where a row is NaN: ``too_few_patients`` (no inner folds),
        ``one_class`` (test rows of one class).

    Raises
    ------
    EvaluationError
        ``unknown_model``, ``task``, ``proportion``; ``model_failed`` by an inner fit.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index([f"P{i}" for i in range(60)], name="patient_id")
    >>> table = pd.DataFrame({"deep__n__0": rng.normal(size=60)}, index=index)
    >>> y = (table["deep__n__0"] + rng.normal(size=60) > 0).astype(float)
    >>> from sklearn.linear_model import LogisticRegression
    >>> result = tr.evaluate({"m": LogisticRegression()}, table, y,
    ...                      tr.Bootstrap632Plus(n_resamples=4, seed=0))
    >>> found = in_fold_thresholds(result, "m", 0.9)
    >>> bool(found["sensitivity"].mean() > 0.7)
    True
    """
    check_models(result, [name])
    check_responses(result)
    if rule != "youden" and not (isinstance(rule, int | float) and 0 < rule <= 1):
        raise EvaluationError(
            f"rule={rule!r}: expected 'youden', or a sensitivity above 0, at most 1.",
            code="proportion",
        )
    work = partial(_thresholds, result.rows, name, rule, n_folds)
    found = spread(
        work,
        list(enumerate(result.resamples)),
        checked_n_jobs(n_jobs),
        f"Choosing thresholds of {name}",
        parts_per_worker=16,
    )
    rows = []
    for threshold, one in zip(found, result.out_of_bag, strict=True):
        row = {"threshold": threshold, **dict.fromkeys(_FIGURES, np.nan), "reason": ""}
        if np.isnan(threshold):
            row["reason"] = "too_few_patients"
        elif len(np.unique(one.y_test)) < 2:
            row["reason"] = "one_class"
        else:
            row |= threshold_figures(one.y_test, one.scores[name], threshold)
        rows.append(row)
    return pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="resample"))


_FIGURES = ("sensitivity", "specificity", "ppv", "npv")


def _thresholds(
    rows: EvaluationRows,
    name: str,
    rule: Rule,
    n_folds: int,
    tasks: list[tuple[int, Resample]],
) -> list[float]:
    X = rows.shown_to(name)
    found = []
    for number, resample in tasks:
        train = resample.train
        y = rows.labels(train, resample.test)[0]
        weight = None if rows.weight is None else rows.weight[train]
        scores = _cross_fitted(rows, name, X.iloc[train], y, weight, n_folds, number)
        if scores is None:
            found.append(float("nan"))
        elif rule == "youden":
            found.append(youden_threshold(y, scores))
        else:
            found.append(sensitivity_threshold(y, scores, float(rule)))
    return found


def _cross_fitted(
    rows: EvaluationRows,
    name: str,
    X: pd.DataFrame,
    y: npt.NDArray[np.int64],
    weight: FloatArray | None,
    n_folds: int,
    number: int,
) -> FloatArray | None:
    """Return each training row's score by the inner fit that left its patient out."""
    where = f"an inner fold of resample {number}"
    scores = np.full(len(X), np.nan)
    try:
        folds = list(PatientKFold(n_folds).split(X, y))
    except ModelError:
        return None
    for train, test in folds:
        inner = None if weight is None else weight[train]
        fitted = fit_model(name, rows.models[name], X.iloc[train], y[train], where, inner)
        scores[test] = score_rows(name, fitted, X.iloc[test], where, rows.task)
    return scores
