"""Masks on another grid than their image: whether they lie in the image at all."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from tumor_response.exceptions import CaseError
from tumor_response.imaging import Finding, Geometry, ImageSource, MaskSource
from tumor_response.quality.coordinates import index_of, voxel_centres_mm

__all__ = ["placement_findings", "share_outside"]


def share_outside(mask: sitk.Image, grid: Geometry) -> float:
    """Return the share of a mask's voxels whose centres lie outside of an image, 0 to 1.

    Parameters
    ----------
    mask
        On any grid, not empty.
    grid
        Of the image.

    Examples
    --------
    >>> mask = sitk.Image(4, 4, 4, sitk.sitkUInt8) + 1
    >>> mask.SetOrigin((2.0, 0.0, 0.0))
    >>> share_outside(mask, Geometry.of(sitk.Image(4, 4, 4, sitk.sitkInt16)))
    0.5
    """
    index = index_of(voxel_centres_mm(mask), grid)
    within = ((index >= -0.5) & (index <= np.array(grid.size) - 0.5)).all(axis=1)
    return float(1.0 - within.mean())


def placement_findings(image: ImageSource | None, mask: MaskSource | None) -> list[Finding]:
    """Return ``mask_outside_image`` for a mask whose grid differs and that leaves the image.

    A mask whose grid merely differs can be resampled; one that lies elsewhere belongs to another
    image.

    Parameters
    ----------
    image, mask
        Of a case that was refused with ``geometry_mismatch``.
    """
    if image is None or mask is None:
        return []
    try:
        grid = image.geometry()
        drawn, _ = mask.load(None)
    except CaseError:  # told already
        return []
    if not sitk.GetArrayViewFromImage(drawn).any():
        return []
    percent = 100 * share_outside(drawn, grid)
    if percent == 0:
        return []
    return [
        Finding(
            "mask_outside_image",
            "error",
            f"{percent:.3g} % of the mask's voxels lie outside of the image.",
            measured=f"{percent:.3g} %",
            limit="0 %",
            remedy="The mask was drawn on another image, or lost its position in an export: find "
            "the image it belongs to. Resampling would give an empty or a cut mask.",
        )
    ]
