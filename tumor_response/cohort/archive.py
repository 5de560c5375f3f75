"""From a folder of DICOM objects to a manifest's rows: whose scans, which contours, what order."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tumor_response.cohort.lesions import checked_roi, lesion_names, match_lesions
from tumor_response.cohort.planned import PLANNED_VARIABLES, Planned, planned_for
from tumor_response.cohort.row import Several
from tumor_response.imaging import Finding, MaskSource, UnionOfMasks
from tumor_response.imaging.dicom.archive.catalog import Catalog
from tumor_response.imaging.dicom.archive.entries import (
    CatalogSeries,
    SegmentationEntry,
    StructureSetEntry,
)
from tumor_response.imaging.dicom.contours.rtstruct import RtstructRoi
from tumor_response.imaging.dicom.segments.seg import SegSegment
from tumor_response.imaging.dicom.series.series import DicomSeries

__all__ = ["ArchiveRules", "FollowUpChoice", "Found", "FoundRow", "StructureSetChoice", "search"]

FollowUpChoice = Literal["first", "last"]
StructureSetChoice = Literal["only", "latest"]

_Entry = StructureSetEntry | SegmentationEntry


@dataclass(frozen=True)
class ArchiveRules:
    """What in an archive is a lesion, a baseline and a follow-up.

    Parameters
    ----------
    roi
        Regular expression that has to match a structure's whole name.
    modality
        Of the images.
    several, fill_gaps
        As in a manifest.
    follow_up
        Which contoured scan after the baseline: the first of them or the last.
    structure_set
        ``"only"``: two structure sets of one scan that both match are a fault of that patient,
        unless just one of them is approved. ``"latest"``: the one made last.
    alpha_beta_gy
        For the EQD2 of the planned dose.
    age_cap
        Ages above it are given as this many years; ``None`` leaves them as they are.
    """

    roi: str
    modality: str = "CT"
    several: Several = "lesions"
    fill_gaps: bool = False
    follow_up: FollowUpChoice = "first"
    structure_set: StructureSetChoice = "only"
    alpha_beta_gy: float = 10.0
    age_cap: float | None = None


@dataclass(frozen=True)
class FoundRow:
    """One lesion: the cells of its manifest row, and what was noticed at each time."""

    cells: dict[str, Any]
    findings: tuple[Finding, ...] = ()
    follow_up_findings: tuple[Finding, ...] = ()


@dataclass
class Found:
    """Every lesion of the archive, and the patients who have none, with the reason."""

    rows: list[FoundRow] = field(default_factory=list)
    left_out: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Scan:
    """A series with the structures that match, by lesion name."""

    series: CatalogSeries
    regions: dict[str, MaskSource]
    entry: _Entry
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Drawn:
    """A structure that matches, and the series it was drawn on."""

    entry: _Entry
    series: CatalogSeries
    number: int
    lesion: str
    findings: tuple[Finding, ...]


class _LeftOutError(Exception):
    """A patient who cannot be used, and why."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def search(catalog: Catalog, rules: ArchiveRules) -> Found:
    """Return the lesions of all patients, in the order of their identifiers.

    Raises
    ------
    ManifestError
        If ``rules.roi`` is no regular expression.
    """
    pattern = checked_roi(rules.roi)
    found = Found()
    for file, reason, message in catalog.unreadable.itertuples(index=False):
        found.left_out.append(("", str(reason), f"{file}: {message}"))
    found.left_out += [("", finding.code, finding.message) for finding in catalog.findings]
    entries: dict[str, list[_Entry]] = defaultdict(list)
    for contours in catalog.structure_sets:
        entries[contours.patient_id].append(contours)
    for segments in catalog.segmentations:
        entries[segments.patient_id].append(segments)
    images: dict[str, list[CatalogSeries]] = defaultdict(list)
    for series in catalog.series:
        images[series.patient_id].append(series)
    for patient_id in sorted({*entries, *images}):
        patient = _Patient(catalog, images[patient_id], entries[patient_id], pattern, rules)
        try:
            found.rows += patient.rows()
        except _LeftOutError as why:
            found.left_out.append((patient_id, why.reason, str(why)))
    return found


