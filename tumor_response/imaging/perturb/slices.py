"""The same patient scanned with thicker slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from pydantic import Field, model_validator

from tumor_response.exceptions import CaseError
from tumor_response.imaging.geometry import slice_axis
from tumor_response.imaging.perturb.base import Drawn, Rule
from tumor_response.imaging.perturb.window import Window, as_mask, as_stored, depth_around

__all__ = ["DrawnSliceThickness", "SliceThickness"]

FloatArray = npt.NDArray[np.float64]

_Times = Annotated[float, Field(ge=1.0, le=10.0)]
_Thickness = Annotated[float, Field(gt=0.0, le=20.0)]

_SAME = 1e-3
"""Share of a thickness by which two are one and the same."""


def _one_of(thickness_mm: float | None, times: float | None) -> None:
    if (thickness_mm is None) == (times is None):
        raise ValueError("expected either thickness_mm or times")


class DrawnSliceThickness(Drawn):
    """A scan with thicker slices, whose first one begins at a drawn place.

    Parameters
    ----------
    thickness_mm, times
        As in :class:`SliceThickness`.
    phase
        How much of the first thick slice lies before the image, 0 to 1.

    Examples
    --------
    >>> image = sitk.Image(20, 20, 12, sitk.sitkInt16); image.SetSpacing((1, 1, 2))
    >>> mask = sitk.Image(20, 20, 12, sitk.sitkUInt8); mask[5:15, 5:15, 3:9] = 1
    >>> thick, contour = DrawnSliceThickness(thickness_mm=4.0, phase=0.0).apply(image, mask)
    >>> thick.GetSize(), thick.GetSpacing(), thick.GetOrigin()[2], contour.GetSize()
    ((20, 20, 6), (1.0, 1.0, 4.0), 1.0, (20, 20, 6))
    """

    alteration: Literal["slice_thickness"] = "slice_thickness"
    thickness_mm: _Thickness | None = None
    times: _Times | None = None
    phase: Annotated[float, Field(ge=0.0, lt=1.0)]

    @model_validator(mode="after")
    def _which(self) -> Self:
        _one_of(self.thickness_mm, self.times)
        return self

    @property
    def touches_image(self) -> bool:
        """Unless slices stay once as thick."""
        return self.times != 1.0

    def apply(self, image: sitk.Image, mask: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
        """Return image and mask on the grid of the thick slices.

        Raises
        ------
        CaseError
            Code ``slices_too_thick``: the image's slices are thicker already. ``single_slice``:
            fewer than two thick slices cover the image.
        """
        axis = slice_axis(image)
        step = image.GetSpacing()[axis]
        thick = step * self.times if self.times is not None else float(self.thickness_mm or 0.0)
        if abs(thick / step - 1) < _SAME:
            return image, mask
        if thick < step:
            raise CaseError(
                f"The image's slices are {step:g} mm apart, and slices of {thick:g} mm cannot be "
                "made of them. Take SliceThickness(times=...) for a cohort of several thicknesses, "
                "or leave this perturbation out.",
                code="slices_too_thick",
            )
        n_slices = image.GetSize()[axis]
        slabs = _Slabs.over(n_slices, thick / step, self.phase)
        if len(slabs.middle) < 2:
            raise CaseError(
                f"The image's {n_slices} slices of {step:g} mm hold fewer than two of {thick:g} "
                "mm. Take thinner ones, or leave this perturbation out.",
                code="single_slice",
            )
        values = np.moveaxis(sitk.GetArrayViewFromImage(image), 2 - axis, 0)
        averaged = np.stack([as_stored(slab, image) for slab in slabs.averages(values)])
        thicker = sitk.GetImageFromArray(np.moveaxis(averaged, 0, 2 - axis))
        spacing, start = list(image.GetSpacing()), [0.0, 0.0, 0.0]
        spacing[axis], start[axis] = thick, float(slabs.middle[0])
        thicker.SetSpacing(spacing)
        thicker.SetOrigin(image.TransformContinuousIndexToPhysicalPoint(start))
        thicker.SetDirection(image.GetDirection())
        return thicker, self._contour(mask, thicker, slabs, axis, thick)

    def _contour(
        self, mask: sitk.Image, thicker: sitk.Image, slabs: _Slabs, axis: int, thick: float
    ) -> sitk.Image:
        """Return the contour in the middle planes of the thick slices."""
        window, depth = depth_around(mask, 0.0)
        planes = np.moveaxis(depth, 2 - axis, 0)
        at = slabs.middle - window.start[2 - axis]
        within = np.flatnonzero((at >= 0) & (at <= len(planes) - 1))
        below = np.minimum(np.floor(at[within]).astype(int), len(planes) - 2)
        above = (at[within] - below)[:, None, None]
        inside = (1 - above) * planes[below] + above * planes[below + 1] > 0
        start, stop = list(window.start), list(window.stop)
        first = int(within[0]) if within.size else 0
        start[2 - axis], stop[2 - axis] = first, first + len(within)
        empty = sitk.Image(thicker.GetSize(), mask.GetPixelID())
        empty.CopyInformation(thicker)
        return as_mask(
            np.moveaxis(inside, 0, 2 - axis),
            Window(tuple(start), tuple(stop)),
            empty,
            f"A slice thickness of {thick:.3g} mm",
        )


@dataclass(frozen=True)
class _Slabs:
    """Thick slices in terms of the slices they are averaged from.

    Parameters
    ----------
    middle
        Where their middle lies, as an index of slices; shape (n_slabs,).
    parts
        For each, the slices it covers and the shares of them, which sum to 1.
    """

    middle: FloatArray
    parts: tuple[tuple[tuple[int, float], ...], ...]

    @classmethod
    def over(cls, n_slices: int, ratio: float, phase: float) -> Self:
        """Return the slabs, ``ratio`` slices thick, of which half or more lies in the image."""
        middle, parts = [], []
        for number in range(int(np.ceil(n_slices / ratio)) + 1):
            low, high = (number - phase) * ratio, (number + 1 - phase) * ratio
            covered = min(high, n_slices) - max(low, 0.0)
            if covered < ratio / 2:
                continue
            slices = range(max(int(np.floor(low)), 0), min(int(np.ceil(high)), n_slices))
            shares = ((k, (min(high, k + 1) - max(low, k)) / covered) for k in slices)
            parts.append(tuple(shares))
            middle.append((low + high) / 2 - 0.5)
        return cls(np.array(middle), tuple(parts))

    def averages(self, slices: npt.NDArray[np.generic]) -> Iterator[FloatArray]:
        """Yield the average over each slab of slices, the first axis."""
        for part in self.parts:
            total = np.zeros(slices.shape[1:])
            for k, share in part:
                total += share * slices[k]
            yield total


class SliceThickness(Rule):
    """Make the slices thicker, as another protocol would.

    A thick slice is the average over its thickness (a rectangular slice profile), of slices that
    are taken to lie side by side. Image and contour are put on the grid of the thick slices:
    fewer, farther apart; in the plane the grid stays. The contour is that in the middle plane of
    each thick slice, read off the contour's depth between the thin ones. Where the first thick
    slice begins is drawn evenly, as chance decides it on a scanner; a thick slice is kept if half
    of it or more lies in the image.

    Parameters
    ----------
    thickness_mm
        Of the new slices.
    times
        Or: how many times the image's own. Exactly one of the two is given.

    Raises
    ------
    SettingsError
        For both or neither, a thickness beyond 20 mm, or less than once the image's own.

    Examples
    --------
    >>> SliceThickness(times=2.0).draw(np.random.default_rng(0)).phase < 1
    True
    >>> SliceThickness()
    Traceback (most recent call last):
    ...
    tumor_response.exceptions.SettingsError: SliceThickness: expected either thickness_mm or ...
    """

    rule: Literal["slice_thickness"] = "slice_thickness"
    thickness_mm: _Thickness | None = None
    times: _Times | None = None

    @model_validator(mode="after")
    def _which(self) -> Self:
        _one_of(self.thickness_mm, self.times)
        return self

    @property
    def touches_image(self) -> bool:
        """Unless slices stay once as thick."""
        return self.times != 1.0

    def draw(self, rng: np.random.Generator) -> DrawnSliceThickness:
        """Draw where the first slice begins."""
        return DrawnSliceThickness(
            thickness_mm=self.thickness_mm, times=self.times, phase=rng.random()
        )
