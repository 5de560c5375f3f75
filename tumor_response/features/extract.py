"""Running extractors over a cohort: parallel, cached, resumable, one bad case never the end."""

from __future__ import annotations

import math
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tumor_response._version import __version__
from tumor_response.cohort import BaselineCase, Case, Cohort
from tumor_response.exceptions import CaseError, FeatureError, TumorResponseError
from tumor_response.features.base import (
    FeatureExtractor,
    FeatureSpec,
    FeatureValues,
    Shortfall,
)
from tumor_response.features.cache import FeatureCache, image_sha256
from tumor_response.imaging import read_geometry, touches_border
from tumor_response.progress import track
from tumor_response.settings import checked_n_jobs, sha256_of_json

__all__ = ["FAILURE_COLUMNS", "Extraction", "checked_specs", "run_extractors"]

FAILURE_COLUMNS = ["patient_id", "lesion_id", "block", "reason", "n_columns_missing", "message"]
_META = {
    "meta__site": "Hospital or scanner, as the manifest names it.",
    "meta__date": "Day of the baseline scan (YYYY-MM-DD).",
    "meta__slice_thickness_mm": "Distance between axial slices of the baseline image.",
}


@dataclass(frozen=True)
class Extraction:
    """What a run gives: the four parts of a feature table as plain frames."""

    data: pd.DataFrame
    dictionary: pd.DataFrame
    failures: pd.DataFrame
    provenance: dict[str, Any]


@dataclass
class _CaseResult:
    """One case's values by column, what it lacks, and what the cache knew."""

    values: dict[str, float | str] = field(default_factory=dict)
    failures: list[tuple[str, Shortfall]] = field(default_factory=list)
    cache: Counter[str] = field(default_factory=Counter)


def run_extractors(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    *,
    n_jobs: int = 1,
    cache_dir: str | Path | None = None,
) -> Extraction:
    """Run extractors over a cohort; see :func:`tumor_response.extract`."""
    if not isinstance(cohort, Cohort):
        raise FeatureError(
            f"extract: expected a Cohort, received {type(cohort).__name__}; for a manifest "
            "tr.Cohort.from_csv(path)."
        )
    n_jobs = checked_n_jobs(n_jobs)
    extractors = list(extractors) if isinstance(extractors, Sequence) else [extractors]
    specs = checked_specs(cohort, extractors)
    cache = None if cache_dir is None else FeatureCache(cache_dir)
    results = _run_all(cohort, extractors, specs, cache, n_jobs)
    data = _assembled(cohort, [s for block in specs for s in block], results)
    failures = pd.DataFrame(
        [
            (*case.key, block, s.code, s.n_columns_missing, s.message)
            for case, result in zip(cohort, results, strict=True)
            for block, s in result.failures
        ],
        columns=FAILURE_COLUMNS,
    ).astype({"n_columns_missing": "int64"})
    counts = sum((r.cache for r in results), Counter())
    return Extraction(
        data,
        _dictionary(extractors, specs),
        failures,
        _provenance(cohort, extractors, counts),
    )


def checked_specs(cohort: Cohort, extractors: list[FeatureExtractor]) -> list[list[FeatureSpec]]:
    """Return every extractor's columns, after all that can be refused before the first voxel."""
    if not extractors:
        raise FeatureError("extract: no extractor given; for example [tr.Radiomics('minimal')].")
    for extractor in extractors:
        if not isinstance(extractor, FeatureExtractor):
            raise FeatureError(
                f"extract: {extractor!r} is no extractor; expected tr.Radiomics(...), "
                "tr.DeepFeatures(...), tr.ClinicalFactors(...) or an object with block, "
                "required_variables, cacheable, identity(), feature_specs() and extract(case)."
            )
    blocks = [extractor.block for extractor in extractors]
    twice = sorted({block for block in blocks if blocks.count(block) > 1})
    if twice:
        raise FeatureError(
            f"Two extractors write to block {', '.join(map(repr, twice))}; give one of them "
            "another block=.",
            code="block_collision",
        )
    for extractor in extractors:
        absent = [n for n in extractor.required_variables if n not in cohort.variables]
        if absent:
            raise FeatureError(
                f"The manifest has no column {', '.join(map(repr, absent))}; it has: "
                f"{', '.join(cohort.variables) or 'no clinical variable'}.",
                code="clinical_column_missing",
            )
    specs = [extractor.feature_specs() for extractor in extractors]
    for extractor, block in zip(extractors, specs, strict=True):
        names = [spec.column for spec in block]
        wrong = [n for n in names if not n.startswith(f"{extractor.block}__")]
        if wrong or len(set(names)) != len(names) or not names:
            what = f"column {wrong[0]!r} does not begin with it" if wrong else "a name is repeated"
            raise FeatureError(
                f"The columns of block {extractor.block!r} are not its own: "
                f"{what if names else 'there are none'}.",
                code="columns",
            )
    return specs


