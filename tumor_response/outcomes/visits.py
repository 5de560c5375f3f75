"""Every scan of every lesion measured: the long table that slopes, RECIST and plots start from."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd
import SimpleITK as sitk

from tumor_response.cohort import BaselineCase, Case, Cohort
from tumor_response.cohort.case import FollowUp
from tumor_response.exceptions import CaseError, OutcomeError
from tumor_response.imaging import touches_border, volume_cc
from tumor_response.imaging.diameter import axial_diameters
from tumor_response.imaging.mesh import mesh_volume_cc
from tumor_response.imaging.partial_volume import partial_volume_cc
from tumor_response.outcomes.end_points import equivalent_diameter_mm
from tumor_response.outcomes.judged import judged, of_follow_up
from tumor_response.outcomes.time_points import first_fraction_day, read_time_points
from tumor_response.parallel import spread
from tumor_response.quality import QualitySettings
from tumor_response.quality.contour import slice_thickness_mm
from tumor_response.quality.follow_up import FollowUpScan, read_follow_up
from tumor_response.settings import checked_n_jobs

__all__ = ["MEASURES", "VISIT_COLUMNS", "measure_lesions"]

MEASURES = (
    "volume_cc",
    "volume_mesh_cc",
    "equivalent_diameter_mm",
    "longest_diameter_mm",
    "short_axis_mm",
)
"""What is measured of a contour alone; all are 0 where a complete response is declared."""

VISIT_COLUMNS = ("days", "treatment_days", *MEASURES, "slice_thickness_mm")
"""The numeric columns of :func:`measure_lesions` without ``partial_volume``."""

_TEXT = ("status", "reason", "findings")
_DECLARED = ("missing", "death", "surgery")
_DEFAULT_QUALITY = QualitySettings()

Row = dict[str, float | str]


@dataclasses.dataclass(frozen=True)
class _Rules:
    """How a visit is measured; see :func:`measure_lesions`."""

    partial_volume: bool
    truncated: str
    quality: QualitySettings | None


def measure_lesions(
    cohort: Cohort,
    time_points: str | Path | pd.DataFrame | None = None,
    *,
    partial_volume: bool = False,
    truncated: Literal["missing", "keep"] = "missing",
    quality: QualitySettings | None = _DEFAULT_QUALITY,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Measure every lesion at every scan.

    Parameters
    ----------
    cohort
        Gives the first scan (visit 0) and, where the manifest has a follow-up, the last.
    time_points
        The scans in between, or any further ones: a CSV file or a frame, one row per lesion and
        scan, with ``patient_id``, ``lesion_id`` (default ``"1"``), ``days`` from the baseline scan
        or ``date`` (YYYY-MM-DD; cohorts from DICOM have no dates to count from and need ``days``),
        ``mask`` or ``rtstruct`` and ``roi``; optional ``image``, ``mask_label`` (default: the
        baseline's), ``treatment_days`` from the first fraction, and ``status``: ``measured``,
        ``complete_response``, ``missing``, ``death``, ``surgery``, ``too_small``,
        ``not_evaluable``. Paths are relative to the file.
    partial_volume
        Whether to add ``volume_partial_cc``, the volume from contour and intensities
        (:func:`tumor_response.imaging.partial_volume.partial_volume_cc`); it needs the images.
    truncated, quality, n_jobs
        As in :func:`tumor_response.shrinkage`; each scan is checked as a follow-up is.

    Returns
    -------
    pandas.DataFrame
        Index (patient_id, lesion_id, visit), lesions in cohort order, visits from 0 (baseline) in
        the order of their days. Columns: ``days`` from the baseline scan; ``treatment_days`` from
        the first fraction (negative before it; NaN where the manifest does not tell it);
        ``volume_cc`` by voxel count; ``volume_mesh_cc``; ``equivalent_diameter_mm`` of the sphere
        of ``volume_cc``; ``longest_diameter_mm`` and ``short_axis_mm`` in the axial plane;
        ``slice_thickness_mm``; ``status``; and ``reason``: why values of this row are NaN, empty
        if none is; and ``findings``, what else the checks noticed of this scan, as in
        :func:`tumor_response.shrinkage`. A declared complete response measures 0.
        ``attrs["reasons"]`` maps keys to reasons. No row is ever left out.

    Raises
    ------
    ManifestError
        Listing all faults of ``time_points`` with their rows: unknown lesions
        (``visit_unknown_lesion``), two scans of a lesion on one day, also of baseline or follow-up
        (``visit_duplicate``), scans before the baseline (``visit_before_baseline``), neither days
        nor date (``visit_days_unknown``), both but different (``visit_days_contradict``), files
        that are not there and the like (``visit_faulty``).
    OutcomeError
        Code ``follow_up_empty``: contours without a voxel that were not declared as complete
        response, all of them named.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> folder = tempfile.mkdtemp()
    >>> cohort = tr.simulate_cohort(1, seed=1, directory=folder, time_points=3)
    >>> visits = tr.measure_lesions(cohort, f"{folder}/time_points.csv")
    >>> visits.loc[("P0001", "1"), "status"].tolist()
    ['measured', 'measured', 'measured']
    >>> bool(visits["volume_cc"].is_monotonic_decreasing)
    True
    """
    if truncated not in ("missing", "keep"):
        raise OutcomeError(f"truncated={truncated!r}: expected 'missing' or 'keep'.")
    rules = _Rules(partial_volume, truncated, quality)
    between = {} if time_points is None else read_time_points(time_points, cohort)
    lesions = [_ordered(case, between.get(case.key, [])) for case in cohort]
    work = partial(_measured, rules)
    measured = list(spread(work, lesions, checked_n_jobs(n_jobs), "Measuring lesions"))
    keys = [
        (*visits[0].key, number)
        for visits, rows in zip(lesions, measured, strict=True)
        for number in range(len(rows))
    ]
    rows = [row for of_lesion in measured for row in of_lesion]
    _refuse_undeclared(keys, rows)
    numeric = [*VISIT_COLUMNS, *(["volume_partial_cc"] if partial_volume else [])]
    index = pd.MultiIndex.from_tuples(keys, names=["patient_id", "lesion_id", "visit"])
    table = pd.DataFrame(rows, index=index, columns=[*numeric, *_TEXT])
    table["findings"] = table["findings"].fillna("")
    table = table.astype(dict.fromkeys(numeric, "float64") | dict.fromkeys(_TEXT, "str"))
    table.attrs["reasons"] = table.loc[table["reason"] != "", "reason"].to_dict()
    return table


