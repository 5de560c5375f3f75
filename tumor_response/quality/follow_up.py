"""Checks of a follow-up: by itself, and against its baseline. They stop an outcome, no feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk

from tumor_response.cohort import BaselineCase, Case
from tumor_response.cohort.case import named
from tumor_response.exceptions import CaseError
from tumor_response.imaging import Finding, adopt_grid, volume_cc, voxel_count
from tumor_response.quality.amounts import amount_findings
from tumor_response.quality.baseline import unreadable
from tumor_response.quality.contour import slice_thickness_mm
from tumor_response.quality.place import place, place_unjudged
from tumor_response.quality.scan import ScanFacts, check_scan, voxels_sha256
from tumor_response.quality.settings import QualitySettings

__all__ = [
    "FollowUpScan",
    "check_follow_up",
    "examine_follow_up",
    "read_follow_up",
    "refused",
]


@dataclass(frozen=True)
class FollowUpScan:
    """What there is of a follow-up: image and mask, or neither, and what reading them noticed."""

    image: sitk.Image | None = None
    mask: sitk.Image | None = None
    acquisition: Mapping[str, str | float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def check_follow_up(case: Case, settings: QualitySettings | None = None) -> tuple[Finding, ...]:
    """Check the scan that an outcome is to be taken from.

    Parameters
    ----------
    case
        With its baseline, which the follow-up is compared with; its voxels are read.
    settings
        The limits; default :class:`QualitySettings`.

    Returns
    -------
    tuple of Finding
        One of severity ``"error"`` means that the outcome is worth nothing. A follow-up that was
        declared missing has no findings.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.quality import check_follow_up
    >>> cohort = tr.simulate_cohort(1, seed=3, directory=tempfile.mkdtemp())
    >>> check_follow_up(next(iter(cohort)))
    ()
    """
    settings = settings or QualitySettings()
    try:
        scan = read_follow_up(case)
    except CaseError as error:
        return refused(case, error)
    return examine_follow_up(case, case.baseline, scan, settings)[0]


def refused(case: Case, error: CaseError) -> tuple[Finding, ...]:
    """Return the findings of a follow-up that :func:`read_follow_up` could not read.

    A structure that is there without a contour (``roi_empty``) is an empty contour: right where a
    complete response was declared, and to be declared where none was.
    """
    noticed = case.follow_up.findings
    if error.code != "roi_empty":
        return (*noticed, unreadable(error))
    gone = case.follow_up.status == "complete_response"
    return noticed if gone else (*noticed, _undeclared())


def read_follow_up(case: Case) -> FollowUpScan:
    """Read image and mask of a follow-up with what is noticed in it.

    Raises
    ------
    CaseError
        As the sources' readers, and ``follow_up_geometry_mismatch``.
    """
    of = case.follow_up
    if of.status in ("missing", "death", "surgery"):
        return FollowUpScan(findings=of.findings)
    image, grid, acquisition, noticed = None, None, {}, list(of.findings)
    with named(case.name):
        if of.image is not None:
            image, found = of.image.load()
            grid, acquisition = of.image.geometry(), dict(of.image.acquisition())
            noticed += found
        mask = None
        if of.mask is not None:
            mask, found = of.mask.load(grid)
            noticed += found
            if grid is not None:
                code = "follow_up_geometry_mismatch"
                mask = adopt_grid(mask, grid, "the follow-up mask", code=code)
    return FollowUpScan(image, mask, acquisition, tuple(dict.fromkeys(noticed)))


def examine_follow_up(
    case: Case, baseline: BaselineCase, scan: FollowUpScan, settings: QualitySettings
) -> tuple[tuple[Finding, ...], ScanFacts | None]:
    """Return the findings and what comparisons with others need.

    Parameters
    ----------
    case
        Days and status.
    baseline
        Of the same case; the comparison is left out if it cannot be read.
    scan
        From :func:`read_follow_up`.
    settings
        The limits.
    """
    found = [*scan.findings, *amount_findings(case, settings)]
    if scan.mask is None:
        return (*found, *_no_contour(scan)), None
    found += _declared(case, scan.mask)
    if voxel_count(scan.mask) == 0:
        return tuple(found), None
    if scan.image is None:
        found += place_unjudged(baseline, scan.mask, settings)
        facts = ScanFacts(None, voxels_sha256(scan.mask), slice_thickness_mm(scan.mask, {}))
    else:
        of_scan, facts = check_scan(scan.image, scan.mask, scan.acquisition, settings)
        found += of_scan
    try:
        image, mask = baseline.image, baseline.mask
        in_hu = all(
            settings.judges_hu(acquisition.get("modality"))
            for acquisition in (scan.acquisition, baseline.acquisition)
        )
    except CaseError:
        return tuple(found), facts  # told with the baseline
    copied = _copies(image, mask, scan)
    found += copied
    if scan.image is not None and in_hu and not copied:
        found += place(image, mask, scan.image, scan.mask, settings)
    return tuple(found), facts


def _no_contour(scan: FollowUpScan) -> list[Finding]:
    if scan.image is None or scan.findings:  # no follow-up, or it was said why
        return []
    return [
        Finding(
            "follow_up_missing",
            "info",
            "There is a follow-up image, but no contour on it: the lesion has no outcome.",
            remedy="Contour it, or say why not: follow_up_status = missing, death or surgery.",
        )
    ]


def _declared(case: Case, mask: sitk.Image) -> list[Finding]:
    """Return what contradicts the declared status."""
    empty = voxel_count(mask) == 0
    gone = case.follow_up.status == "complete_response"
    if empty and not gone:
        return [_undeclared()]
    if gone and not empty:
        return [
            Finding(
                "complete_response_not_empty",
                "error",
                "A complete response was declared, but the follow-up contour has "
                f"{volume_cc(mask):.2g} cm³.",
                measured=f"{volume_cc(mask):.2g} cm³",
                limit="0 cm³",
                remedy="Correct follow_up_status, or take the contour away.",
            )
        ]
    return []


def _undeclared() -> Finding:
    return Finding(
        "follow_up_empty",
        "error",
        "The follow-up contour has no voxel, and no complete response was declared.",
        measured="0 voxels",
        remedy="If the tumour is gone, say so: follow_up_status = complete_response; if the "
        "contour was lost, draw it or set follow_up_status = missing.",
    )


def _copies(image: sitk.Image, mask: sitk.Image, scan: FollowUpScan) -> list[Finding]:
    """Return what of the follow-up is the baseline once more, voxel for voxel."""
    found = []
    if scan.image is not None and _same_voxels(image, scan.image):
        found.append(
            Finding(
                "follow_up_image_identical",
                "error",
                "The follow-up image equals the baseline's, voxel for voxel: it is the same scan.",
                measured="0 voxels differ",
                remedy="Give the later scan; two scans never have the same noise.",
            )
        )
    if scan.mask is not None and _same_voxels(mask, scan.mask):
        found.append(
            Finding(
                "follow_up_mask_identical",
                "error",
                "The follow-up contour equals the baseline's, voxel for voxel: it was copied and "
                "not redrawn, and its change of volume is 0 whatever the tumour did.",
                measured="0 voxels differ",
                remedy="Contour the tumour on the later scan.",
            )
        )
    return found


def _same_voxels(one: sitk.Image, other: sitk.Image) -> bool:
    return one.GetSize() == other.GetSize() and bool(
        np.array_equal(sitk.GetArrayViewFromImage(one), sitk.GetArrayViewFromImage(other))
    )
