"""Where the patient's planes are in an image's grid, and which slices of the tumour are cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.views.settings import Plane, ViewSettings

__all__ = ["PatientGrid", "Slice", "chosen_slices"]

Vector = npt.NDArray[np.float64]

_ACROSS: dict[Plane, int] = {"sagittal": 0, "coronal": 1, "axial": 2}
"""The patient axis (left, posterior, superior) that a plane lies across."""

# columns and rows as (patient axis, sign): as radiologists look at them, head and front up
_SEEN: dict[Plane, tuple[tuple[int, int], tuple[int, int]]] = {
    "axial": ((0, 1), (1, 1)),
    "coronal": ((0, 1), (2, -1)),
    "sagittal": ((1, 1), (2, -1)),
}


@dataclass(frozen=True)
class PatientGrid:
    """An image's axes in the patient's terms.

    Parameters
    ----------
    axes
        The image's axis that runs most nearly along left, posterior and superior.
    vectors
        Unit vectors along these axes, towards left, posterior and superior (rows).
    spacing_mm
        Distance of voxels along them.
    tilt_degrees
        Largest angle between one of them and the patient's own axis.
    """

    axes: tuple[int, int, int]
    vectors: Vector
    spacing_mm: tuple[float, float, float]
    tilt_degrees: float

    @classmethod
    def of(cls, image: sitk.Image) -> PatientGrid:
        """Return the grid of an image.

        Examples
        --------
        >>> turned = sitk.DICOMOrient(sitk.Image(4, 5, 6, sitk.sitkUInt8), "SRA")
        >>> PatientGrid.of(turned).axes
        (1, 2, 0)
        """
        direction = image.GetDirection()
        letters = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(direction)
        where = {letter: (axis, 1.0) for axis, letter in enumerate(letters)}
        where |= {_OPPOSITE[letter]: (axis, -1.0) for axis, letter in enumerate(letters)}
        columns = np.array(direction).reshape(3, 3).T
        found = [where[letter] for letter in "LPS"]
        vectors = np.stack([sign * columns[axis] for axis, sign in found])
        tilt = np.degrees(np.arccos(np.clip(np.diag(vectors), -1.0, 1.0))).max()
        spacing = image.GetSpacing()
        axes = tuple(axis for axis, _ in found)
        return cls(
            axes,  # type: ignore[arg-type]  # three of them
            vectors,
            tuple(spacing[axis] for axis in axes),
            float(tilt),
        )

    def seen(self, plane: Plane) -> tuple[Vector, Vector, Vector]:
        """Return unit vectors along a view's columns, along its rows, and across it."""
        (right, s), (down, t) = _SEEN[plane]
        return s * self.vectors[right], t * self.vectors[down], self.vectors[_ACROSS[plane]]

    def in_plane(self, plane: Plane) -> tuple[int, int]:
        """Return the two patient axes within a plane."""
        (right, _), (down, _) = _SEEN[plane]
        return right, down


_OPPOSITE = {"L": "R", "R": "L", "P": "A", "A": "P", "S": "I", "I": "S"}


@dataclass(frozen=True)
class Slice:
    """One slice to cut.

    Parameters
    ----------
    plane
        Its plane.
    axis, index
        The image's axis across it, and where along that axis.
    area_mm2
        Tumour on it, by voxel count.
    """

    plane: Plane
    axis: int
    index: int
    area_mm2: float


def chosen_slices(mask: sitk.Image, grid: PatientGrid, settings: ViewSettings) -> list[Slice]:
    """Return the slices to cut, towards left, posterior or superior; each has tumour on it.

    Parameters
    ----------
    mask
        Not empty.
    grid
        The mask's.
    settings
        Which slices.

    Raises
    ------
    FeatureError
        Code ``oblique_image``.
    """
    if grid.tilt_degrees > settings.max_tilt_degrees:
        raise FeatureError(
            f"The image's axes are turned by {grid.tilt_degrees:.0f} degrees against the "
            f"patient's; expected {settings.max_tilt_degrees:g} at most. Resample the image and "
            "its mask to the patient's axes, or raise max_tilt_degrees (45 at most): views then "
            "follow the image's slices.",
            code="oblique_image",
        )
    if settings.plane is None:
        return [_nearest_to_centroid(_stack(mask, grid, plane)) for plane in get_args(Plane)]
    stack = _stack(mask, grid, settings.plane)
    match settings.slices:
        case "largest":
            return [max(stack, key=lambda one: one.area_mm2)]
        case "equally_spaced":
            return _spread(stack, settings.n_slices or 1)
        case _:
            return stack


def _stack(mask: sitk.Image, grid: PatientGrid, plane: Plane) -> list[Slice]:
    """Return all slices with tumour."""
    axis = grid.axes[_ACROSS[plane]]
    others = tuple(2 - a for a in range(3) if a != axis)  # array axes: z, y, x
    counts = np.count_nonzero(sitk.GetArrayViewFromImage(mask), axis=others)
    pixel_mm2 = float(np.prod([grid.spacing_mm[a] for a in grid.in_plane(plane)]))
    slices = [
        Slice(plane, axis, int(i), float(counts[i]) * pixel_mm2) for i in np.flatnonzero(counts)
    ]
    runs_up = np.array(mask.GetDirection()).reshape(3, 3)[:, axis] @ grid.seen(plane)[2] > 0
    return slices if runs_up else slices[::-1]


def _spread(stack: list[Slice], n: int) -> list[Slice]:
    if len(stack) <= n:
        return stack
    # the middles of n equal parts: the outermost slices hold mostly partial volume
    position = (np.arange(n) + 0.5) * len(stack) / n
    return [stack[i] for i in position.astype(int)]


def _nearest_to_centroid(stack: list[Slice]) -> Slice:
    areas = np.array([one.area_mm2 for one in stack])
    indices = np.array([one.index for one in stack])
    centroid = (areas * indices).sum() / areas.sum()
    return stack[int(np.abs(indices - centroid).argmin())]
