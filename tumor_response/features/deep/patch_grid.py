"""Where a block around a tumour lies in an image, and the image on its grid."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from tumor_response.exceptions import FeatureError

if TYPE_CHECKING:
    from tumor_response.features.deep.patches import PatchSettings

__all__ = ["TOWARDS", "PatchGrid"]

TOWARDS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
"""Direction -> patient axis (x, y, z run to the left, the back and the head) and sign."""
_SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))
_REACH_SIGMAS = 4
_BORDER = 0.5 + 1e-6  # of an image, beyond the centres of its last voxels, in voxels
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PatchGrid:
    """The block's grid along the patient's axes x, y and z, and how it lies in an image.

    Parameters
    ----------
    size
        Voxels of the block.
    step_mm
        Their distance.
    first_mm
        Where the first of them lies in the patient.
    axes
        Patient axis and sign of each of the block's axes depth, height and width.
    scale
        By how much the voxels are wider than the settings say.
    image_size, image_step_mm, image_first_mm, image_axes
        The image's grid; ``image_axes[:, i]`` is the direction of its index i.
    """

    size: tuple[int, int, int]
    step_mm: Vector
    first_mm: Vector
    axes: tuple[tuple[int, int], ...]
    scale: float
    image_size: Vector
    image_step_mm: Vector
    image_first_mm: Vector
    image_axes: Vector

    @classmethod
    def around(cls, mask: sitk.Image, settings: PatchSettings) -> PatchGrid:
        """Place the block around the tumour.

        Raises
        ------
        FeatureError
            Codes ``mask_empty`` and ``tumour_exceeds_patch``.
        """
        tumour = np.argwhere(sitk.GetArrayViewFromImage(mask))[:, ::-1]
        if not len(tumour):
            raise FeatureError("The mask is empty: there is nothing to cut.", code="mask_empty")
        turned = np.array(mask.GetDirection()).reshape(3, 3)
        spacing, origin = np.array(mask.GetSpacing()), np.array(mask.GetOrigin())
        points = origin + (tumour * spacing) @ turned.T
        half_voxel = np.abs(turned) @ spacing / 2
        low, high = points.min(axis=0) - half_voxel, points.max(axis=0) + half_voxel
        centre = points.mean(axis=0) if settings.centre == "centroid" else (low + high) / 2
        needs_mm = 2 * np.maximum(high - centre, centre - low)

        axes = tuple(TOWARDS[letter] for letter in settings.axes)
        order = np.argsort([axis for axis, _ in axes])
        has_mm = np.array(settings.sides_mm)[order]
        # sides that are equal but for their last bits hold the tumour
        scale = float((needs_mm / has_mm).max())
        scale = scale if scale > 1 + 1e-6 else 1.0
        if scale > 1 and settings.if_larger == "refuse":
            raise FeatureError(
                f"The tumour needs {_text(needs_mm)}, the patch has {_text(has_mm)} (left-right, "
                "front-back, head-foot). Choose a larger patch for the whole cohort, or "
                "if_larger='scale', which widens the voxels for such tumours alone.",
                code="tumour_exceeds_patch",
            )
        size = np.array(settings.size_voxels)[order]
        step = np.array(settings.step_mm)[order] * scale
        return cls(
            size=(int(size[0]), int(size[1]), int(size[2])),
            step_mm=step,
            first_mm=centre - step * (size - 1) / 2,
            axes=axes,
            scale=scale,
            image_size=np.array(mask.GetSize(), dtype=float),
            image_step_mm=spacing,
            image_first_mm=origin,
            image_axes=turned,
        )

    def inside(self) -> np.ndarray:
        """Tell of each voxel, (z, y, x), whether it lies in the image."""
        along = [f + s * np.arange(n) for f, s, n in zip(*self._points, strict=True)]
        x, y, z = along[0], along[1][:, None], along[2][:, None, None]
        to_index = self._to_index
        within = np.ones(self.size[::-1], dtype=bool)
        for row, shift, n in zip(
            to_index, to_index @ self.image_first_mm, self.image_size, strict=True
        ):
            index = row[0] * x + row[1] * y + row[2] * z - shift
            within &= (index >= -_BORDER) & (index <= n - 1 + _BORDER)
        return within

    def part_of(self, image: sitk.Image) -> sitk.Image:
        """Return that part of the image, float32, which decides the block, smoothing included."""
        first, step, size = self._points
        last = first + step * (np.array(size) - 1)
        corners = np.array(list(itertools.product(*zip(first, last, strict=True))))
        index = (corners - self.image_first_mm) @ self._to_index.T
        margin = 2 + _REACH_SIGMAS * self._sigmas
        most = self.image_size - 1
        low = np.clip(np.floor(index.min(axis=0) - margin), 0, most).astype(int)
        high = np.clip(np.ceil(index.max(axis=0) + margin), 0, most).astype(int)
        x, y, z = (slice(int(a), int(b) + 1) for a, b in zip(low, high, strict=True))
        return sitk.Cast(image[x, y, z], sitk.sitkFloat32)

    def smoothed(self, part: sitk.Image) -> sitk.Image:
        """Return a part of the image without the detail that the block's voxels cannot hold."""
        if not self._sigmas.any():
            return part
        smooth = sitk.GetImageFromArray(
            gaussian_filter(
                sitk.GetArrayViewFromImage(part),
                self._sigmas[::-1],
                mode="nearest",
                truncate=_REACH_SIGMAS,
            )
        )
        smooth.CopyInformation(part)
        return smooth

    def resampled(
        self, image: sitk.Image, outside: float, interpolator: int = sitk.sitkLinear
    ) -> np.ndarray:
        """Return the image, or a part of it, on the block's grid, (z, y, x)."""
        block = sitk.Resample(
            image,
            self.size,
            sitk.Transform(),
            interpolator,
            self.first_mm.tolist(),
            self.step_mm.tolist(),
            np.eye(3).ravel().tolist(),
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

    @property
    def _points(self) -> tuple[Vector, Vector, tuple[int, int, int]]:
        return self.first_mm, self.step_mm, self.size

    @property
    def _to_index(self) -> Vector:
        """Matrix from mm in the patient to indices of the image."""
        return np.asarray(self.image_axes.T / self.image_step_mm[:, None])

    @property
    def _sigmas(self) -> Vector:
        """Smoothing along the image's axes, in its voxels."""
        step = np.sqrt(((self.image_axes * self.step_mm[:, None]) ** 2).sum(axis=0))
        # widths at half maximum add in squares: the image's voxel and the kernel make the block's
        widening = np.maximum((step / self.image_step_mm) ** 2 - 1, 0.0)
        # what is finer by its last bits alone is left as it is
        return np.asarray(np.where(widening > 1e-6, np.sqrt(widening) * _SIGMA_PER_FWHM, 0.0))


def _text(lengths_mm: np.ndarray) -> str:
    return " x ".join(f"{length:.0f}" for length in lengths_mm) + " mm"
