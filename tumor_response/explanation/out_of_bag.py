"""SHAP values of lesions by models that had not seen their patient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from tumor_response.explanation.game import Game
from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.explanation.result import Explanation
from tumor_response.parallel import spread
from tumor_response.transformers import block_selectors

__all__ = ["explain_out_of_bag", "explain_resamples", "used_blocks"]

FloatArray = npt.NDArray[np.float64]

_TOP = 10


@dataclass(frozen=True)
class _Task:
    number: int
    resample: Resample
    scores: FloatArray | None


def explain_out_of_bag(result: EvaluationResult, name: str, game: Game, n_jobs: int) -> Explanation:
    """Refit ``name`` in every resample of ``result`` and explain its out-of-bag lesions."""
    if name not in result.rows.models:
        raise ExplanationError(
            f"No model {name!r} in this evaluation; there are "
            f"{', '.join(map(repr, result.rows.models))}.",
            code="unknown_model",
        )
    scores = [one.scores[name] for one in result.out_of_bag]
    return explain_resamples(result.rows, name, result.resamples, game, n_jobs, scores)


def explain_resamples(
    rows: EvaluationRows,
    name: str,
    resamples: Sequence[Resample],
    game: Game,
    n_jobs: int = 1,
    scores: Sequence[FloatArray] | None = None,
) -> Explanation:
    """Fit a model in each resample and explain the lesions left out.

    Parameters
    ----------
    rows
        Rows, labels and models; labels may be permuted.
    name
        The model.
    resamples
        Training and test rows.
    game
        What is shared out.
    n_jobs
        Processes; the values are the same whatever it is.
    scores
        The evaluation's own scores of each resample's test rows, which the models fitted again
        have to give; None: not compared.
    """
    model = rows.models[name]
    check_supported(name, model)
    X = rows.shown_to(name)
    hierarchy = Hierarchy.of(used_blocks(model, X, rows.blocks), rows.dictionary)
    tasks = [
        _Task(number, resample, None if scores is None else scores[number])
        for number, resample in enumerate(resamples)
    ]
    sums = _Sums(len(X), len(tasks), hierarchy)
    work = partial(_attribute_resamples, rows, name, hierarchy)
    for task, one in zip(
        tasks, spread(work, tasks, n_jobs, f"Explaining {name}", parts_per_worker=16), strict=True
    ):
        sums.add(task.number, task.resample.test, one)

    seen = sums.count > 0
    index, columns = X.index[seen], hierarchy.columns

    def mean(total: FloatArray, names: Iterable[str]) -> pd.DataFrame:
        return pd.DataFrame(total[seen] / sums.count[seen][:, None], index, list(names))

    return Explanation(
        name=name,
        mode="out_of_bag",
        output=game.output,
        value_function=game.value_function,
        method="exact",
        values=mean(sums.values, columns),
        block_values=mean(sums.by_block, hierarchy.blocks),
        family_values=mean(sums.by_family, hierarchy.families),
        nested_values=mean(sums.nested, columns),
        base_values=pd.Series(sums.base[seen] / sums.count[seen], index, name="base_value"),
        outputs=pd.Series(sums.outputs[seen] / sums.count[seen], index, name="output"),
        spread=pd.DataFrame(sums.spread()[seen], index, columns),
        standard_error=None,
        n_pairs=None,
        n_out_of_bag=pd.Series(sums.count.astype(np.int64), index=X.index, name="n_out_of_bag"),
        top_ten_share=pd.Series(sums.in_top / len(tasks), index=columns, name="top_ten_share"),
        column_mean_abs=_of_resamples(sums.column_mean_abs, columns),
        family_mean_abs=_of_resamples(sums.family_mean_abs, hierarchy.families),
        block_mean_abs=_of_resamples(sums.block_mean_abs, hierarchy.blocks),
        block_interactions=None,
        features=X.loc[index, columns],
        blocks=hierarchy.blocks,
        families=hierarchy.families,
        dictionary=rows.dictionary,
    )


class _Sums:
    """What is added up over resamples, in their order."""

    def __init__(self, n_rows: int, n_resamples: int, hierarchy: Hierarchy) -> None:
        n_columns, n_blocks = len(hierarchy.columns), len(hierarchy.blocks)
        n_families = len(hierarchy.families)
        self.values, self.nested = np.zeros((n_rows, n_columns)), np.zeros((n_rows, n_columns))
        self._squares = np.zeros((n_rows, n_columns))
        self.by_block = np.zeros((n_rows, n_blocks))
        self.by_family = np.zeros((n_rows, n_families))
        self.base, self.outputs, self.count = (np.zeros(n_rows) for _ in range(3))
        self.in_top = np.zeros(n_columns)
        self.column_mean_abs = np.zeros((n_resamples, n_columns))
        self.family_mean_abs = np.zeros((n_resamples, n_families))
        self.block_mean_abs = np.zeros((n_resamples, n_blocks))

    def add(self, number: int, test: npt.NDArray[np.int64], one: Attribution) -> None:
        before = self.count[test][:, None]
        # Welford's update: a difference of large sums would lose a small spread
        deviation = one.values - self.values[test] / np.maximum(before, 1)
        self._squares[test] += deviation**2 * before / (before + 1)
        self.values[test] += one.values
        self.nested[test] += one.nested_values
        self.by_block[test] += one.block_values
        self.by_family[test] += one.family_values
        self.base[test] += one.base
        self.outputs[test] += one.outputs
        self.count[test] += 1
        self.column_mean_abs[number] = np.abs(one.values).mean(axis=0)
        self.family_mean_abs[number] = np.abs(one.family_values).mean(axis=0)
        self.block_mean_abs[number] = np.abs(one.block_values).mean(axis=0)
        self.in_top[_top_columns(self.column_mean_abs[number])] += 1

    def spread(self) -> FloatArray:
        others = np.where(self.count > 1, self.count - 1, np.nan)[:, None]
        deviation: FloatArray = np.sqrt(self._squares / others)
        return deviation


def _of_resamples(values: FloatArray, names: Iterable[str]) -> pd.DataFrame:
    return pd.DataFrame(values, columns=list(names)).rename_axis("resample")


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
    rows: EvaluationRows, name: str, hierarchy: Hierarchy, tasks: list[_Task]
) -> list[Attribution]:
    X = rows.shown_to(name)
    answers = []
    for task in tasks:
        train, test = task.resample.train, task.resample.test
        where = f"resample {task.number}"
        fitted = fit_again(rows, name, task.resample, where)
        one = attribute(fitted, X.iloc[train], X.iloc[test], hierarchy)
        if task.scores is not None and np.abs(expit(one.outputs) - task.scores).max() > 1e-5:
            raise ExplanationError(
                f"Model {name!r}, {where}: fitted again it gives other predictions than in the "
                "evaluation, so it cannot be explained. Give it a fixed random_state.",
                code="not_deterministic",
            )
        answers.append(one)
    return answers


def _top_columns(mean_abs: FloatArray) -> npt.NDArray[np.int64]:
    top = np.argsort(-mean_abs, kind="stable")[:_TOP]
    chosen: npt.NDArray[np.int64] = top[mean_abs[top] > 0]
    return chosen
