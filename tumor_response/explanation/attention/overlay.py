"""A map over its CT, in one plane.

Pixels of a figure are points of the CT's own planes. The CT is interpolated; the map is not: each
pixel has the colour of the voxel it lies in, and where nothing was shown there is none, so that a
gap in what the network saw is a gap in the figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.explanation.attention.boxed import BoxedMap
from tumor_response.features.deep.views.planes import PatientGrid
from tumor_response.features.deep.views.plot import LETTERS, draw_letters, draw_scale
from tumor_response.features.deep.views.sampling import PlaneGrid
from tumor_response.features.deep.views.settings import Plane, Range
from tumor_response.imaging.volume import tumour_box
from tumor_response.style import CONTOUR, NEUTRAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

__all__ = ["PLANES", "Overlay"]

PLANES: dict[Plane, int] = {"axial": 2, "coronal": 1, "sagittal": 0}
"""The patient axis (left, posterior, superior) that a plane lies across."""

Point = npt.NDArray[np.float64]

MARGIN_MM = 12.0
"""Shown around the tumour."""

_POINTS = 256
_UNSIGNED, _SIGNED, _ANY = "inferno", "RdBu_r", "viridis"
_OPAQUE = 0.75


@dataclass(frozen=True, eq=False)
class Overlay:
    """A map, and how it is drawn over a CT.

    Parameters
    ----------
    box
        The map.
    image, mask
        CT and tumour, on the map's grid.
    window
        Intensities drawn black and white.
    label
        Of the colour bar.
    low, high
        Ends of the colour scale; a signed scale has ``low = -high``. Attention is transparent at 0
        and ever less so towards the ends; a map whose 0 means nothing in particular
        (``from_zero=False``) is equally opaque everywhere.
    """

    box: BoxedMap
    image: sitk.Image
    mask: sitk.Image
    window: Range
    label: str
    low: float
    high: float
    from_zero: bool = True

    @classmethod
    def scaled(
        cls,
        box: BoxedMap,
        image: sitk.Image,
        mask: sitk.Image,
        window: Range,
        *,
        label: str,
        largest: float | None = None,
    ) -> Overlay:
        """Return the overlay of a map from 0 to ``largest``.

        By default that is the 99th percentile of the absolute values of what was shown, so that
        one peak does not make all the rest pale; beyond it colours stay as they are.

        Raises
        ------
        ExplanationError
            Code ``map_grid``: image or mask lie on another grid.
        """
        for one in (image, mask):
            box.of(one)
        shown = np.abs(box.values[box.coverage > 0])
        high = float(np.percentile(shown, 99.0)) if largest is None else largest
        high = high if np.isfinite(high) and high > 0 else 1.0  # a map of zeros has no colours
        low = -high if (box.values < 0).any() else 0.0
        return cls(box, image, mask, window, label, low, high)

    def colours(self) -> ScalarMappable:
        """Return the colour scale."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        name = (_SIGNED if self.low < 0 else _UNSIGNED) if self.from_zero else _ANY
        return ScalarMappable(Normalize(self.low, self.high), name)

    def draw(self, ax: Axes, plane: Plane, middle_mm: Point, *, marked: bool = True) -> None:
        """Draw a plane through a point: CT, map where something was shown, contour.

        ``marked``: with letters for the patient's sides, and a scale.
        """
        grid = self._plane_grid(plane, middle_mm)
        grey, _ = grid.intensities(self.image)
        covered = grid.inside(self.box.coverage_map())
        values = grid.nearest(self.box.map()).astype(np.float64)
        inside = grid.inside(self.mask)
        ax.imshow(
            grey, cmap="gray", vmin=self.window[0], vmax=self.window[1], interpolation="nearest"
        )
        painted = np.asarray(self.colours().to_rgba(values))
        strength = np.abs(values) / max(abs(self.low), self.high) if self.from_zero else 1.0
        painted[..., 3] = np.where(covered, _OPAQUE * np.clip(strength, 0.0, 1.0), 0.0)
        ax.imshow(painted, interpolation="nearest")
        for shape, colour, width in ((covered, NEUTRAL, 0.5), (inside, CONTOUR, 0.9)):
            if shape.any() and not shape.all():
                ax.contour(shape.astype(np.float64), levels=[0.5], colors=colour, linewidths=width)
        ax.set(xticks=[], yticks=[], xlim=(-0.5, _POINTS - 0.5), ylim=(_POINTS - 0.5, -0.5))
        for spine in ax.spines.values():
            spine.set_visible(False)
        if marked:
            draw_letters(ax, LETTERS[plane])
            draw_scale(ax, self.side_mm, _POINTS)

    def best(self) -> tuple[Plane, Point]:
        """Return a plane and a point in it: the slice with most of the tumour that was shown.

        Axial, unless less than half as much of the tumour was shown on any axial slice as on one
        of another plane.
        """
        patient = PatientGrid.of(self.image)
        tumour = sitk.GetArrayFromImage(self.box.of(self.mask)) > 0
        shown = tumour & (self.box.coverage > 0)
        found: dict[Plane, npt.NDArray[np.int64]] = {}
        for plane, across in PLANES.items():
            others = tuple({0, 1, 2} - {2 - patient.axes[across]})  # of the array: z, y, x
            found[plane] = shown.sum(axis=others)
        largest = max(int(counts.max()) for counts in found.values())
        plane = next(plane for plane in PLANES if found[plane].max() >= 0.5 * largest)
        axis = patient.axes[PLANES[plane]]
        index = [(low + high) / 2 for low, high in tumour_box(self.mask)]
        index[axis] = float(self.box.start[axis] + found[plane].argmax())
        return plane, np.array(self.image.TransformContinuousIndexToPhysicalPoint(index))

    def centre(self) -> Point:
        """Return the middle of the shown voxel of the tumour with the largest absolute value."""
        tumour = sitk.GetArrayFromImage(self.box.of(self.mask)) > 0
        shown = tumour & (self.box.coverage > 0)
        size = np.where(shown if shown.any() else tumour, np.abs(self.box.values), -1.0)
        at = np.unravel_index(size.argmax(), size.shape)[::-1]
        index = [int(s + n) for s, n in zip(self.box.start, at, strict=True)]
        return np.array(self.image.TransformIndexToPhysicalPoint(index))

    @property
    def side_mm(self) -> float:
        """Side of the square that is drawn: the tumour and what is around it."""
        ends = np.array(tumour_box(self.mask))
        return float(((ends[:, 1] - ends[:, 0] + 1) * self.image.GetSpacing()).max()) + (
            2 * MARGIN_MM
        )

    def _plane_grid(self, plane: Plane, middle_mm: Point) -> PlaneGrid:
        seen = PatientGrid.of(self.image).seen(plane)
        return PlaneGrid(middle_mm, *seen, self.side_mm, _POINTS, parts=1)