def _run_all(
    cohort: Cohort,
    extractors: list[FeatureExtractor],
    specs: list[list[FeatureSpec]],
    cache: FeatureCache | None,
    n_jobs: int,
) -> list[_CaseResult]:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    cases = list(cohort)
    if n_jobs == 1:
        with _one_thread():
            return [
                _run_case(case, extractors, specs, cache)
                for case in track(cases, "Extracting features")
            ]
    tasks = (
        delayed(_run_in_worker)(i, case, extractors, specs, cache) for i, case in enumerate(cases)
    )
    # unordered, so that the bar moves while a large case is still being worked on
    pool = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    done: dict[int, _CaseResult] = {}
    try:
        done.update(track(pool(tasks), "Extracting features", total=len(cases)))
    except TerminatedWorkerError:
        raise FeatureError(
            "A worker process was killed, most often because the memory was full. Run again with "
            "fewer n_jobs; with a cache_dir the finished cases are kept.",
            code="worker_died",
        ) from None
    return [done[i] for i in range(len(cases))]


def _run_in_worker(
    i: int,
    case: Case,
    extractors: list[FeatureExtractor],
    specs: list[list[FeatureSpec]],
    cache: FeatureCache | None,
) -> tuple[int, _CaseResult]:
    with _one_thread():
        return i, _run_case(case, extractors, specs, cache)


def _run_case(
    case: Case,
    extractors: list[FeatureExtractor],
    specs: list[list[FeatureSpec]],
    cache: FeatureCache | None,
) -> _CaseResult:
    result = _CaseResult()
    baseline = case.baseline
    hashes: tuple[str, str] | None = None
    try:
        if cache is not None and any(e.cacheable for e in extractors):
            hashes = image_sha256(baseline.image), image_sha256(baseline.mask)
        if touches_border(baseline.mask):
            result.failures.append(("case", _TOUCHES_BORDER))
    except Exception:
        # every extractor that needs the voxels meets the same error below and reports it
        hashes = None
    for extractor, block in zip(extractors, specs, strict=True):
        size = len(block)
        try:
            shown = baseline.showing(extractor.variables)
            values = _values(extractor, shown, cache, hashes, result.cache)
            _check_values(values, block)
        except TumorResponseError as error:
            if error.code == "cache_unusable":
                raise
            result.failures.append((extractor.block, Shortfall(error.code, str(error), size)))
        except Exception as error:  # one bad case never ends a run of a thousand
            message = f"Unexpected {type(error).__name__}: {error}"
            result.failures.append((extractor.block, Shortfall("unexpected_error", message, size)))
        else:
            result.values.update(values.values)
            result.failures += [(extractor.block, s) for s in values.shortfalls]
    baseline.release()
    _add_meta(case, result)
    return result


_TOUCHES_BORDER = Shortfall(
    "mask_touches_border",
    "The tumour reaches the border of the image and may go on outside: volume and shape are lower "
    "bounds. The values are kept; the volume change is not computed unless "
    "shrinkage(truncated='keep').",
    0,
)


def _values(
    extractor: FeatureExtractor,
    case: BaselineCase,
    cache: FeatureCache | None,
    hashes: tuple[str, str] | None,
    counts: Counter[str],
) -> FeatureValues:
    if cache is None or hashes is None or not extractor.cacheable:
        return extractor.extract(case)
    key = cache.key(extractor.identity(), extractor.block, hashes, case.variables)
    values = cache.get(key)
    counts["misses" if values is None else "hits"] += 1
    if values is None:
        values = extractor.extract(case)
        cache.put(key, values)
    return values


