"""How long an extraction will take, and how much disk, from a few of its cases."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tumor_response.cohort import Case, Cohort
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.cache import FeatureCache
from tumor_response.features.cache.stores import is_there
from tumor_response.features.case_facts import RunRules
from tumor_response.features.checks import checked_specs
from tumor_response.features.one_case import remembered, run_case
from tumor_response.features.rows import CaseRow, Columns
from tumor_response.features.run_progress import duration_text
from tumor_response.parallel.places import NeedsMemory
from tumor_response.parallel.processes import worker_count
from tumor_response.parallel.threads import held_threads
from tumor_response.progress import track
from tumor_response.quality import ExclusionRule, QualitySettings
from tumor_response.settings import checked_n_jobs, sha256_of_json

__all__ = ["ExtractionEstimate", "estimated_run", "predicted_s", "spread_by_size"]

_MIN_SAMPLE = 3
_CONFIDENCE = 0.90
_MOST_FACTOR = 1000.0
"""Cases whose times have nothing to do with each other foretell nothing; said as this much."""
_DISK_BLOCK_BYTES = 4096
"""What the smallest file takes on most file systems."""


@dataclass(frozen=True)
class ExtractionEstimate:
    """What a run will take.

    Parameters
    ----------
    n_cases
        Lesions of the cohort.
    n_cached
        Of these: already in the cache with all that is asked for.
    n_unreadable
        Of these: with a header that cannot be read; they will be failures, and take no time.
    n_sampled
        Cases that were computed for this estimate.
    n_sampled_incomplete
        Of the sampled: with values missing. A case that fails early takes less time than one that
        does not.
    workers
        Cases at the same time.
    seconds_per_case
        (least, median, most) of the sampled cases, on one thread; (0, 0, 0) with none.
    warm_up_s
        What the very first case took longer than when it was run again: imports, compiled
        kernels, networks. Every worker process needs it once, all at the same time.
    total_s, low_s, high_s
        The run, from its first case to its last: expected, and a 90 % interval.
    cache_bytes
        What will be added to the cache; ``None``: no cache.
    table_bytes
        The saved table: 8 bytes per value.
    largest_case_bytes
        Memory that is put aside for the largest of the sampled cases, above an idle worker.
    """

    n_cases: int
    n_cached: int
    n_unreadable: int
    n_sampled: int
    n_sampled_incomplete: int
    workers: int
    seconds_per_case: tuple[float, float, float]
    warm_up_s: float
    total_s: float
    low_s: float
    high_s: float
    cache_bytes: int | None
    table_bytes: int
    largest_case_bytes: int

    def __str__(self) -> str:
        told = [f"{self.n_cases} cases"]
        if self.n_cached:
            told.append(f"{self.n_cached} of them in the cache")
        if self.n_unreadable:
            told.append(f"{self.n_unreadable} unreadable")
        least, median, most = map(duration_text, self.seconds_per_case)
        lines = [", ".join(told) + "."]
        if self.n_sampled:
            lines.append(
                f"One case: {median} (from {least} to {most}; {self.n_sampled} computed, from the "
                f"smallest to the largest image), after {duration_text(self.warm_up_s)} at the "
                "start."
            )
        if self.n_sampled_incomplete:
            lines.append(
                f"{self.n_sampled_incomplete} of these {self.n_sampled} lack values, and may have "
                "ended early: look at why before you rely on the times."
            )
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        lines.append(
            f"The run: {duration_text(self.total_s)} on {workers} (90 % interval: "
            f"{duration_text(self.low_s)} to {duration_text(self.high_s)})."
        )
        cache = "" if self.cache_bytes is None else f"{_size_text(self.cache_bytes)} of cache, "
        lines.append(f"Disk: {cache}{_size_text(self.table_bytes)} of table.")
        lines.append(f"Memory: {_size_text(self.largest_case_bytes)} for the largest of them.")
        return "\n".join(lines)


def estimated_run(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    *,
    n_jobs: int = 1,
    n_sample: int = 5,
    cache_dir: str | Path | None = None,
    quality: QualitySettings | None,
    exclude: ExclusionRule | None = None,
) -> ExtractionEstimate:
    """Compute some cases, and say what all of them will take.

    The sample goes from the smallest to the largest image, evenly over the cohort's cases in order
    of size; image sizes are from the headers. Time is taken to be a part that every case has and
    one that grows with the image; the interval holds for the cases left, given how those sampled
    differ. Nothing is written: the sampled cases are computed on this process's one thread, with
    the cache only read, and not made if it is not there.

    Parameters
    ----------
    cohort, extractors, cache_dir, quality, exclude
        As for :func:`tumor_response.extract`.
    n_jobs
        How many workers the run will have.
    n_sample
        Cases to compute, at least 3; if there are no more than these, all are.

    Raises
    ------
    SettingsError
        For a sample of fewer than 3.
    FeatureError
        As :func:`tumor_response.extract` before the first voxel.
    """
    if n_sample < _MIN_SAMPLE:
        raise SettingsError(
            f"n_sample={n_sample!r}: expected at least {_MIN_SAMPLE}; from fewer there is no "
            "telling how far off an estimate is."
        )
    workers = worker_count(checked_n_jobs(n_jobs))
    chosen = list(extractors)
    specs = checked_specs(cohort, chosen)
    columns: list[Columns] = [{s.column: s.categories for s in block} for block in specs]
    # an estimate makes no folder
    there = cache_dir is not None and is_there(cache_dir)
    cache = _only_read(FeatureCache(cache_dir)) if cache_dir is not None and there else None
    job = _Job(chosen, columns, cache, RunRules(quality, exclude))
    survey = _surveyed(cohort, job)
    places = spread_by_size(survey.voxels, n_sample)
    warm_up_s, rows = _run_sample([survey.cases[i] for i in places], job)
    seconds = np.array([row.seconds for row in rows])
    serial_s = predicted_s(survey.voxels[places], seconds, np.delete(survey.voxels, places))
    # the cases are shared by the workers, but none is faster than the slowest case
    slowest_s = seconds.max(initial=0.0)
    total_s, low_s, high_s = (max(s / workers, slowest_s) + warm_up_s for s in serial_s)
    cache_bytes = _cache_bytes_per_case(job, rows) * len(survey.cases)
    return ExtractionEstimate(
        n_cases=len(cohort),
        n_cached=survey.n_cached,
        n_unreadable=survey.n_unreadable,
        n_sampled=len(rows),
        n_sampled_incomplete=sum(_is_incomplete(row) for row in rows),
        workers=workers,
        seconds_per_case=_least_median_most(seconds),
        warm_up_s=warm_up_s,
        total_s=total_s,
        low_s=low_s,
        high_s=high_s,
        cache_bytes=None if cache_dir is None else cache_bytes,
        table_bytes=8 * len(cohort) * sum(len(block) for block in specs),
        largest_case_bytes=max((row.needed_bytes for row in rows), default=0),
    )


def spread_by_size(voxels: np.ndarray, n_sample: int) -> list[int]:
    """Return places of ``n_sample`` cases, evenly from the smallest to the largest.

    Parameters
    ----------
    voxels
        Image size of every case, shape (n_cases,).
    n_sample
        How many; all cases if there are no more.

    Examples
    --------
    >>> spread_by_size(np.array([9, 1, 5, 7, 3]), 3)
    [1, 2, 0]
    """
    if len(voxels) == 0:
        return []
    order = np.argsort(voxels, kind="stable")
    ranks = np.linspace(0, len(voxels) - 1, min(n_sample, len(voxels))).round().astype(int)
    return [int(place) for place in order[ranks]]


def predicted_s(
    sampled_voxels: np.ndarray, sampled_s: np.ndarray, rest_voxels: np.ndarray
) -> tuple[float, float, float]:
    """Return the seconds of all cases one after the other: expected, and a 90 % interval.

    Seconds are ``a + b x voxels`` with neither part negative (non-negative least squares). What is
    uncertain is the sum over the cases left: the fit (jackknife over the sampled cases) and how
    single cases scatter around it (residuals with n - 2 degrees of freedom), by Student's t on the
    logarithm of the sum. Where cases of one size differ much, intervals from five of them hold
    less often than they say: over lognormal scatter of 0.3 to 1.0, 80 to 93 times in 100. Beyond a
    thousandfold of what is expected they do not go.

    Parameters
    ----------
    sampled_voxels, sampled_s
        Size and seconds of the cases that were run, shape (n_sampled,).
    rest_voxels
        Size of those that were not.

    Examples
    --------
    >>> sizes = np.array([1.0, 2.0, 3.0])
    >>> total, low, high = predicted_s(sizes, 1 + 2 * sizes, np.array([4.0]))
    >>> [round(s, 6) for s in (total, low, high)]  # 3 + 5 + 7, and 9 with nothing uncertain
    [24.0, 24.0, 24.0]
    >>> predicted_s(sizes, sizes, np.array([]))  # nothing left to predict
    (6.0, 6.0, 6.0)
    """
    known_s = float(sampled_s.sum())
    if len(rest_voxels) == 0:
        return known_s, known_s, known_s
    n = len(sampled_s)
    rest_s = _rest_s(sampled_voxels, sampled_s, rest_voxels)
    others = np.array(
        [
            _rest_s(np.delete(sampled_voxels, i), np.delete(sampled_s, i), rest_voxels)
            for i in range(n)
        ]
    )
    of_fit = (n - 1) / n * float(((others - others.mean()) ** 2).sum())
    residuals = sampled_s - [_rest_s(sampled_voxels, sampled_s, v) for v in sampled_voxels]
    of_cases = len(rest_voxels) * float((residuals**2).sum()) / (n - 2)
    if rest_s <= 0:  # a clock too coarse for such cases
        return known_s, known_s, known_s
    from scipy.stats import t

    reach = float(t.ppf(0.5 + _CONFIDENCE / 2, n - 2))
    uncertain = reach * math.sqrt(of_fit + of_cases) / rest_s
    factor = math.exp(min(uncertain, math.log(_MOST_FACTOR)))
    return known_s + rest_s, known_s + rest_s / factor, known_s + rest_s * factor


def _rest_s(voxels: np.ndarray, seconds: np.ndarray, rest: np.ndarray) -> float:
    """Fit seconds to sizes; return the sum of the fitted seconds of ``rest``."""
    from scipy.optimize import nnls

    scale = voxels.mean()  # both columns of one magnitude: sizes are millions
    rest = np.atleast_1d(rest)
    (each, by_size), _ = nnls(np.column_stack([np.ones(len(voxels)), voxels / scale]), seconds)
    return float(each * len(rest) + by_size * rest.sum() / scale)


@dataclass(frozen=True)
class _Job:
    """What is done with every case."""

    extractors: list[FeatureExtractor]
    columns: list[Columns]
    cache: FeatureCache | None
    rules: RunRules

    def run(self, case: Case) -> CaseRow:
        row = run_case(case, self.extractors, self.columns, self.cache, self.rules)
        if isinstance(row, NeedsMemory):
            raise AssertionError  # pragma: no cover - no limit was given
        return row

    def is_cached(self, case: Case) -> bool:
        if self.cache is None:
            return False
        known = remembered(case, self.extractors, self.columns, self.cache, self.rules)
        return known is not None


@dataclass(frozen=True)
class _Survey:
    """What headers and cache say: the cases still to compute, with their voxels."""

    cases: list[Case]
    voxels: np.ndarray
    n_cached: int
    n_unreadable: int


def _surveyed(cohort: Cohort, job: _Job) -> _Survey:
    cases, voxels, n_cached, n_unreadable = [], [], 0, 0
    for case in track(list(cohort), "Reading headers"):
        if job.is_cached(case):
            n_cached += 1
            continue
        try:
            size = math.prod(case.baseline.geometry.size)
        except CaseError:
            n_unreadable += 1
            continue
        cases.append(case)
        voxels.append(size)
    return _Survey(cases, np.array(voxels, dtype=float), n_cached, n_unreadable)


def _run_sample(cases: list[Case], job: _Job) -> tuple[float, list[CaseRow]]:
    """Return how much longer the first case took when it was the first, and all rows."""
    if not cases:
        return 0.0, []
    with held_threads(1):
        first_s = job.run(cases[0]).seconds
        rows = [job.run(case) for case in track(cases, "Computing a sample")]
    return max(0.0, first_s - rows[0].seconds), rows


def _only_read(cache: FeatureCache) -> FeatureCache:
    cache.writable = False
    return cache


def _cache_bytes_per_case(job: _Job, rows: Sequence[CaseRow]) -> int:
    """Return the disk of a case's entries, and of the one that knows what its voxels were."""
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        for number, row in enumerate(rows):
            place = Path(folder, str(number))
            cache = FeatureCache(place)
            for extractor, known, found in zip(
                job.extractors, job.columns, row.blocks, strict=True
            ):
                if extractor.cacheable and found is not None:
                    key = sha256_of_json([extractor.block, number])
                    cache.put(key, list(known), found, block=extractor.block)
            files = [path.stat().st_size for path in place.rglob("*") if path.is_file()]
            blocks = sum(-(-size // _DISK_BLOCK_BYTES) for size in files) + 1
            sizes.append(blocks * _DISK_BLOCK_BYTES)
    return round(float(np.mean(sizes))) if sizes else 0


def _is_incomplete(row: CaseRow) -> bool:
    return any(shortfall.n_columns_missing for _, shortfall in row.failures)


def _least_median_most(seconds: np.ndarray) -> tuple[float, float, float]:
    if len(seconds) == 0:
        return 0.0, 0.0, 0.0
    return float(seconds.min()), float(np.median(seconds)), float(seconds.max())


def _size_text(n_bytes: float) -> str:
    """Return a size in the decimal units in which disks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"
