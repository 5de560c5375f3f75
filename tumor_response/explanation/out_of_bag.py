"""SHAP values of lesions by models that had not seen their patient."""

from __future__ import annotations

from collections.abc import Sequence
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
from tumor_response.explanation.attribution import Attribution, attribute, check_supported
from tumor_response.explanation.result import Explanation
from tumor_response.parallel import spread
from tumor_response.transformers import block_selectors

__all__ = ["explain_out_of_bag", "used_blocks"]

FloatArray = npt.NDArray[np.float64]

_TOP = 10


@dataclass(frozen=True)
class _Task:
    number: int
    resample: Resample
    scores: FloatArray


def explain_out_of_bag(result: EvaluationResult, name: str, n_jobs: int) -> Explanation:
    """Refit ``name`` in every resample of ``result`` and explain its out-of-bag lesions."""
    rows = result.rows
    if name not in rows.models:
        raise ExplanationError(
            f"No model {name!r} in this evaluation; there are {', '.join(map(repr, rows.models))}.",
            code="unknown_model",
        )
    model = rows.models[name]
    check_supported(name, model)
    X = rows.shown_to(name)
    blocks = used_blocks(model, X, rows.blocks)
    columns = [column for members in blocks.values() for column in members]
    tasks = [
        _Task(number, resample, one.scores[name])
        for number, (resample, one) in enumerate(
            zip(result.resamples, result.out_of_bag, strict=True)
        )
    ]

    n = len(X)
    values, by_block = np.zeros((n, len(columns))), np.zeros((n, len(blocks)))
    base, outputs, count = np.zeros(n), np.zeros(n), np.zeros(n)
    in_top = np.zeros(len(columns))
    block_mean_abs = np.zeros((len(tasks), len(blocks)))
    work = partial(_attribute_resamples, rows, name, columns, blocks)
    for task, one in zip(
        tasks, spread(work, tasks, n_jobs, f"Explaining {name}", parts_per_worker=16), strict=True
    ):
        test = task.resample.test
        values[test] += one.values
        by_block[test] += one.block_values
        base[test] += one.base
        outputs[test] += one.outputs
        count[test] += 1
        in_top[_top_columns(one.values)] += 1
        block_mean_abs[task.number] = np.abs(one.block_values).mean(axis=0)

    seen = count > 0
    index, times = X.index[seen], count[seen]
    return Explanation(
        name=name,
        mode="out_of_bag",
        values=pd.DataFrame(values[seen] / times[:, None], index=index, columns=columns),
        base_values=pd.Series(base[seen] / times, index=index, name="base_value"),
        outputs=pd.Series(outputs[seen] / times, index=index, name="output"),
        block_values=pd.DataFrame(
            by_block[seen] / times[:, None], index=index, columns=list(blocks)
        ),
        n_out_of_bag=pd.Series(count.astype(np.int64), index=X.index, name="n_out_of_bag"),
        top_ten_share=pd.Series(in_top / len(tasks), index=columns, name="top_ten_share"),
        block_mean_abs=pd.DataFrame(block_mean_abs, columns=list(blocks)).rename_axis("resample"),
        features=X.loc[index, columns],
        blocks=blocks,
        dictionary=rows.dictionary,
    )


def used_blocks(
    model: object, X: pd.DataFrame, blocks: dict[str, list[str]]
) -> dict[str, list[str]]:
    """Return the columns that a model uses, by block."""
    selectors = block_selectors(model)
    if not selectors:
        there = set(X.columns)
        shown = {block: [c for c in members if c in there] for block, members in blocks.items()}
        return {block: members for block, members in shown.items() if members}
    if len(selectors) > 1:
        raise ExplanationError(
            "The model has several BlockSelectors; a Pipeline with one, as its first step, can "
            "be explained.",
            code="unsupported_step",
        )
    return dict(type(selectors[0])(selectors[0].blocks).fit(X).blocks_)


def _attribute_resamples(
    rows: EvaluationRows,
    name: str,
    columns: Sequence[str],
    blocks: dict[str, list[str]],
    tasks: list[_Task],
) -> list[Attribution]:
    X = rows.shown_to(name)
    answers = []
    for task in tasks:
        train, test = task.resample.train, task.resample.test
        where = f"resample {task.number}"
        fitted = fit_again(rows, name, task.resample, where)
        one = attribute(fitted, X.iloc[train], X.iloc[test], columns, blocks)
        if np.abs(expit(one.outputs) - task.scores).max() > 1e-5:
            raise ExplanationError(
                f"Model {name!r}, {where}: fitted again it gives other predictions than in the "
                "evaluation, so it cannot be explained. Give it a fixed random_state.",
                code="not_deterministic",
            )
        answers.append(one)
    return answers


def _top_columns(values: FloatArray) -> npt.NDArray[np.int64]:
    importance = np.abs(values).mean(axis=0)
    top = np.argsort(-importance, kind="stable")[:_TOP]
    chosen: npt.NDArray[np.int64] = top[importance[top] > 0]
    return chosen
