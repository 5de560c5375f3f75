"""A map on the box of a CT's grid in which it is not empty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.exceptions import ExplanationError
from tumor_response.imaging import Geometry

__all__ = ["BETWEEN", "SHOWN", "BoxedMap", "on_image"]

SHOWN, BETWEEN = 1, 2
"""Coverage of a voxel that was shown, and of one that lies between two that were."""


@dataclass(frozen=True, eq=False)
class BoxedMap:
    """A map and its coverage on part of a grid.

    Parameters
    ----------
    grid
        The whole CT's.
    start
        Index (x, y, z) of the box's first voxel.
    values
        float32, shape (z, y, x): the map, 0 where nothing was shown.
    coverage
        uint8, the same shape: 0 where nothing was shown, 1 where something was, 2 between two
        slices that were shown, if the map was interpolated there.

    Raises
    ------
    ExplanationError
        Codes ``map_grid`` (a box that reaches beyond the grid, shapes that differ, nothing
        covered) and ``map_values`` (not finite, or not 0 where nothing was shown).
    """

    grid: Geometry
    start: tuple[int, ...]
    values: npt.NDArray[np.float32]
    coverage: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        size = self.values.shape[::-1]
        ends = [s + n for s, n in zip(self.start, size, strict=True)]
        beyond = min(self.start) < 0 or any(
            e > n for e, n in zip(ends, self.grid.size, strict=True)
        )
        if beyond or self.coverage.shape != self.values.shape:
            raise ExplanationError(
                f"A map of {size} voxels from {self.start} on and a coverage of "
                f"{self.coverage.shape[::-1]} do not fit each other and the grid of "
                f"{self.grid.size}.",
                code="map_grid",
            )
        if not self.coverage.any():
            raise ExplanationError(
                "The map covers no voxel: no view lies within the image. Check that the image is "
                "the one that the views were cut from.",
                code="map_grid",
            )
        if not np.isfinite(self.values).all() or self.values[self.coverage == 0].any():
            raise ExplanationError(
                "The map is not finite, or has values where its coverage says that nothing was "
                "shown.",
                code="map_values",
            )

    @classmethod
    def of_images(cls, image: sitk.Image, coverage: sitk.Image) -> Self:
        """Return the box around what is covered of a map on its CT's grid.

        Examples
        --------
        >>> image = sitk.Image(9, 8, 7, sitk.sitkFloat32); image[3, 4, 5] = 0.5
        >>> box = BoxedMap.of_images(image, sitk.Cast(image > 0, sitk.sitkUInt8))
        >>> box.start, box.values.shape, box.map().GetSize(), box.map()[3, 4, 5]
        ((3, 4, 5), (1, 1, 1), (9, 8, 7), 0.5)
        """
        grid = Geometry.of(image)
        found = grid.differences(Geometry.of(coverage))
        if found:
            raise ExplanationError(
                f"The map and its coverage lie on different grids: {'; '.join(found)}.",
                code="map_grid",
            )
        covered = sitk.GetArrayViewFromImage(coverage)
        along = [np.flatnonzero(covered.any(axis=tuple({0, 1, 2} - {a}))) for a in range(3)]
        part = tuple(slice(int(n[0]), int(n[-1]) + 1) if n.size else slice(0, 1) for n in along)
        start = tuple(one.start for one in reversed(part))
        return cls(
            grid,
            start,
            sitk.GetArrayViewFromImage(image)[part].astype(np.float32),
            covered[part].astype(np.uint8),
        )

    def map(self) -> sitk.Image:
        """Return the map on the whole grid, float32."""
        return self.on_grid(self.values)

    def coverage_map(self) -> sitk.Image:
        """Return the coverage on the whole grid, uint8."""
        return self.on_grid(self.coverage)

    def of(self, image: sitk.Image) -> sitk.Image:
        """Return the part of another image on the same grid that lies in this box.

        Raises
        ------
        ExplanationError
            Code ``map_grid``: it lies on another grid.
        """
        found = self.grid.differences(Geometry.of(image))
        if found:
            raise ExplanationError(
                f"The image does not lie on the map's grid: {'; '.join(found)}. Give the CT or the "
                "mask of the lesion that the map belongs to.",
                code="map_grid",
            )
        x, y, z = (
            slice(s, s + n) for s, n in zip(self.start, self.values.shape[::-1], strict=True)
        )
        return image[x, y, z]

    def on_grid(self, part: npt.NDArray[np.generic]) -> sitk.Image:
        """Return voxels of the box, shape (z, y, x), on the whole grid; 0 beyond the box."""
        whole = np.zeros(self.grid.size[::-1], part.dtype)
        x, y, z = self.start
        depth, rows, columns = part.shape
        whole[z : z + depth, y : y + rows, x : x + columns] = part
        return on_image(whole, self.grid)


def on_image(voxels: npt.NDArray[np.generic], grid: Geometry) -> sitk.Image:
    """Return voxels, shape (z, y, x), as an image on a grid."""
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(grid.origin_mm)
    image.SetDirection(grid.direction)
    return image
