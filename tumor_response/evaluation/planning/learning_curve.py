"""Learning curves: what more patients would have brought, and might bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.evaluation.metrics import auc
from tumor_response.evaluation.pairs import Pairs, check_response
from tumor_response.evaluation.planning.learning_result import LearningCurve
from tumor_response.evaluation.planning.learning_sizes import Split, draw_splits, training_sizes
from tumor_response.evaluation.planning.required import check_between, check_count
from tumor_response.evaluation.rows import EvaluationRows, Failed, prepare_rows
from tumor_response.evaluation.running import fit_model, score_rows
from tumor_response.exceptions import EvaluationError, OutcomeError
from tumor_response.models import left_untuned
from tumor_response.outcomes import LabelRule
from tumor_response.parallel import spread
from tumor_response.settings import checked_n_jobs
from tumor_response.table import FeatureTable

__all__ = ["learning_curve"]

FloatArray = npt.NDArray[np.float64]

N_DRAWS = 1000
"""Draws of patients and splits behind each interval."""


def learning_curve(
    models: Mapping[str, BaseEstimator] | BaseEstimator,
    table: FeatureTable | pd.DataFrame,
    y: pd.Series,
    *,
    sizes: Sequence[int] | None = None,
    n_repeats: int = 50,
    held_out: float = 0.25,
    label: LabelRule | None = None,
    failed: Failed = "error",
    blocks: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
    n_jobs: int = 1,
) -> LearningCurve:
    """Estimate the AUC of models by the number of patients they are trained on.

    In each repeat a quarter of the patients is held out, stratified. The others are put in a
    stratified order; a model is fitted, tuning and filters included, to the first 18 of them, the
    first 24 and so on, and always scored on the same held-out patients. All models meet the same
    patients. There are no bootstrap copies, so that a size is a number of different patients.

    Parameters
    ----------
    models, table, y, label, failed, blocks, n_jobs
        As for :func:`tumor_response.evaluate`; a ``label`` is fitted on the training patients of
        each size.
    sizes
        Training patients, three or more; by default six from a quarter of those not held out (16 at
        least) to all of them.
    n_repeats
        Splits, default 50.
    held_out
        Share of patients held out in each of them, default 0.25.
    seed
        The same seed and patients give the same splits, for any models and sizes.

    Returns
    -------
    LearningCurve

    Raises
    ------
    EvaluationError
        As :func:`tumor_response.evaluate`; ``task`` for models of rates and tertiles;
        ``too_few_patients`` for fewer than some 43 patients
        without ``sizes``, or where no split has both classes on both sides.
    SettingsError
        For sizes or shares that cannot be.

    Notes
    -----
    The intervals come from 1,000 draws, each with a curve and a fit of its own. A draw takes as
    many of the repeats as hold out one cohort's worth of patients (four of a quarter each), the
    same for all sizes and models, and weighs their held-out patients at random, as the Bayesian
    bootstrap has it (Rubin 1981). All repeats together would be much steadier than the cohort
    that they share: other patients would have trained other models, too.
    ``benchmarks/learning_curves.py`` measures how often the intervals hold.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index([f"P{i}" for i in range(60)], name="patient_id")
    >>> table = pd.DataFrame({"clinical__volume_cc": rng.lognormal(size=60)}, index=index)
    >>> y = (np.log(table["clinical__volume_cc"]) + rng.normal(size=60) > 0).astype(float)
    >>> curve = learning_curve(tr.make_model("volume_only"), table, y, n_repeats=5)
    >>> curve.sizes
    [16, 20, 24, 30, 37, 45]
    """
    check_count("n_repeats", n_repeats, 2)
    check_count("seed", seed, 0)
    check_between("held_out", held_out, 0.05, 0.75)
    n_jobs = checked_n_jobs(n_jobs)
    try:
        rows = prepare_rows(models, table, y, label, failed, blocks)
        check_response(rows.task, "A learning curve")
        n_patients = len(np.unique(rows.patients))
        chosen = training_sizes(n_patients, held_out, sizes)
        splits = draw_splits(rows, chosen, held_out, n_repeats, seed)
    except OutcomeError as error:
        raise EvaluationError(f"label: {error}", code=error.code) from error
    work = partial(_run_splits, rows, chosen)
    what = f"Learning curve of {len(rows.models)} model(s)"
    answers = list(spread(work, list(enumerate(splits)), n_jobs, what, parts_per_worker=16))
    draws = _reweighted(
        rows, splits, answers, _Draws.of(rows.patients.max() + 1, n_repeats, held_out, seed)
    )
    return LearningCurve(
        chosen,
        _tidy(rows, chosen, answers),
        draws,
        n_patients,
        n_repeats,
        sum(split.n_redrawn for split in splits),
    )


@dataclass(frozen=True)
class _Answer:
    """Of one split: the held-out classes by size, and by model and size scores and tuning."""

    y_test: list[npt.NDArray[np.int64]]
    scores: dict[str, list[FloatArray]]
    untuned: dict[str, list[bool]]


def _run_splits(
    rows: EvaluationRows, sizes: list[int], tasks: list[tuple[int, Split]]
) -> list[_Answer]:
    shown = {name: rows.shown_to(name) for name in rows.models}
    answers = []
    for number, split in tasks:
        answer = _Answer([], {name: [] for name in shown}, {name: [] for name in shown})
        for size, train in zip(sizes, split.train, strict=True):
            y_train, y_test, _ = rows.labels(train, split.test)
            answer.y_test.append(y_test)
            where = f"{size} patients of repeat {number}"
            for name, model in rows.models.items():
                X = shown[name]
                fitted = fit_model(name, model, X.iloc[train], y_train, where)
                answer.scores[name].append(score_rows(name, fitted, X.iloc[split.test], where))
                answer.untuned[name].append(left_untuned(fitted))
        answers.append(answer)
    return answers


def _tidy(rows: EvaluationRows, sizes: list[int], answers: list[_Answer]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "model": name,
                "n_patients": size,
                "repeat": repeat,
                "auc": auc(answer.y_test[at], answer.scores[name][at]),
                "untuned": answer.untuned[name][at],
            }
            for name in rows.models
            for at, size in enumerate(sizes)
            for repeat, answer in enumerate(answers)
        ]
    )


def _reweighted(
    rows: EvaluationRows, splits: list[Split], answers: list[_Answer], draws: _Draws
) -> dict[str, FloatArray]:
    """Return each model's AUC at each size in each draw."""
    return {
        name: np.column_stack(
            [
                _auc_of_draws(
                    [
                        Pairs.of(rows.patients[split.test], one.y_test[at], one.scores[name][at])
                        for split, one in zip(splits, answers, strict=True)
                    ],
                    draws,
                )
                for at in range(len(splits[0].train))
            ]
        )
        for name in rows.models
    }


@dataclass(frozen=True)
class _Draws:
    """For each draw a weight of every patient, and the splits that it takes."""

    weights: FloatArray
    takes: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, n_patients: int, n_splits: int, held_out: float, seed: int) -> _Draws:
        """Take as many splits as it needs to hold out as many patients as there are."""
        rng = np.random.default_rng(np.random.SeedSequence([seed, 1]))
        weights = rng.exponential(size=(N_DRAWS, n_patients))
        n_taken = min(n_splits, max(1, round(1 / held_out)))
        order = rng.random((N_DRAWS, n_splits)).argsort(axis=1)
        takes = np.zeros((N_DRAWS, n_splits), dtype=bool)
        np.put_along_axis(takes, order[:, :n_taken], values=True, axis=1)
        return cls(weights, takes)


def _auc_of_draws(pairs: list[Pairs], draws: _Draws) -> FloatArray:
    won, met = np.zeros(N_DRAWS), np.zeros(N_DRAWS)
    for one, taken in zip(pairs, draws.takes.T, strict=True):
        of_split = one.weighted(draws.weights[taken])
        won[taken] += of_split[0]
        met[taken] += of_split[1]
    return np.asarray(won / met, dtype=np.float64)
