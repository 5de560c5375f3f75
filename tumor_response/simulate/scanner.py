"""What a scanner does to the truth: voxel size, point spread, noise, HU offset, whole numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from tumor_response.imaging.random_field import blurred_noise
from tumor_response.simulate.grid import Grid
from tumor_response.simulate.streams import stream

__all__ = ["Scanner", "scanner_of_site"]

FloatArray = npt.NDArray[np.float32]

SLICE_PROFILE = 0.29
"""Standard deviation of a rectangular slice profile, in units of its width (1 / sqrt(12))."""


@dataclass(frozen=True)
class Scanner:
    """Scanner and protocol of a hospital.

    Parameters
    ----------
    pixel_mm, slice_thickness_mm
        Voxel spacing in the plane and across it.
    kernel_sigma_mm
        Standard deviation of the in-plane point spread; 0.7 is a full width of 1.6 mm.
    noise_sd_hu
        Standard deviation of the noise in a voxel.
    hu_offset
        Added to everything: calibration error.
    """

    pixel_mm: float = 1.5
    slice_thickness_mm: float = 3.0
    kernel_sigma_mm: float = 0.7
    noise_sd_hu: float = 9.0
    hu_offset: float = 0.0

    @property
    def grid(self) -> Grid:
        """The voxel grid of its CTs."""
        return Grid((self.pixel_mm, self.pixel_mm, self.slice_thickness_mm))

    @property
    def psf_sigma_mm(self) -> tuple[float, float, float]:
        """Standard deviation of the point spread along z, y, x in mm."""
        across = SLICE_PROFILE * self.slice_thickness_mm
        return across, self.kernel_sigma_mm, self.kernel_sigma_mm

    def blur(self, image: FloatArray) -> FloatArray:
        """Return ``image`` (z, y, x) on the scanner's grid under its point spread."""
        sigma = [s / step for s, step in zip(self.psf_sigma_mm, self.grid.spacing_zyx, strict=True)]
        return np.asarray(ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=3.0))

    def acquire(self, blurred: FloatArray, rng: np.random.Generator) -> npt.NDArray[np.int16]:
        """Return the CT in whole HU: noise with the kernel's correlation, and the offset."""
        noise_sigma = (0.0, 0.6 * self.kernel_sigma_mm, 0.6 * self.kernel_sigma_mm)
        noise = blurred_noise(rng, self.grid.shape, noise_sigma, self.grid.spacing_zyx)
        noise *= np.float32(self.noise_sd_hu / noise.std())
        hu = np.rint(blurred + noise + np.float32(self.hu_offset))
        return np.asarray(np.clip(hu, -1024, 3071), dtype=np.int16)


def scanner_of_site(seed: int, site: int, n_sites: int) -> Scanner:
    """Return the scanner of hospital ``site``; a single hospital has the default one.

    Examples
    --------
    >>> scanner_of_site(0, 0, n_sites=1) == Scanner()
    True
    """
    if n_sites == 1:
        return Scanner()
    rng = stream(seed, "site", site)
    return Scanner(
        slice_thickness_mm=float(rng.choice([2.0, 2.5, 3.0, 4.0])),
        kernel_sigma_mm=round(float(rng.uniform(0.5, 1.1)), 2),
        noise_sd_hu=round(float(rng.uniform(6.0, 14.0)), 1),
        hu_offset=round(float(rng.normal(0.0, 8.0)), 1),
    )