def _ordered(case: Case, between: list[FollowUp]) -> list[Case]:
    """Return the lesion once per visit: first as it is, then with each scan as its follow-up."""
    last = case.follow_up
    said = last.mask or last.image or last.interval_days is not None or last.status != "measured"
    later = [*between, *([last] if said or not between else [])]
    # sorted keeps the order of equals, so that a follow-up without a date stays the last
    later = sorted(later, key=lambda scan: _days(scan, default=math.inf))
    return [case, *(dataclasses.replace(case, follow_up=scan) for scan in later)]


def _days(scan: FollowUp, default: float) -> float:
    return default if scan.interval_days is None else scan.interval_days


def _refuse_undeclared(keys: list[tuple[str, str, int]], rows: list[Row]) -> None:
    empty = [
        f"patient {patient!r} lesion {lesion!r} visit {visit} ({row.get('days', math.nan):g} days)"
        for (patient, lesion, visit), row in zip(keys, rows, strict=True)
        if row["reason"] == "follow_up_empty"
    ]
    if empty:
        raise OutcomeError(
            f"The contour has no voxel at {len(empty)} visit(s): {', '.join(empty[:20])}"
            f"{' ...' if len(empty) > 20 else ''}. If the tumour is gone, say so with status "
            "(follow_up_status in the manifest) = complete_response; if the contour was lost, draw "
            "it or set the status to missing.",
            code="follow_up_empty",
        )


def _measured(rules: _Rules, lesions: list[list[Case]]) -> list[list[Row]]:
    return [_lesion(visits, rules) for visits in lesions]


def _lesion(visits: list[Case], rules: _Rules) -> list[Row]:
    first, *later = visits
    baseline = first.baseline  # keeps its voxels for the comparison with every later scan
    return [_baseline(first, baseline, rules), *(_follow_up(v, baseline, rules) for v in later)]


