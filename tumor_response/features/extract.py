"""Running extractors over a cohort: parallel, cached, resumable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from tumor_response.cohort import Case, Cohort
from tumor_response.exceptions import FeatureError
from tumor_response.features.assemble import (
    assembled_data,
    assembled_dictionary,
    assembled_failures,
    assembled_provenance,
)
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.cache import FeatureCache
from tumor_response.features.checks import checked_specs
from tumor_response.features.one_case import CaseResult, Columns, RunRules, run_case
from tumor_response.parallel import spread
from tumor_response.quality import ExclusionRule, QualitySettings
from tumor_response.settings import checked_n_jobs

__all__ = ["Extraction", "run_extractors"]


@dataclass(frozen=True)
class Extraction:
    """What a run gives: the four parts of a feature table as plain frames."""

    data: pd.DataFrame
    dictionary: pd.DataFrame
    failures: pd.DataFrame
    provenance: dict[str, Any]


def run_extractors(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    *,
    n_jobs: int = 1,
    cache_dir: str | Path | None = None,
    quality: QualitySettings | None = None,
    exclude: ExclusionRule | None = None,
) -> Extraction:
    """Run extractors over a cohort; see :func:`tumor_response.extract`."""
    if not isinstance(cohort, Cohort):
        raise FeatureError(
            f"extract: expected a Cohort, received {type(cohort).__name__}; for a manifest "
            "tr.Cohort.from_csv(path)."
        )
    n_jobs = checked_n_jobs(n_jobs)
    chosen = list(extractors) if isinstance(extractors, Sequence) else [extractors]
    specs = checked_specs(cohort, chosen)
    columns: list[Columns] = [{spec.column: spec.categories for spec in block} for block in specs]
    cache = None if cache_dir is None else FeatureCache(cache_dir)
    rules = RunRules(quality, exclude)
    work = partial(_run_cases, chosen, columns, cache, rules)
    results = list(spread(work, list(cohort), n_jobs, "Extracting features"))
    return Extraction(
        assembled_data(cohort, [spec for block in specs for spec in block], results, rules),
        assembled_dictionary(chosen, specs, rules),
        assembled_failures(cohort, results),
        assembled_provenance(cohort, chosen, results, rules),
    )


def _run_cases(
    extractors: list[FeatureExtractor],
    columns: list[Columns],
    cache: FeatureCache | None,
    rules: RunRules,
    cases: list[Case],
) -> list[CaseResult]:
    return [run_case(case, extractors, columns, cache, rules) for case in cases]
