"""What a mask says by counting: volume, bounding box, whether it is cut off by the image."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from tumor_response.exceptions import CaseError

__all__ = ["bounding_box", "touches_border", "tumour_box", "volume_cc", "voxel_count"]


def voxel_count(mask: sitk.Image) -> int:
    """Return the number of non-zero voxels."""
    return int(np.count_nonzero(sitk.GetArrayViewFromImage(mask)))


def volume_cc(mask: sitk.Image) -> float:
    """Return the volume of the non-zero voxels in cubic centimetres, by voxel count.

    IBSI "volume (voxel counting)", code YEKZ.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.imaging import volume_cc
    >>> mask = sitk.Image(10, 10, 10, sitk.sitkUInt8) + 1
    >>> mask.SetSpacing((1.0, 1.0, 2.0))
    >>> volume_cc(mask)
    2.0
    """
    return voxel_count(mask) * float(np.prod(mask.GetSpacing())) / 1000.0


def bounding_box(mask: sitk.Image) -> tuple[tuple[int, int], ...] | None:
    """Return ``(first, last)`` non-zero index along x, y and z, or ``None`` for an empty mask."""
    array = sitk.GetArrayViewFromImage(mask)
    box = []
    for axis in (2, 1, 0):
        others = tuple(a for a in (0, 1, 2) if a != axis)
        hits = np.flatnonzero(array.any(axis=others))
        if hits.size == 0:
            return None
        box.append((int(hits[0]), int(hits[-1])))
    return tuple(box)


def tumour_box(mask: sitk.Image) -> tuple[tuple[int, ...], ...]:
    """Return ``(first, last)`` index of the tumour along x, y and z.

    Raises
    ------
    CaseError
        For an empty mask; code ``mask_empty``.
    """
    box = bounding_box(mask)
    if box is None:
        raise CaseError("the mask has no voxel.", code="mask_empty")
    return box


def touches_border(mask: sitk.Image) -> bool:
    """Return whether a non-zero voxel lies on a face of the image.

    Such a tumour may go on outside: its volume is then a lower bound.
    """
    box = bounding_box(mask)
    if box is None:
        return False
    return any(
        first == 0 or last == n - 1 for (first, last), n in zip(box, mask.GetSize(), strict=True)
    )
