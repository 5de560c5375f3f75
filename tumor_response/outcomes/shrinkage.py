"""How much each lesion shrank between baseline and follow-up, and why some have no answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import pandas as pd
import SimpleITK as sitk

from tumor_response.cohort import BaselineCase, Case, Cohort, FollowUp
from tumor_response.exceptions import CaseError, OutcomeError
from tumor_response.imaging import touches_border, volume_cc, voxel_count
from tumor_response.imaging.mesh import mesh_volume_cc
from tumor_response.imaging.partial_volume import partial_volume_cc
from tumor_response.outcomes.end_points import (
    SHRANK_SIGN,
    Days,
    amounts_between,
    began_before_baseline,
    changes,
    equivalent_diameter_mm,
)
from tumor_response.outcomes.judged import judged, of_follow_up
from tumor_response.parallel import spread
from tumor_response.quality import QualitySettings
from tumor_response.quality.follow_up import FollowUpScan, read_follow_up
from tumor_response.settings import checked_n_jobs

__all__ = ["OUTCOME_COLUMNS", "shrinkage"]

OUTCOME_COLUMNS = (
    "volume_baseline_cc",
    "volume_follow_up_cc",
    "interval_days",
    "treatment_days",
    "fractions",
    "dose_gy",
    "equivalent_diameter_baseline_mm",
    "equivalent_diameter_follow_up_mm",
    *SHRANK_SIGN,
)
"""The numeric columns of :func:`shrinkage`."""

Volume = Literal["voxels", "mesh", "partial_volume"]
Row = dict[str, float | str]

_DEFAULT_QUALITY = QualitySettings()
_TEXT = ("dose_source", "reason", "findings")


@dataclass(frozen=True)
class Rules:
    """How :func:`shrinkage` was asked to measure."""

    per: Days
    volume: Volume
    truncated: Literal["missing", "keep"]
    quality: QualitySettings | None


def shrinkage(
    cohort: Cohort,
    *,
    per: Days = "interval_days",
    volume: Volume = "voxels",
    truncated: Literal["missing", "keep"] = "missing",
    quality: QualitySettings | None = _DEFAULT_QUALITY,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Compute every lesion's volume change between baseline and follow-up.

    Parameters
    ----------
    cohort
        Cases with a follow-up mask, or a declared ``follow_up_status``.
    per
        The days that rates are per: ``"interval_days"`` (CT to CT) or ``"treatment_days"`` (first
        fraction, ``rt_start_date``, to follow-up CT). Kept in ``attrs["days"]``.
    volume
        How volumes are measured (docs/guide/volumes.md): ``"voxels"``, by count; ``"mesh"``, inside
        the surface through the contour's edge voxels; ``"partial_volume"``, with edge voxels
        counting by their intensity, which needs both images. Kept in ``attrs["volume"]``.
    truncated
        A mask that touches the image's border may go on outside, so that its volume is a lower
        bound. ``"missing"`` makes such an outcome NaN with reason ``truncated``; ``"keep"``
        computes it, for images that were cropped tightly on purpose.
    quality
        Limits of the checks that every follow-up goes through (:func:`tumor_response.check`); a
        finding of severity ``"error"`` makes the outcome NaN with its code as the reason, any
        other is named in ``findings``. ``None``: no checks.
    n_jobs
        Processes, as in joblib; the result is the same for any number.

    Returns
    -------
    pandas.DataFrame
        Index (patient_id, lesion_id) in cohort order, one row per lesion, float64 columns
        ``volume_baseline_cc``, ``volume_follow_up_cc`` (V0 and V1), ``interval_days``,
        ``treatment_days``, ``fractions`` and ``dose_gy`` (delivered by the follow-up),
        ``equivalent_diameter_baseline_mm`` and ``equivalent_diameter_follow_up_mm`` (of spheres of
        V0 and V1), ``volume_change_cc`` (V1 - V0), ``volume_change_percent`` (100 (V1 - V0) / V0),
        ``log_volume_ratio`` (ln V1 / V0), ``shrinkage_percent`` (-volume_change_percent);
        ``sgr_per_day`` (the log ratio per day: specific growth rate), ``rate_percent_per_day``
        (the shrinkage per day), ``rate_cc_per_day`` ((V0 - V1) per day), and the same
        ``..._per_fraction`` and ``..._per_gy``, NaN where fractions or dose are not known, or
        include some from before the baseline scan (reason ``baseline_after_rt_start``). Text:
        ``dose_source`` (``"manifest"``; ``"plan"``, where the manifest has the fractions and the
        plan the dose of one; or empty), ``reason``: why the end points of this row are NaN, empty
        if none is; and ``findings``: codes of what the checks noticed of the follow-up and did not
        stop, with spaces between them. ``follow_up_not_aligned``, ``follow_up_apart`` and
        ``follow_up_place_unknown`` among them mean that nobody can tell whether the row compares
        one tumour with itself. With ``quality=None`` it is empty because nothing was looked for.
        ``attrs["days"]`` names the denominator, ``attrs["reasons"]`` maps keys to reasons.

    Raises
    ------
    OutcomeError
        Code ``follow_up_empty``: follow-up masks without a voxel that were not declared as
        complete response, all of them named. An empty mask is a cure or a lost contour, and only
        the person who made the manifest knows which.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=3, seed=1, directory=tempfile.mkdtemp())
    >>> outcomes = tr.shrinkage(cohort)
    >>> bool((outcomes["shrinkage_percent"] == -outcomes["volume_change_percent"]).all())
    True
    """
    if per not in ("interval_days", "treatment_days"):
        raise OutcomeError(f"per={per!r}: expected 'interval_days' or 'treatment_days'.")
    if volume not in get_args(Volume):
        raise OutcomeError(f"volume={volume!r}: expected one of {', '.join(get_args(Volume))}.")
    if truncated not in ("missing", "keep"):
        raise OutcomeError(f"truncated={truncated!r}: expected 'missing' or 'keep'.")
    work = partial(_measured, Rules(per, volume, truncated, quality))
    rows = list(
        spread(work, list(cohort), checked_n_jobs(n_jobs), "Measuring volumes", parts_per_worker=32)
    )
    undeclared = [
        case.name
        for case, row in zip(cohort, rows, strict=True)
        if row["reason"] == "follow_up_empty"
    ]
    if undeclared:
        raise OutcomeError(
            f"The follow-up mask has no voxel for {len(undeclared)} lesion(s): "
            f"{', '.join(undeclared[:20])}{' ...' if len(undeclared) > 20 else ''}. If the tumour "
            "is gone, say so with follow_up_status = complete_response in the manifest; if the "
            "contour was lost, contour it or set follow_up_status = missing.",
            code="follow_up_empty",
        )
    table = pd.DataFrame(rows, index=cohort.keys, columns=[*OUTCOME_COLUMNS, *_TEXT])
    table = table.astype(dict.fromkeys(OUTCOME_COLUMNS, "float64") | dict.fromkeys(_TEXT, "str"))
    table.attrs["days"] = per
    table.attrs["volume"] = volume
    missing = table["reason"] != ""
    table.attrs["reasons"] = table.loc[missing, "reason"].to_dict()
    return table


