"""All extractors on one case: what they give, what is missing, and why."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tumor_response.cohort import BaselineCase, Case
from tumor_response.exceptions import CaseError, FeatureError, TumorResponseError
from tumor_response.features.base import FeatureExtractor, Shortfall
from tumor_response.features.cache import FeatureCache
from tumor_response.features.case_facts import (
    CaseFacts,
    RunRules,
    examined,
    facts_key,
    keeps_contour,
    known_facts,
    slice_thickness_mm,
)
from tumor_response.features.memory import needed_bytes
from tumor_response.features.rows import BlockRow, CaseRow, Columns, block_row
from tumor_response.features.stamps import version_stamp
from tumor_response.imaging import Finding
from tumor_response.parallel.places import NeedsMemory

__all__ = ["RunRules", "failed_row", "remembered", "run_case"]

_ENDS_THE_RUN = ("cache_unusable", "views_unusable")


def run_case(
    case: Case,
    extractors: Sequence[FeatureExtractor],
    columns: Sequence[Columns],
    cache: FeatureCache | None,
    rules: RunRules,
    stamp: str | None = None,
    granted_bytes: int | None = None,
) -> CaseRow | NeedsMemory:
    """Run every extractor on a case; whatever goes wrong is a failure of that case alone.

    Threads are the caller's to hold: a place where tasks run does it for its workers.

    Parameters
    ----------
    case
        The lesion; its follow-up is not looked at.
    extractors, columns
        The extractors, and each one's columns.
    cache
        Finished results; ``None``: everything is computed.
    rules
        Quality limits and excluded voxels.
    stamp
        :func:`tumor_response.features.stamps.version_stamp` of the case's files at the start of
        the run; files of another stamp are a failure with code ``file_changed``. ``None``: the
        files may be of any age.
    granted_bytes
        A case that needs more than this is not begun, and says what it needs. ``None``: whatever
        it needs.

    Raises
    ------
    FeatureError
        Only with codes ``cache_unusable`` and ``views_unusable``: a disk that is full is full for
        every case, and without its cache a long run is not what was asked for.
    """
    started = time.perf_counter()
    if stamp is not None and version_stamp(case.baseline.paths) != stamp:
        return _changed(case, extractors, columns)
    job = _Job(case, case.baseline, extractors, columns, cache, rules)
    row = job.remembered() or job.computed(granted_bytes)
    job.baseline.release()
    if isinstance(row, NeedsMemory):
        return row
    if stamp is not None and version_stamp(case.baseline.paths) != stamp:
        return _changed(case, extractors, columns)
    _add_meta(case, row)
    row.seconds = time.perf_counter() - started
    return row


def remembered(
    case: Case,
    extractors: Sequence[FeatureExtractor],
    columns: Sequence[Columns],
    cache: FeatureCache,
    rules: RunRules,
) -> CaseRow | None:
    """Return a case's row if a cache has all of it that takes time, else ``None``."""
    return _Job(case, case.baseline, extractors, columns, cache, rules).remembered()


def failed_row(
    case: Case,
    extractors: Sequence[FeatureExtractor],
    columns: Sequence[Columns],
    error: Exception,
) -> CaseRow:
    """Return the row of a case of which nothing could be had."""
    row = CaseRow([None] * len(extractors))
    for extractor, known in zip(extractors, columns, strict=True):
        row.failures.append((extractor.block, _shortfall(case, error, len(known))))
    _add_meta(case, row)
    return row


def _changed(
    case: Case, extractors: Sequence[FeatureExtractor], columns: Sequence[Columns]
) -> CaseRow:
    changed = CaseError(
        f"{case.name}: a file of it was replaced, changed or removed while the run was going on. "
        "Nothing of this case is used, so that the table is of one state of the data: when the "
        "files are final, tr.retry(table, cohort), or the same run again.",
        code="file_changed",
    )
    return failed_row(case, extractors, columns, changed)


