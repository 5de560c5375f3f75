"""From the views that a network was shown back to the CT's grid.

Every voxel asks a view where it lies in it (:meth:`PlaneGrid.pixels_of`): crop, magnification,
rotation, shift and flips are undone by products of vectors, and no map is resampled twice. A voxel
takes the mean over its face of the view's pixels, each point interpolated linearly, so that what is
finer than a voxel is averaged and the sum over the area stays.

A view is a plane through the middles of one of the CT's slices. It shows the voxels of that slice
within its square, and no others: of what lies between two shown slices the network saw nothing, so
the map has 0 there and its coverage says so. With ``between="linear"`` the voxels between two
neighbouring parallel views take what linear interpolation along their normal gives; their coverage
is 2, so that a number that must rest on what was shown can leave them out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Literal

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.boxed import BETWEEN, SHOWN, BoxedMap
from tumor_response.explanation.attention.view_maps import ViewMaps
from tumor_response.features.deep.views.sampling import PlaneGrid
from tumor_response.imaging import Geometry

__all__ = ["Between", "placed_in_patient", "to_patient_space"]

Array = npt.NDArray[np.float64]
Between = Literal["nothing", "linear"]

_ROUNDING = 1e-6
"""What counts as no difference, in mm, in voxels and between unit vectors."""


def to_patient_space(
    view_maps: ViewMaps, mask_or_image: sitk.Image, *, between: Between = "nothing"
) -> tuple[sitk.Image, sitk.Image]:
    """Put the maps of a lesion's views on the CT's grid.

    Parameters
    ----------
    view_maps
        Of one lesion.
    mask_or_image
        The CT that the views were cut from, or a mask on its grid.
    between
        What voxels between two parallel views get: ``"nothing"`` (default) or ``"linear"``
        interpolation of both.

    Returns
    -------
    tuple of SimpleITK.Image
        The map, float32, in the unit of the method, 0 where nothing was shown; where several views
        show a voxel, their mean by ``view_weights``. And the coverage, uint8: 0 nothing shown, 1
        shown, 2 interpolated between two views.

    Raises
    ------
    ExplanationError
        Code ``map_grid``: no view lies within the image; code ``settings``.

    Examples
    --------
    >>> import numpy as np, tumor_response as tr
    >>> from tumor_response.features.deep.views import cut_views
    >>> image = sitk.Image(24, 24, 6, sitk.sitkInt16)
    >>> mask = sitk.Image(24, 24, 6, sitk.sitkUInt8); mask[8, 8, 2] = 1; image[8, 8, 2] = 100
    >>> views = cut_views(image, mask, tr.ViewSettings(margin_mm=3), 28)
    >>> looked = ViewMaps(views.tumour, views.tumour, views.grids, np.ones(1), output=0.3)
    >>> found, coverage = to_patient_space(looked, image)
    >>> found[8, 8, 2] > 0.9, found[9, 8, 2] < 0.1, coverage[8, 8, 2], coverage[8, 8, 3]
    (True, True, 1, 0)
    """
    box = placed_in_patient(view_maps, Geometry.of(mask_or_image), between=between)
    return box.map(), box.coverage_map()


def placed_in_patient(
    view_maps: ViewMaps, grid: Geometry, *, between: Between = "nothing"
) -> BoxedMap:
    """Return what :func:`to_patient_space` does, on the box around the views."""
    if between not in ("nothing", "linear"):
        raise ExplanationError(
            f"between={between!r}: expected 'nothing' or 'linear'.", code="settings"
        )
    space = _Space.of(grid)
    views = [
        _View(pixels.astype(np.float64), plane, float(weight), space.half_slice_mm(plane))
        for pixels, plane, weight in zip(
            view_maps.maps, view_maps.grids, view_maps.view_weights, strict=True
        )
    ]
    start, end = space.box_around(views)
    found = _Collected.empty(start, end)
    for view in views:
        index, points = space.voxels(view, view)
        shown = view.shows(points)
        found.add(index[shown], view.weight, view.values(space, points[shown]), SHOWN)
    if between == "linear":
        for one, next_one in _neighbours(views):
            index, points = space.voxels(one, next_one)
            unseen = found.unseen(index) & one.plane.holds(points)
            position = one.position(points[unseen], next_one)
            for view, share in ((one, 1.0 - position), (next_one, position)):
                values = view.values(space, points[unseen])
                found.add(index[unseen], view.weight * share, values, BETWEEN)
    return BoxedMap(grid, start, found.means().astype(np.float32), found.coverage)


@dataclass(frozen=True, eq=False)
class _View:
    """One view's map, with its share in the features and half the thickness of its slice."""

    pixels: Array
    plane: PlaneGrid
    weight: float
    half_slice_mm: float

    def shows(self, points_mm: Array) -> npt.NDArray[np.bool_]:
        """Return which voxels, by their middles, lie in the slice and in the square."""
        across = (points_mm - self.plane.middle_mm) @ self.plane.across
        in_slice = (across >= -self.half_slice_mm) & (across < self.half_slice_mm)
        return np.asarray(in_slice & self.plane.holds(points_mm))

    def position(self, points_mm: Array, other: _View) -> Array:
        """Return how far points are on the way from this view to a parallel one, 0 to 1."""
        across = self.plane.across
        way = (other.plane.middle_mm - self.plane.middle_mm) @ across
        return np.clip((points_mm - self.plane.middle_mm) @ across / way, 0.0, 1.0)

    def values(self, space: _Space, middles_mm: Array) -> Array:
        """Return the mean of the pixels over each voxel's face."""
        faces = space.faces(self.plane)
        points = (middles_mm[:, None] + faces).reshape(-1, 3)
        place, _ = self.plane.pixels_of(points)
        # beyond the outermost pixels' middles the map goes on as it is, up to the view's border
        values = ndimage.map_coordinates(self.pixels, place.T, order=1, mode="nearest")
        return np.asarray(values.reshape(-1, len(faces)).mean(axis=1))

    def corners_mm(self) -> Array:
        """Return the corners of what the view shows, shape (8, 3)."""
        half = self.plane.side_mm / 2
        axes = np.stack([half * self.plane.right, half * self.plane.down])
        signs = np.array(list(product((-1.0, 1.0), repeat=3)))
        across = self.half_slice_mm * self.plane.across
        return np.asarray(self.plane.middle_mm + signs @ np.vstack([axes, across]))


