"""From the cases' results to frames: data, dictionary, failures, provenance."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from tumor_response._version import __version__
from tumor_response.cohort import Cohort
from tumor_response.features.base import FeatureExtractor, FeatureSpec
from tumor_response.features.one_case import CaseResult, RunRules, keeps_contour
from tumor_response.settings import Settings, sha256_of_json

__all__ = [
    "DICTIONARY_COLUMNS",
    "FAILURE_COLUMNS",
    "assembled_data",
    "assembled_dictionary",
    "assembled_failures",
    "assembled_provenance",
]

FAILURE_COLUMNS = ["patient_id", "lesion_id", "block", "reason", "n_columns_missing", "message"]
DICTIONARY_COLUMNS = [
    "block",
    "family",
    "role",
    "ibsi_code",
    "ibsi_name",
    "unit",
    "description",
    "settings_sha256",
]
EXCLUDED_SHARE = "meta__excluded_share"
_META = {
    "meta__site": "Hospital or scanner, as the manifest names it.",
    "meta__date": "Day of the baseline scan (YYYY-MM-DD).",
    "meta__day": "Days from the cohort's earliest baseline scan to this one.",
    "meta__slice_thickness_mm": "Distance between axial slices of the baseline image.",
    EXCLUDED_SHARE: "Share of the contour's voxels that the exclusion rule took from the features.",
}


def assembled_data(
    cohort: Cohort, specs: Sequence[FeatureSpec], results: Sequence[CaseResult], rules: RunRules
) -> pd.DataFrame:
    """Return one row per lesion in cohort order; numbers float64, the rest categorical."""
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
    excluded = [] if rules.exclude is None else [EXCLUDED_SHARE]
    for name in ("meta__day", "meta__slice_thickness_mm", *excluded):
        numbers = [result.values.get(name, np.nan) for result in results]
        columns[name] = np.array(numbers, dtype=np.float64)
    return pd.DataFrame(columns, index=cohort.keys)


def assembled_dictionary(
    extractors: Sequence[FeatureExtractor],
    specs: Sequence[Sequence[FeatureSpec]],
    rules: RunRules,
) -> pd.DataFrame:
    """Return one row per column; ``settings_sha256`` is over the identity without versions."""
    rows = []
    for extractor, block in zip(extractors, specs, strict=True):
        settings = {k: v for k, v in extractor.identity().items() if k != "versions"}
        if rules.exclude is not None and not keeps_contour(extractor):
            settings["exclude"] = _dumped(rules.exclude)
        digest = sha256_of_json(settings)
        rows += [
            (
                s.column,
                s.block,
                s.family,
                s.role,
                s.ibsi_code,
                s.ibsi_name,
                s.unit,
                s.description,
                digest,
            )
            for s in block
        ]
    for name, words in _META.items():
        if name == EXCLUDED_SHARE and rules.exclude is None:
            continue
        unit = {"meta__day": "days", "meta__slice_thickness_mm": "mm"}.get(name, "")
        rows.append((name, "meta", name.removeprefix("meta__"), "meta", "", "", unit, words, ""))
    frame = pd.DataFrame(rows, columns=["column", *DICTIONARY_COLUMNS])
    return frame.set_index("column").astype("str")


def assembled_failures(cohort: Cohort, results: Sequence[CaseResult]) -> pd.DataFrame:
    """Return one row per shortfall, in cohort order."""
    return pd.DataFrame(
        [
            (*case.key, block, s.code, s.n_columns_missing, s.message)
            for case, result in zip(cohort, results, strict=True)
            for block, s in result.failures
        ],
        columns=FAILURE_COLUMNS,
    ).astype({"n_columns_missing": "int64"})


def assembled_provenance(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    results: Sequence[CaseResult],
    rules: RunRules,
) -> dict[str, Any]:
    """Return versions, rules, every extractor's identity and what the cache knew; JSON-able."""
    counts = sum((result.cache for result in results), Counter())
    libraries = ("numpy", "pandas", "SimpleITK")
    return {
        "tumor_response": __version__,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in libraries},
        "n_patients": cohort.n_patients,
        "n_lesions": len(cohort),
        "n_left_out": len(cohort.left_out),
        "quality": _dumped(rules.quality),
        "exclude": _dumped(rules.exclude),
        "extractors": {e.block: e.identity() for e in extractors},
        "cache": {"hits": counts["hits"], "misses": counts["misses"]},
    }


def _dumped(settings: Settings | None) -> dict[str, Any] | None:
    return None if settings is None else settings.model_dump(mode="json")
