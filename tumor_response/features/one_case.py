"""All extractors on one case: what they give, what is missing, and why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tumor_response.cohort import BaselineCase, Case
from tumor_response.exceptions import CaseError, FeatureError, TumorResponseError
from tumor_response.features.base import FeatureExtractor, FeatureValues, Shortfall
from tumor_response.features.cache import FeatureCache, image_sha256
from tumor_response.imaging import Finding
from tumor_response.imaging.threads import one_thread
from tumor_response.quality import ExclusionRule, QualitySettings, check_baseline

__all__ = ["CaseResult", "Columns", "RunRules", "keeps_contour", "run_case"]

Columns = Mapping[str, tuple[str, ...]]
"""An extractor's column names, each with its levels; ``()`` for a number."""


@dataclass(frozen=True)
class RunRules:
    """What is decided for all cases of a run.

    Parameters
    ----------
    quality
        Limits of the checks of every baseline; ``None``: no checks.
    exclude
        Which voxels features leave out; ``None``: none.
    """

    quality: QualitySettings | None = None
    exclude: ExclusionRule | None = None


@dataclass
class CaseResult:
    """One case's values by column, what it lacks by block, and what the cache knew."""

    values: dict[str, float | str] = field(default_factory=dict)
    failures: list[tuple[str, Shortfall]] = field(default_factory=list)
    cache: Counter[str] = field(default_factory=Counter)


def run_case(
    case: Case,
    extractors: list[FeatureExtractor],
    columns: list[Columns],
    cache: FeatureCache | None,
    rules: RunRules,
) -> CaseResult:
    """Run every extractor on a case; whatever goes wrong is a failure of that case alone.

    Raises
    ------
    FeatureError
        Only with code ``cache_unusable``: without its cache a long run is not what was asked for.
    """
    result = CaseResult()
    baseline = case.baseline
    with one_thread():
        regions = _regions(case, baseline, rules, result)
        for extractor, known in zip(extractors, columns, strict=True):
            if isinstance(regions, Finding):
                message = f"{regions.message} {regions.remedy}".strip()
                stopped = CaseError(message, code=regions.code)
                result.failures.append((extractor.block, _shortfall(case, stopped, len(known))))
                continue
            region = regions.drawn if keeps_contour(extractor) else regions.reduced
            try:
                values = _values(extractor, region, cache, result.cache)
                _check_values(values, known)
            except Exception as error:  # one bad case never ends a run of a thousand
                if isinstance(error, FeatureError) and error.code == "cache_unusable":
                    raise
                result.failures.append((extractor.block, _shortfall(case, error, len(known))))
            else:
                result.values.update(values.values)
                result.failures += [(extractor.block, s) for s in values.shortfalls]
    baseline.release()
    result.values.update(_meta(case))
    return result


@dataclass(frozen=True)
class _Regions:
    """The contour as drawn, and what the exclusion rule leaves of it."""

    drawn: _Hashed
    reduced: _Hashed


def _regions(
    case: Case, baseline: BaselineCase, rules: RunRules, result: CaseResult
) -> _Regions | Finding:
    """Return what features are computed on, or the finding that stops the case."""
    found = () if rules.quality is None else check_baseline(baseline, rules.quality)
    for finding in found:
        if finding.severity == "error":
            return finding
        if finding.severity == "warning":
            message = f"{finding.message} {finding.remedy}".strip()
            told = _shortfall(case, CaseError(message, code=finding.code), 0)
            result.failures.append(("case", told))
    drawn = _Hashed(baseline)
    if rules.exclude is None:
        return _Regions(drawn, drawn)
    try:
        mask, share = rules.exclude.apply(baseline.image, baseline.mask)
    except CaseError as error:
        return Finding(error.code, "error", str(error))
    result.values["meta__excluded_share"] = share
    return _Regions(drawn, _Hashed(baseline.with_mask(mask)) if share else drawn)


def keeps_contour(extractor: FeatureExtractor) -> bool:
    """Whether an extractor takes the contour as drawn, whatever rule excludes voxels."""
    return bool(getattr(extractor, "contour_as_drawn", False))


def _shortfall(case: Case, error: Exception, n_columns_missing: int) -> Shortfall:
    """Turn an exception into a row of the failures, naming the case where it does not itself."""
    code = error.code if isinstance(error, TumorResponseError) else "unexpected_error"
    text = str(error)
    if code == "unexpected_error":
        text = f"Unexpected {type(error).__name__}: {text}"
    if case.name.casefold() not in text.casefold():
        text = f"{case.name[:1].upper()}{case.name[1:]}: {text}"
    return Shortfall(code, text, n_columns_missing)


class _Hashed:
    """A case with the hashes of its voxels, computed when first asked for, for all extractors."""

    def __init__(self, case: BaselineCase) -> None:
        self.case = case
        self._hashes: tuple[str, str] | None = None

    def voxels(self) -> tuple[str, str]:
        """Return the hashes of image and mask."""
        if self._hashes is None:
            self._hashes = image_sha256(self.case.image), image_sha256(self.case.mask)
        return self._hashes


def _values(
    extractor: FeatureExtractor,
    region: _Hashed,
    cache: FeatureCache | None,
    counts: Counter[str],
) -> FeatureValues:
    case = region.case.showing(extractor.variables)
    if cache is None or not extractor.cacheable:
        return extractor.extract(case)
    key = cache.key(extractor.identity(), extractor.block, region.voxels(), case.variables)
    values = cache.get(key)
    counts["misses" if values is None else "hits"] += 1
    if values is None:
        values = extractor.extract(case)
        cache.put(key, values)
    return values


def _check_values(values: FeatureValues, known: Columns) -> None:
    """Hold an extractor to its own columns, and to a reason for each one it leaves out."""
    for column, value in values.values.items():
        if column not in known:
            raise FeatureError(f"A value for {column!r}, which is no column of the block.")
        levels = known[column]
        fits = value in levels if levels else isinstance(value, float | int)
        if not fits or (isinstance(value, float) and not math.isfinite(value)):
            expected = f"one of {', '.join(levels)}" if levels else "a number"
            raise FeatureError(f"{column}: expected {expected}, received {value!r}.")
    absent = len(known) - len(values.values)
    told = sum(shortfall.n_columns_missing for shortfall in values.shortfalls)
    if absent != told:
        raise FeatureError(f"{absent} columns have no value, but reasons are given for {told}.")


def _meta(case: Case) -> dict[str, float | str]:
    meta: dict[str, float | str] = {}
    if case.site is not None:
        meta["meta__site"] = case.site
    if case.date is not None:
        meta["meta__date"] = case.date.isoformat()
    if case.day is not None:
        meta["meta__day"] = case.day
    try:
        grid = case.baseline.geometry
    except CaseError:
        return meta  # a row in failures says already that the image is unreadable
    axes = np.abs(np.array(grid.direction).reshape(3, 3))
    meta["meta__slice_thickness_mm"] = grid.spacing_mm[int(axes[2].argmax())]
    return meta
