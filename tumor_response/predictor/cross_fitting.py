"""Scores of patients who were left out: what calibration, threshold and conformal sets rest on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from tumor_response.evaluation.evaluating import draw_resamples
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.running import fit_again
from tumor_response.evaluation.sampling import Bootstrap632Plus, RepeatedKFold, Resample
from tumor_response.evaluation.tasks import headline_value
from tumor_response.parallel import spread
from tumor_response.predictor.scores import outputs_of

__all__ = ["CrossFitted", "cross_fitted_scores"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """Each training lesion as models saw it that had not seen its patient.

    The rows of all repeats stand one after the other, so that a lesion has one row per repeat.
    They are not averaged: the mean over several fits ranks better and is surer than the one fit
    that goes to the other hospital, and what is calibrated on it would promise too much.

    Attributes
    ----------
    outputs : dict of str to ndarray of shape (n_repeats * n_lesions,)
        By model, log-odds of a response, or rates.
    y : ndarray of the same shape
        Outcome, by the cut that the other folds fitted; a rate.
    patients : ndarray of int64, same shape
        An integer per row, the same for all rows of a patient in all repeats.
    repeat : ndarray of int64, same shape
    reference : ndarray of float64, same shape
        Mean outcome of the rows that the scoring model was fitted to.
    """

    outputs: dict[str, FloatArray]
    y: npt.NDArray[Any]
    patients: IntArray
    repeat: IntArray
    reference: FloatArray

    def headline(self, name: str, task: str) -> float:
        """Return a model's AUC (R2 for rates), the mean over the repeats."""
        values = []
        for number in np.unique(self.repeat):
            rows = self.repeat == number
            values.append(
                headline_value(
                    "rate" if task == "rate" else "response",
                    self.y[rows],
                    self.outputs[name][rows],
                    float(self.reference[rows].mean()),
                )
            )
        return float(np.mean(values))


def cross_fitted_scores(
    rows: EvaluationRows,
    *,
    n_folds: int = 5,
    n_repeats: int = 1,
    n_resamples: int = 0,
    seed: int = 0,
    n_jobs: int = 1,
) -> tuple[CrossFitted, tuple[BaseEstimator, ...]]:
    """Score every lesion by models that were fitted to other patients, and fit to samples.

    Cross-fitting: patients are dealt to the folds whole, stratified by outcome; everything that is
    fitted, the cut of the classes included, is fitted to the other folds. Fold by fold the pair
    (score, label) is then what the final model's score and label of a new patient will be, but for
    a model that learnt from a few patients less (cross-conformal: Vovk 2015, Ann. Math. Artif.
    Intell. 74:9).

    Beside it, for the spread of predictions, the first model is fitted to bootstrap samples of
    patients (:class:`tumor_response.Bootstrap632Plus`), copies of a patient in one inner fold.

    Parameters
    ----------
    rows
        Of :func:`tumor_response.evaluation.rows.prepare_rows`, with one or more models.
    n_folds, n_repeats, seed
        As in :class:`tumor_response.RepeatedKFold`.
    n_resamples
        Bootstrap samples; 0: none.
    n_jobs
        Processes; the scores are the same to the last bit whatever it is.

    Returns
    -------
    CrossFitted
        The scores.
    tuple of estimators
        The first model as fitted to each sample.

    Raises
    ------
    EvaluationError
        Codes ``too_few_patients`` and ``model_failed``.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> from tumor_response.evaluation.rows import prepare_rows
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product(
    ...     [[f"P{i}" for i in range(20)], ["1"]], names=["patient_id", "lesion_id"])
    >>> X = pd.DataFrame(rng.normal(size=(20, 2)), index, ["deep__a", "deep__b"])
    >>> y = pd.Series((X["deep__a"] > 0).astype(float), name="responder")
    >>> rows = prepare_rows(tr.make_model("logistic", Cs=[1.0]), X, y, None, "error", None)
    >>> found, models = cross_fitted_scores(rows, n_repeats=2, n_resamples=3)
    >>> found.outputs["model"].shape, bool(found.headline("model", "response") > 0.9), len(models)
    ((40,), True, 3)
    """
    scheme = RepeatedKFold(n_folds=n_folds, n_repeats=n_repeats, seed=seed)
    folds = draw_resamples(rows, scheme)
    samples: list[Resample] = []
    if n_resamples:
        samples = draw_resamples(rows, Bootstrap632Plus(n_resamples=n_resamples, seed=seed))
    tasks = [_Task(one, is_sample=False) for one in folds]
    tasks += [_Task(one, is_sample=True) for one in samples]
    work = partial(_done, rows)
    answers = list(spread(work, tasks, n_jobs, "Fitting the predictor", parts_per_worker=8))
    n = len(rows.X)
    outputs = {name: np.full(n * n_repeats, np.nan) for name in rows.models}
    y = np.zeros(n * n_repeats, dtype=rows.y.dtype)
    reference = np.zeros(n * n_repeats)
    for resample, (scores, y_test, mean) in zip(folds, answers[: len(folds)], strict=True):
        at = resample.repeat * n + resample.test
        y[at], reference[at] = y_test, mean
        for name, of_test in scores.items():
            outputs[name][at] = of_test
    crossed = CrossFitted(
        outputs=outputs,
        y=y,
        patients=np.tile(rows.patients, n_repeats),
        repeat=np.repeat(np.arange(n_repeats), n),
        reference=reference,
    )
    return crossed, tuple(answers[len(folds) :])


class _Task(NamedTuple):
    resample: Resample
    is_sample: bool


def _done(rows: EvaluationRows, tasks: list[_Task]) -> list[Any]:
    """Return the scores of folds, and the fits to samples, in one go over the processes."""
    first = next(iter(rows.models))
    return [
        fit_again(rows, first, task.resample, "a bootstrap sample")
        if task.is_sample
        else _scored(rows, task.resample)
        for task in tasks
    ]


def _scored(
    rows: EvaluationRows, one: Resample
) -> tuple[dict[str, FloatArray], npt.NDArray[Any], float]:
    y_train, y_test, _ = rows.labels(one.train, one.test)
    where = f"fold {one.fold} of repeat {one.repeat}"
    scores = {}
    for name in rows.models:
        fitted = fit_again(rows, name, one, where)
        left_out = rows.shown_to(name).iloc[one.test]
        scores[name] = outputs_of(name, fitted, left_out, where, rows.task)
    return scores, y_test, float(np.mean(y_train))
