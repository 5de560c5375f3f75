"""The one resampling step: from a plane through the image to square pixels.

A pixel is the mean over a grid within it that is at least as fine as the image's own pixels, each
point of it interpolated linearly and put on the scale of black and white. Where pixels are smaller
than the image's that is linear interpolation; where they are larger it is the mean over the
pixel's area, so that what is finer than a pixel does not come back as a pattern that was never
there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.features.deep.views.augmentation import AugmentationDraw

__all__ = ["PlaneGrid", "area_mean"]

Array = npt.NDArray[np.float64]

_OUTSIDE = float(np.finfo(np.float32).min)
"""Marks what lies beyond the image's border while a plane is sampled; no intensity has it."""


@dataclass(frozen=True)
class PlaneGrid:
    """The points of one plane at which an image is asked.

    Parameters
    ----------
    middle_mm
        The view's middle in the patient, mm.
    right, down, across
        Unit vectors along columns, rows, and across the plane.
    side_mm
        Of the view.
    size_px, parts
        Pixels of a side, and points of a pixel along either side.
    """

    middle_mm: Array
    right: Array
    down: Array
    across: Array
    side_mm: float
    size_px: int
    parts: int

    @classmethod
    def fine_enough(
        cls,
        middle_mm: Array,
        directions: tuple[Array, Array, Array],
        side_mm: float,
        size_px: int,
        spacing_mm: float,
    ) -> Self:
        """Return a grid at least as fine as ``spacing_mm``."""
        parts = max(1, math.ceil(side_mm / size_px / spacing_mm - 1e-9))
        return cls(middle_mm, *directions, side_mm, size_px, parts)

    def moved(self, draw: AugmentationDraw) -> PlaneGrid:
        """Return the grid that sees the contents rotated about the middle, and then shifted."""
        angle = math.radians(draw.rotation_degrees)
        cos, sin = math.cos(angle), math.sin(angle)
        right = cos * self.right + sin * self.down
        down = -sin * self.right + cos * self.down
        middle = self.middle_mm - draw.shift_mm[0] * right - draw.shift_mm[1] * down
        return PlaneGrid(middle, right, down, self.across, self.side_mm, self.size_px, self.parts)

    def mirrored(self, draw: AugmentationDraw) -> PlaneGrid:
        """Return the grid of the pixels after their flips: a flipped view runs the other way."""
        right = -self.right if draw.flip_columns else self.right
        down = -self.down if draw.flip_rows else self.down
        return PlaneGrid(
            self.middle_mm, right, down, self.across, self.side_mm, self.size_px, self.parts
        )

    def pixels_mm(self) -> Array:
        """Return the middles of the view's pixels in the patient, mm.

        Returns
        -------
        numpy.ndarray
            Shape (size_px, size_px, 3): rows, columns, and x, y, z of the patient.
        """
        step = self.side_mm / self.size_px
        offsets = (np.arange(self.size_px) - (self.size_px - 1) / 2) * step
        rows = offsets[:, None, None] * self.down
        return np.asarray(self.middle_mm + rows + offsets[None, :, None] * self.right)

    def pixels_of(self, points_mm: Array) -> tuple[Array, Array]:
        """Return where points lie in the view: continuous (row, column), and mm across the plane.

        Parameters
        ----------
        points_mm
            Shape (n, 3).

        Returns
        -------
        tuple of numpy.ndarray
            Shapes (n, 2) and (n,). A pixel's middle has whole numbers.
        """
        offsets = points_mm - self.middle_mm
        middle, per_mm = (self.size_px - 1) / 2, self.size_px / self.side_mm
        place = np.stack([offsets @ self.down, offsets @ self.right], axis=-1) * per_mm + middle
        return np.asarray(place), np.asarray(offsets @ self.across)

    def beside(self, distance_mm: float) -> PlaneGrid:
        """Return the parallel grid at a distance along ``across``."""
        middle = self.middle_mm + distance_mm * self.across
        return PlaneGrid(
            middle, self.right, self.down, self.across, self.side_mm, self.size_px, self.parts
        )

    def intensities(self, image: sitk.Image) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Return interpolated intensities, and which points lie beyond the image's border.

        Returns
        -------
        tuple of numpy.ndarray
            Both of shape (size_px * parts, size_px * parts).
        """
        values = self._resampled(image, sitk.sitkLinear, _OUTSIDE, sitk.sitkFloat32)
        return values.astype(np.float64), values == np.float32(_OUTSIDE)

    def inside(self, mask: sitk.Image) -> npt.NDArray[np.bool_]:
        """Return which points' nearest voxel is in the mask; the shape of :meth:`intensities`."""
        return np.asarray(self.nearest(mask) != 0)

    def nearest(self, image: sitk.Image) -> npt.NDArray[np.generic]:
        """Return each point's nearest voxel, 0 beyond the border; as :meth:`intensities`."""
        return self._resampled(image, sitk.sitkNearestNeighbor, 0.0, image.GetPixelID())

    def holds(self, points_mm: Array) -> npt.NDArray[np.bool_]:
        """Return which of some points of the plane, shape (n, 3), lie within the square."""
        offsets = points_mm - self.middle_mm
        reach = self.side_mm / 2 + 1e-6
        inside = (np.abs(offsets @ v) <= reach for v in (self.right, self.down))
        return np.asarray(np.logical_and(*inside))

    def _resampled(
        self, image: sitk.Image, interpolator: int, outside: float, pixel_type: int
    ) -> npt.NDArray[np.float32]:
        n = self.size_px * self.parts
        step = self.side_mm / n
        corner = self.middle_mm - (self.right + self.down) * step * (n - 1) / 2
        plane = sitk.Resample(
            image,
            (n, n, 1),
            sitk.Transform(),
            interpolator,
            corner.tolist(),
            (step, step, 1.0),
            np.stack([self.right, self.down, self.across], axis=1).ravel().tolist(),
            outside,
            pixel_type,
        )
        return np.asarray(sitk.GetArrayFromImage(plane)[0])


def area_mean(points: npt.NDArray[np.generic], parts: int) -> Array:
    """Return the mean over each pixel's points, along the last two axes.

    Examples
    --------
    >>> area_mean(np.array([[0.0, 4.0], [2.0, 6.0]]), 2)
    array([[3.]])
    """
    rows, columns = (n // parts for n in points.shape[-2:])
    blocks = points.reshape(*points.shape[:-2], rows, parts, columns, parts)
    return np.asarray(blocks.mean(axis=(-3, -1), dtype=np.float64))
