"""Faults that the voxel values tell: no Hounsfield units, values no tissue has, air, bone."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from tumor_response.imaging import Finding
from tumor_response.quality.region import Region
from tumor_response.quality.settings import QualitySettings

__all__ = ["intensity_findings"]


def intensity_findings(
    image: sitk.Image, region: Region, settings: QualitySettings
) -> list[Finding]:
    """Return what is odd about a CT's values in the tumour.

    Parameters
    ----------
    image
        The whole CT: one without a negative voxel holds no Hounsfield units.
    region
        The tumour.
    settings
        The limits.
    """
    found = _not_hu(image, region, settings)
    if found:  # counting bone in stored values would only repeat it in other words
        return found
    values = region.tumour
    low, high = settings.tissue_hu
    outside = _percent((values < low) | (values > high))
    air = _percent(values < settings.air_below_hu)
    bone = _percent(values > settings.bone_above_hu)
    if outside > settings.max_outside_tissue_percent:
        found.append(
            Finding(
                "hu_outside_tissue",
                "warning",
                f"{_shown(outside)} of the tumour's voxels lie outside of what tissue has "
                f"({low:g} to {high:g} HU): padding or metal.",
                measured=_shown(outside),
                limit=f"{settings.max_outside_tissue_percent:g} %",
                remedy="Exclude them from the features (ExclusionRule(hu_range=...)), or redraw.",
            )
        )
    if air > settings.max_air_percent:
        found.append(
            Finding(
                "air_in_mask",
                "warning",
                f"{_shown(air)} of the tumour's voxels are below {settings.air_below_hu:g} HU: air "
                "or lung.",
                measured=_shown(air),
                limit=f"{settings.max_air_percent:g} %",
                remedy="Look at the contour; exclude air from the features with "
                "ExclusionRule(hu_range=...).",
            )
        )
    if bone > settings.max_bone_percent:
        found.append(
            Finding(
                "bone_in_mask",
                "warning",
                f"{_shown(bone)} of the tumour's voxels are above {settings.bone_above_hu:g} HU: "
                "bone, metal or contrast agent.",
                measured=_shown(bone),
                limit=f"{settings.max_bone_percent:g} %",
                remedy="Look at the contour; exclude bone from the features with "
                "ExclusionRule(hu_range=...).",
            )
        )
    return found


def _not_hu(image: sitk.Image, region: Region, settings: QualitySettings) -> list[Finding]:
    low, high = settings.median_hu
    median = float(np.median(region.tumour))
    lowest = float(sitk.GetArrayViewFromImage(image).min())
    if lowest >= 0:
        message = (
            f"No voxel of the image is below 0 (the lowest is {lowest:g}), so these are no "
            "Hounsfield units: air and fat are negative."
        )
        measured, limit = f"lowest {lowest:g}", "below 0 HU"
    elif not low <= median <= high:
        message = (
            f"Half of the tumour lies {'below' if median < low else 'above'} {median:g} HU: the "
            "values are no Hounsfield units, or the contour does not lie on tissue."
        )
        measured, limit = f"median {median:g} HU", f"{low:g} to {high:g} HU"
    else:
        return []
    return [
        Finding(
            "not_hu",
            "error",
            message,
            measured=measured,
            limit=limit,
            remedy="Export with rescale slope and intercept applied; for PET or MR say "
            "QualitySettings(intensities='other').",
        )
    ]


def _percent(hits: np.ndarray) -> float:
    return 100.0 * float(hits.mean())


def _shown(percent: float) -> str:
    return f"{percent:.3g} %"
