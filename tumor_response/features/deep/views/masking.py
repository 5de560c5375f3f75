"""Which voxels count as tumour where a view is masked."""

from __future__ import annotations

import math

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from tumor_response.imaging import bounding_box

__all__ = ["widened"]


def widened(mask: sitk.Image, rim_mm: float) -> sitk.Image:
    """Return a mask with the voxels whose centre is within ``rim_mm`` of a tumour voxel's centre.

    Examples
    --------
    >>> mask = sitk.Image(9, 9, 9, sitk.sitkUInt8); mask[4, 4, 4] = 1
    >>> mask.SetSpacing((1.0, 1.0, 3.0))
    >>> int(sitk.GetArrayFromImage(widened(mask, 1.0)).sum())
    5
    """
    box = bounding_box(mask)
    if rim_mm == 0 or box is None:
        return mask
    spacing = mask.GetSpacing()
    reach = [math.ceil(rim_mm / s) for s in spacing]
    part = tuple(
        slice(max(first - r, 0), last + r + 1) for (first, last), r in zip(box, reach, strict=True)
    )[::-1]  # arrays run along z, y, x
    voxels = (sitk.GetArrayFromImage(mask) != 0).astype(np.uint8)
    distance_mm = ndimage.distance_transform_edt(voxels[part] == 0, sampling=spacing[::-1])
    voxels[part] = distance_mm <= rim_mm + 1e-9
    wide = sitk.GetImageFromArray(voxels)
    wide.CopyInformation(mask)
    return wide