def _measured(rules: Rules, cases: list[Case]) -> list[Row]:
    return [_measure(case, rules) for case in cases]


def _measure(case: Case, rules: Rules) -> Row:
    """Return one lesion's row; whatever cannot be known is absent and ``reason`` says why."""
    row = _amounts(case)
    baseline = case.baseline
    try:
        v0 = _volume(rules.volume, baseline.mask, baseline)
        cut_off = touches_border(baseline.mask)
    except CaseError as error:
        return row | {"reason": f"baseline_{error.code}"}
    row |= {
        "volume_baseline_cc": v0,
        "equivalent_diameter_baseline_mm": equivalent_diameter_mm(v0),
    }
    if case.follow_up.status in ("missing", "death", "surgery"):
        return row | {"reason": f"follow_up_{case.follow_up.status}"}
    gone = case.follow_up.status == "complete_response"
    try:
        scan = _scan(case, rules)
        mask = scan.mask
        if mask is None and not gone:
            return row | {"reason": _no_contour(case)}
        v1 = 0.0
        if mask is not None and voxel_count(mask) > 0:
            v1 = _volume(rules.volume, mask, scan)
            cut_off = cut_off or touches_border(mask)
    except CaseError as error:
        # a structure that was found and has no contour is an empty one
        if error.code != "roi_empty":
            return row | {"reason": of_follow_up(error.code)}
        scan, v1 = FollowUpScan(), 0.0
    if v1 == 0 and not gone:
        return row | {"reason": "follow_up_empty"}
    row |= {
        "volume_follow_up_cc": v1,
        "equivalent_diameter_follow_up_mm": equivalent_diameter_mm(v1),
    }
    if v1 > 0:
        if gone:
            return row | {"reason": "complete_response_not_empty"}
        judgement = judged(case, baseline, scan, rules.quality)
        row["findings"] = judgement.findings
        if judgement.reason:
            return row | {"reason": judgement.reason}
    if cut_off and rules.truncated == "missing":
        return row | {"reason": "truncated"}
    return row | _changes(v0, v1, row, rules.per)


