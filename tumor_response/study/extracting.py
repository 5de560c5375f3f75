"""Extracting a study's features, and saying how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tumor_response.cohort import Cohort
from tumor_response.features.extract import Means
from tumor_response.features.run_progress import duration_text
from tumor_response.table import FeatureTable, extract

if TYPE_CHECKING:
    from tumor_response.features.base import FeatureExtractor

__all__ = ["Tell", "cache_sentence", "extract_table", "run_sentences"]

Tell = Callable[[str], None]
"""What a study says to who runs it, one line at a time."""


def extract_table(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    out: Path,
    means: Means,
    tell: Tell,
) -> FeatureTable:
    """Extract, write and return the feature table, saying what the cache knew."""
    tell(f"Extracting features of {len(cohort)} lesions of {cohort.n_patients} patients ...")
    table = extract(
        cohort,
        extractors,
        n_jobs=means.n_jobs,
        cache_dir=means.cache_dir,
        client=means.client,
        memory_gb=means.memory_gb,
        log=means.log,
    )
    table.save(out / "features")
    table.export(out / "tables" / "features", formats=["csv", "parquet"])
    for sentence in run_sentences(table.run):
        tell(sentence)
    if len(table.failures):
        path = out / "tables" / "features_failures.csv"
        counts = table.failures["reason"].value_counts()
        told = ", ".join(f"{reason} ({n})" for reason, n in counts.items())
        tell(f"{len(table.failures)} failures and findings: {told}. With messages: {path}")
    tell(f"Feature table: {out / 'features'}; as CSV and Parquet: {out / 'tables'}")
    return table


def run_sentences(run: Mapping[str, Any]) -> Iterator[str]:
    """Say how a run went: time, what came from the cache, and workers that died."""
    yield f"{run['cases']} cases in {duration_text(run['seconds'])}."
    yield cache_sentence(run["cache"])
    if run["cache_writable"] is False:
        yield "The cache is read-only: what was computed is not kept."
    if run["retried"]:
        yield f"{run['retried']} cases were tried again because a worker process died."


def cache_sentence(counts: Mapping[str, int]) -> str:
    """Say how many extractions came from the cache."""
    hits, total = counts["hits"], counts["hits"] + counts["misses"]
    if hits == 0:
        return "Nothing came from the cache."
    all_of_them = "All " if hits == total else f"{hits} of "
    return f"{all_of_them}{total} extractions (lesion x block) came from the cache."
