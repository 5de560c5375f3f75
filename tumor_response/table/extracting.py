"""From a cohort to a feature table: at once, part by part on disk, or the failed cases again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from tumor_response.cohort import Cohort
from tumor_response.exceptions import TableError
from tumor_response.features.assemble import FAILURE_COLUMNS, assembled_failures
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.case_facts import RunRules
from tumor_response.features.extract import ExtractionRun, Means
from tumor_response.features.rebuild import check_same, extractors_of, rules_of
from tumor_response.features.run_estimate import ExtractionEstimate, estimated_run
from tumor_response.quality import ExclusionRule, QualitySettings
from tumor_response.table.feature_table import FeatureTable
from tumor_response.table.parts import PartWriter, data_sha256, rows_per_part

__all__ = ["estimate_extraction", "extract", "extract_to", "retry"]

_DEFAULT_QUALITY = QualitySettings()
_CHUNK_ROWS = 256


def extract(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    *,
    n_jobs: int = 1,
    cache_dir: str | Path | None = None,
    quality: QualitySettings | None = _DEFAULT_QUALITY,
    exclude: ExclusionRule | None = None,
    client: Any = None,
    memory_gb: float | None = None,
    log: str | Path | None = None,
) -> FeatureTable:
    """Extract features of every lesion.

    Each extractor gets one baseline case at a time: no follow-up, no other case. Wherever the
    cases run, and in whatever order they end, the table is the same to the last bit. A case that
    fails is a row of NaN and a row in ``failures``; so is one whose worker process died under it
    twice, and one whose files were replaced while the run was going on.

    Parameters
    ----------
    cohort
        The lesions; the table's rows are in its order.
    extractors
        For example ``[tr.Radiomics("head_neck_ct"), tr.ClinicalFactors(["age", "volume_cc"])]``.
    n_jobs
        Worker processes, each on one thread; -1 uses every core.
    cache_dir
        A folder for finished results, or a URL that fsspec understands (``s3://bucket/cache``). A
        run that was interrupted, even killed, goes on where it was; changed settings, voxels or
        library versions are computed anew. One that may not be written to is read alone.
        ``None``: no cache.
    quality
        Limits of the checks that every baseline goes through first (:func:`tumor_response.check`).
        A finding of severity ``"error"`` stops that case with its code, a warning is a row of
        ``failures`` with no missing value. ``None``: no checks.
    exclude
        Voxels that features leave out, by one rule for all cases; the share it takes is the
        column ``meta__excluded_share``. Volumes, clinical ones too, stay those of the contour as
        drawn.
    client
        A ``dask.distributed.Client``: the cases run on its cluster instead of this machine. Its
        workers must see the files, and a cache, under the same paths.
    memory_gb
        What all worker processes together may need, in 10^9 bytes; large cases then wait until
        there is room beside those that run. ``None``: what is free on this machine.
    log
        A file to which the run's events are appended, one JSON object per line.

    Returns
    -------
    FeatureTable
        With ``run``: ``place``, ``workers``, ``cases``, ``seconds``, ``cache`` (``hits`` and
        ``misses``), ``cache_writable`` and ``retried``.

    Raises
    ------
    FeatureError
        Before the first voxel is read: no or unknown extractors, two that write to one block, a
        clinical variable the manifest does not have. During the run only for a cache or a log
        that can no longer be written to.
    SettingsError
        For ``n_jobs`` or ``memory_gb`` that mean nothing, or beside a ``client``.
    WorkerError
        If the cluster is lost (code ``cluster_lost``).

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tempfile.mkdtemp())
    >>> tr.extract(cohort, [tr.Radiomics("minimal")])
    <FeatureTable: 2 lesions; radiomics (107); 0 failures>
    """
    means = Means(n_jobs, cache_dir, client, memory_gb, log)
    run = ExtractionRun(cohort, extractors, RunRules(quality, exclude), means)
    chunks = list(_chunks(run, list(range(len(run.keys)))))
    data = _categorised(pd.concat([rows for rows, _ in chunks]), run)
    return FeatureTable(
        data,
        run.dictionary,
        _joined([failures for _, failures in chunks]),
        run.provenance | {"data_sha256": data_sha256(data)},
        run.summary,
    )


def extract_to(
    directory: str | Path,
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    *,
    n_jobs: int = 1,
    cache_dir: str | Path | None = None,
    quality: QualitySettings | None = _DEFAULT_QUALITY,
    exclude: ExclusionRule | None = None,
    client: Any = None,
    memory_gb: float | None = None,
    log: str | Path | None = None,
) -> dict[str, Any]:
    """Extract features of every lesion to a folder, for tables larger than memory.

    Rows are written part by part as cases end. The folder is the one, byte for byte, that
    ``tr.extract(...).save(directory)`` writes: :meth:`FeatureTable.load` reads it, or chosen
    blocks and columns of it, and :meth:`FeatureTable.dataset` goes through it without reading it
    whole. A run that was ended leaves a folder that is refused by name; started again with the
    same ``cache_dir``, it goes on where it was.

    Parameters
    ----------
    directory
        New, empty, or a table's, which is replaced.
    cohort, extractors, n_jobs, cache_dir, quality, exclude, client, memory_gb, log
        As for :func:`extract`.

    Returns
    -------
    dict
        How the run went, as :attr:`FeatureTable.run`.

    Raises
    ------
    TableError
        If the folder holds anything else.
    FeatureError, SettingsError, WorkerError
        As :func:`extract`.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> folder = tempfile.mkdtemp()
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=f"{folder}/sim")
    >>> run = tr.extract_to(f"{folder}/features", cohort, [tr.Radiomics("minimal")])
    >>> roundness = "radiomics__original__shape_Sphericity"
    >>> tr.FeatureTable.load(f"{folder}/features", columns=[roundness])
    <FeatureTable: 2 lesions; radiomics (1); 0 failures>
    """
    means = Means(n_jobs, cache_dir, client, memory_gb, log)
    run = ExtractionRun(cohort, extractors, RunRules(quality, exclude), means)
    texts = [*run.layout.fixed_levels, *run.layout.texts]
    writer = PartWriter(directory, run.layout.columns, texts)
    failures = []
    for rows, failed in _chunks(run, list(range(len(run.keys)))):
        writer.add(rows)
        failures.append(failed)
    provenance = run.provenance | {"data_sha256": writer.sha256}
    levels = run.layout.levels(writer.seen)
    writer.finish(levels, run.dictionary, _joined(failures), provenance)
    return run.summary


def retry(
    table: FeatureTable,
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor] | None = None,
    *,
    n_jobs: int = 1,
    cache_dir: str | Path | None = None,
    client: Any = None,
    memory_gb: float | None = None,
    log: str | Path | None = None,
) -> FeatureTable:
    """Extract the features of those cases again that lack values.

    For cases whose file was missing, replaced or damaged and is mended now, or whose worker died
    where there was too little memory. Settings, quality limits and exclusion rule are the
    table's own, and the table afterwards is the one that a single run would have given.

    Parameters
    ----------
    table
        With failures; one that lacks nothing is returned as it is.
    cohort
        The same lesions in the same order; paths may be others.
    extractors
        Those the table was made with; ``None`` makes them again from its provenance, which is
        possible for the library's own with packaged weights.
    n_jobs, cache_dir, client, memory_gb, log
        As for :func:`extract`.

    Returns
    -------
    FeatureTable

    Raises
    ------
    TableError
        If the cohort has other lesions, or the table is a selection.
    FeatureError
        Codes ``extractor_unknown`` and ``extractor_changed``: rows of other settings or library
        versions would not be comparable.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tempfile.mkdtemp())
    >>> table = tr.extract(cohort, [tr.Radiomics("minimal")])
    >>> tr.retry(table, cohort) is table
    True
    """
    lacking = table.failures[table.failures["n_columns_missing"] > 0]
    if lacking.empty:
        return table
    if list(cohort.keys) != list(table.data.index):
        raise TableError(
            f"The table has {len(table.data)} lesions, the cohort {len(cohort)}, and they are not "
            "the same in the same order. Extract the new cohort with the same cache_dir instead: "
            "what is known is not computed again."
        )
    made = extractors_of(table.provenance) if extractors is None else list(extractors)
    check_same(made, table.provenance)
    means = Means(n_jobs, cache_dir, client, memory_gb, log)
    run = ExtractionRun(cohort, made, rules_of(table.provenance), means)
    if run.layout.columns != list(table.data.columns):
        raise TableError("The table is a selection of columns; retry the whole one.")
    failed = set(zip(lacking["patient_id"], lacking["lesion_id"], strict=True))
    chosen = [i for i, key in enumerate(run.keys) if key in failed]
    chunks = list(_chunks(run, chosen))
    data = _spliced(table.data, pd.concat([rows for rows, _ in chunks]), run)
    failures = _spliced_failures(table.failures, [f for _, f in chunks], run.keys, failed)
    provenance = run.provenance | {"data_sha256": data_sha256(data)}
    return FeatureTable(data, run.dictionary, failures, provenance, run.summary)


def estimate_extraction(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    *,
    n_jobs: int = 1,
    n_sample: int = 5,
    cache_dir: str | Path | None = None,
    quality: QualitySettings | None = _DEFAULT_QUALITY,
    exclude: ExclusionRule | None = None,
) -> ExtractionEstimate:
    """Say from a few cases how long an extraction will take, and how much disk and memory.

    Parameters
    ----------
    cohort, extractors, cache_dir, quality, exclude
        As for :func:`extract`; a cache is only read.
    n_jobs
        How many workers the run will have.
    n_sample
        Cases to compute, at least 3, from the smallest to the largest image.

    Returns
    -------
    ExtractionEstimate
        Printed, some sentences for people.

    Raises
    ------
    SettingsError, FeatureError
        As :func:`extract`.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=4, seed=0, directory=tempfile.mkdtemp())
    >>> estimate = tr.estimate_extraction(cohort, [tr.Radiomics("minimal")], n_sample=3)
    >>> estimate.n_cases, estimate.n_sampled
    (4, 3)
    """
    return estimated_run(
        cohort,
        extractors,
        n_jobs=n_jobs,
        n_sample=n_sample,
        cache_dir=cache_dir,
        quality=quality,
        exclude=exclude,
    )


def _chunks(
    run: ExtractionRun, chosen: Sequence[int]
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield some rows of data at a time, texts as text, with their failures."""
    size = min(_CHUNK_ROWS, rows_per_part(len(run.layout.columns)))
    rows = run.rows(chosen)
    for start in range(0, len(chosen), size):
        keys = run.keys[list(chosen[start : start + size])]
        some = list(islice(rows, len(keys)))
        yield run.layout.frame(some, keys), assembled_failures(keys, some)
    if next(rows, None) is not None:
        raise TableError("More rows than cases.")


