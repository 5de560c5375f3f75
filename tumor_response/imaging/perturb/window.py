"""The part of an image that is worked on: a box around the contour, which may reach beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.exceptions import CaseError
from tumor_response.imaging.signed_distance import signed_depth_mm
from tumor_response.imaging.volume import tumour_box

__all__ = ["REACH_MM", "Window", "around", "as_mask", "as_stored", "depth_around", "image_window"]

FloatArray = npt.NDArray[np.float64]

REACH_MM = 50.0
"""How far around the contour's box images are altered, unless told otherwise. Ten times the width
of the widest filter of the radiomics presets, a Laplacian of Gaussian of 5 mm, and as far as views
of 100 mm see beyond a tumour: what lies farther off is not seen from the tumour."""

_LEAST_REACH = 16
"""Voxels at least: the splines that extractors interpolate with reach farther than 50 mm where
slices are thick, 0.27 times as strong with every slice."""

DEPTH_ROOM = 3
"""Voxels around the contour that its blurred surface needs."""


@dataclass(frozen=True)
class Window:
    """A box of voxels, in the order of arrays (z, y, x).

    Parameters
    ----------
    start, stop
        First voxel, and the one after the last; may lie beyond the image.
    """

    start: tuple[int, ...]
    stop: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of voxels along each axis."""
        return tuple(b - a for a, b in zip(self.start, self.stop, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """For an array that begins where the box's numbers do."""
        return tuple(slice(a, b) for a, b in zip(self.start, self.stop, strict=True))

    def grown(self, margin: tuple[int, ...]) -> Window:
        """Return the box with so many voxels more on either side."""
        return Window(
            tuple(a - m for a, m in zip(self.start, margin, strict=True)),
            tuple(b + m for b, m in zip(self.stop, margin, strict=True)),
        )

    def moved(self, by: tuple[int, ...]) -> Window:
        """Return the box so many voxels farther on."""
        return Window(
            tuple(a + m for a, m in zip(self.start, by, strict=True)),
            tuple(b + m for b, m in zip(self.stop, by, strict=True)),
        )

    def within(self, image: sitk.Image) -> Window:
        """Return what of the box lies in an image."""
        size = image.GetSize()[::-1]
        start = tuple(min(max(a, 0), n) for a, n in zip(self.start, size, strict=True))
        stop = tuple(max(min(b, n), a) for a, b, n in zip(start, self.stop, size, strict=True))
        return Window(start, stop)

    def cut(self, image: sitk.Image, beyond: Literal["edge", "zero"]) -> npt.NDArray[np.generic]:
        """Return a copy of the box's voxels; beyond the image the nearest one's value, or 0."""
        values = sitk.GetArrayViewFromImage(image)
        inner = self.within(image)
        part = values[inner.slices]
        room = [
            (i - a, b - j)
            for a, i, j, b in zip(self.start, inner.start, inner.stop, self.stop, strict=True)
        ]
        return np.pad(part, room, mode="edge" if beyond == "edge" else "constant")

    def put(self, image: sitk.Image, values: npt.NDArray[np.generic]) -> sitk.Image:
        """Return the image with other values (of its own type) in the box."""
        inner = self.within(image)
        part = sitk.GetImageFromArray(values[inner.moved(tuple(-a for a in self.start)).slices])
        return sitk.Paste(image, part, part.GetSize(), destinationIndex=list(inner.start[::-1]))


def around(mask: sitk.Image, margin_mm: float) -> Window:
    """Return the box that reaches ``margin_mm`` beyond a contour, rounded up to voxels.

    Raises
    ------
    CaseError
        For an empty mask; code ``mask_empty``.
    """
    first, last = zip(*reversed(tumour_box(mask)), strict=True)
    box = Window(first, tuple(b + 1 for b in last))
    return box.grown(tuple(int(np.ceil(margin_mm / step)) for step in mask.GetSpacing()[::-1]))


def image_window(image: sitk.Image, mask: sitk.Image, reach_mm: float | None) -> Window:
    """Return the part of an image that is altered: around the contour, or all of it."""
    if reach_mm is None:
        return Window((0, 0, 0), tuple(image.GetSize()[::-1]))
    margin = (max(_LEAST_REACH, int(np.ceil(reach_mm / s))) for s in mask.GetSpacing()[::-1])
    return around(mask, 0.0).grown(tuple(margin)).within(image)


def depth_around(mask: sitk.Image, margin_mm: float) -> tuple[Window, FloatArray]:
    """Return the box around a contour and its voxels' signed depth, mm.

    Beyond the image there is no tumour.
    """
    window = around(mask, margin_mm).grown((DEPTH_ROOM,) * 3)
    inside = window.cut(mask, "zero") != 0
    return window, signed_depth_mm(inside, mask.GetSpacing()[::-1])


def as_mask(
    inside: npt.NDArray[np.bool_], window: Window, mask: sitk.Image, what: str
) -> sitk.Image:
    """Return what ``inside`` makes of a mask: on its grid, of its type, 0 outside of the box.

    Raises
    ------
    CaseError
        Code ``mask_emptied``: no voxel is left in the image; ``what`` is named as the reason.
    """
    inner = window.within(mask)
    drawn = np.zeros(mask.GetSize()[::-1], dtype=sitk.GetArrayViewFromImage(mask).dtype)
    drawn[inner.slices] = inside[inner.moved(tuple(-a for a in window.start)).slices]
    if not drawn[inner.slices].any():
        raise CaseError(
            f"{what} leaves no voxel of the contour in the image. A weaker perturbation keeps it; "
            "for this one the tumour is too small, or lies too near to the image's border.",
            code="mask_emptied",
        )
    made = sitk.GetImageFromArray(drawn)
    made.CopyInformation(mask)
    return made


def as_stored(values: npt.NDArray[np.floating], image: sitk.Image) -> npt.NDArray[np.generic]:
    """Return values as an image's type holds them: rounded and kept in range if it is integer."""
    kind = sitk.GetArrayViewFromImage(image).dtype
    if np.issubdtype(kind, np.integer):
        limits = np.iinfo(kind)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return values.astype(kind)
