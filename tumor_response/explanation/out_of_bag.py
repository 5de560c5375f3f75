"""SHAP values of lesions by models that had not seen their patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator, clone

from tumor_response.evaluation import EvaluationResult, Resample
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.running import fit_again
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attributed import Attribution
from tumor_response.explanation.attribution import attribute
from tumor_response.explanation.building import Sums
from tumor_response.explanation.game import Game, checked_game
from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.explanation.result import Explanation
from tumor_response.explanation.sampled import Draws
from tumor_response.parallel import spread
from tumor_response.transformers import block_selectors, keys_needed

__all__ = ["check_no_images", "explain_out_of_bag", "explain_resamples", "used_blocks"]

FloatArray = npt.NDArray[np.float64]

N_PAIRS = 4
"""Pairs of orders per lesion and resample: a lesion is out of bag in a third of them."""


@dataclass(frozen=True)
class _Task:
    number: int
    resample: Resample
    scores: FloatArray | None
    draws: Draws


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
    if rows.task == "tertiles":
        raise ExplanationError(
            f"Model {name!r} predicts tertiles, which have no one output to share out; explain a "
            "model of responses or of the rate.",
            code="task",
        )
    X = rows.shown_to(name)
    check_no_images(name, model, X)
    game = checked_game(game, name, model)
    n_pairs = game.n_pairs or N_PAIRS
    hierarchy = Hierarchy.of(used_blocks(model, X, rows.blocks), rows.dictionary, game.level)
    tasks = [
        _Task(
            number,
            resample,
            None if scores is None else scores[number],
            Draws(
                n_pairs,
                np.random.default_rng([game.seed, number]),
                game.max_evaluations // len(resamples),
            ),
        )
        for number, resample in enumerate(resamples)
    ]
    sums = Sums(len(X), len(tasks), hierarchy)
    work = partial(_attribute_resamples, rows, name, hierarchy, game)
    for task, one in zip(
        tasks, spread(work, tasks, n_jobs, f"Explaining {name}", parts_per_worker=16), strict=True
    ):
        sums.add(task.number, task.resample.test, one)
    return sums.explanation(name, "out_of_bag", game, n_pairs, X, rows.dictionary)


def check_no_images(name: str, model: BaseEstimator, X: pd.DataFrame) -> None:
    """Refuse a model that looks images up by keys: no column of the table says what they show."""
    if keys := keys_needed(model, X.columns):
        raise ExplanationError(
            f"Model {name!r} reads images through {keys[0]!r}, of which SHAP values of columns say "
            "nothing; tr.attention shows where it looked.",
            code="unsupported_model",
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
    used: dict[str, list[str]] = {}
    for selector in selectors:
        for block, members in clone(selector).fit(X).blocks_.items():
            known = used.setdefault(block, [])
            known += [column for column in members if column not in set(known)]
    return used


def _attribute_resamples(
    rows: EvaluationRows, name: str, hierarchy: Hierarchy, game: Game, tasks: list[_Task]
) -> list[Attribution]:
    X = rows.shown_to(name)
    answers = []
    for task in tasks:
        train, test = task.resample.train, task.resample.test
        where = f"resample {task.number}"
        fitted = fit_again(rows, name, task.resample, where)
        one = attribute(fitted, X.iloc[train], X.iloc[test], hierarchy, game, task.draws)
        told = expit(one.outputs) if game.output == "log_odds" else one.outputs
        if task.scores is not None and not np.allclose(told, task.scores, rtol=1e-5, atol=1e-5):
            raise ExplanationError(
                f"Model {name!r}, {where}: fitted again it gives other predictions than in the "
                "evaluation, so it cannot be explained. Give it a fixed random_state.",
                code="not_deterministic",
            )
        answers.append(one)
    return answers