def _categorised(data: pd.DataFrame, run: ExtractionRun) -> pd.DataFrame:
    """Return the data with texts as categories, of the levels that all cases have."""
    seen = {name: set(data[name].dropna().astype("str")) for name in run.layout.texts}
    levels = run.layout.levels(seen)
    whole = data.copy()
    for name, known in levels.items():
        whole[name] = data[name].astype(pd.CategoricalDtype(pd.Index(known, dtype="str")))
    return whole


def _spliced(before: pd.DataFrame, rows: pd.DataFrame, run: ExtractionRun) -> pd.DataFrame:
    texts = [*run.layout.fixed_levels, *run.layout.texts]
    kept = before.drop(rows.index).astype(dict.fromkeys(texts, "str"))
    return _categorised(pd.concat([kept, rows]).loc[before.index], run)


def _spliced_failures(
    before: pd.DataFrame,
    now: list[pd.DataFrame],
    keys: pd.MultiIndex,
    failed: set[tuple[str, str]],
) -> pd.DataFrame:
    of = list(zip(before["patient_id"], before["lesion_id"], strict=True))
    kept = before[[key not in failed for key in of]]
    both = _joined([kept, *now])
    places = {key: place for place, key in enumerate(keys)}
    order = [places[key] for key in zip(both["patient_id"], both["lesion_id"], strict=True)]
    return both.iloc[pd.Series(order, dtype="int64").argsort(kind="stable")].reset_index(drop=True)


def _joined(failures: Sequence[pd.DataFrame]) -> pd.DataFrame:
    whole = pd.concat([f for f in failures if len(f)] or [failures[0]], ignore_index=True)
    return whole[FAILURE_COLUMNS]