def _check_values(values: FeatureValues, specs: list[FeatureSpec]) -> None:
    """Hold an extractor to its own columns, and to a reason for each one it leaves out."""
    known = {spec.column: spec for spec in specs}
    for column, value in values.values.items():
        spec = known.get(column)
        if spec is None:
            raise FeatureError(f"A value for {column!r}, which is no column of the block.")
        fits = value in spec.categories if spec.categories else isinstance(value, float | int)
        if not fits or (isinstance(value, float) and not math.isfinite(value)):
            expected = f"one of {', '.join(spec.categories)}" if spec.categories else "a number"
            raise FeatureError(f"{column}: expected {expected}, received {value!r}.")
    absent = len(known) - len(values.values)
    told = sum(shortfall.n_columns_missing for shortfall in values.shortfalls)
    if absent != told:
        raise FeatureError(f"{absent} columns have no value, but reasons are given for {told}.")


def _add_meta(case: Case, result: _CaseResult) -> None:
    if case.site is not None:
        result.values["meta__site"] = case.site
    if case.date is not None:
        result.values["meta__date"] = case.date.isoformat()
    try:
        grid = read_geometry(case.image)
    except CaseError:
        return  # the blocks' rows in failures already say that the image is unreadable
    axes = np.abs(np.array(grid.direction).reshape(3, 3))
    result.values["meta__slice_thickness_mm"] = grid.spacing_mm[int(axes[2].argmax())]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Hold OpenMP, BLAS and ITK to one thread each: same bits, and no cores fought over.

    The deep extractor holds torch by itself, so that a run that needs no network, or finds all in
    the cache, does not load it.
    """
    import SimpleITK as sitk
    from threadpoolctl import threadpool_limits

    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _assembled(
    cohort: Cohort, specs: list[FeatureSpec], results: list[_CaseResult]
) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for spec in specs:
        cells = [result.values.get(spec.column) for result in results]
        columns[spec.column] = (
            pd.Categorical(cells, categories=pd.Index(spec.categories, dtype="str"))
            if spec.categories
            else np.array([np.nan if v is None else v for v in cells], dtype=np.float64)
        )
    for name in ("meta__site", "meta__date"):
        cells = [result.values.get(name) for result in results]
        levels = sorted({str(v) for v in cells if v is not None})
        columns[name] = pd.Categorical(cells, categories=pd.Index(levels, dtype="str"))
    thickness = [result.values.get("meta__slice_thickness_mm", np.nan) for result in results]
    columns["meta__slice_thickness_mm"] = np.array(thickness, dtype=np.float64)
    return pd.DataFrame(columns, index=cohort.keys)


def _dictionary(extractors: list[FeatureExtractor], specs: list[list[FeatureSpec]]) -> pd.DataFrame:
    rows = []
    for extractor, block in zip(extractors, specs, strict=True):
        settings = {k: v for k, v in extractor.identity().items() if k != "versions"}
        digest = sha256_of_json(settings)
        rows += [
            (s.column, s.block, s.family, s.role, s.ibsi_code, s.unit, s.description, digest)
            for s in block
        ]
    for name, words in _META.items():
        unit = "mm" if name.endswith("_mm") else ""
        rows.append((name, "meta", name.removeprefix("meta__"), "meta", "", unit, words, ""))
    names = ["block", "family", "role", "ibsi_code", "unit", "description", "settings_sha256"]
    frame = pd.DataFrame(rows, columns=["column", *names])
    return frame.set_index("column").astype("str")


def _provenance(
    cohort: Cohort, extractors: list[FeatureExtractor], counts: Counter[str]
) -> dict[str, Any]:
    libraries = ("numpy", "pandas", "SimpleITK")
    return {
        "tumor_response": __version__,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in libraries},
        "n_patients": cohort.n_patients,
        "n_lesions": len(cohort),
        "extractors": {e.block: e.identity() for e in extractors},
        "cache": {"hits": counts["hits"], "misses": counts["misses"]},
    }