class _Patient:
    """One patient's objects on their way to lesions."""

    def __init__(
        self,
        catalog: Catalog,
        images: Sequence[CatalogSeries],
        entries: Sequence[_Entry],
        pattern: re.Pattern[str],
        rules: ArchiveRules,
    ) -> None:
        self._catalog = catalog
        self._images = images
        self._entries = entries
        self._matches = pattern.fullmatch
        self._rules = rules

    def rows(self) -> list[FoundRow]:
        """Return the patient's lesions; raises what keeps all of them out."""
        scans = self._scans()
        if len(scans) > 1 and any(scan.series.date is None for scan in scans):
            raise _LeftOutError(
                "scan_date_missing",
                f"{len(scans)} contoured series and not each has a date, so that their order is "
                "unknown; give the pair in a manifest (tr.Cohort.from_csv).",
            )
        scans.sort(key=lambda scan: (scan.series.date or dt.date.max, scan.series.time))
        baseline, *later = scans
        first_day = [scan for scan in scans if scan.series.date == baseline.series.date]
        if len(first_day) > 1:
            raise _LeftOutError(
                "baseline_ambiguous",
                f"several contoured series of the first day match: series "
                f"{_series_numbers(first_day)}. Make roi match the structures of one, or give the "
                "pair in a manifest.",
            )
        follow_up, noticed = self._follow_up(baseline, later)
        later_regions = {} if follow_up is None else follow_up.regions
        pairs = match_lesions(list(baseline.regions), list(later_regions))
        rows = []
        for name, mask in baseline.regions.items():
            planned = self._planned(baseline, mask)
            cells = self._cells(baseline.series, name, planned) | {"mask": mask}
            after = noticed
            if follow_up is not None:
                cells["follow_up_image"] = DicomSeries(follow_up.series.files)
                cells["follow_up_date"] = follow_up.series.date
                matched = pairs[name].follow_up
                if matched is not None:
                    cells["follow_up_mask"] = later_regions[matched]
                after = (*follow_up.findings, *pairs[name].findings)
            rows.append(FoundRow(cells, (*baseline.findings, *planned.findings), after))
        return rows

    def _scans(self) -> list[_Scan]:
        """Return the series of the modality that have a matching structure."""
        by_series: dict[str, list[_Drawn]] = defaultdict(list)
        lost: list[str] = []
        for entry in self._entries:
            lesions = _lesions(entry)
            for number, name in _structures(entry):
                if not self._matches(name):
                    continue
                series, findings = self._catalog.series_of(entry, _roi_number(entry, number))
                if series is None:
                    lost += [finding.message for finding in findings]
                elif series.modality == self._rules.modality:
                    by_series[series.series_uid].append(
                        _Drawn(entry, series, number, lesions[number], findings)
                    )
        if not by_series:
            raise self._nothing(lost)
        return [self._scan(drawn) for drawn in by_series.values()]

    def _scan(self, drawn: list[_Drawn]) -> _Scan:
        entry = self._structure_set(drawn)
        mine = [one for one in drawn if one.entry is entry]
        series = mine[0].series
        findings = [finding for one in mine for finding in one.findings]
        findings += self._catalog.copies_that_differ(series)
        findings += self._catalog.copies_that_differ(entry)
        regions = {one.lesion: _region(one, self._rules.fill_gaps) for one in mine}
        if len(regions) > 1 and self._rules.several == "union":
            regions = {"1": UnionOfMasks(tuple(regions.values()))}
        if len(regions) > 1 and self._rules.several == "error":
            raise _LeftOutError(
                "roi_several",
                f"{self._rules.roi!r} matches {len(regions)} structures of one scan: "
                f"{', '.join(map(repr, regions))}. Write an expression that matches one, or say "
                "several='lesions' or 'union'.",
            )
        return _Scan(series, regions, entry, tuple(dict.fromkeys(findings)))

    def _structure_set(self, drawn: list[_Drawn]) -> _Entry:
        """Return the structure set to use of those that match on one series."""
        candidates = list({one.entry.sop_uid: one.entry for one in drawn}.values())
        if len(candidates) == 1:
            return candidates[0]
        approved = [one for one in candidates if _approval(one) == "APPROVED"]
        if self._rules.structure_set == "only" and len(approved) == 1:
            return approved[0]
        candidates.sort(key=_made)
        if self._rules.structure_set == "latest" and _made(candidates[-1]) > _made(candidates[-2]):
            return candidates[-1]
        raise _LeftOutError(
            "structure_set_ambiguous",
            f"{len(candidates)} structure sets of series {drawn[0].series.series_number} match "
            f"{self._rules.roi!r}. Say structure_set='latest', or name the file in a manifest.",
        )

    def _nothing(self, lost: list[str]) -> _LeftOutError:
        """Say what keeps the patient out: no structures, none that matches, none with images."""
        if lost:
            return _LeftOutError("contours_without_series", " ".join(dict.fromkeys(lost)))
        names = [name for entry in self._entries for _, name in _structures(entry)]
        if not names:
            return _LeftOutError(
                "no_contours", f"{len(self._images)} series, no structure set or segmentation."
            )
        there = ", ".join(map(repr, dict.fromkeys(names)))
        return _LeftOutError(
            "roi_not_found",
            f"no structure of a {self._rules.modality} series matches {self._rules.roi!r}; there "
            f"are: {there}. The expression has to match the whole name.",
        )

    def _follow_up(
        self, baseline: _Scan, later: Sequence[_Scan]
    ) -> tuple[_Scan | None, tuple[Finding, ...]]:
        """Return the scan to compare with, or none and why."""
        if later:
            chosen = later[0] if self._rules.follow_up == "first" else later[-1]
            same_day = [scan for scan in later if scan.series.date == chosen.series.date]
            return (chosen, ()) if len(same_day) == 1 else (None, (_ambiguous(same_day),))
        day = baseline.series.date
        bare = [
            series
            for series in self._images
            if series.modality == self._rules.modality
            and not series.is_localizer
            and series.date is not None
            and day is not None
            and series.date > day
        ]
        return None, (_not_contoured(len(bare), self._rules),) if bare else ()

    def _planned(self, scan: _Scan, mask: MaskSource) -> Planned:
        if not isinstance(scan.entry, StructureSetEntry):
            return Planned({})
        plans = self._catalog.plans_of(scan.entry)
        doses = [dose for plan in plans for dose in self._catalog.doses_of(plan)]
        image = DicomSeries(scan.series.files)
        return planned_for(plans, doses, image, mask, self._rules.alpha_beta_gy)

    def _cells(self, series: CatalogSeries, name: str, planned: Planned) -> dict[str, Any]:
        age, cap = series.age_years, self._rules.age_cap
        return {
            "patient_id": series.patient_id,
            "lesion_id": name,
            "image": DicomSeries(series.files),
            "date": series.date,
            "age": min(age, cap) if age is not None and cap is not None else age,
            "sex": series.sex,
            **{variable: planned.values.get(variable) for variable in PLANNED_VARIABLES},
        }


