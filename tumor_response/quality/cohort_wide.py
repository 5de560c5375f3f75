"""Checks that need all cases: copies between lesions and patients, sites that scan differently."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tumor_response.imaging import Finding
from tumor_response.quality.edges import Shift, common_shift
from tumor_response.quality.scan import ScanFacts
from tumor_response.quality.settings import QualitySettings

__all__ = ["CaseFacts", "Located", "TimePoint", "check_cohort"]

TimePoint = Literal["baseline", "follow_up", "cohort"]


@dataclass(frozen=True)
class CaseFacts:
    """What is kept of a case to compare it with others; ``None`` where there is no such scan."""

    patient_id: str
    lesion_id: str
    site: str | None
    baseline: ScanFacts | None
    follow_up: ScanFacts | None

    def at(self, time_point: TimePoint) -> ScanFacts | None:
        """Return the scan of a time point."""
        return self.baseline if time_point == "baseline" else self.follow_up


@dataclass(frozen=True)
class Located:
    """A finding and where it belongs; a finding of the whole cohort has no patient."""

    patient_id: str
    lesion_id: str
    time_point: TimePoint
    finding: Finding


def check_cohort(cases: Sequence[CaseFacts], settings: QualitySettings) -> tuple[Located, ...]:
    """Compare the cases of a cohort with each other.

    Parameters
    ----------
    cases
        In cohort order.
    settings
        The limits.

    Returns
    -------
    tuple of Located
        ``equal_masks`` and ``image_shared`` for each lesion concerned; ``kernel_differs``,
        ``kvp_differs``, ``contrast_differs``, ``slice_thickness_differs`` and
        ``contours_shifted`` for the cohort.
    """
    found: list[Located] = []
    for time_point in ("baseline", "follow_up"):
        found += _equal_masks(cases, time_point)
        found += _shared_images(cases, time_point)
    of_cohort = [*_acquisition(cases), *_common_shifts(cases, settings)]
    return (*found, *(Located("", "", "cohort", finding) for finding in of_cohort))


def _equal_masks(cases: Sequence[CaseFacts], time_point: TimePoint) -> Iterable[Located]:
    def same(facts: CaseFacts, scan: ScanFacts) -> tuple[str, ...]:
        return facts.patient_id, scan.mask_sha256

    for group in _groups(cases, time_point, same):
        for one in group:
            others = ", ".join(repr(c.lesion_id) for c in group if c is not one)
            yield Located(
                one.patient_id,
                one.lesion_id,
                time_point,
                Finding(
                    "equal_masks",
                    "error",
                    f"The contour equals that of lesion {others} of the same patient, voxel for "
                    "voxel.",
                    measured=f"{len(group)} lesions",
                    limit="1",
                    remedy="Give each lesion its own label or structure; take copies out.",
                ),
            )


def _shared_images(cases: Sequence[CaseFacts], time_point: TimePoint) -> Iterable[Located]:
    def same(_: CaseFacts, scan: ScanFacts) -> tuple[str, ...] | None:
        return None if scan.image_sha256 is None else (scan.image_sha256,)

    for group in _groups(cases, time_point, same):
        patients = list(dict.fromkeys(case.patient_id for case in group))
        if len(patients) == 1:
            continue
        for one in group:
            others = ", ".join(repr(p) for p in patients if p != one.patient_id)
            yield Located(
                one.patient_id,
                one.lesion_id,
                time_point,
                Finding(
                    "image_shared",
                    "error",
                    f"The image equals that of patient {others}, voxel for voxel: one person "
                    "under two names would stand in training and test data.",
                    measured=f"{len(patients)} patients",
                    limit="1",
                    remedy="Give both the same patient_id, or take one out.",
                ),
            )


def _groups(
    cases: Sequence[CaseFacts],
    time_point: TimePoint,
    same: Callable[[CaseFacts, ScanFacts], tuple[str, ...] | None],
) -> list[list[CaseFacts]]:
    """Return the cases that share what ``same`` gives, where more than one does."""
    groups: dict[tuple[str, ...], list[CaseFacts]] = defaultdict(list)
    for case in cases:
        scan = case.at(time_point)
        key = None if scan is None else same(case, scan)
        if key is not None:
            groups[key].append(case)
    return [group for group in groups.values() if len(group) > 1]


_FACTS: dict[str, tuple[str, str]] = {
    "kernel": ("kernel_differs", "reconstruction kernels"),
    "kvp_kv": ("kvp_differs", "tube voltages (kV)"),
    "contrast": ("contrast_differs", "use of contrast agent"),
    "slice_thickness_mm": ("slice_thickness_differs", "slice thicknesses (mm)"),
}


def _acquisition(cases: Sequence[CaseFacts]) -> list[Finding]:
    """Return in what baselines were made differently, told by site."""
    found = []
    scans = {  # once per patient and image, however many lesions it has
        (case.patient_id, case.baseline.image_sha256): (case.site, case.baseline)
        for case in cases
        if case.baseline is not None
    }
    for fact, (code, what) in _FACTS.items():
        sites: dict[str, Counter[str]] = defaultdict(Counter)
        for site, scan in scans.values():
            sites["" if site is None else site][_shown(fact, scan)] += 1
        values = {value for counts in sites.values() for value in counts} - {"not recorded"}
        if len(values) < 2:
            continue
        told = [
            (f"site {site!r}: " if site else "no site: " if len(sites) > 1 else "")
            + ", ".join(f"{value} ({n})" for value, n in sorted(counts.items()))
            for site, counts in sorted(sites.items())
        ]
        found.append(
            Finding(
                code,
                "warning",
                f"The baselines differ in {what}; scans in brackets: {'; '.join(told)}.",
                measured=f"{len(values)} different",
                limit="1",
                remedy="Give sites in the manifest, resample and harmonise within the folds, and "
                "check that the outcome does not go with it.",
            )
        )
    return found


def _shown(fact: str, scan: ScanFacts) -> str:
    value = scan.slice_thickness_mm if fact == "slice_thickness_mm" else scan.acquisition.get(fact)
    if value is None:
        return "not recorded"
    return f"{value:.3g}" if isinstance(value, float | int) else str(value)


def _common_shifts(cases: Sequence[CaseFacts], settings: QualitySettings) -> list[Finding]:
    by_patient: dict[str, list[Shift]] = defaultdict(list)
    for case in cases:
        for scan in (case.baseline, case.follow_up):
            by_patient[case.patient_id] += scan.shifts if scan is not None else ()
    found = []
    for axis in ("x", "y", "z"):
        estimate = common_shift(list(by_patient.values()), axis)
        if estimate is None:
            continue
        shift, t, n = estimate
        if abs(shift) <= settings.max_cohort_shift_voxels or abs(t) <= settings.min_cohort_shift_t:
            continue
        found.append(
            Finding(
                "contours_shifted",
                "warning",
                f"The contours of {n} patients lie {abs(shift):.2g} voxels from the images' edges "
                f"on average, which are towards {'higher' if shift > 0 else 'lower'} {axis} "
                f"({abs(t):.1f} standard errors).",
                measured=f"{shift:+.2g} voxels along {axis}",
                limit=f"{settings.max_cohort_shift_voxels:g} voxels",
                remedy="Look for a conversion that takes corners of voxels for their centres, or "
                "turns the order of slices.",
            )
        )
    return found
