"""Where a log-Jacobian is decided by the image, and where by the regulariser.

Inside a homogeneous tumour nothing shows how tissue moved; the smoothness that every registration
asks for fills in a plausible answer. Which voxels these are is found by registering the baseline to
copies of itself, of which the answer is known:

* a copy with other noise: the log-Jacobian is 0;
* a copy that shrank uniformly about the tumour: a known constant;
* two copies with an alternating contraction, a quarter of a wave apart.

The first two are not enough: to a uniform shrinkage a smooth field is the right answer, so that an
interior without any structure passes. A contraction that alternates within the tumour can only be
seen where the image itself shows it.

Original and copies are freed of noise by a blur and given new noise of the scan's own strength,
each its own: otherwise the noise itself would be followed from one to the other.

``reliability = 1 - (root mean square error) / (root mean square of the truth)``, both over a
Gaussian neighbourhood, the worst of the three tests, from 0 (the answer is made up) to 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from tumor_response.imaging.register.deformable import demons, log_jacobian, prepared
from tumor_response.imaging.register.region import Region
from tumor_response.imaging.register.settings import RegistrationSettings
from tumor_response.parallel.threads import held_threads

__all__ = ["noise_sd_hu", "reliability_map"]

FloatArray = npt.NDArray[np.floating]
Displacement = Callable[[FloatArray], FloatArray]
"""From points along the grid's axes, mm, shape (..., 3), to their displacements, mm."""

DENOISE_MM = 1.5
"""Standard deviation of the blur that takes the noise away before a copy is made."""

NEIGHBOURHOOD_MM = 4.0
"""Standard deviation of the Gaussian over which errors are averaged."""

MEDIAN_TO_SD = 1.4826
SEED = 20_240
INVERSIONS = 25
"""Fixed-point steps; each halves the error at the least, with contractions as small as these."""


def reliability_map(
    baseline: sitk.Image, region: Region, settings: RegistrationSettings | None = None
) -> FloatArray:
    """Return the reliability of the log-Jacobian on a region, 0 to 1.

    Parameters
    ----------
    baseline
        CT in HU.
    region
        From :func:`~tumor_response.imaging.register.region.region_around`.
    settings
        The same as of the registration that is judged; default :class:`RegistrationSettings`.

    Examples
    --------
    >>> from tumor_response.imaging.register.region import region_around
    >>> flat = sitk.Image(20, 20, 20, sitk.sitkFloat32) + 40.0
    >>> mask = sitk.Image(20, 20, 20, sitk.sitkUInt8); mask[8:12, 8:12, 8:12] = 1
    >>> float(reliability_map(flat, region_around(mask, 6.0, 2.0)).max())
    0.0
    """
    settings = settings or RegistrationSettings()
    rng = np.random.default_rng(SEED)
    points = _points(region)
    centre = points[region.tumour].mean(axis=0) if region.tumour.any() else points.mean((0, 1, 2))
    size, wavelength = settings.probe_log_jacobian, settings.probe_wavelength_mm
    tests: list[list[Displacement]] = [
        [_still],
        [_shrinking(size, centre)],
        [_alternating(size, wavelength, centre, phase) for phase in (0.0, np.pi / 2)],
    ]
    with held_threads(1):
        crop = sitk.Cast(_crop(baseline, region), sitk.sitkFloat32)
        noise = noise_sd_hu(crop, settings.window_hu)
        source = sitk.SmoothingRecursiveGaussian(crop, DENOISE_MM)
        fixed = _sampled(region, source, _still(points), noise, rng, settings.window_hu)
        worst = np.zeros(region.tumour.shape)
        for moves in tests:
            errors, truths = np.zeros_like(worst), np.zeros_like(worst)
            for move in moves:
                back = _inverted(move, points)
                copy = _sampled(region, source, back, noise, rng, settings.window_hu)
                copy = prepared(region, fixed, copy, region.inside)
                found, _ = log_jacobian(demons(fixed, copy, settings))
                truth, _ = log_jacobian(_vectors(region, move(points)))
                errors += _local_mean((found - truth) ** 2, region)
                truths += _local_mean(truth**2, region)
            # a copy that did not move has no truth to compare with: the shrunk one's is taken
            worst = np.maximum(worst, errors / np.where(truths > 0, truths, size**2))
    reliable = np.clip(1.0 - np.sqrt(worst), 0.0, 1.0)
    return np.where(region.inside, reliable, 0.0).astype(np.float32)


