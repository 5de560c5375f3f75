"""Faults of the contour itself: pieces, holes, size, truncation, slices too thick."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from tumor_response.imaging import Finding, touches_border, volume_cc
from tumor_response.imaging.geometry import slice_axis
from tumor_response.quality.region import Region
from tumor_response.quality.settings import QualitySettings

__all__ = ["contour_findings", "slice_thickness_mm", "volume_findings"]

PADDING_BELOW_HU = -1100.0
"""Values that no scanner gives to air; they fill what lies outside of the field of view."""
_WITHIN_SLICES = ndimage.generate_binary_structure(3, 1) * np.array([0, 1, 0])[:, None, None]
"""Voxels of one slice that share an edge are neighbours."""


def contour_findings(
    image: sitk.Image,
    mask: sitk.Image,
    region: Region,
    acquisition: Mapping[str, str | float],
    settings: QualitySettings,
) -> list[Finding]:
    """Return what is odd about the contour's shape and place, whatever the intensities are."""
    return [
        *_components(region, settings),
        *_holes(region, settings),
        *_truncation(mask, region),
        *_thickness(image, acquisition, settings),
    ]


def volume_findings(mask: sitk.Image, settings: QualitySettings) -> list[Finding]:
    """Return ``volume_small`` for a tumour below the limit.

    For baselines alone: what is left of a tumour may be as small as it is.
    """
    volume = volume_cc(mask)
    if volume >= settings.min_volume_cc:
        return []
    return [
        Finding(
            "volume_small",
            "warning",
            f"The tumour has {volume:.3g} cm³. The contour's error is a large part of it, and few "
            "voxels carry its texture.",
            measured=f"{volume:.3g} cm³",
            limit=f"{settings.min_volume_cc:g} cm³",
            remedy="Leave small lesions out by a rule fixed beforehand, or set min_volume_cc.",
        )
    ]


def slice_thickness_mm(image: sitk.Image, acquisition: Mapping[str, str | float]) -> float:
    """Return the distance of slices, or their nominal thickness where that is larger (mm)."""
    spacing = float(image.GetSpacing()[slice_axis(image)])
    nominal = acquisition.get("slice_thickness_mm")
    return max(spacing, nominal) if isinstance(nominal, float | int) else spacing


def _components(region: Region, settings: QualitySettings) -> list[Finding]:
    labels, count = ndimage.label(region.mask, np.ones((3, 3, 3)))
    if count <= settings.max_components:
        return []
    sizes = np.bincount(labels.ravel())[1:]
    rest = 100.0 * (1.0 - sizes.max() / sizes.sum())
    return [
        Finding(
            "mask_components",
            "warning",
            f"The contour has {count} separate parts; all but the largest make up {rest:.2g} % of "
            "its volume.",
            measured=f"{count} parts",
            limit=str(settings.max_components),
            remedy="Give each lesion its own row, remove stray contours, or set max_components.",
        )
    ]


def _holes(region: Region, settings: QualitySettings) -> list[Finding]:
    # what is not tumour, slice by slice; a frame of it all around each slice is one piece
    framed = np.pad(~region.mask, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    labels, _ = ndimage.label(framed, _WITHIN_SLICES)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    sizes[np.unique(labels[:, 0, 0])] = 0
    largest, total = int(sizes.max()), int(sizes.sum())
    if largest <= settings.max_hole_voxels:
        return []
    return [
        Finding(
            "mask_holes",
            "warning",
            f"The contour has holes: {total} voxels in all, the largest in a slice has {largest}. "
            "They are missing from volume and features.",
            measured=f"{largest} voxels",
            limit=f"{settings.max_hole_voxels} voxels",
            remedy="Fill them, unless they were drawn on purpose; keyhole contours that were "
            "exported as separate ones look like this.",
        )
    ]


def _truncation(mask: sitk.Image, region: Region) -> list[Finding]:
    where = ""
    if touches_border(mask):
        where = "the border of the image"
    elif _beside_padding(region):
        where = "the padding around the scanner's field of view"
    if not where:
        return []
    return [
        Finding(
            "mask_touches_border",
            "warning",
            f"The tumour reaches {where} and may go on beyond it: volume and shape are lower "
            "bounds.",
            remedy="Use an image that holds the whole tumour.",
        )
    ]


def _beside_padding(region: Region) -> bool:
    padding = region.values < PADDING_BELOW_HU
    return bool(padding.any() and (ndimage.binary_dilation(region.mask) & padding).any())


def _thickness(
    image: sitk.Image, acquisition: Mapping[str, str | float], settings: QualitySettings
) -> list[Finding]:
    thickness = slice_thickness_mm(image, acquisition)
    if thickness <= settings.max_slice_thickness_mm * 1.001:  # headers are rounded
        return []
    return [
        Finding(
            "slice_thickness",
            "warning",
            f"The slices are {thickness:.3g} mm thick: volume and texture are coarse along the "
            "patient.",
            measured=f"{thickness:.3g} mm",
            limit=f"{settings.max_slice_thickness_mm:g} mm",
            remedy="Use a reconstruction with thinner slices, or set max_slice_thickness_mm.",
        )
    ]
