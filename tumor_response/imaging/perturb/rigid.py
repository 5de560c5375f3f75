"""The patient lies otherwise: image and contour are moved together, on the grid as it is.

What a change of place does to features comes from where the voxels then lie in the tumour
(Zwanenburg et al. 2019, Sci Rep 9:614, who translate and rotate images to this end). The image's
grid stays: its contents are moved and read anew at its voxels, the intensities by interpolation,
the mask by where the moved surface lies. With ``moves="contour"`` the contour alone is moved, as by
an error of placement.

What comes in from beyond the image's border is not known: the border's values go on.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from pydantic import Field

from tumor_response.imaging.geometry import nearest_axis
from tumor_response.imaging.perturb.base import Drawn, Reach, Rule
from tumor_response.imaging.perturb.sampling import ROOM, Interpolator, shifted, turned
from tumor_response.imaging.perturb.window import (
    REACH_MM,
    Window,
    as_mask,
    as_stored,
    depth_around,
    image_window,
)

__all__ = ["DrawnRotation", "DrawnTranslation", "Rotation", "Translation"]

FloatArray = npt.NDArray[np.float64]

Moves = Literal["patient", "contour"]
Axis = Literal["left_right", "front_back", "head_feet"]

_PATIENT_AXIS: dict[Axis, int] = {"left_right": 0, "front_back": 1, "head_feet": 2}

_WHOLE = 1e-9
"""Parts of a voxel that are none: what is left of dividing mm by mm."""

_Length = Annotated[float, Field(ge=0.0, le=100.0)]
_Angle = Annotated[float, Field(ge=-180.0, le=180.0)]


class DrawnTranslation(Drawn):
    """A patient moved along the image's axes.

    Parameters
    ----------
    shift_mm
        Along the image's x, y and z axis.
    moves, interpolator, reach_mm
        As in :class:`Translation`.

    Examples
    --------
    >>> image, mask = sitk.Image(20, 20, 20, sitk.sitkInt16), sitk.Image(20, 20, 20, sitk.sitkUInt8)
    >>> image[8, 9, 9], mask[8, 9, 9] = 70, 1
    >>> image, mask = DrawnTranslation(shift_mm=(2.0, 0.0, 0.0)).apply(image, mask)
    >>> image[10, 9, 9], mask[10, 9, 9], mask[8, 9, 9]
    (70, 1, 0)
    """

    alteration: Literal["translation"] = "translation"
    shift_mm: tuple[float, float, float]
    moves: Moves = "patient"
    interpolator: Interpolator = "cubic"
    reach_mm: Reach = REACH_MM

    @property
    def touches_image(self) -> bool:
        """Whether more than the contour is moved."""
        return self.moves == "patient" and any(self.shift_mm)

    def apply(self, image: sitk.Image, mask: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
        """Return the moved image (or the very same one) and the moved mask."""
        if not any(self.shift_mm):
            return image, mask
        # a voxel reads what lies as far back: so many whole voxels, and a part of one
        back = -np.array(self.shift_mm[::-1]) / np.array(image.GetSpacing()[::-1])
        nearest = np.rint(back)
        back = np.where(np.abs(back - nearest) < _WHOLE, nearest, back)
        whole = tuple(int(w) for w in np.floor(back))
        part = tuple(float(p) for p in back - np.floor(back))

        window, depth = depth_around(mask, 0.0)
        room = (-ROOM["linear"],) * 3
        what = "A translation by {:.3g}, {:.3g}, {:.3g} mm".format(*self.shift_mm)
        moved = as_mask(
            shifted(depth, part, "linear") > 0,
            window.grown(room).moved(tuple(-w for w in whole)),
            mask,
            what,
        )
        if not self.touches_image:
            return image, moved
        window = image_window(image, moved, self.reach_mm)
        source = window.moved(whole).grown((ROOM[self.interpolator],) * 3)
        values = source.cut(image, "edge").astype(np.float64)
        read = shifted(values, part, self.interpolator)
        return window.put(image, as_stored(read, image)), moved


class Translation(Rule):
    """Move the patient by a distance drawn evenly up to a largest one, along each image axis.

    Parameters
    ----------
    max_mm
        Largest shift along an axis, to either side.
    moves
        ``"patient"``: image and contour together, as when the patient lies otherwise on the couch.
        ``"contour"``: the contour alone, on the image as it is.
    interpolator
        Of the intensities: ``"cubic"`` (B-spline through the voxels) or ``"linear"``, which blurs.
        The mask is moved by interpolating its depth linearly, and keeps its shape.
    reach_mm
        How far around the contour's box the image is moved, and 16 voxels at least; beyond, it
        stays as it is. ``None``: all of it.

    Raises
    ------
    SettingsError
        For a distance below 0 or above 100 mm.

    References
    ----------
    Zwanenburg A, Leger S, Agolli L, et al. Assessing robustness of radiomic features by image
    perturbation. Sci Rep 2019; 9: 614.

    Examples
    --------
    >>> import numpy as np
    >>> drawn = Translation(max_mm=2.0).draw(np.random.default_rng(0))
    >>> [round(s, 2) for s in drawn.shift_mm]
    [0.55, -0.92, -1.84]
    """

    rule: Literal["translation"] = "translation"
    max_mm: _Length
    moves: Moves = "patient"
    interpolator: Interpolator = "cubic"
    reach_mm: Reach = REACH_MM

    @property
    def touches_image(self) -> bool:
        """Whether more than the contour is moved."""
        return self.moves == "patient" and self.max_mm > 0

    def draw(self, rng: np.random.Generator) -> DrawnTranslation:
        """Draw the three shifts."""
        x, y, z = rng.uniform(-self.max_mm, self.max_mm, size=3)
        return DrawnTranslation(
            shift_mm=(float(x), float(y), float(z)),
            moves=self.moves,
            interpolator=self.interpolator,
            reach_mm=self.reach_mm,
        )


class DrawnRotation(Drawn):
    """A patient turned about an axis through the centre of the contour.

    Parameters
    ----------
    degrees
        Right-handed about the image axis that is nearest to ``axis``.
    axis, moves, interpolator, reach_mm
        As in :class:`Rotation`.

    Examples
    --------
    >>> image = sitk.Image(21, 21, 21, sitk.sitkInt16)
    >>> mask = sitk.Image(21, 21, 21, sitk.sitkUInt8)
    >>> mask[4:17, 8:13, 8:13] = 1
    >>> _, turned = DrawnRotation(degrees=90.0).apply(image, mask)
    >>> turned[10, 4, 10], turned[10, 16, 10], turned[4, 10, 10]
    (1, 1, 0)
    """

    alteration: Literal["rotation"] = "rotation"
    degrees: _Angle
    axis: Axis = "head_feet"
    moves: Moves = "patient"
    interpolator: Interpolator = "cubic"
    reach_mm: Reach = REACH_MM

    @property
    def touches_image(self) -> bool:
        """Whether more than the contour is turned."""
        return self.moves == "patient" and self.degrees != 0.0

    def apply(self, image: sitk.Image, mask: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
        """Return the turned image (or the very same one) and the turned mask."""
        if self.degrees == 0.0:
            return image, mask
        about = 2 - nearest_axis(image, _PATIENT_AXIS[self.axis])
        window, depth = depth_around(mask, 0.0)
        centre = np.argwhere(depth > 0).mean(axis=0) + np.array(window.start)
        spacing = np.array(image.GetSpacing()[::-1])

        # the contour may come to lie outside of its box
        margin = self._moves_voxels(window, centre, spacing, about)
        window, depth = depth_around(mask, float((np.array(margin) * spacing).max()))
        drawn = self._turned(depth, window, window, centre, spacing, about, "linear") > 0
        moved = as_mask(drawn, window, mask, f"A rotation by {self.degrees:.3g} degrees")
        if not self.touches_image:
            return image, moved
        window = image_window(image, moved, self.reach_mm)
        margin = self._moves_voxels(window, centre, spacing, about)
        extra = tuple(m + ROOM[self.interpolator] if m else 0 for m in margin)
        source = window.grown(extra)
        values = source.cut(image, "edge").astype(np.float64)
        read = self._turned(values, source, window, centre, spacing, about, self.interpolator)
        return window.put(image, as_stored(read, image)), moved

    def _moves_voxels(
        self, window: Window, centre: FloatArray, spacing: FloatArray, about: int
    ) -> tuple[int, ...]:
        """Return how many voxels the corners of a box move at most; 0 along the axis itself."""
        far = np.maximum(centre - np.array(window.start), np.array(window.stop) - centre) * spacing
        far[about] = 0.0
        move_mm = 2.0 * abs(np.sin(np.radians(self.degrees) / 2)) * float(np.linalg.norm(far))
        return tuple(
            0 if axis == about else int(np.ceil(move_mm / step)) + 1
            for axis, step in enumerate(spacing)
        )

    def _turned(
        self,
        values: FloatArray,
        source: Window,
        wanted: Window,
        centre: FloatArray,
        spacing: FloatArray,
        about: int,
        interpolator: Interpolator,
    ) -> FloatArray:
        first, second = (a for a in range(3) if a != about)
        inside = centre - np.array(source.start)
        room = np.array(wanted.start) - np.array(source.start)
        # rows and columns are z and y, z and x, y and x; right-handed turns go y-z, z-x, x-y
        degrees = self.degrees if about == 1 else -self.degrees
        found = turned(
            np.moveaxis(values, about, 0),
            degrees,
            (inside[first], inside[second]),
            (spacing[first], spacing[second]),
            interpolator,
            (int(room[first]), int(room[second])),
        )
        return np.moveaxis(found, 0, about)


class Rotation(Rule):
    """Turn the patient by an angle drawn evenly up to a largest one, about the contour's centre.

    Parameters
    ----------
    max_degrees
        Largest angle, either way.
    axis
        Of the patient: ``"head_feet"`` turns within the slices. The nearest axis of the image is
        taken, so that the other two are interpolated and no more.
    moves, interpolator, reach_mm
        As in :class:`Translation`.

    Raises
    ------
    SettingsError
        For an angle below 0 or above 180 degrees.

    Examples
    --------
    >>> import numpy as np
    >>> round(Rotation(max_degrees=5.0).draw(np.random.default_rng(0)).degrees, 2)
    1.37
    """

    rule: Literal["rotation"] = "rotation"
    max_degrees: Annotated[float, Field(ge=0.0, le=180.0)]
    axis: Axis = "head_feet"
    moves: Moves = "patient"
    interpolator: Interpolator = "cubic"
    reach_mm: Reach = REACH_MM

    @property
    def touches_image(self) -> bool:
        """Whether more than the contour is turned."""
        return self.moves == "patient" and self.max_degrees > 0

    def draw(self, rng: np.random.Generator) -> DrawnRotation:
        """Draw the angle."""
        return DrawnRotation(
            degrees=rng.uniform(-self.max_degrees, self.max_degrees),
            axis=self.axis,
            moves=self.moves,
            interpolator=self.interpolator,
            reach_mm=self.reach_mm,
        )
