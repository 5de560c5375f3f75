"""Weights of deep columns by models that had not seen the lesion's patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from tumor_response.evaluation import EvaluationResult, Resample
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.running import fit_again
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.embedding import (
    EmbeddingWeights,
    log_odds_of,
    present_rows,
    weighed,
)
from tumor_response.explanation.attention.slopes import slopes
from tumor_response.parallel import spread

__all__ = ["weights_out_of_bag"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Task:
    number: int
    resample: Resample
    scores: FloatArray


def weights_out_of_bag(
    result: EvaluationResult, name: str | None, columns: list[str], n_jobs: int
) -> EmbeddingWeights:
    """Fit ``name`` again in every resample; see :func:`embedding_weights` of the module beside."""
    rows = result.rows
    if name not in rows.models:
        raise ExplanationError(
            f"name={name!r}: no such model in this evaluation; there are "
            f"{', '.join(map(repr, rows.models))}.",
            code="unknown_model",
        )
    X = rows.shown_to(name)
    present = present_rows(X, columns)
    tasks = [
        _Task(number, resample, one.scores[name])
        for number, (resample, one) in enumerate(
            zip(result.resamples, result.out_of_bag, strict=True)
        )
    ]
    weights = np.zeros((len(X), len(columns)))
    held, outputs, count = np.zeros_like(weights), np.zeros(len(X)), np.zeros(len(X))
    work = partial(_weights_of_resamples, rows, name, columns, present)
    each = spread(work, tasks, n_jobs, f"Weights of {name}", parts_per_worker=16)
    for test, values, held_there, log_odds in each:
        weights[test] += values
        held[test] += held_there
        outputs[test] += log_odds
        count[test] += 1
    seen = count > 0
    without = dict.fromkeys(X.index[~present], "deep_values_missing")
    without |= dict.fromkeys(X.index[present & ~seen], "never_out_of_bag")
    times = count[seen, None]
    return weighed(
        X.loc[seen, columns],
        weights[seen] / times,
        held[seen] / times,
        outputs[seen] / count[seen],
        name,
        "out_of_bag",
        pd.Series(count[seen].astype(np.int64), index=X.index[seen], name="n_out_of_bag"),
        without,
    )


def _weights_of_resamples(
    rows: EvaluationRows,
    name: str,
    columns: list[str],
    present: npt.NDArray[np.bool_],
    tasks: list[_Task],
) -> list[tuple[npt.NDArray[np.int64], FloatArray, FloatArray, FloatArray]]:
    X = rows.shown_to(name)
    at = X.columns.get_indexer(pd.Index(columns))
    answers = []
    for task in tasks:
        train, test = task.resample.train, task.resample.test
        where = f"resample {task.number}"
        fitted = fit_again(rows, name, task.resample, where)
        outputs = log_odds_of(fitted, X.iloc[test])
        if np.abs(expit(outputs) - task.scores).max() > 1e-5:
            raise ExplanationError(
                f"Model {name!r}, {where}: fitted again it gives other predictions than in the "
                "evaluation, so it cannot be explained. Give it a fixed random_state.",
                code="not_deterministic",
            )
        kept = present[test]
        found = slopes(fitted, X.iloc[test[kept]], X.iloc[train], columns)
        values = found.values[:, at]
        held = found.held[:, at] * np.abs(values)
        answers.append((test[kept], values, held, outputs[kept]))
    return answers