def _baseline(case: Case, baseline: BaselineCase, rules: _Rules) -> Row:
    row: Row = {"days": 0.0}
    start = first_fraction_day(case)
    if start is not None:
        row["treatment_days"] = 0.0 - start
    try:
        mask, acquisition = baseline.mask, baseline.acquisition
    except CaseError as error:
        return row | {"status": "not_evaluable", "reason": f"baseline_{error.code}"}
    row["slice_thickness_mm"] = slice_thickness_mm(mask, acquisition)
    try:
        image = baseline.image if rules.partial_volume else None
    except CaseError as error:
        return row | _sizes(mask, None, rules, f"baseline_{error.code}")
    return row | _sizes(mask, image, rules, "")


def _follow_up(case: Case, baseline: BaselineCase, rules: _Rules) -> Row:
    of = case.follow_up
    row: Row = {}
    if of.interval_days is not None:
        row["days"] = of.interval_days
    if of.treatment_days is not None:
        row["treatment_days"] = of.treatment_days
    if of.status in _DECLARED:
        return row | {"status": of.status, "reason": f"follow_up_{of.status}"}
    if of.status == "not_evaluable" or (of.status == "too_small" and of.mask is None):
        return row | {"status": of.status, "reason": of.status}
    gone = of.status == "complete_response"
    try:
        scan = _scan(case, rules)
    except CaseError as error:
        # a structure that was found and has no contour is an empty one
        if error.code != "roi_empty":
            return row | {"status": "not_evaluable", "reason": of_follow_up(error.code)}
        return row | _empty(of.status)
    if scan.mask is None and not gone:
        return row | {"status": "missing", "reason": _no_contour(of)}
    if scan.mask is None:
        return row | _empty(of.status)
    row["slice_thickness_mm"] = slice_thickness_mm(scan.mask, scan.acquisition)
    if volume_cc(scan.mask) == 0:
        return row | _empty(of.status)
    if gone:
        return row | {"status": "not_evaluable", "reason": "complete_response_not_empty"}
    judgement = judged(case, baseline, scan, _of_any_day(rules.quality))
    row["findings"] = judgement.findings
    if judgement.reason:
        return row | {"status": "not_evaluable", "reason": judgement.reason}
    return row | _sizes(scan.mask, scan.image, rules, "", of.status)


def _scan(case: Case, rules: _Rules) -> FollowUpScan:
    """Read the visit; its image only where something is done with it."""
    if case.follow_up.mask is None:
        return FollowUpScan()
    if rules.quality is not None or rules.partial_volume:
        return read_follow_up(case)
    of = case.follow_up.image
    acquisition = {} if of is None else of.acquisition()
    return FollowUpScan(mask=case.read_follow_up_mask(), acquisition=acquisition)


def _of_any_day(quality: QualitySettings | None) -> QualitySettings | None:
    """Return the limits without a window of days: that is asked of the one follow-up."""
    return None if quality is None else quality.model_copy(update={"follow_up_days": None})


def _no_contour(of: FollowUp) -> str:
    errors = (f.code for f in of.findings if f.severity == "error")
    return next(errors, "follow_up_missing")


def _empty(status: str) -> Row:
    """Return the row of a contour without a voxel: gone, too small to draw, or undeclared."""
    if status == "complete_response":
        return dict.fromkeys((*MEASURES, "volume_partial_cc"), 0.0) | {
            "status": status,
            "reason": "",
        }
    reason = status if status == "too_small" else "follow_up_empty"
    return {"status": status, "reason": reason}


def _sizes(
    mask: sitk.Image,
    image: sitk.Image | None,
    rules: _Rules,
    image_reason: str,
    status: str = "measured",
) -> Row:
    if rules.truncated == "missing" and touches_border(mask):
        return {"status": "not_evaluable", "reason": "truncated"}
    volume = volume_cc(mask)
    row: Row = {
        "status": status,
        "reason": "",
        "volume_cc": volume,
        "equivalent_diameter_mm": equivalent_diameter_mm(volume),
    }
    try:
        row["volume_mesh_cc"] = mesh_volume_cc(mask)
        diameters = axial_diameters(mask)
        row["longest_diameter_mm"] = diameters.longest_mm
        row["short_axis_mm"] = diameters.short_axis_mm
    except CaseError as error:
        row["reason"] = error.code
    if not rules.partial_volume:
        return row
    if image is None:
        return row | {"reason": row["reason"] or image_reason or "image_missing"}
    try:
        row["volume_partial_cc"] = partial_volume_cc(image, mask).volume_cc
    except CaseError as error:
        row["reason"] = row["reason"] or error.code
    return row
