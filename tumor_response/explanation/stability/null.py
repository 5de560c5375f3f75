"""The same explanation on outcomes that were permuted between patients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from tumor_response.evaluation import EvaluationResult
from tumor_response.evaluation.controls.null import permuted_evaluation
from tumor_response.evaluation.controls.settings import ControlsSettings, shortened
from tumor_response.evaluation.evaluating import draw_resamples
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.sampling import Scheme
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.game import Game
from tumor_response.explanation.out_of_bag import explain_resamples
from tumor_response.explanation.stability.band import ExplanationNull
from tumor_response.explanation.stability.overlap import TopKOverlap, top_k_overlap
from tumor_response.explanation.stability.ranks import (
    LEVELS,
    Level,
    block_of_each,
    importance_by_resample,
)
from tumor_response.parallel import spread
from tumor_response.settings import checked_n_jobs

__all__ = ["explanation_null"]


def explanation_null(
    result: EvaluationResult,
    name: str,
    *,
    n_permutations: int = 20,
    n_resamples: int = 50,
    k: int = 10,
    game: Game | None = None,
    seed: int = 0,
    n_jobs: int = 1,
) -> ExplanationNull:
    """Explain a model again on outcomes that are permuted between patients.

    The whole pipeline, tuning and filters included, is refitted in every resample of every
    permutation; the scheme draws its resamples anew by the permuted outcome; patients exchange
    their outcomes whole, with all lesions. The outcome as it is goes through the same procedure
    with as many resamples, so that observed and permuted values are comparable and p values exact.
    A continuous end point is permuted before its cut is fitted.

    Parameters
    ----------
    result
        From :func:`tumor_response.evaluate`.
    name
        A model of it.
    n_permutations
        At least 19, with which 0.05 can just be reached; default 20.
    n_resamples
        In each permutation, default 50, at most the scheme's. Fewer cost less and make every bar
        and every band less certain by the same amount; the p values stay right.
    k
        Length of the top lists whose agreement is told.
    game
        What is shared out; by default as :func:`tumor_response.explain` does.
    seed
        Of the permutations.
    n_jobs
        Processes; the numbers are the same whatever it is.

    Returns
    -------
    ExplanationNull
        ``explanation.with_null(null)`` draws it behind the bars.

    Raises
    ------
    EvaluationError
        Codes ``nothing_to_permute``, ``too_few_patients``, ``model_failed``.
    ExplanationError
        Codes ``unknown_model``, ``no_resamples`` (a scheme of one resample), and as
        :func:`tumor_response.explain`.
    SettingsError
        Numbers out of range.

    Notes
    -----
    The hypothesis is that *nothing* in the table has to do with the outcome; see
    :class:`.ExplanationNull` for what is judged where something has. A column outside the band is
    one that this model uses more than chance would have it, which a column that merely goes with
    the true one is as well.

    Examples
    --------
    >>> import tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index([f"P{i}" for i in range(40)], name="patient_id")
    >>> table = pd.DataFrame(rng.normal(size=(40, 2)), index=index,
    ...                      columns=["clinical__age", "deep__n__0"])
    >>> y = (3 * table["clinical__age"] + rng.normal(size=40) > 0).astype(float)
    >>> result = tr.evaluate({"ridge": tr.make_model("logistic", Cs=(1.0,))}, table, y,
    ...                      tr.Bootstrap632Plus(n_resamples=10))
    >>> null = explanation_null(result, "ridge", n_permutations=19, n_resamples=4)
    >>> null.table().index[0], bool(null.table()["outside"].iloc[0])
    ('clinical__age', True)
    """
    settings = ControlsSettings(
        n_permutations=n_permutations, n_resamples_permuted=n_resamples, seed=seed
    )
    rows = result.rows
    if name not in rows.models:
        raise ExplanationError(
            f"No model {name!r} in this evaluation; there are {', '.join(map(repr, rows.models))}.",
            code="unknown_model",
        )
    alone = replace(rows, models={name: rows.models[name]}, columns={name: rows.columns[name]})
    few = shortened(result.scheme, settings.n_resamples_permuted)
    seeds = np.random.SeedSequence(settings.seed).spawn(settings.n_permutations)
    runs = list(
        spread(
            partial(_explained, alone, few, game or Game(), k),
            [None, *seeds],
            checked_n_jobs(n_jobs),
            f"Explaining {settings.n_permutations} permutations",
            parts_per_worker=16,
        )
    )
    first, permuted = runs[0], runs[1:]
    frames = {level: pd.DataFrame([one.means[level] for one in permuted]) for level in LEVELS}
    for frame in frames.values():
        frame.index = pd.RangeIndex(len(frame), name="permutation")
    sizes = np.bincount(np.unique(rows.patients, return_counts=True)[1])
    return ExplanationNull(
        name=name,
        columns=frames["column"],
        families=frames["family"],
        blocks=frames["block"],
        observed=first.means,
        overlap=pd.DataFrame(
            {
                "nogueira": [one.overlap.nogueira for one in permuted],
                "mean_shared": [one.overlap.mean_shared for one in permuted],
            },
            index=frames["column"].index,
        ),
        observed_overlap=first.overlap,
        block_of=first.blocks,
        n_resamples=first.overlap.n_resamples,
        n_redrawn=sum(one.n_redrawn for one in runs),
        n_fixed=int((sizes == 1).sum()),
        seed=settings.seed,
    )


@dataclass(frozen=True)
class _Run:
    """What one outcome, permuted or as it is, gives."""

    means: dict[Level, pd.Series]
    blocks: dict[Level, list[str]]
    overlap: TopKOverlap
    n_redrawn: int


def _explained(
    rows: EvaluationRows,
    scheme: Scheme,
    game: Game,
    k: int,
    seeds: list[np.random.SeedSequence | None],
) -> list[_Run]:
    return [_one(rows, scheme, game, k, seed) for seed in seeds]


def _one(
    rows: EvaluationRows,
    scheme: Scheme,
    game: Game,
    k: int,
    seed: np.random.SeedSequence | None,
) -> _Run:
    """Explain the outcome as a seed permutes it; without a seed as it is."""
    (name,) = rows.models
    changed, n_redrawn = rows, 0
    if seed is None:
        resamples = draw_resamples(rows, scheme)
    else:
        rng = np.random.default_rng(seed)
        changed, resamples, n_redrawn = permuted_evaluation(rows, scheme, rng)
    explanation = explain_resamples(changed, name, resamples, game)
    means = {level: importance_by_resample(explanation, level).mean() for level in LEVELS}
    blocks = {level: list(block_of_each(explanation, level).values()) for level in LEVELS}
    return _Run(means, blocks, top_k_overlap(explanation, k), n_redrawn)
