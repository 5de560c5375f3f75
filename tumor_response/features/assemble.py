"""From the cases' results to frames: data, dictionary, failures, provenance."""

from __future__ import annotations

import platform
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tumor_response._version import __version__, library_version
from tumor_response.cohort import Cohort
from tumor_response.features.base import KEY_ROLE, FeatureExtractor, FeatureSpec
from tumor_response.features.case_facts import RunRules, keeps_contour
from tumor_response.features.rows import CaseRow
from tumor_response.settings import Settings, sha256_of_json

__all__ = [
    "DICTIONARY_COLUMNS",
    "FAILURE_COLUMNS",
    "Layout",
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
_META_TEXTS = ("meta__site", "meta__date")
_META = {
    "meta__site": "Hospital or scanner, as the manifest names it.",
    "meta__date": "Day of the baseline scan (YYYY-MM-DD).",
    "meta__day": "Days from the cohort's earliest baseline scan to this one.",
    "meta__slice_thickness_mm": "Distance between axial slices of the baseline image.",
    EXCLUDED_SHARE: "Share of the contour's voxels that the exclusion rule took from the features.",
}


class Layout:
    """The columns of a table: their order, their kinds, and where a case's row has their values.

    Parameters
    ----------
    specs
        One list per extractor.
    rules
        With an exclusion rule there is a column more.
    """

    def __init__(self, specs: Sequence[Sequence[FeatureSpec]], rules: RunRules) -> None:
        self._specs = specs
        every = [spec for block in specs for spec in block]
        excluded = [] if rules.exclude is None else [EXCLUDED_SHARE]
        meta_numbers = ["meta__day", "meta__slice_thickness_mm", *excluded]
        self.columns = [s.column for s in every] + [*_META_TEXTS, *meta_numbers]
        self.fixed_levels = {s.column: s.categories for s in every if s.categories}
        """Columns of categories that are known before the first case."""
        self.texts = [s.column for s in every if s.role == KEY_ROLE] + list(_META_TEXTS)
        """Columns whose levels are what the cases have."""
        self._meta = [*_META_TEXTS, *meta_numbers]
        self._numbers = [s.column for s in every] + meta_numbers

    def frame(self, rows: Sequence[CaseRow], keys: pd.MultiIndex) -> pd.DataFrame:
        """Return some rows of the table: numbers float64, everything else text or ``None``."""
        numbers = np.full((len(rows), len(self._numbers)), np.nan)
        cells: dict[str, list[Any]] = {
            name: [None] * len(rows) for name in (*self.fixed_levels, *self.texts)
        }
        for i, row in enumerate(rows):
            start = 0
            for block, found in zip(self._specs, row.blocks, strict=True):
                if found is not None:
                    numbers[i, start : start + len(block)] = found.numbers
                    for column, text in found.texts.items():
                        cells[column][i] = text
                start += len(block)
            for name, value in row.meta.items():
                if name in cells:
                    cells[name][i] = value
                else:
                    numbers[i, self._numbers.index(name)] = value
        frame = pd.DataFrame(numbers, index=keys, columns=pd.Index(self._numbers))
        texts = pd.DataFrame(cells, index=keys, dtype="str")
        frame = pd.concat([frame.drop(columns=texts.columns, errors="ignore"), texts], axis=1)
        return frame[self.columns]

    def levels(self, seen: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
        """Return the levels of every column that has some, given the texts of all cases."""
        fixed = {name: list(levels) for name, levels in self.fixed_levels.items()}
        return fixed | {name: sorted(seen[name]) for name in self.texts}


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


def assembled_failures(keys: Iterable[tuple[str, str]], rows: Iterable[CaseRow]) -> pd.DataFrame:
    """Return one row per shortfall, in the cases' order."""
    return pd.DataFrame(
        [
            (*key, block, s.code, s.n_columns_missing, s.message)
            for key, row in zip(keys, rows, strict=True)
            for block, s in row.failures
        ],
        columns=FAILURE_COLUMNS,
    ).astype(dict.fromkeys(FAILURE_COLUMNS, "str") | {"n_columns_missing": "int64"})


def assembled_provenance(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    rules: RunRules,
) -> dict[str, Any]:
    """Return versions, rules and every extractor's identity: what decides the numbers, as JSON."""
    libraries = ("numpy", "pandas", "SimpleITK")
    return {
        "tumor_response": __version__,
        "python": platform.python_version(),
        "versions": {name: library_version(name) for name in libraries},
        "n_patients": cohort.n_patients,
        "n_lesions": len(cohort),
        "n_left_out": len(cohort.left_out),
        "quality": _dumped(rules.quality),
        "exclude": _dumped(rules.exclude),
        "extractors": {e.block: e.identity() for e in extractors},
    }


def _dumped(settings: Settings | None) -> dict[str, Any] | None:
    return None if settings is None else settings.model_dump(mode="json")