@dataclass(frozen=True, eq=False)
class _Space:
    """A grid of voxels, and what of it views touch."""

    grid: Geometry
    origin_mm: Array
    directions: Array
    spacing_mm: Array

    @classmethod
    def of(cls, grid: Geometry) -> _Space:
        """Return the space of a grid; ``directions`` has one of its axes in each row."""
        directions = np.array(grid.direction).reshape(3, 3).T
        return cls(grid, np.array(grid.origin_mm), directions, np.array(grid.spacing_mm))

    def half_slice_mm(self, plane: PlaneGrid) -> float:
        """Return half the distance across a plane from one voxel to the next behind it."""
        steps = np.abs(self.directions @ plane.across)
        axis = steps.argmax()
        return float(steps[axis] * self.spacing_mm[axis] / 2)

    def faces(self, plane: PlaneGrid) -> Array:
        """Return points on a voxel's face along a plane, as fine as its pixels, from its middle."""
        across = np.abs(self.directions @ plane.across).argmax()
        pixel_mm = plane.side_mm / plane.size_px
        offsets = np.zeros((1, 3))
        for axis in {0, 1, 2} - {int(across)}:
            n = max(1, int(np.ceil(self.spacing_mm[axis] / pixel_mm - 1e-9)))
            steps = ((np.arange(n) + 0.5) / n - 0.5) * self.spacing_mm[axis]
            offsets = (offsets[:, None] + steps[:, None] * self.directions[axis]).reshape(-1, 3)
        return offsets

    def box_around(self, views: list[_View]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the first index and the one after the last of the voxels that views may show."""
        corners = np.concatenate([view.corners_mm() for view in views])
        places = (corners - self.origin_mm) @ self.directions.T / self.spacing_mm
        low = np.ceil(places.min(axis=0) - _ROUNDING).astype(int)
        high = np.floor(places.max(axis=0) + _ROUNDING).astype(int) + 1
        start, end = np.maximum(low, 0), np.minimum(high, self.grid.size)
        if (start >= end).any():
            raise ExplanationError(
                "The views do not lie within the image. Give the image that they were cut from, "
                "or a mask on its grid.",
                code="map_grid",
            )
        return tuple(start.tolist()), tuple(end.tolist())

    def voxels(self, *views: _View) -> tuple[npt.NDArray[np.int64], Array]:
        """Return index (x, y, z) and middle, mm, of the voxels in the box around views."""
        start, end = self.box_around(list(views))
        axes = np.meshgrid(*map(np.arange, start, end), indexing="ij")
        index = np.stack([axis.ravel() for axis in axes], axis=1)
        return index, self.origin_mm + (index * self.spacing_mm) @ self.directions


@dataclass(frozen=True, eq=False)
class _Collected:
    """Weighted sums over views, voxel by voxel of a box."""

    start: tuple[int, ...]
    sums: Array
    weights: Array
    coverage: npt.NDArray[np.uint8]

    @classmethod
    def empty(cls, start: tuple[int, ...], end: tuple[int, ...]) -> _Collected:
        """Return sums of nothing."""
        shape = tuple(e - s for s, e in zip(start, end, strict=True))[::-1]
        return cls(start, np.zeros(shape), np.zeros(shape), np.zeros(shape, np.uint8))

    def add(
        self, index: npt.NDArray[np.int64], weights: Array | float, values: Array, coverage: int
    ) -> None:
        """Add the values of distinct voxels."""
        at = self._at(index)
        self.sums[at] += weights * values
        self.weights[at] += weights
        self.coverage[at] = coverage

    def unseen(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return which voxels no view shows."""
        return np.asarray(self.coverage[self._at(index)] != SHOWN)

    def means(self) -> Array:
        """Return the weighted means; 0 where nothing was shown."""
        return np.divide(
            self.sums, self.weights, out=np.zeros_like(self.sums), where=self.weights > 0
        )

    def _at(self, index: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], ...]:
        return tuple((index - self.start).T[::-1])


def _neighbours(views: list[_View]) -> Iterator[tuple[_View, _View]]:
    """Return pairs of views between which no other one of the same stack lies."""
    stacks: list[list[_View]] = []
    for view in views:
        for stack in stacks:
            if _one_behind_the_other(stack[0].plane, view.plane):
                stack.append(view)
                break
        else:
            stacks.append([view])
    for stack in stacks:
        yield from pairwise(sorted(stack, key=lambda v: float(v.plane.middle_mm @ v.plane.across)))


def _one_behind_the_other(one: PlaneGrid, other: PlaneGrid) -> bool:
    """Return whether two views differ by a step across their plane alone."""
    axes = np.stack([one.right, one.down, one.across])
    turned = np.abs(axes - np.stack([other.right, other.down, other.across])).max()
    offset = axes @ (other.middle_mm - one.middle_mm)
    sizes = (one.side_mm, one.size_px) == (other.side_mm, other.size_px)
    aside = np.abs(offset[:2]).max()
    return bool(sizes and turned < _ROUNDING and aside < _ROUNDING < abs(offset[2]))
