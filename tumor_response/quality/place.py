"""Whether baseline and follow-up contour can be one tumour, by where they lie in the body."""

from __future__ import annotations

import contextlib

import SimpleITK as sitk

from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import CaseError
from tumor_response.imaging import Finding, Geometry
from tumor_response.quality.alignment import align, gap_mm, overlap
from tumor_response.quality.settings import QualitySettings

__all__ = ["place", "place_unjudged"]


def place(
    image: sitk.Image,
    mask: sitk.Image,
    follow_up_image: sitk.Image,
    follow_up_mask: sitk.Image,
    settings: QualitySettings,
) -> list[Finding]:
    """Return whether both contours can be the same tumour, by where they lie in the body."""
    alignment = align(image, follow_up_image)
    if alignment.correlation < settings.min_correlation:
        as_stored = gap_mm(mask, follow_up_mask, (0.0, 0.0, 0.0))
        return [_not_aligned(alignment.correlation, as_stored, settings)]
    percent = 100 * overlap(mask, follow_up_mask, alignment.translation_mm)
    if percent >= settings.min_overlap_percent:
        return []
    return [_apart(percent, gap_mm(mask, follow_up_mask, alignment.translation_mm), settings)]


def place_unjudged(
    baseline: BaselineCase, mask: sitk.Image, settings: QualitySettings
) -> list[Finding]:
    """Return what can be said of a contour without its image: little, unless the grids are one."""
    with contextlib.suppress(CaseError):  # told with the baseline
        if not baseline.geometry.differences(Geometry.of(mask)):
            nowhere = (0.0, 0.0, 0.0)
            percent = 100 * overlap(baseline.mask, mask, nowhere)
            if percent >= settings.min_overlap_percent:
                return []
            return [_apart(percent, gap_mm(baseline.mask, mask, nowhere), settings)]
    return [
        Finding(
            "follow_up_place_unknown",
            "info",
            "The follow-up has a contour and no image, so that nobody can tell whether it is the "
            "same lesion of the same patient.",
            remedy="Give follow_up_image.",
        )
    ]


def _not_aligned(correlation: float, gap: float, settings: QualitySettings) -> Finding:
    """Return that the images do not match; coordinates are then all that can place a contour."""
    unplaced = gap > settings.max_gap_mm
    where = (
        f"In the coordinates as stored the contours are {gap:.0f} mm apart, so that nothing says "
        "that they are of the same tumour."
        if unplaced
        else "Whether the contours overlap was not judged."
    )
    return Finding(
        "follow_up_not_aligned",
        settings.unplaced if unplaced else "warning",
        "The follow-up image could not be brought onto the baseline (correlation "
        f"{correlation:.2f}): another part of the body, another posture or another patient. "
        f"{where}",
        measured=f"{correlation:.2f}" + (f", {gap:.0f} mm apart" if unplaced else ""),
        limit=f"{settings.min_correlation:g}"
        + (f", {settings.max_gap_mm:g} mm" if unplaced else ""),
        remedy="Look at both scans."
        + (
            " If they are the same patient's, QualitySettings(unplaced='warning') keeps the "
            "outcome."
            if unplaced
            else ""
        ),
    )


def _apart(percent: float, gap: float, settings: QualitySettings) -> Finding:
    far = gap > settings.max_gap_mm
    return Finding(
        "follow_up_apart",
        "error" if far else "warning",
        f"After alignment {percent:.2g} % of the smaller contour lies in the other"
        + (f"; between them are {gap:.0f} mm." if percent == 0 else "."),
        measured=f"{gap:.0f} mm apart" if far else f"{percent:.2g} % overlap",
        limit=(f"{settings.max_gap_mm:g} mm" if far else f"{settings.min_overlap_percent:g} %"),
        remedy="Check that both contours are of the same lesion and the same patient.",
    )
