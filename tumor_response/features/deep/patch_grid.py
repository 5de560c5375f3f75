"""Where a block around a tumour lies in an image, and the image on its grid."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from tumor_response.exceptions import FeatureError
from tumor_response.imaging import bounding_box

if TYPE_CHECKING:
    from tumor_response.features.deep.patches import PatchSettings

__all__ = ["TOWARDS", "PatchGrid"]

TOWARDS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
"""Direction -> axis (x, y, z of an LPS image) and sign."""
_SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))
_REACH_SIGMAS = 4


@dataclass(frozen=True)
class PatchGrid:
    """The block's grid in an LPS image; lengths in voxels of the image, along x, y and z.

    Parameters
    ----------
    size
        Voxels of the block.
    step
        Distance of its voxels.
    centre
        Of the block, as a continuous index of the image.
    axes
        The image's axis and sign of each of the block's axes depth, height and width.
    scale
        By how much the voxels are wider than the settings say.
    image_size, spacing_mm, origin, direction
        The image's geometry.
    """

    size: tuple[int, int, int]
    step: tuple[float, float, float]
    centre: tuple[float, float, float]
    axes: tuple[tuple[int, int], ...]
    scale: float
    image_size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[float, ...]

    @classmethod
    def around(cls, image: sitk.Image, mask: sitk.Image, settings: PatchSettings) -> PatchGrid:
        """Place the block around the mask of an LPS image.

        Raises
        ------
        FeatureError
            Codes ``mask_empty`` and ``tumour_exceeds_patch``.
        """
        box = bounding_box(mask)
        if box is None:
            raise FeatureError("cut_patch: the mask is empty.", code="mask_empty")
        spacing = np.array(image.GetSpacing())
        axes = tuple(TOWARDS[letter] for letter in settings.axes)
        order = np.argsort([axis for axis, _ in axes])
        centre = np.mean(box, axis=1)
        if settings.centre == "centroid":
            centre = np.argwhere(sitk.GetArrayViewFromImage(mask)).mean(axis=0)[::-1]
        # from the centre to the farther face of the box, twice
        reach = np.abs(np.array(box) + np.array([-0.5, 0.5]) - centre[:, None]).max(axis=1)
        needs_mm, has_mm = 2 * reach * spacing, np.array(settings.sides_mm)[order]
        # sides that are equal but for their last bits hold the tumour
        scale = float((needs_mm / has_mm).max())
        scale = scale if scale > 1 + 1e-9 else 1.0
        if scale > 1 and settings.larger == "refuse":
            raise FeatureError(
                f"The tumour needs {_text(needs_mm)}, the patch has {_text(has_mm)} (left-right, "
                "front-back, head-foot). Choose a larger patch for the whole cohort, or "
                "larger='scale', which widens the voxels for such tumours alone.",
                code="tumour_exceeds_patch",
            )
        return cls(
            size=_triple(int, np.array(settings.size_voxels)[order]),
            step=_triple(float, np.array(settings.step_mm)[order] * scale / spacing),
            centre=_triple(float, centre),
            axes=axes,
            scale=scale,
            image_size=_triple(int, image.GetSize()),
            spacing_mm=_triple(float, spacing),
            origin=_triple(float, image.GetOrigin()),
            direction=tuple(image.GetDirection()),
        )

    def positions(self, axis: int) -> np.ndarray:
        """Return where the block's voxels lie along x, y or z."""
        n = self.size[axis]
        return self.centre[axis] + (np.arange(n) - (n - 1) / 2) * self.step[axis]

    def inside(self) -> np.ndarray:
        """Tell of each voxel, (z, y, x), whether it lies in the image."""
        x, y, z = (
            (self.positions(i) >= -0.5) & (self.positions(i) <= self.image_size[i] - 0.5)
            for i in range(3)
        )
        return np.asarray(z[:, None, None] & y[:, None] & x)

    def part_of(self, image: sitk.Image) -> sitk.Image:
        """Return that part of the image, float32, which decides the block, smoothing included."""
        part = []
        for i in range(3):
            margin = 2 + _REACH_SIGMAS * self._sigma(i)
            first = max(0, int(np.floor(self.positions(i)[0] - margin)))
            last = min(self.image_size[i] - 1, int(np.ceil(self.positions(i)[-1] + margin)))
            part.append(slice(first, last + 1))
        return sitk.Cast(image[part[0], part[1], part[2]], sitk.sitkFloat32)

    def smoothed(self, part: sitk.Image) -> sitk.Image:
        """Return a part of the image without the detail that the block's voxels cannot hold."""
        sigmas = [self._sigma(i) for i in (2, 1, 0)]
        if not any(sigmas):
            return part
        voxels = sitk.GetArrayViewFromImage(part)
        smooth = sitk.GetImageFromArray(
            gaussian_filter(voxels, sigmas, mode="nearest", truncate=_REACH_SIGMAS)
        )
        smooth.CopyInformation(part)
        return smooth

    def resampled(
        self, image: sitk.Image, outside: float, interpolator: int = sitk.sitkLinear
    ) -> np.ndarray:
        """Return the image, or a part of it, on the block's grid, (z, y, x)."""
        turned = np.array(self.direction).reshape(3, 3)
        first = np.array([self.positions(i)[0] for i in range(3)])
        corner = np.array(self.origin) + turned @ (first * self.spacing_mm)
        block = sitk.Resample(
            image,
            self.size,
            sitk.Transform(),
            interpolator,
            _triple(float, corner),
            _triple(float, np.array(self.step) * self.spacing_mm),
            self.direction,
            float(outside),
            image.GetPixelID(),
        )
        return np.asarray(sitk.GetArrayFromImage(block))

    def to_axes(self, voxels: np.ndarray) -> np.ndarray:
        """Turn (..., z, y, x) into (..., depth, height, width)."""
        lead = voxels.ndim - 3
        turned = np.transpose(voxels, (*range(lead), *(lead + 2 - axis for axis, _ in self.axes)))
        backwards = tuple(lead + i for i, (_, sign) in enumerate(self.axes) if sign < 0)
        return np.asarray(np.flip(turned, backwards))

    def _sigma(self, axis: int) -> float:
        # widths at half maximum add in squares: the image's voxel and the kernel make the block's
        return float(np.sqrt(max(self.step[axis] ** 2 - 1, 0.0)) * _SIGMA_PER_FWHM)


def _triple(kind: Callable[[Any], Any], values: Iterable[Any]) -> tuple[Any, Any, Any]:
    x, y, z = (kind(v) for v in values)
    return x, y, z


def _text(lengths_mm: np.ndarray) -> str:
    return " x ".join(f"{length:.0f}" for length in lengths_mm) + " mm"
