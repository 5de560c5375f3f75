"""What a run would do, how long it would take, and how much disk it would need."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from tumor_response.evaluation.ablation.configurations import configurations
from tumor_response.evaluation.controls import ControlsSettings
from tumor_response.evaluation.controls.estimate import estimate_controls
from tumor_response.evaluation.controls.extracting import random_table
from tumor_response.evaluation.evaluating import draw_resamples
from tumor_response.evaluation.rows import prepare_rows
from tumor_response.evaluation.running import score_resamples
from tumor_response.features.checks import checked_specs
from tumor_response.features.run_progress import duration_text
from tumor_response.outcomes import shrinkage
from tumor_response.parallel.processes import worker_count
from tumor_response.study.extracting import Tell
from tumor_response.study.reading import read_settings
from tumor_response.study.running import Done, status
from tumor_response.study.working import Work
from tumor_response.table import estimate_extraction

__all__ = ["foretell"]

_TIMED = 2
"""Resamples that are timed; the quickest counts, the first may have something to compile."""


def foretell(folder: str | Path, *, n_jobs: int = 1, tell: Tell = print) -> list[Done]:
    """Say what a run would do and why, and how long the long stages would take.

    Features are told from a sample of the cases, evaluation and controls from a few resamples: of
    the feature table, or where that is not there yet of random numbers of its shape. Nothing of
    the study is written.

    Parameters
    ----------
    folder, n_jobs, tell
        As for :func:`tumor_response.study.run`.

    Returns
    -------
    list of Done
        As :func:`tumor_response.study.status`.
    """
    found = status(folder, n_jobs=n_jobs, tell=tell)
    for done in found:
        tell(f"{done.stage}: {'; '.join(done.why) if done.why else 'up to date'}")
    undone = {done.stage for done in found if done.why}
    if not undone:
        tell("Nothing to do.")
        return found
    root = Path(folder) if Path(folder).is_dir() else Path(folder).parent
    foreteller = _Foreteller(Work(root, read_settings(root), n_jobs, tell), undone)
    ways: dict[str, Callable[[], float]] = {
        "features": foreteller.features_s,
        "evaluation": foreteller.evaluation_s,
        "controls": foreteller.controls_s,
        "ablation": foreteller.ablation_s,
        "explanation": foreteller.explanation_s,
    }
    total, unknown = 0.0, []
    for stage in (done.stage for done in found if done.why):
        seconds: float | None = ways[stage]() if stage in ways else foreteller.last_s(stage)
        if seconds is None:
            unknown.append(stage)
        else:
            total += seconds
            tell(f"{stage}: about {duration_text(seconds)}")
    workers = worker_count(n_jobs)
    tell(f"Together about {duration_text(total)} on {workers} worker{'s' * (workers != 1)}.")
    if unknown:
        tell(f"Not estimated: {', '.join(unknown)}.")
    return found


class _Foreteller:
    def __init__(self, work: Work, undone: set[str]) -> None:
        self._work = work
        self._undone = undone
        specs = checked_specs(work.cohort, work.extractors)
        columns = [spec for block in specs for spec in block]
        if "features" in undone:
            drawn = random_table(columns, work.cohort.keys)
            numbers = drawn.select_dtypes("number")
            # volumes are above zero
            self._table = drawn.assign(**np.exp(numbers).to_dict("series"))
        else:
            self._table = work.table.data
        self._outcomes = (
            shrinkage(work.cohort, per=work.settings.outcome.per, n_jobs=work.n_jobs)
            if "outcomes" in undone
            else work.outcomes
        )
        self._rows = prepare_rows(
            work.plan().estimators(work.settings.blocks),
            self._table,
            self._outcomes[work.plan().by],
            work.plan().label(),
            "drop",
            None,
        )
        self._resamples = draw_resamples(self._rows, work.plan().scheme)

    def features_s(self) -> float:
        work = self._work
        work.tell("Trying a sample of the cases ...")
        estimate = estimate_extraction(
            work.cohort, work.extractors, n_jobs=work.n_jobs, cache_dir=work.cache_dir
        )
        work.tell(str(estimate))
        return estimate.total_s

    def evaluation_s(self) -> float:
        return self._fits_s(list(self._rows.models), len(self._resamples))

    def ablation_s(self) -> float:
        asked = self._work.settings.ablation
        planned = configurations(
            asked.models,
            list(asked.blocks) or self._work.settings.blocks,
            self._table,
            "response",
            0,
        )
        like: list[str] = [
            name for name in ("logistic_all", "xgboost_all") if name in self._rows.models
        ]
        each = self._fits_s(like or list(self._rows.models), len(self._resamples))
        return each / max(len(like), 1) * len(planned)

    def explanation_s(self) -> float:
        asked = self._work.settings
        times = 2 * (1 + asked.explanation.n_permutations)  # the fits, and their values
        names = [name for name in asked.explained if name in self._rows.models]
        return times * self._fits_s(names, len(self._resamples))

    def controls_s(self) -> float:
        work = self._work
        asked, plan = work.settings.controls, work.plan()
        headline = work.settings.models.headline
        estimate = estimate_controls(
            work.cohort,
            work.extractors,
            {headline: plan.estimators(work.settings.blocks)[headline]},
            self._outcomes[plan.by],
            plan.scheme,
            label=plan.label(),
            table=None if "features" in self._undone else work.table,
            settings=ControlsSettings(
                controls=asked.images,
                n_permutations=asked.n_permutations,
                n_resamples_permuted=asked.n_resamples_permuted,
                n_resamples=asked.n_resamples,
            ),
            n_jobs=work.n_jobs,
            cache_dir=work.cache_dir,
        )
        return estimate.total_s

    def last_s(self, stage: str) -> float | None:
        """Return what a stage took when it was last done."""
        path = self._work.folder / "stages" / "log.jsonl"
        if not path.is_file():
            return None
        events = pd.DataFrame(json.loads(line) for line in path.read_text("utf-8").splitlines())
        of_stage = events.loc[events["stage"] == stage, "seconds"]
        return None if of_stage.empty else float(of_stage.iloc[-1])

    def _fits_s(self, names: list[str], n_resamples: int) -> float:
        rows = self._rows
        some = {name: rows.models[name] for name in names}
        timed = []
        few = replace(rows, models=some)
        with threadpool_limits(1):
            for number, resample in enumerate(self._resamples[:_TIMED]):
                begun = time.perf_counter()
                score_resamples(few, None, [(number, resample)])
                timed.append(time.perf_counter() - begun)
        return min(timed) * n_resamples / worker_count(self._work.n_jobs)
