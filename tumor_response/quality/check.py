"""``tr.check``: every finding about a cohort in one table, and as a page to look through."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import SimpleITK as sitk

from tumor_response.cohort import BaselineCase, Case, Cohort
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging import Finding, ImageSource, MaskSource
from tumor_response.parallel import spread
from tumor_response.quality.baseline import examine_baseline
from tumor_response.quality.cohort_wide import CaseFacts, Located, TimePoint, check_cohort
from tumor_response.quality.follow_up import examine_follow_up, read_follow_up, refused
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
        (``"baseline"``, ``"follow_up"``, or ``"cohort"`` with an empty ``lesion_id``, which is
        also for patients who were left out), ``code``, ``severity``
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
    own = [one for e in examined for one in e.found]
    found = _in_order(cohort, [*own, *across, *_left_out(cohort)])
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


@dataclass
class _Side:
    """What one time point of a case gave."""

    findings: tuple[Finding, ...]
    facts: ScanFacts | None = None
    picture: bytes | None = None


def _examine_cases(
    settings: QualitySettings, with_pictures: bool, cases: list[Case]
) -> list[_Examined]:
    return [_examine(case, settings, with_pictures=with_pictures) for case in cases]


def _examine(case: Case, settings: QualitySettings, *, with_pictures: bool) -> _Examined:
    baseline = case.baseline
    sides: dict[TimePoint, _Side] = {
        "baseline": _guarded(_of_baseline, case, baseline, settings, with_pictures),
        "follow_up": _guarded(_of_follow_up, case, baseline, settings, with_pictures),
    }
    baseline.release()
    found = [
        Located(*case.key, time_point, finding)
        for time_point, side in sides.items()
        for finding in side.findings
    ]
    facts = CaseFacts(*case.key, case.site, sides["baseline"].facts, sides["follow_up"].facts)
    pictures = {at: side.picture for at, side in sides.items() if side.picture is not None}
    return _Examined(facts, found, pictures)


def _guarded(
    examine: Callable[[Case, BaselineCase, QualitySettings, bool], _Side],
    case: Case,
    baseline: BaselineCase,
    settings: QualitySettings,
    with_pictures: bool,
) -> _Side:
    """Check one time point; whatever goes wrong is a finding of it alone."""
    try:
        return examine(case, baseline, settings, with_pictures)
    except Exception as error:
        return _Side(
            (
                Finding(
                    "unexpected_error",
                    "error",
                    f"Unexpected {type(error).__name__}: {error}",
                    remedy="Please report it with this message.",
                ),
            )
        )


def _of_baseline(
    case: Case, baseline: BaselineCase, settings: QualitySettings, with_pictures: bool
) -> _Side:
    findings, facts = examine_baseline(baseline, settings)
    if facts is None:
        return _Side((*case.findings, *findings, *_place(findings, case.image, case.mask)))
    picture = None
    if with_pictures:
        picture = _picture(baseline.image, baseline.mask, facts, findings, settings)
    return _Side(findings, facts, picture)


def _of_follow_up(
    case: Case, baseline: BaselineCase, settings: QualitySettings, with_pictures: bool
) -> _Side:
    of = case.follow_up
    try:
        scan = read_follow_up(case)
    except CaseError as error:
        findings = refused(case, error)
        return _Side((*findings, *_place(findings, of.image, of.mask)))
    findings, facts = examine_follow_up(case, baseline, scan, settings)
    picture = None
    if with_pictures and facts is not None and scan.image is not None and scan.mask is not None:
        picture = _picture(scan.image, scan.mask, facts, findings, settings)
    return _Side(findings, facts, picture)


def _place(
    findings: Sequence[Finding], image: ImageSource | None, mask: MaskSource | None
) -> list[Finding]:
    """Return whether a mask that was refused for its grid lies in the image at all."""
    if all(not finding.code.endswith("geometry_mismatch") for finding in findings):
        return []
    return placement_findings(image, mask)


def _picture(
    image: sitk.Image,
    mask: sitk.Image,
    facts: ScanFacts,
    findings: Sequence[Finding],
    settings: QualitySettings,
) -> bytes:
    from tumor_response.imaging.thumbnail import thumbnail

    in_hu = settings.judges_hu(facts.acquisition.get("modality"))
    return thumbnail(image, mask, in_hu=in_hu and all(f.code != "not_hu" for f in findings))


_TIME_POINTS = ("baseline", "follow_up", "cohort")


def _left_out(cohort: Cohort) -> list[Located]:
    """Return who is in the source of the cohort and not in the cohort, and why."""
    located = []
    for patient_id, reason, message in cohort.left_out.itertuples(index=False):
        whose = f"patient {patient_id!r}: " if patient_id else ""
        finding = Finding(
            reason,
            "error" if patient_id else "warning",
            f"Left out of the cohort, {whose}{message}",
        )
        located.append(Located(patient_id, "", "cohort", finding))
    return located


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
