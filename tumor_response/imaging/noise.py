"""How noisy a CT is around a tumour, in HU."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from tumor_response.imaging.geometry import slice_axis
from tumor_response.imaging.volume import tumour_box

__all__ = ["neighbour_difference_hu", "soft_tissue_noise_hu"]

SOFT_TISSUE_HU = (-200.0, 300.0)

MIN_VOXELS = 50
"""Of soft tissue in a slice, to measure noise on."""

NEIGHBOURHOOD_MM = 30.0
"""Around the tumour's bounding box, in the plane of the slices."""

_TO_DEVIATION = 1.0 / (0.6745 * np.sqrt(2.0))
"""From the median absolute difference of two normal values to the deviation of one."""


def neighbour_difference_hu(values: np.ndarray) -> float:
    """Return the median difference of neighbouring soft-tissue voxels of a slice (HU).

    NaN with fewer than 50 pairs.

    Examples
    --------
    >>> neighbour_difference_hu(np.tile([10.0, 14.0], (10, 10)))
    4.0
    """
    low, high = SOFT_TISSUE_HU
    soft = (values > low) & (values < high)
    pairs = soft[:, 1:] & soft[:, :-1]
    if np.count_nonzero(pairs) < MIN_VOXELS:
        return float("nan")
    return float(np.median(np.abs(np.diff(values, axis=1))[pairs]))


def soft_tissue_noise_hu(image: sitk.Image, mask: sitk.Image) -> float:
    """Return the standard deviation of the noise in soft tissue in and around a tumour.

    The median absolute difference of neighbours in a row, -200 to 300 HU, in each of the tumour's
    slices, times 1.05, which makes it the standard deviation if neighbours were independent; the
    median over slices. The median does not mind edges of organs. A smooth kernel makes neighbours
    alike, so this is lower than the deviation of a large region there: it compares images, and is
    no dose measurement.

    Parameters
    ----------
    image
        CT in HU.
    mask
        The tumour, on the same grid, not empty.

    Returns
    -------
    float
        In HU; NaN without soft tissue.

    Raises
    ------
    CaseError
        For an empty mask; code ``mask_empty``.

    Examples
    --------
    >>> values = np.random.default_rng(0).normal(40, 12, size=(4, 60, 60))
    >>> mask = sitk.Image(60, 60, 4, sitk.sitkUInt8); mask[20:40, 20:40, :] = 1
    >>> 11 < soft_tissue_noise_hu(sitk.GetImageFromArray(values), mask) < 13
    True
    """
    axis, box, spacing = slice_axis(image), tumour_box(mask), image.GetSpacing()
    window = []
    for a in range(3):
        wide = 0 if a == axis else round(NEIGHBOURHOOD_MM / spacing[a])
        window.append(
            slice(max(0, box[a][0] - wide), min(image.GetSize()[a], box[a][1] + 1 + wide))
        )
    around = np.moveaxis(sitk.GetArrayFromImage(image[tuple(window)]), 2 - axis, 0)
    found = np.array([neighbour_difference_hu(one.astype(np.float32)) for one in around])
    found = found[np.isfinite(found)]
    return float(np.median(found) * _TO_DEVIATION) if found.size else float("nan")