def _structures(entry: _Entry) -> list[tuple[int, str]]:
    structures = entry.rois if isinstance(entry, StructureSetEntry) else entry.segments
    return [(one.number, one.name) for one in structures]


def _lesions(entry: _Entry) -> dict[int, str]:
    """Return the lesion names of structures by number, each once."""
    return lesion_names(_structures(entry))


def _roi_number(entry: _Entry, number: int) -> int | None:
    return number if isinstance(entry, StructureSetEntry) else None


def _region(drawn: _Drawn, fill_gaps: bool) -> MaskSource:
    file, name = drawn.entry.file, dict(_structures(drawn.entry))[drawn.number]
    if isinstance(drawn.entry, StructureSetEntry):
        series = DicomSeries(drawn.series.files)
        return RtstructRoi(file, drawn.number, name, fill_gaps=fill_gaps, drawn_on=series)
    return SegSegment(file, drawn.number, name)


def _approval(entry: _Entry) -> str:
    return entry.approval if isinstance(entry, StructureSetEntry) else ""


def _made(entry: _Entry) -> tuple[dt.date, str]:
    return entry.date or dt.date.min, entry.time


def _ambiguous(scans: Sequence[_Scan]) -> Finding:
    return Finding(
        "follow_up_ambiguous",
        "error",
        f"{len(scans)} contoured series of the follow-up's day match: series "
        f"{_series_numbers(scans)}. None is used.",
        measured=str(len(scans)),
        limit="1",
        remedy="Make roi match the structures of one, or give the pair in a manifest.",
    )


def _not_contoured(n: int, rules: ArchiveRules) -> Finding:
    return Finding(
        "follow_up_not_contoured",
        "warning",
        f"There are {n} later {rules.modality} series without a structure that matches "
        f"{rules.roi!r}; the lesion has no outcome.",
        measured=str(n),
        remedy="Contour the tumour there, or widen roi.",
    )


def _series_numbers(scans: Sequence[_Scan]) -> str:
    numbers = [scan.series.series_number for scan in scans]
    known = sorted(number for number in numbers if number is not None)
    return ", ".join([*map(str, known), *["?"] * (len(numbers) - len(known))])