def noise_sd_hu(image: sitk.Image, window_hu: tuple[float, float]) -> float:
    """Return the standard deviation of the noise in the soft tissue of an image, HU.

    From the median absolute difference of each voxel and the mean of its four neighbours in the
    slice: structure is in a minority of voxels, noise in all of them.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> image = sitk.GetImageFromArray(40 + 9 * rng.standard_normal((20, 40, 40)))
    >>> round(noise_sd_hu(image, (-150.0, 250.0)))
    9
    """
    voxels = sitk.GetArrayFromImage(image).astype(np.float64)
    around = np.array([[[0, 1, 0], [1, 0, 1], [0, 1, 0]]]) / 4.0
    rest = voxels - ndimage.convolve(voxels, around, mode="nearest")
    low, high = window_hu
    soft = (voxels > low) & (voxels < high)
    if not soft.any():
        return 0.0
    return float(MEDIAN_TO_SD * np.median(np.abs(rest[soft])) / np.sqrt(1.25))


def _crop(image: sitk.Image, region: Region) -> sitk.Image:
    """Return the part of an image that a region needs, on the image's own grid."""
    grid = region.grid
    last = np.array(grid.GetSize()) - 1.0
    corners = np.array(
        [
            image.TransformPhysicalPointToContinuousIndex(
                grid.TransformContinuousIndexToPhysicalPoint((last * at).tolist())
            )
            for at in np.ndindex(2, 2, 2)
        ]
    )
    size = np.array(image.GetSize())
    low = np.clip(np.floor(corners.min(axis=0)) - 4, 0, size - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 5, low + 1, size).astype(int)
    return sitk.RegionOfInterest(image, (high - low).tolist(), low.tolist())


def _sampled(
    region: Region,
    source: sitk.Image,
    back_mm: FloatArray,
    noise_hu: float,
    rng: np.random.Generator,
    window_hu: tuple[float, float],
) -> sitk.Image:
    """Return the source at displaced points of the region, with new noise, clipped to a window.

    The noise is drawn on the scan's own grid, so that it comes through the interpolation as the
    scan's does.
    """
    move = sitk.DisplacementFieldTransform(_vectors(region, back_mm))
    tissue = _resampled(region, source, move)
    drawn = sitk.GetImageFromArray(
        (noise_hu * rng.standard_normal(source.GetSize()[::-1])).astype(np.float32)
    )
    drawn.CopyInformation(source)
    low, high = window_hu
    noisy = sitk.Add(tissue, _resampled(region, drawn, sitk.Transform(3, sitk.sitkIdentity)))
    return sitk.Clamp(noisy, lowerBound=low, upperBound=high)


def _resampled(region: Region, image: sitk.Image, transform: sitk.Transform) -> sitk.Image:
    resample = sitk.ResampleImageFilter()
    resample.SetReferenceImage(region.grid)
    resample.SetOutputPixelType(sitk.sitkFloat32)
    resample.SetInterpolator(sitk.sitkLinear)
    resample.SetUseNearestNeighborExtrapolator(True)
    resample.SetTransform(transform)
    return resample.Execute(image)


def _still(points: FloatArray) -> FloatArray:
    return np.zeros_like(points)


def _shrinking(log_j: float, centre: FloatArray) -> Displacement:
    factor = np.exp(log_j / 3.0) - 1.0
    return lambda points: factor * (points - centre)


def _alternating(
    log_j: float, wavelength_mm: float, centre: FloatArray, phase: float
) -> Displacement:
    """Contract and stretch by turns along each axis, ``log_j`` at the root mean square."""
    k = 2.0 * np.pi / wavelength_mm
    amplitude = abs(log_j) / np.sqrt(1.5) / k
    return lambda points: amplitude * np.sin(k * (points - centre) + phase)


def _inverted(move: Displacement, points: FloatArray) -> FloatArray:
    """Return where the tissue came from that ``move`` brings to these points, as displacements."""
    back = np.zeros_like(points)
    for _ in range(INVERSIONS):
        back = -move(points + back)
    return back


def _points(region: Region) -> FloatArray:
    """Return the positions of the grid's voxels along its own axes, mm, shape (z, y, x, 3)."""
    size = region.tumour.shape
    index = np.stack(np.meshgrid(*[np.arange(n) for n in size], indexing="ij"), axis=-1)
    return np.asarray(index[..., ::-1] * region.spacing_mm, dtype=np.float64)


def _vectors(region: Region, along_axes_mm: FloatArray) -> sitk.Image:
    """Return displacements along the grid's axes as a vector image in the patient's."""
    axes = np.array(region.grid.GetDirection()).reshape(3, 3)
    made = sitk.GetImageFromArray(along_axes_mm @ axes.T, isVector=True)
    made.CopyInformation(region.grid)
    return made


def _local_mean(values: FloatArray, region: Region) -> FloatArray:
    return np.asarray(ndimage.gaussian_filter(values, NEIGHBOURHOOD_MM / region.spacing_mm))
