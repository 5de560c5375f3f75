"""The part of two scans that is registered: an isotropic grid around the tumour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from tumor_response.imaging.volume import bounding_box

__all__ = ["Region", "correlation", "region_around"]

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Region:
    """An isotropic grid around a tumour, along the axes of the baseline.

    Parameters
    ----------
    grid
        An image of the grid; its voxels mean nothing.
    tumour
        On the grid, (z, y, x).
    inside
        What of the grid lies in the baseline image.
    """

    grid: sitk.Image
    tumour: BoolArray
    inside: BoolArray

    @property
    def spacing_mm(self) -> float:
        """Distance of the grid's points."""
        return float(self.grid.GetSpacing()[0])

    @property
    def centre_mm(self) -> tuple[float, float, float]:
        """Centre of the tumour's voxels, LPS."""
        at = np.argwhere(self.tumour).mean(axis=0)[::-1]
        x, y, z = self.grid.TransformContinuousIndexToPhysicalPoint(at.tolist())
        return x, y, z

    def surroundings(self, keep_out_mm: float) -> BoolArray:
        """Return what lies in the baseline image and not in the tumour or its rim."""
        if not self.tumour.any():
            return self.inside
        away = ndimage.distance_transform_edt(~self.tumour, sampling=self.spacing_mm)
        return np.asarray(self.inside & (away > keep_out_mm))

    def sample(
        self, image: sitk.Image, window_hu: tuple[float, float], transform: sitk.Transform
    ) -> sitk.Image:
        """Return an image clipped to a window, at the transformed points of the grid (float32)."""
        low, high = window_hu
        clipped = sitk.Clamp(sitk.Cast(image, sitk.sitkFloat32), lowerBound=low, upperBound=high)
        return sitk.Resample(clipped, self.grid, transform, sitk.sitkLinear, low)

    def covered(self, image: sitk.Image, transform: sitk.Transform) -> BoolArray:
        """Return which points of the grid, transformed, lie in an image."""
        ones = sitk.Image(image.GetSize(), sitk.sitkUInt8) + 1
        ones.CopyInformation(image)
        found = sitk.Resample(ones, self.grid, transform, sitk.sitkNearestNeighbor, 0)
        return np.asarray(sitk.GetArrayFromImage(found) > 0)

    def image(self, array: npt.NDArray[np.generic]) -> sitk.Image:
        """Return an array (z, y, x) as an image on the grid."""
        made = sitk.GetImageFromArray(array)
        made.CopyInformation(self.grid)
        return made


def region_around(mask: sitk.Image, margin_mm: float, spacing_mm: float) -> Region:
    """Return the grid that reaches ``margin_mm`` beyond a mask's box.

    Parameters
    ----------
    mask
        Baseline mask; not empty.
    margin_mm, spacing_mm
        As in :class:`RegistrationSettings`.

    Examples
    --------
    >>> mask = sitk.Image(40, 40, 40, sitk.sitkUInt8); mask[18:22, 18:22, 18:22] = 1
    >>> region_around(mask, 8.0, 2.0).tumour.shape
    (10, 10, 10)
    """
    box = bounding_box(mask)
    if box is None:
        raise ValueError("The mask is empty; there is nothing to lay a region around.")
    step = np.array(mask.GetSpacing())
    first, last = np.array(box).T
    low = (first - 0.5) * step - margin_mm
    size = np.ceil(((last + 0.5) * step + margin_mm - low) / spacing_mm).astype(int)
    start = (low + spacing_mm / 2) / step
    grid = sitk.Image(size.tolist(), sitk.sitkUInt8)
    grid.SetSpacing([spacing_mm] * 3)
    grid.SetDirection(mask.GetDirection())
    grid.SetOrigin(mask.TransformContinuousIndexToPhysicalPoint(start.tolist()))
    # the share of tumour in a voxel, not its value in the centre: slices may be thicker
    share = sitk.Resample(
        sitk.Cast(mask, sitk.sitkFloat32), grid, sitk.Transform(), sitk.sitkLinear, 0.0
    )
    region = Region(grid, sitk.GetArrayFromImage(share) >= 0.5, np.ones(0, dtype=bool))
    return Region(grid, region.tumour, region.covered(mask, sitk.Transform()))


def correlation(one: sitk.Image, other: sitk.Image, where: BoolArray) -> float:
    """Return the correlation of two images on one grid over some of its voxels; NaN if constant."""
    a = sitk.GetArrayViewFromImage(one)[where].astype(np.float64)
    b = sitk.GetArrayViewFromImage(other)[where].astype(np.float64)
    if a.size < 2 or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