def _amounts(case: Case) -> Row:
    """Return days, fractions and dose as far as they are known."""
    of = case.follow_up
    known = {
        "interval_days": of.interval_days,
        "treatment_days": of.treatment_days,
        "fractions": of.fractions,
    }
    row: Row = {name: value for name, value in known.items() if value is not None}
    dose_gy, source = _dose_gy(case, of)
    if dose_gy is not None:
        row["dose_gy"] = dose_gy
    return row | {"dose_source": source, "reason": "", "findings": ""}


def _dose_gy(case: Case, of: FollowUp) -> tuple[float | None, str]:
    """Return the dose delivered by the follow-up, and who says so."""
    if of.dose_gy is not None:
        return of.dose_gy, "manifest"
    of_one = case.variables.get("planned_fraction_dose_gy")
    if of.fractions is not None and isinstance(of_one, float):
        return of.fractions * of_one, "plan"
    return None, ""


def _volume(method: Volume, mask: sitk.Image, scan: BaselineCase | FollowUpScan) -> float:
    """Return the volume of a mask that is not empty.

    Raises
    ------
    CaseError
        Code ``image_missing`` if the method needs an image and there is none; else as its reader.
    """
    if method == "voxels":
        return volume_cc(mask)
    if method == "mesh":
        return mesh_volume_cc(mask)
    image = scan.image
    if image is None:
        raise CaseError(
            "volume='partial_volume' needs the image beside the contour, and there is none.",
            code="image_missing",
        )
    return partial_volume_cc(image, mask).volume_cc


def _scan(case: Case, rules: Rules) -> FollowUpScan:
    """Read the follow-up: its contour alone where nothing needs the image."""
    if rules.quality is not None or rules.volume == "partial_volume":
        return read_follow_up(case)
    if case.follow_up.mask is None:
        return FollowUpScan()
    return FollowUpScan(mask=case.read_follow_up_mask())


def _no_contour(case: Case) -> str:
    """Return why there is nothing to measure: what stopped the search for it, or nothing known."""
    errors = (f.code for f in case.follow_up.findings if f.severity == "error")
    return next(errors, "follow_up_missing")


def _changes(v0: float, v1: float, row: Row, per: Days) -> Row:
    """Return the end points, and as the reason what kept some of them from having a value."""
    amounts = amounts_between(row, per)
    found: Row = dict(changes(v0, v1, amounts))
    days = row.get(per)
    if not isinstance(days, float):
        return found | {"reason": f"{per}_unknown"}
    if days <= 0:
        return found | {"reason": f"{per}_zero" if days == 0 else f"{per}_negative"}
    counted_from_rt = per == "treatment_days" or "fractions" in row or "dose_gy" in row
    if counted_from_rt and began_before_baseline(row):
        return found | {"reason": "baseline_after_rt_start"}
    return found | {"reason": "complete_response" if v1 == 0 else ""}
