"""Where a voxel grid lies in the patient, and whether two grids are the same one.

Grids are compared by where their voxels are, in millimetres, because that is what a shifted
contour costs. Comparing spacing, origin and direction number by number would refuse files whose
headers differ only by the rounding of their format (NIfTI keeps 32-bit floats) and pass grids
whose small differences add up over 500 voxels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk

from tumor_response.exceptions import GeometryError

__all__ = ["GRID_TOLERANCE_MM", "Geometry", "adopt_grid", "nearest_axis", "slice_axis", "with_grid"]

GRID_TOLERANCE_MM = 0.05
"""Largest distance between corresponding corner voxels of two grids taken as one (mm).

A tenth of the finest in-plane spacing met in planning CT; header rounding stays below 0.01 mm.
"""


@dataclass(frozen=True)
class Geometry:
    """The voxel grid of a 3-D image, in physical terms.

    Parameters
    ----------
    size
        Voxels along the image's own x, y, z axes.
    spacing_mm
        Distance between voxel centres along these axes, mm.
    origin_mm
        Position of the centre of voxel (0, 0, 0) in the patient (LPS), mm.
    direction
        The nine direction cosines, row by row, as SimpleITK keeps them.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.imaging import Geometry
    >>> grid = Geometry.of(sitk.Image(4, 4, 2, sitk.sitkUInt8))
    >>> grid.size, grid.corner_distance_mm(grid)
    ((4, 4, 2), 0.0)
    """

    size: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...]
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image) -> Geometry:
        """Return the geometry of a SimpleITK image."""
        return cls(
            tuple(image.GetSize()),
            tuple(image.GetSpacing()),
            tuple(image.GetOrigin()),
            tuple(image.GetDirection()),
        )

    def corners_mm(self) -> np.ndarray:
        """Return the positions of the eight corner voxels' centres, shape (8, 3), mm."""
        index = np.array(list(product(*[(0, n - 1) for n in self.size])), dtype=float)
        matrix = np.array(self.direction).reshape(3, 3) * np.array(self.spacing_mm)
        return np.asarray(np.array(self.origin_mm) + index @ matrix.T)

    def corner_distance_mm(self, other: Geometry) -> float:
        """Return the largest distance between corresponding corners of grids of one size, mm."""
        return float(np.linalg.norm(self.corners_mm() - other.corners_mm(), axis=1).max())

    def differences(self, other: Geometry, tolerance_mm: float = GRID_TOLERANCE_MM) -> list[str]:
        """Return what keeps ``other`` from being this grid, in words; an empty list if nothing.

        Parameters
        ----------
        other
            The grid to compare.
        tolerance_mm
            Largest allowed distance between corresponding corner voxels, mm.
        """
        if self.size != other.size:
            return [f"size {other.size} differs from {self.size}"]
        distance = self.corner_distance_mm(other)
        if distance <= tolerance_mm:
            return []
        named = [
            ("spacing (mm)", self.spacing_mm, other.spacing_mm, 1e-5),
            ("origin (mm)", self.origin_mm, other.origin_mm, 1e-3),
            ("direction", self.direction, other.direction, 1e-6),
        ]
        parts = [
            f"{what} {_rounded(theirs)} differs from {_rounded(ours)}"
            for what, ours, theirs, step in named
            if np.abs(np.subtract(ours, theirs)).max() > step
        ]
        return [
            *parts,
            f"corresponding corner voxels lie up to {distance:.3g} mm apart "
            f"(tolerance {tolerance_mm:g} mm)",
        ]


def adopt_grid(
    mask: sitk.Image,
    grid: Geometry,
    what: str,
    *,
    code: str = "geometry_mismatch",
    tolerance_mm: float = GRID_TOLERANCE_MM,
) -> sitk.Image:
    """Return ``mask`` carrying the header of its image, if both lie on the same grid.

    Differences below the tolerance are header rounding; giving both the same header keeps
    libraries that compare headers number by number from refusing the pair.

    Parameters
    ----------
    mask
        3-D image.
    grid
        Of the image that the mask belongs to.
    what
        How to name the mask in the error, for example ``"Case 'P1' lesion '1': the mask"``.
    code
        Reason code of the error.
    tolerance_mm
        Largest allowed distance between corresponding corner voxels, mm.

    Raises
    ------
    GeometryError
        If the grids differ by more than the tolerance.
    """
    found = grid.differences(Geometry.of(mask), tolerance_mm)
    if found:
        raise GeometryError(
            f"{what} does not lie on the image's grid: {'; '.join(found)}. "
            "Export both from the same series, or resample the mask with tr.resample_mask(...).",
            code=code,
        )
    adopted = sitk.Image(mask)
    adopted.SetSpacing(grid.spacing_mm)
    adopted.SetOrigin(grid.origin_mm)
    adopted.SetDirection(grid.direction)
    return adopted


def with_grid(grid: Geometry | None, what: str) -> Geometry:
    """Return the grid that a region is to be put on.

    Raises
    ------
    GeometryError
        Code ``grid_missing``: a region that has no grid of its own, and no image to take one from.
    """
    if grid is None:
        raise GeometryError(
            f"{what} has no voxels of its own; name the image it belongs to.", code="grid_missing"
        )
    return grid


def slice_axis(image: sitk.Image) -> int:
    """Return the image's axis (0, 1, 2 for x, y, z) that runs from slice to slice.

    It is the one nearest to the patient's long axis, because planning CTs are axial; a file may
    store them in another order.

    Examples
    --------
    >>> slice_axis(sitk.Image(8, 8, 4, sitk.sitkInt16))
    2
    """
    return nearest_axis(image, 2)


def nearest_axis(image: sitk.Image, patient_axis: int) -> int:
    """Return the image's axis nearest to one of the patient's (0, 1, 2 for L, P, S).

    Examples
    --------
    >>> nearest_axis(sitk.Image(8, 8, 4, sitk.sitkInt16), 0)
    0
    """
    direction = np.abs(np.array(image.GetDirection()).reshape(3, 3))
    return int(direction[patient_axis].argmax())


def _rounded(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(v, 4) for v in values)
