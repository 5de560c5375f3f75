"""Smooth random fields on a grid: Gaussian noise blurred by a Gaussian."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["COARSE_NOISE_SD", "CONTOUR_SMOOTH_OVER_MM", "blurred_noise", "coarse_noise"]

FloatArray = npt.NDArray[np.float32]

CONTOUR_SMOOTH_OVER_MM = 20.0
"""Sigma of the blur that makes an observer's contour error out of white noise: a contour is off
over a stretch, not a voxel. Shared by all that speak of contour error."""

COARSE_NOISE_SD = 0.979
"""Root mean square of :func:`coarse_noise` over all places between its nodes: the interpolation
takes 2 % off the standard deviation, 0 on a node and 4 % in the middle of eight."""


def blurred_noise(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    sigma_mm: tuple[float, float, float],
    spacing_zyx: tuple[float, float, float],
) -> FloatArray:
    """Return white noise blurred with ``sigma_mm`` (z, y, x); not normalised."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    sigma = [s / step for s, step in zip(sigma_mm, spacing_zyx, strict=True)]
    return np.asarray(ndimage.gaussian_filter(noise, sigma, mode="reflect", truncate=3.0))


def coarse_noise(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    sigma_mm: float,
    spacing_zyx: tuple[float, float, float],
) -> FloatArray:
    """Return a stationary smooth field with mean 0 and variance about 1 in every voxel.

    Drawn on nodes ``sigma_mm`` apart and interpolated by cubic splines: a field this smooth needs
    no more, and a whole CT of it costs milliseconds.
    """
    margin = 3
    nodes = [
        int(np.ceil(n * step / sigma_mm)) + 2 * margin
        for n, step in zip(shape, spacing_zyx, strict=True)
    ]
    noise = rng.standard_normal(nodes, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, 1.0, mode="wrap", truncate=4.0)
    noise *= np.float32((2.0 * np.sqrt(np.pi)) ** 1.5)  # the blur's known loss of variance
    lines = [
        margin + np.arange(n, dtype=np.float32) * np.float32(step / sigma_mm)
        for n, step in zip(shape, spacing_zyx, strict=True)
    ]
    for axis, line in enumerate(lines):
        noise = _interpolate_axis(noise, line, axis)
    return noise


def _interpolate_axis(values: FloatArray, at: FloatArray, axis: int) -> FloatArray:
    """Catmull-Rom interpolation along one axis: separable, so three thin products do it all."""
    base = np.floor(at).astype(np.int64)
    t = (at - base).astype(np.float64)
    weights = (
        -0.5 * t + t**2 - 0.5 * t**3,
        1 - 2.5 * t**2 + 1.5 * t**3,
        0.5 * t + 2 * t**2 - 1.5 * t**3,
        -0.5 * t**2 + 0.5 * t**3,
    )
    shape = [-1 if a == axis else 1 for a in range(values.ndim)]
    result = np.zeros((), dtype=np.float32)
    for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
        taken = np.take(values, base + offset, axis=axis)
        result = result + weight.astype(np.float32).reshape(shape) * taken
    return result
