"""Scores of lesions under other contours, by models that had not seen the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.evaluation.contour_spread.repeated import RepeatedRows
from tumor_response.evaluation.contour_spread.result import PredictionSpread
from tumor_response.evaluation.result import EvaluationResult
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.running import fit_again, score_rows
from tumor_response.evaluation.sampling import Resample
from tumor_response.exceptions import EvaluationError
from tumor_response.features.deep.view_store import ViewStore
from tumor_response.parallel import spread

__all__ = ["prediction_spread", "spread_of_model"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_MEASURES = ("probability", "sd", "low", "high", "shift", "flip_share")
_FEWEST = 2
_LIMITS = (0.05, 0.95)


def prediction_spread(
    result: EvaluationResult,
    store: ViewStore | str | Path,
    *,
    model: str | None = None,
    perturbations: str | Sequence[str] | None = None,
    column: str | None = None,
    threshold: float = 0.5,
    n_jobs: int = 1,
) -> PredictionSpread:
    """Say how far each lesion's predicted probability moves with the contour, out of bag.

    The model is fitted again in every resample, and each lesion is scored by the fits that did
    not see its patient: as it is, and with every one of its repeats in the store. Spread, range
    and flips are those over the repeats *within* a fit, averaged over the fits, so that what two
    fits differ by is no part of them.

    Parameters
    ----------
    result
        Of :func:`tumor_response.evaluate`, on responses; the table had the column of keys.
    store
        What :class:`Repeats` wrote to.
    model
        Its name; None: the only one.
    perturbations
        Those that stand for plausible contours; None: the only one there is.
    column
        The column of keys; None: the only one there is.
    threshold
        From which probability on a lesion is called a responder.
    n_jobs
        Processes, -1: all cores.

    Returns
    -------
    PredictionSpread

    Raises
    ------
    EvaluationError
        Codes ``unknown_model``, ``task`` (no responses, or a model without probabilities),
        ``unsupported_model``, ``perturbation_unknown``, ``no_repeats``, ``not_deterministic``.
    ModelError, FeatureError
        As :class:`StableColumns`.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.features.repeats import keep_repeats
    >>> rng, store = np.random.default_rng(0), tr.ViewStore(tempfile.mkdtemp())
    >>> values = rng.normal(size=(30, 1, 1)) + 0.1 * rng.normal(size=(30, 6, 1))
    >>> X = pd.DataFrame(values[:, 0], columns=["radiomics__a"]).rename_axis("patient_id")
    >>> X["views__repeats__key"] = keep_repeats(store, values, ["radiomics__a"])
    >>> y = (X["radiomics__a"] + rng.logistic(size=30) > 0).astype(int)
    >>> model = tr.make_model("logistic", Cs=[1.0])
    >>> result = tr.evaluate(model, X, y, tr.RepeatedKFold(n_folds=3, n_repeats=1))
    >>> prediction_spread(result, store).table["sample"].unique().tolist()
    ['out_of_bag']
    """
    name = _only_model(result) if model is None else model
    if name not in result.models:
        raise EvaluationError(
            f"No model {name!r} in this evaluation; there are "
            f"{', '.join(map(repr, result.models))}.",
            code="unknown_model",
        )
    if not result.is_probability[name]:
        raise EvaluationError(
            f"The spread is of a probability of response; {name!r} of this evaluation gives none.",
            code="task",
        )
    rows = result.rows
    repeated = RepeatedRows.of(rows.models[name], rows.shown_to(name), store, perturbations, column)
    sums, fits = np.zeros((len(rows.X), len(_MEASURES))), np.zeros(len(rows.X), dtype=np.int64)
    tasks = [
        _Task(number, resample, one.scores[name])
        for number, (resample, one) in enumerate(
            zip(result.resamples, result.out_of_bag, strict=True)
        )
    ]
    work = partial(_spread_resamples, rows, name, repeated, threshold)
    answers = spread(work, tasks, n_jobs, f"Other contours of {name}", parts_per_worker=16)
    for task, measured in zip(tasks, answers, strict=True):
        sums[task.resample.test] += measured
        fits[task.resample.test] += 1
    with np.errstate(invalid="ignore"):
        means = sums / fits[:, None]
    sample = np.where(fits > 0, "out_of_bag", "never_out_of_bag")
    return _assembled(name, repeated, means, fits, sample, threshold)


def spread_of_model(
    fitted: BaseEstimator,
    X: pd.DataFrame,
    store: ViewStore | str | Path,
    *,
    training: pd.Index | None,
    name: str = "model",
    perturbations: str | Sequence[str] | None = None,
    column: str | None = None,
    threshold: float = 0.5,
) -> PredictionSpread:
    """Say how far the probabilities that a fitted model gives move with the contour.

    Parameters
    ----------
    fitted
        With ``predict_proba`` for two classes.
    X
        ``table.data`` of the lesions to be scored, with the column of keys.
    store
        What :class:`Repeats` wrote to.
    training
        Index of the rows that the model was fitted to. Lesions of the same patients are marked
        ``"in_sample"``, all others ``"new"``. None: nobody knows, ``"unknown"``.
    name
        For the figure.
    perturbations, column, threshold
        As in :func:`prediction_spread`.

    Raises
    ------
    EvaluationError, ModelError, FeatureError
        As :func:`prediction_spread`.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from tumor_response.features.repeats import keep_repeats
    >>> from tumor_response.transformers import BlockSelector
    >>> rng, store = np.random.default_rng(0), ViewStore(tempfile.mkdtemp())
    >>> values = rng.normal(size=(30, 1, 1)) + 0.1 * rng.normal(size=(30, 6, 1))
    >>> X = pd.DataFrame(values[:, 0], columns=["radiomics__a"]).rename_axis("patient_id")
    >>> X["views__repeats__key"] = keep_repeats(store, values, ["radiomics__a"])
    >>> y = (X["radiomics__a"] + rng.logistic(size=30) > 0).astype(int)
    >>> model = make_pipeline(BlockSelector(), LogisticRegression()).fit(X[:20], y[:20])
    >>> spread = spread_of_model(model, X, store, training=X.index[:20])
    >>> spread.table["sample"].value_counts().to_dict()
    {'in_sample': 20, 'new': 10}
    """
    if not hasattr(fitted, "predict_proba") or len(getattr(fitted, "classes_", ())) != 2:
        raise EvaluationError(
            "The spread is of a probability of response; the model gives none of two classes.",
            code="task",
        )
    repeated = RepeatedRows.of(fitted, X, store, perturbations, column)
    row = np.arange(len(X))
    unaltered = score_rows(name, fitted, X, "as given")
    measured = _measured(name, fitted, repeated, row, unaltered, threshold)
    sample = np.full(len(X), "unknown", dtype=object)
    if training is not None:
        sample[:] = np.where(_patients(X.index).isin(_patients(training)), "in_sample", "new")
    return _assembled(name, repeated, measured, np.ones(len(X), np.int64), sample, threshold)


@dataclass(frozen=True)
class _Task:
    number: int
    resample: Resample
    scores: FloatArray


def _spread_resamples(
    rows: EvaluationRows, name: str, repeated: RepeatedRows, threshold: float, tasks: list[_Task]
) -> list[FloatArray]:
    X = rows.shown_to(name)
    answers = []
    for task in tasks:
        test = task.resample.test
        where = f"resample {task.number}"
        fitted = fit_again(rows, name, task.resample, where)
        unaltered = score_rows(name, fitted, X.iloc[test], where)
        if np.abs(unaltered - task.scores).max() > 1e-5:
            raise EvaluationError(
                f"Model {name!r}, {where}: fitted again it gives other predictions than in the "
                "evaluation, so that nothing can be said about them. Give it a fixed random_state.",
                code="not_deterministic",
            )
        answers.append(_measured(name, fitted, repeated, test, unaltered, threshold))
    return answers


def _measured(
    name: str,
    fitted: BaseEstimator,
    repeated: RepeatedRows,
    row: IntArray,
    unaltered: FloatArray,
    threshold: float,
) -> FloatArray:
    """Return :data:`_MEASURES` of some rows by one fit, shape (n_rows, n_measures)."""
    measured = np.full((len(row), len(_MEASURES)), np.nan)
    measured[:, 0] = unaltered
    frame, owner = repeated.rows_of(row)
    if not len(frame):
        return measured
    scores = score_rows(name, fitted, frame, "with other contours")
    for place in np.unique(owner):
        own, drawn = scores[owner == place], unaltered[place]
        if len(own) >= _FEWEST:
            flips = (own >= threshold) != (drawn >= threshold)
            low, high = np.quantile(own, _LIMITS)
            measured[place, 1:] = own.std(ddof=1), low, high, own.mean() - drawn, flips.mean()
    return measured


def _assembled(
    name: str,
    repeated: RepeatedRows,
    means: FloatArray,
    fits: IntArray,
    sample: npt.NDArray[np.object_],
    threshold: float,
) -> PredictionSpread:
    there = repeated.place >= 0
    usable = np.where(there, repeated.usable.sum(axis=1)[repeated.place], 0)
    table = pd.DataFrame(means, index=repeated.X.index, columns=list(_MEASURES))
    table["n_repeats"] = usable
    table["n_failed"] = np.where(there, repeated.usable.shape[1] - usable, 0)
    table["n_fits"] = fits
    table["sample"] = sample
    reasons = [~there, usable < _FEWEST, fits == 0]
    codes = ["no_repeats", "too_few_repeats", "never_out_of_bag"]
    table["reason"] = np.select(reasons, codes, "")
    return PredictionSpread(
        table=table,
        model=name,
        threshold=threshold,
        perturbations=repeated.perturbations,
        varied=repeated.varied,
        held=repeated.held,
    )


def _patients(index: pd.Index) -> pd.Index:
    return index.get_level_values("patient_id") if "patient_id" in index.names else index


def _only_model(result: EvaluationResult) -> str:
    if len(result.models) > 1:
        raise EvaluationError(
            f"Several models were evaluated; name one: model={result.models[0]!r}.",
            code="unknown_model",
        )
    return result.models[0]
