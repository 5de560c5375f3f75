"""Running extractors over a cohort: checked beforehand, spread out, cached, watched."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tumor_response._version import __version__
from tumor_response.cohort import Case, Cohort
from tumor_response.exceptions import CaseError, FeatureError, SettingsError
from tumor_response.features.assemble import Layout, assembled_dictionary, assembled_provenance
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.cache import FeatureCache
from tumor_response.features.case_facts import RunRules
from tumor_response.features.checks import checked_specs
from tumor_response.features.memory import available_bytes
from tumor_response.features.one_case import failed_row, run_case
from tumor_response.features.rows import CaseRow, Columns, columns_of_block
from tumor_response.features.run_log import RunFacts, RunLog, check_log
from tumor_response.features.run_progress import RunProgress
from tumor_response.features.stamps import version_stamp
from tumor_response.parallel.places import Finished, Here, NeedsMemory, Place
from tumor_response.parallel.processes import Processes, worker_count
from tumor_response.parallel.schedule import in_order, run_all
from tumor_response.settings import checked_n_jobs

__all__ = ["ExtractionRun", "Means"]


@dataclass(frozen=True)
class Means:
    """With what a run is done; nothing here changes a number.

    Parameters
    ----------
    n_jobs
        Worker processes on this machine; -1: one per core.
    cache_dir
        Folder or fsspec URL for finished results; ``None``: no cache.
    client
        A ``dask.distributed.Client``: the cases run on its cluster instead.
    memory_gb
        What the workers of this machine may need together, in 10^9 bytes; ``None``: what is free.
    log
        File to which the run's events are appended, one JSON object per line.

    Raises
    ------
    SettingsError
        For numbers out of range, and for a client beside what is meant for this machine.
    """

    n_jobs: int = 1
    cache_dir: str | Path | None = None
    client: Any = None
    memory_gb: float | None = None
    log: str | Path | None = None

    def __post_init__(self) -> None:
        checked_n_jobs(self.n_jobs)
        if self.client is not None and (self.n_jobs != 1 or self.memory_gb is not None):
            raise SettingsError(
                "client= runs the cases on its cluster, whose workers have a number and a memory "
                "of their own; n_jobs= and memory_gb= are for this machine. Give one or the other."
            )
        if self.memory_gb is not None and not 0 < self.memory_gb < math.inf:
            raise SettingsError(
                f"memory_gb={self.memory_gb!r}: expected a number of 10^9 bytes, more than 0."
            )


_Task = tuple[Case, str, int | None]
"""A case, the state of its files at the start of the run, and the bytes that it may take."""


def _granted(task: _Task, n_bytes: int) -> _Task:
    return task[0], task[1], n_bytes


@dataclass(frozen=True)
class _Work:
    """What every worker gets once."""

    extractors: list[FeatureExtractor]
    columns: list[Columns]
    cache: FeatureCache | None
    rules: RunRules

    def __call__(self, task: _Task) -> CaseRow | NeedsMemory:
        case, stamp, granted = task
        return run_case(case, self.extractors, self.columns, self.cache, self.rules, stamp, granted)


class ExtractionRun:
    """Extractors on a cohort, ready to begin: whatever could be refused beforehand was not.

    Parameters
    ----------
    cohort
        The lesions.
    extractors
        At least one.
    rules
        Quality limits and excluded voxels.
    means
        Workers, cache, log.

    Attributes
    ----------
    layout
        The table's columns.
    dictionary, provenance
        Those of the table.
    summary
        How the run went, complete after the last row: ``place``, ``workers``, ``cases``,
        ``cache`` (``hits`` and ``misses``), ``cache_writable``, ``retried`` and ``seconds``.

    Raises
    ------
    FeatureError
        See :func:`tumor_response.extract`.
    """

    def __init__(
        self,
        cohort: Cohort,
        extractors: Sequence[FeatureExtractor],
        rules: RunRules,
        means: Means,
    ) -> None:
        if not isinstance(cohort, Cohort):
            raise FeatureError(
                f"extract: expected a Cohort, received {type(cohort).__name__}; for a manifest "
                "tr.Cohort.from_csv(path)."
            )
        chosen = list(extractors) if isinstance(extractors, Sequence) else [extractors]
        specs = checked_specs(cohort, chosen)
        check_log(means.log)
        self._cases = list(cohort)
        self._means = means
        self._work = _Work(
            chosen,
            [columns_of_block(block) for block in specs],
            None if means.cache_dir is None else FeatureCache(means.cache_dir),
            rules,
        )
        self.keys = pd.MultiIndex.from_tuples(
            [case.key for case in cohort], names=["patient_id", "lesion_id"]
        )
        self.layout = Layout(specs, rules)
        self.dictionary = assembled_dictionary(chosen, specs, rules)
        self.provenance = assembled_provenance(cohort, chosen, rules)
        self.summary: dict[str, Any] = {}

    def rows(self, chosen: Sequence[int] | None = None) -> Iterator[CaseRow]:
        """Yield the rows of all cases, or of those at some places of the cohort, in their order.

        Raises
        ------
        FeatureError
            Codes ``cache_unusable`` (the folder can no longer be written to) and ``log_unusable``.
        WorkerError
            Code ``cluster_lost``.
        """
        cases = self._cases if chosen is None else [self._cases[i] for i in chosen]
        with RunLog(self._means.log, [case.key for case in cases]) as log:
            # all files as they are now: one replaced in mid-run would make a table of two states
            tasks: list[_Task] = [
                (case, version_stamp(case.baseline.paths), None) for case in cases
            ]
            place = self._place()
            watch = _Watch(log, RunProgress(len(cases), place.slots), self._work, cases)
            log.started(self._facts(place))
            # closed whatever happens: a worker must not go on writing after the run has ended
            ends = run_all(place, tasks, grant=_granted, watcher=watch)
            with watch.progress, closing(ends):
                for end in in_order(watch.noted(ends)):
                    if end.answer is None:
                        raise AssertionError  # pragma: no cover - every end noted has an answer
                    yield end.answer
            log.finished()
            self.summary = self._summary(place, watch)

    def _place(self) -> Place[_Task, CaseRow | NeedsMemory]:
        means = self._means
        if means.client is not None:
            from tumor_response.parallel.cluster import Cluster

            return Cluster(self._work, means.client)
        workers = worker_count(means.n_jobs)
        if workers == 1:
            return Here(self._work)
        given = means.memory_gb
        return Processes(
            self._work, workers, available_bytes() if given is None else int(given * 1e9)
        )

    def _facts(self, place: Place[_Task, CaseRow | NeedsMemory]) -> RunFacts:
        features = self.dictionary[self.dictionary["block"] != "meta"]
        cache = self._work.cache
        return RunFacts(
            __version__,
            dict(zip(features["block"], features["settings_sha256"], strict=True)),
            place.name,
            place.slots,
            None if cache is None else str(cache.location),
            None if cache is None else cache.writable,
            place.memory_bytes,
        )

    def _summary(self, place: Place[_Task, CaseRow | NeedsMemory], watch: _Watch) -> dict[str, Any]:
        cache = self._work.cache
        return {
            "place": place.name,
            "workers": place.slots,
            "cases": watch.n_cases,
            "cache": {"hits": watch.cache["hits"], "misses": watch.cache["misses"]},
            "cache_writable": None if cache is None else cache.writable,
            "retried": watch.n_retried,
            "seconds": time.monotonic() - watch.begun,
        }


class _Watch:
    """Sees every case end, in whatever order: log, progress, counts, and the dead."""

    def __init__(
        self, log: RunLog, progress: RunProgress, work: _Work, cases: Sequence[Case]
    ) -> None:
        self._log, self.progress, self._work, self._cases = log, progress, work, cases
        self.cache: Counter[str] = Counter()
        self.n_cases = self.n_retried = 0
        self.begun = time.monotonic()

    def retried(self, number: int, why: str) -> None:
        self.n_retried += 1
        self._log.retried(number, why)

    def waits_for_memory(self, number: int, needed_bytes: int) -> None:
        self._log.waits_for_memory(number, needed_bytes)

    def noted(self, ends: Iterator[Finished[CaseRow]]) -> Iterator[Finished[CaseRow]]:
        """Pass on the ends of cases, each with a row: that of a dead one says why it is empty."""
        for end in ends:
            if end.error is not None:
                raise end.error
            row = end.answer if end.answer is not None else self._died(end)
            self.n_cases += 1
            self.cache += row.cache
            missing = sum(shortfall.n_columns_missing > 0 for _, shortfall in row.failures)
            hits, misses = row.cache["hits"], row.cache["misses"]
            pace = self.progress.advance(missing, from_cache=hits > 0 and misses == 0)
            self._log.finished_case(end.number, row, pace)
            yield Finished(end.number, row)

    def _died(self, end: Finished[CaseRow]) -> CaseRow:
        case = self._cases[end.number]
        error = CaseError(
            f"{case.name}: the worker process died under it twice, the second time with no other "
            f"case beside it ({end.died}). SIGKILL is most often the end of the memory: run it on "
            "a larger machine with tr.retry(table, cohort). SIGSEGV is a fault in a library: "
            "look at the image, and report it.",
            code="worker_died",
        )
        return failed_row(case, self._work.extractors, self._work.columns, error)