@dataclass(frozen=True)
class _Job:
    """One case, and what is to be done with it."""

    case: Case
    baseline: BaselineCase
    extractors: Sequence[FeatureExtractor]
    columns: Sequence[Columns]
    cache: FeatureCache | None
    rules: RunRules

    def remembered(self) -> CaseRow | None:
        """Return the row if all of it is known without a look at the image, else ``None``."""
        key = None if self.cache is None else facts_key(self.baseline, self.rules)
        if self.cache is None or key is None:
            return None
        facts = known_facts(self.cache, key)
        if facts is None:
            return None
        row = self._row(facts)
        for extractor, known in zip(self.extractors, self.columns, strict=True):
            if extractor.cacheable:
                found = self._cached(self.cache, extractor, known, self._key(extractor, facts))
                if found is None:
                    return None
                row.cache["hits"] += 1
                self._add(row, extractor, found)
            else:
                # without an exclusion rule the region is the contour; with one it has to be made
                if facts.is_reduced and not keeps_contour(extractor):
                    return None
                self._run(row, extractor, known, facts, self.baseline)
        return row

    def computed(self, granted_bytes: int | None) -> CaseRow | NeedsMemory:
        """Return the row from the voxels, each block from the cache if it is there."""
        key = None if self.cache is None else facts_key(self.baseline, self.rules)
        try:
            seen = examined(self.baseline, self.rules, hashed=self.cache is not None)
            if isinstance(seen, Finding):
                stopped = CaseError(f"{seen.message} {seen.remedy}".strip(), code=seen.code)
                return failed_row(self.case, self.extractors, self.columns, stopped)
            needed = needed_bytes(self.baseline.image, self.baseline.mask, self.extractors)
        except CaseError:
            return self._unread()
        facts, reduced = seen
        if granted_bytes is not None and needed > granted_bytes:
            return NeedsMemory(needed)
        row = self._row(facts)
        row.needed_bytes = needed
        for extractor, known in zip(self.extractors, self.columns, strict=True):
            region = self.baseline if keeps_contour(extractor) else reduced
            self._run(row, extractor, known, facts, region)
        if self.cache is not None and self.cache.writable and key is not None:
            self._remember(self.cache, key, facts)
        return row

    def _remember(self, cache: FeatureCache, key: str, facts: CaseFacts) -> None:
        """Keep the facts under the files as they were before they were read, if they still are."""
        if facts_key(self.baseline, self.rules) == key:
            cache.put_record(key, asdict(facts))

    def _unread(self) -> CaseRow:
        """Return the row of a case that is unreadable where nobody wanted that checked.

        What needs no voxels is known all the same.
        """
        row = CaseRow()
        for extractor, known in zip(self.extractors, self.columns, strict=True):
            self._run(row, extractor, known, None, self.baseline)
        return row

    def _row(self, facts: CaseFacts) -> CaseRow:
        row = CaseRow()
        for finding in facts.warnings:
            message = f"{finding.message} {finding.remedy}".strip()
            told = _shortfall(self.case, CaseError(message, code=finding.code), 0)
            row.failures.append(("case", told))
        row.meta["meta__slice_thickness_mm"] = facts.slice_thickness_mm
        if self.rules.exclude is not None:
            row.meta["meta__excluded_share"] = facts.excluded_share
        return row

    def _run(
        self,
        row: CaseRow,
        extractor: FeatureExtractor,
        known: Columns,
        facts: CaseFacts | None,
        region: BaselineCase,
    ) -> None:
        try:
            found = self._values(row, extractor, known, facts, region)
        except Exception as error:  # one bad case never ends a run of a thousand
            if isinstance(error, FeatureError) and error.code in _ENDS_THE_RUN:
                raise
            row.blocks.append(None)
            row.failures.append((extractor.block, _shortfall(self.case, error, len(known))))
        else:
            self._add(row, extractor, found)

    def _values(
        self,
        row: CaseRow,
        extractor: FeatureExtractor,
        known: Columns,
        facts: CaseFacts | None,
        region: BaselineCase,
    ) -> BlockRow:
        shown = region.showing(extractor.variables)
        if self.cache is None or facts is None or not extractor.cacheable:
            return block_row(extractor.extract(shown), known)
        key = self._key(extractor, facts)
        found = self._cached(self.cache, extractor, known, key)
        row.cache["misses" if found is None else "hits"] += 1
        if found is None:
            found = block_row(extractor.extract(shown), known)
            if self.cache.writable:
                self.cache.put(key, list(known), found, block=extractor.block)
        return found

    @staticmethod
    def _cached(
        cache: FeatureCache, extractor: FeatureExtractor, known: Columns, key: str
    ) -> BlockRow | None:
        """Return what the cache has, unless its keys lead nowhere."""
        found = cache.get(key, list(known))
        holds = getattr(extractor, "holds", None)
        if found is not None and holds is not None and not holds(found.texts):
            return None
        return found

    def _key(self, extractor: FeatureExtractor, facts: CaseFacts) -> str:
        mask = facts.mask_sha256 if keeps_contour(extractor) else facts.reduced_sha256
        variables = self.baseline.showing(extractor.variables).variables
        return FeatureCache.key(
            extractor.identity(), extractor.block, (facts.image_sha256, mask), variables
        )

    def _add(self, row: CaseRow, extractor: FeatureExtractor, found: BlockRow) -> None:
        row.blocks.append(found)
        row.failures += [(extractor.block, shortfall) for shortfall in found.shortfalls]


def _shortfall(case: Case, error: Exception, n_columns_missing: int) -> Shortfall:
    """Turn an exception into a row of the failures, naming the case where it does not itself."""
    code = error.code if isinstance(error, TumorResponseError) else "unexpected_error"
    text = str(error)
    if code == "unexpected_error":
        text = f"Unexpected {type(error).__name__}: {text}"
    if case.name.casefold() not in text.casefold():
        text = f"{case.name[:1].upper()}{case.name[1:]}: {text}"
    return Shortfall(code, text, n_columns_missing)


def _add_meta(case: Case, row: CaseRow) -> None:
    """Add what travels along and is known without the voxels."""
    if "meta__slice_thickness_mm" not in row.meta:
        # where the header is unreadable as well, a row in failures says so already
        with contextlib.suppress(CaseError):
            row.meta["meta__slice_thickness_mm"] = slice_thickness_mm(case.baseline)
    if case.site is not None:
        row.meta["meta__site"] = case.site
    if case.date is not None:
        row.meta["meta__date"] = case.date.isoformat()
    if case.day is not None:
        row.meta["meta__day"] = case.day
