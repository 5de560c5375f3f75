"""The model and its controls on the same resamples, as one evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.ablation.parts import joined
from tumor_response.evaluation.controls.permuting import permuted_columns
from tumor_response.evaluation.evaluating import apparent_scores, draw_resamples
from tumor_response.evaluation.result import EvaluationResult
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.running import ResampleScores, score_resamples
from tumor_response.evaluation.sampling import Resample, Scheme
from tumor_response.parallel import spread

__all__ = ["Compared", "evaluated_together"]


@dataclass(frozen=True)
class Compared:
    """One model on its own table.

    Parameters
    ----------
    rows : EvaluationRows
        Of one model, whose name it goes by; lesions, outcome and patients are those of the others.
    permuted : tuple of str
        Columns that are permuted, each by itself, anew in every resample.
    seed : int
        Of these permutations.
    """

    rows: EvaluationRows
    permuted: tuple[str, ...] = ()
    seed: int = 0

    def in_resample(self, number: int) -> EvaluationRows:
        """Return the rows as a resample sees them."""
        if not self.permuted:
            return self.rows
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, number]))
        return replace(self.rows, X=permuted_columns(self.rows.X, self.permuted, rng))


def evaluated_together(
    compared: Sequence[Compared], scheme: Scheme, n_jobs: int
) -> EvaluationResult:
    """Evaluate models that have each a table of its own; they meet the same resamples.

    The result's ``rows.X`` is the first one's: measures, intervals and comparisons hold for all,
    and nothing may be refitted from it but the first.
    """
    first = compared[0].rows
    resamples = draw_resamples(first, scheme)
    named = {name: one for one in compared for name in one.rows.models}
    split = resamples if scheme.kind == "test_set" else None
    apparent: dict[str, npt.NDArray[np.float64]] = {}
    for number, one in enumerate(compared, start=len(resamples)):
        apparent |= apparent_scores(one.in_resample(number), split)
    tasks = [(name, number) for number in range(len(resamples)) for name in named]
    answers = list(
        spread(
            partial(_scored, named, resamples),
            tasks,
            n_jobs,
            f"Evaluating the model and {len(named) - 1} control(s)",
            parts_per_worker=16,
        )
    )
    width = len(named)
    return EvaluationResult(
        scheme=scheme,
        rows=replace(
            first,
            models={name: one.rows.models[name] for name, one in named.items()},
            columns={name: one.rows.columns[name] for name, one in named.items()},
        ),
        resamples=resamples,
        apparent_scores=apparent,
        out_of_bag=[
            joined(answers[start : start + width]) for start in range(0, len(answers), width)
        ],
    )


def _scored(
    named: Mapping[str, Compared], resamples: Sequence[Resample], tasks: list[tuple[str, int]]
) -> list[ResampleScores]:
    found = []
    for name, number in tasks:
        rows = named[name].in_resample(number)
        found += score_resamples(rows, None, [(number, resamples[number])])
    return found
