"""One lesion as the concordance sees it: attention, what was shown, and the tumour, on one box."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.boxed import SHOWN
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.features.deep.views.planes import PatientGrid
from tumor_response.features.deep.views.sampling import PlaneGrid
from tumor_response.imaging import Geometry
from tumor_response.imaging.volume import tumour_box

__all__ = ["Scene", "crop_offset_mm"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scene:
    """Arrays on the smallest box of the CT's grid that holds the views and the tumour.

    Parameters
    ----------
    attention
        Size of the map's values, shape (z, y, x): where a map has a sign, what spoke against a
        response was looked at as well.
    shown
        Where views passed; voxels between two views that were interpolated are not among them.
    inside
        The tumour.
    mask
        The same as an image, whose grid is the box's.
    plane
        The first view's.
    start
        Index (x, y, z) of the box's first voxel on the CT's grid.
    grid
        The CT's.
    """

    attention: FloatArray
    shown: BoolArray
    inside: BoolArray
    mask: sitk.Image
    plane: PlaneGrid
    start: tuple[int, ...]
    grid: Geometry

    @classmethod
    def of(cls, case: CaseAttention, mask: sitk.Image) -> Self:
        """Return the scene of a lesion.

        Raises
        ------
        ExplanationError
            Code ``map_grid``: the mask lies on another grid than the map.
        """
        box = case.box
        box.of(mask)  # for its check of the grids
        size = np.array(box.values.shape[::-1])
        tumour = np.array([(low, high + 1) for low, high in tumour_box(mask)]).T
        low = np.minimum(box.start, tumour[0])
        high = np.maximum(np.array(box.start) + size, tumour[1])
        part = mask[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
        first = (np.array(box.start) - low)[::-1]
        place = tuple(
            slice(int(a), int(a + n)) for a, n in zip(first, box.values.shape, strict=True)
        )
        shape = tuple(int(n) for n in (high - low)[::-1])
        attention, shown = np.zeros(shape), np.zeros(shape, dtype=bool)
        attention[place] = np.abs(box.values)
        shown[place] = box.coverage == SHOWN
        inside = sitk.GetArrayViewFromImage(part) > 0
        plane = case.view_maps.grids[0]
        start = tuple(int(n) for n in low)
        return cls(attention, shown, inside, part, plane, start, box.grid)

    def values_of(self, image: sitk.Image) -> FloatArray:
        """Return another map of the lesion on the box.

        Raises
        ------
        ExplanationError
            Code ``map_grid``: it lies on another grid than the attention.
        """
        found = self.grid.differences(Geometry.of(image))
        if found:
            raise ExplanationError(
                f"A map of the shrinkage does not lie on the attention's grid: {'; '.join(found)}. "
                "Both have to be made of the baseline image that the cohort names.",
                code="map_grid",
            )
        part = tuple(
            slice(first, first + n)
            for first, n in zip(self.start, self.mask.GetSize(), strict=True)
        )
        return np.asarray(sitk.GetArrayFromImage(image[part]), dtype=np.float64)

    @property
    def _step(self) -> tuple[float, ...]:
        return tuple(self.mask.GetSpacing()[::-1])

    @cached_property
    def depth_mm(self) -> FloatArray:
        """Distance of the tumour's voxels from the nearest voxel outside of it, mm."""
        padded = np.pad(self.inside, 1)
        depth = ndimage.distance_transform_edt(padded, sampling=self._step)
        return np.asarray(depth[1:-1, 1:-1, 1:-1], dtype=np.float64)

    def rim(self, width_mm: float) -> BoolArray:
        """Return the voxels outside of the tumour whose centre is within this of one inside."""
        distance = ndimage.distance_transform_edt(~self.inside, sampling=self._step)
        return np.asarray((distance <= width_mm + 1e-9) & ~self.inside)

    def view_points_mm(self, voxels: BoolArray) -> FloatArray:
        """Return voxels' centres along a view's columns, its rows and across it; shape (n, 3)."""
        index = np.argwhere(voxels)[:, ::-1]
        direction = np.array(self.mask.GetDirection()).reshape(3, 3)
        points = (index * np.array(self.mask.GetSpacing())) @ direction.T
        axes = np.stack([self.plane.right, self.plane.down, self.plane.across])
        return np.asarray(points @ axes.T)

    def in_box(self, voxels: BoolArray) -> FloatArray:
        """Return where voxels lie in the tumour's box: 0 to 1 towards left, posterior, superior.

        Shape (n, 3); below 0 and above 1 outside of the box.
        """
        first, last = np.array(tumour_box(self.mask)).T
        share = (np.argwhere(voxels)[:, ::-1] - first + 0.5) / (last - first + 1)
        axes = list(PatientGrid.of(self.mask).axes)
        columns = np.array(self.mask.GetDirection()).reshape(3, 3).T
        runs = np.array([columns[axis][k] for k, axis in enumerate(axes)])
        return np.asarray(np.where(runs > 0, share[:, axes], 1.0 - share[:, axes]))

    def moved(self, offset_mm: FloatArray) -> BoolArray:
        """Return the tumour moved by an offset in the patient, to whole voxels, within the box."""
        direction = np.array(self.mask.GetDirection()).reshape(3, 3)
        steps = np.rint((offset_mm @ direction) / np.array(self.mask.GetSpacing())).astype(int)
        made = np.zeros_like(self.inside)
        index = np.argwhere(self.inside) + steps[::-1]
        index = index[((index >= 0) & (index < np.array(made.shape))).all(axis=1)]
        made[tuple(index.T)] = True
        return made


def crop_offset_mm(case: CaseAttention, shifted: CaseAttention) -> FloatArray:
    """Return how far the middle of a lesion's crops was shifted, in the patient, mm."""
    middles = [
        np.mean([grid.middle_mm for grid in one.view_maps.grids], axis=0) for one in (case, shifted)
    ]
    return np.asarray(middles[1] - middles[0])
