"""Other intensities in the same places: noise, reconstruction kernel, calibration.

Integer images stay integer: results are rounded to whole numbers and kept in the range of their
type. The contour is not touched.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from pydantic import Field, model_validator
from scipy import fft, signal

from tumor_response.exceptions import CaseError
from tumor_response.imaging.geometry import slice_axis
from tumor_response.imaging.noise import soft_tissue_noise_hu
from tumor_response.imaging.perturb.base import Drawn, Reach, Rule, Seed, in_order, new_seed
from tumor_response.imaging.perturb.window import REACH_MM, as_stored, image_window

__all__ = [
    "DrawnIntensityOffset",
    "DrawnKernel",
    "DrawnNoise",
    "ImageNoise",
    "IntensityOffset",
    "ReconstructionKernel",
]

FloatArray = npt.NDArray[np.float64]

_Times = Annotated[float, Field(ge=0.0, le=10.0)]
_Gain = Annotated[float, Field(ge=0.1, le=10.0)]
_Corner = Annotated[float, Field(gt=0.0, le=10.0)]
_HU = Annotated[float, Field(ge=-1000.0, le=1000.0)]

_KERNEL_REACH = 3.0
"""How far the filter of a kernel spreads, in units of 1 / corner_per_mm. It is a sum of Gaussians
of sqrt(k / 2) / (pi corner), k = 1, 2, ..., with the weights of the exponential series of ln gain:
at the largest gains those up to k = 10 count, and this is four times the widest."""

_LEAST_HALF = 8
"""Voxels to either side that the filter has at least: where the gain still rises at the highest
frequency that voxels hold, it decays slowly."""


class DrawnNoise(Drawn):
    """A repeat of the scan's noise.

    Parameters
    ----------
    times_own, sd_hu, reach_mm
        As in :class:`ImageNoise`.
    seed
        Of the noise.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> image = sitk.GetImageFromArray(rng.normal(40, 12, size=(9, 60, 60)).astype(np.float32))
    >>> mask = sitk.Image(60, 60, 9, sitk.sitkUInt8); mask[20:40, 20:40, 2:7] = 1
    >>> noisy, _ = DrawnNoise(times_own=1.0, seed=1).apply(image, mask)
    >>> bool(abs(np.std(sitk.GetArrayFromImage(noisy)) / (12 * 2**0.5) - 1) < 0.03)
    True
    """

    alteration: Literal["noise"] = "noise"
    times_own: _Times = 1.0
    sd_hu: float | None = Field(default=None, ge=0.0)
    reach_mm: Reach = REACH_MM
    seed: Seed

    @property
    def touches_image(self) -> bool:
        """Unless there is no noise to add."""
        return bool(self.times_own if self.sd_hu is None else self.sd_hu)

    def apply(self, image: sitk.Image, mask: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
        """Return the noisier image and the mask.

        Raises
        ------
        CaseError
            Code ``noise_unknown``: there is no soft tissue around the contour to measure the
            image's own noise on.
        """
        if not self.touches_image:
            return image, mask
        deviation = self.sd_hu
        if deviation is None:
            deviation = self.times_own * _own_noise_hu(image, mask)
        window = image_window(image, mask, self.reach_mm)
        noise = np.random.default_rng(self.seed).standard_normal(window.shape)
        values = window.cut(image, "edge").astype(np.float64) + deviation * noise
        return window.put(image, as_stored(values, image)), mask


def _own_noise_hu(image: sitk.Image, mask: sitk.Image) -> float:
    found = soft_tissue_noise_hu(image, mask)
    if not np.isfinite(found):
        raise CaseError(
            "The image's own noise cannot be measured: fewer than 50 pairs of voxels between -200 "
            "and 300 HU in every slice of the tumour. Give the noise with "
            "ImageNoise(sd_hu=...), or leave this perturbation out.",
            code="noise_unknown",
        )
    return found


class ImageNoise(Rule):
    """Add noise to the image, as large as its own.

    White Gaussian noise. How noisy the image is itself is measured on neighbouring voxels of the
    soft tissue in and around the contour
    (:func:`tumor_response.imaging.noise.soft_tissue_noise_hu`), the added noise is as large by the
    same measure. The noise of a smooth kernel is alike in neighbours; what it has beyond the
    differences of neighbours is not added. Noise in the repeat is added to noise that is there
    already: with ``times_own=1`` the variance between neighbours doubles.

    Parameters
    ----------
    times_own
        Standard deviation of the added noise, in units of the image's own.
    sd_hu
        The standard deviation itself, instead; for images without soft tissue in HU.
    reach_mm
        How far around the contour's box noise is added. ``None``: everywhere.

    Raises
    ------
    SettingsError
        For less than 0, or more than 10 times.

    References
    ----------
    Zwanenburg A, Leger S, Agolli L, et al. Assessing robustness of radiomic features by image
    perturbation. Sci Rep 2019; 9: 614 (which measures the noise by wavelets instead).

    Examples
    --------
    >>> ImageNoise(times_own=0.5).draw(np.random.default_rng(0)).touches_image
    True
    """

    rule: Literal["noise"] = "noise"
    times_own: _Times = 1.0
    sd_hu: float | None = Field(default=None, ge=0.0)
    reach_mm: Reach = REACH_MM

    @property
    def touches_image(self) -> bool:
        """Unless there is no noise to add."""
        return bool(self.times_own if self.sd_hu is None else self.sd_hu)

    def draw(self, rng: np.random.Generator) -> DrawnNoise:
        """Draw the seed of the noise."""
        return DrawnNoise(
            times_own=self.times_own, sd_hu=self.sd_hu, reach_mm=self.reach_mm, seed=new_seed(rng)
        )


class DrawnKernel(Drawn):
    """The scan as another reconstruction kernel shows it.

    Parameters
    ----------
    gain
        Of the highest frequencies.
    corner_per_mm, reach_mm
        As in :class:`ReconstructionKernel`.

    Examples
    --------
    >>> x = np.arange(64)
    >>> wave = np.broadcast_to(np.cos(np.pi * x), (3, 64, 64)).astype(np.float32)
    >>> image = sitk.GetImageFromArray(wave)  # the highest frequency there is, 0.5 per mm
    >>> mask = sitk.Image(64, 64, 3, sitk.sitkUInt8); mask[30:34, 30:34, 1] = 1
    >>> soft, _ = DrawnKernel(gain=0.5, corner_per_mm=0.1).apply(image, mask)
    >>> round(soft[32, 32, 1], 3)
    0.5
    """

    alteration: Literal["kernel"] = "kernel"
    gain: _Gain
    corner_per_mm: _Corner = 0.25
    reach_mm: Reach = REACH_MM

    @property
    def touches_image(self) -> bool:
        """Unless the gain is 1."""
        return self.gain != 1.0

    def apply(self, image: sitk.Image, mask: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
        """Return the image of the other kernel and the mask."""
        if not self.touches_image:
            return image, mask
        across = 2 - slice_axis(image)
        kernel = self._kernel([s for a, s in enumerate(image.GetSpacing()[::-1]) if a != across])
        kernel = np.expand_dims(kernel, across)
        window = image_window(image, mask, self.reach_mm)
        source = window.grown(tuple(n // 2 for n in kernel.shape))
        values = source.cut(image, "edge").astype(np.float64)
        filtered = signal.fftconvolve(values, kernel, mode="valid")
        return window.put(image, as_stored(filtered, image)), mask

    def _kernel(self, step_mm: list[float]) -> FloatArray:
        """Return the filter between voxels (rows, columns), of a finite width.

        So every voxel is filtered from the same neighbours, whatever part of the image is.
        """
        half = [
            max(_LEAST_HALF, int(np.ceil(_KERNEL_REACH / self.corner_per_mm / step)))
            for step in step_mm
        ]
        size = [8 * h for h in half]
        rows = fft.fftfreq(size[0], step_mm[0])[:, None]
        columns = fft.rfftfreq(size[1], step_mm[1])[None, :]
        wide = fft.fftshift(fft.irfft2(self.gain_at(np.hypot(rows, columns)), s=size))
        cut = tuple(slice(n // 2 - h, n // 2 + h + 1) for n, h in zip(size, half, strict=True))
        return np.asarray(wide[cut] / wide[cut].sum())

    def gain_at(self, frequency_per_mm: FloatArray) -> FloatArray:
        """Return by how much structures of a spatial frequency become stronger.

        Examples
        --------
        >>> DrawnKernel(gain=2.0).gain_at(np.array([0.0, 0.25, 10.0])).round(2)
        array([1.  , 1.55, 2.  ])
        """
        high = -np.expm1(-((frequency_per_mm / self.corner_per_mm) ** 2))
        return np.asarray(self.gain**high)


class ReconstructionKernel(Rule):
    r"""Show the scan as a softer or sharper reconstruction kernel would.

    A filter in the plane of the slices, the same in all directions, that multiplies the spatial
    frequency f by

    .. math:: G(f) = g^{1 - \exp(-(f / f_c)^2)}

    and leaves the mean as it is: the ratio of two kernels' modulation transfer functions goes from
    1 at frequency 0 to g at high ones. Sharpening raises the noise with the edges, as a sharp
    kernel does. Gains g and 1 / g undo each other, but for what is cut off the filter's ends.

    Parameters
    ----------
    min_gain, max_gain
        Of the highest frequencies: below 1 softer, above 1 sharper. Between them the logarithm is
        drawn evenly.
    corner_per_mm
        Frequency f_c where 63 % of the logarithm of the gain is reached. Structures of 2 mm width
        have 0.25 per mm.
    reach_mm
        How far around the contour's box the image is filtered. ``None``: everywhere.

    Raises
    ------
    SettingsError
        For gains outside of 0.1 to 10, or not in order.

    Examples
    --------
    >>> rule = ReconstructionKernel(min_gain=0.5, max_gain=2.0)
    >>> round(rule.draw(np.random.default_rng(0)).gain, 2)
    1.21
    """

    rule: Literal["kernel"] = "kernel"
    min_gain: _Gain
    max_gain: _Gain
    corner_per_mm: _Corner = 0.25
    reach_mm: Reach = REACH_MM

    @model_validator(mode="after")
    def _range(self) -> Self:
        in_order(self.min_gain, self.max_gain, "min_gain, max_gain")
        return self

    @property
    def touches_image(self) -> bool:
        """Unless both gains are 1."""
        return (self.min_gain, self.max_gain) != (1.0, 1.0)

    def draw(self, rng: np.random.Generator) -> DrawnKernel:
        """Draw the gain."""
        gain = np.exp(rng.uniform(np.log(self.min_gain), np.log(self.max_gain)))
        return DrawnKernel(
            gain=float(np.clip(gain, self.min_gain, self.max_gain)),
            corner_per_mm=self.corner_per_mm,
            reach_mm=self.reach_mm,
        )


class DrawnIntensityOffset(Drawn):
    """A scan whose intensities are off by a constant.

    Parameters
    ----------
    offset_hu
        Added to every voxel; rounded to a whole number where the image is integer.

    Examples
    --------
    >>> image = sitk.Image(4, 4, 4, sitk.sitkInt16)
    >>> DrawnIntensityOffset(offset_hu=7.4).apply(image, image)[0][0, 0, 0]
    7
    """

    alteration: Literal["intensity_offset"] = "intensity_offset"
    offset_hu: _HU

    @property
    def touches_image(self) -> bool:
        """Unless the offset is 0."""
        return self.offset_hu != 0.0

    def apply(self, image: sitk.Image, mask: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
        """Return the image with the offset and the mask."""
        if not self.touches_image:
            return image, mask
        whole = np.issubdtype(sitk.GetArrayViewFromImage(image).dtype, np.integer)
        # rounded before it is added: a half would go up in one voxel and down in the next
        offset = round(self.offset_hu) if whole else self.offset_hu
        window = image_window(image, mask, None)
        values = window.cut(image, "edge").astype(np.float64) + offset
        return window.put(image, as_stored(values, image)), mask


class IntensityOffset(Rule):
    """Add a constant to the whole image, drawn evenly between two: an error of calibration.

    Parameters
    ----------
    min_hu, max_hu
        In HU, or the unit of the image. Integer images take the nearest whole number.

    Raises
    ------
    SettingsError
        For offsets beyond 1000, or not in order.

    Examples
    --------
    >>> rule = IntensityOffset(min_hu=-10, max_hu=10)
    >>> round(rule.draw(np.random.default_rng(0)).offset_hu, 2)
    2.74
    """

    rule: Literal["intensity_offset"] = "intensity_offset"
    min_hu: _HU
    max_hu: _HU

    @model_validator(mode="after")
    def _range(self) -> Self:
        in_order(self.min_hu, self.max_hu, "min_hu, max_hu")
        return self

    @property
    def touches_image(self) -> bool:
        """Unless both are 0."""
        return (self.min_hu, self.max_hu) != (0.0, 0.0)

    def draw(self, rng: np.random.Generator) -> DrawnIntensityOffset:
        """Draw the offset."""
        return DrawnIntensityOffset(offset_hu=rng.uniform(self.min_hu, self.max_hu))
