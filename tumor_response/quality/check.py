"""``tr.check``: every finding about a cohort in one table, and as a page to look through."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from tumor_response.cohort import Case, Cohort
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging import Finding
from tumor_response.parallel import spread
from tumor_response.quality.baseline import examine_baseline, unreadable
from tumor_response.quality.cohort_wide import CaseFacts, Located, TimePoint, check_cohort
from tumor_response.quality.follow_up import FollowUpScan, examine_follow_up, read_follow_up
from tumor_response.quality.placement import placement_findings
from tumor_response.quality.scan import ScanFacts
from tumor_response.quality.settings import QualitySettings
from tumor_response.settings import checked_n_jobs

__all__ = ["CHECK_COLUMNS", "check"]

CHECK_COLUMNS = (
    "patient_id",
    "lesion_id",
    "time_point",
    "code",
    "severity",
    "measured",
    "limit",
    "message",
    "remedy",
)


def check(
    cohort: Cohort,
    settings: QualitySettings | None = None,
    *,
    html: str | os.PathLike[str] | None = None,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Look for faults in images, contours and their pairing, case by case and across the cohort.

    Parameters
    ----------
    cohort
        The cases; all voxels are read.
    settings
        The limits; default :class:`QualitySettings`.
    html
        Where to write the findings as one self-contained page with a thumbnail of every contour;
        ``None``: no page. The page shows ``patient_id`` and images of patients: keep it where
        these may be.
    n_jobs
        Processes, as in joblib; the result is the same for any number.

    Returns
    -------
    pandas.DataFrame
        One row per finding, all columns text: ``patient_id``, ``lesion_id``, ``time_point``
        (``"baseline"``, ``"follow_up"``, or ``"cohort"`` with empty ids), ``code``, ``severity``
        (``"info"``, ``"warning"``, ``"error"``), ``measured``, ``limit``, ``message``,
        ``remedy``. In cohort order, baseline before follow-up, the cohort's own findings last.
        A case that cannot be read is a row with the code of its error. An empty table means that
        nothing was found, not that nothing is wrong.

    Raises
    ------
    SettingsError
        For ``n_jobs=0``, or a place where no page can be written.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.quality import QualitySettings, check
    >>> cohort = tr.simulate_cohort(2, seed=0, directory=tempfile.mkdtemp())
    >>> check(cohort).empty
    True
    >>> check(cohort, QualitySettings(min_volume_cc=20))[["patient_id", "code", "limit"]]
      patient_id          code   limit
    0      P0001  volume_small  20 cm³
    """
    settings = settings or QualitySettings()
    if not isinstance(settings, QualitySettings):
        raise SettingsError(
            f"check: settings={settings!r}; expected tr.QualitySettings(...) or None."
        )
    n_jobs = checked_n_jobs(n_jobs)
    page = None if html is None else _checked_place(Path(html))
    work = partial(_examine_cases, settings, page is not None)
    examined = list(spread(work, list(cohort), n_jobs, "Checking cases"))
    across = check_cohort([e.facts for e in examined], settings)
    found = _in_order(cohort, [*(one for e in examined for one in e.found), *across])
    if page is not None:
        from tumor_response.quality.page import write_page

        write_page(page, found, {e.key: e.pictures for e in examined}, settings)
    rows = [
        (
            located.patient_id,
            located.lesion_id,
            located.time_point,
            *(getattr(located.finding, name) for name in CHECK_COLUMNS[3:]),
        )
        for located in found
    ]
    return pd.DataFrame(rows, columns=list(CHECK_COLUMNS)).astype("str")


def _checked_place(path: Path) -> Path:
    if path.is_dir() or any(one.is_file() for one in path.parents):
        what = "is a folder" if path.is_dir() else "lies below a file"
        raise SettingsError(f"check: {path} {what}; name a file, such as quality.html.")
    return path


@dataclass
class _Examined:
    """What one case gave: facts to compare, findings, and pictures by time point (PNG)."""

    facts: CaseFacts
    found: list[Located]
    pictures: dict[TimePoint, bytes]

    @property
    def key(self) -> tuple[str, str]:
        return self.facts.patient_id, self.facts.lesion_id


def _examine_cases(
    settings: QualitySettings, with_pictures: bool, cases: list[Case]
) -> list[_Examined]:
    return [_examine(case, settings, with_pictures=with_pictures) for case in cases]


def _examine(case: Case, settings: QualitySettings, *, with_pictures: bool) -> _Examined:
    """Check one case; whatever goes wrong is a finding of that case alone."""
    baseline, scan = case.baseline, FollowUpScan()
    at: dict[TimePoint, tuple[Finding, ...]] = {}
    facts: ScanFacts | None = None
    later: ScanFacts | None = None
    pictures: dict[TimePoint, bytes] = {}
    try:
        at["baseline"], facts = examine_baseline(baseline, settings)
    except Exception as error:
        at["baseline"] = (_unexpected(error),)
    try:
        scan = read_follow_up(case)
        at["follow_up"], later = examine_follow_up(case, baseline, scan, settings)
    except CaseError as error:
        at["follow_up"] = (*case.follow_up.findings, unreadable(error))
    except Exception as error:
        at["follow_up"] = (_unexpected(error),)
    sources = {
        "baseline": (case.image, case.mask),
        "follow_up": (case.follow_up.image, case.follow_up.mask),
    }
    for time_point, findings in at.items():
        if any(finding.code.endswith("geometry_mismatch") for finding in findings):
            at[time_point] = (*findings, *placement_findings(*sources[time_point]))
    if with_pictures:
        from tumor_response.quality.thumbnails import thumbnail

        if facts is not None:
            pictures["baseline"] = thumbnail(
                baseline.image, baseline.mask, in_hu=settings.judges_hu(_modality(facts))
            )
        if scan.image is not None and scan.mask is not None and later is not None:
            pictures["follow_up"] = thumbnail(
                scan.image, scan.mask, in_hu=settings.judges_hu(_modality(later))
            )
    baseline.release()
    found = [
        Located(*case.key, time_point, finding)
        for time_point, findings in at.items()
        for finding in findings
    ]
    return _Examined(CaseFacts(*case.key, case.site, facts, later), found, pictures)


def _modality(facts: ScanFacts) -> object:
    return facts.acquisition.get("modality")


def _unexpected(error: Exception) -> Finding:
    return Finding(
        "unexpected_error",
        "error",
        f"Unexpected {type(error).__name__}: {error}",
        remedy="Please report it with this message.",
    )


_TIME_POINTS = ("baseline", "follow_up", "cohort")


def _in_order(cohort: Cohort, found: Sequence[Located]) -> list[Located]:
    """Return findings in cohort order, baseline first, each lesion's own before comparisons."""
    place = {key: number for number, key in enumerate(cohort.keys)}
    return sorted(
        found,
        key=lambda one: (
            place.get((one.patient_id, one.lesion_id), len(place)),
            _TIME_POINTS.index(one.time_point),
        ),
    )
