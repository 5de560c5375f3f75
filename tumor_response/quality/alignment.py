"""Where the follow-up lies in the baseline's coordinates: a translation, found without a start.

Both images are brought to a coarse grid along the patient's axes, clipped to a window and freed of
slow variation, which leaves the body's surface and its bones. Their normalised correlation is
computed for every translation at once by Fourier transforms (Lewis 1995, "Fast normalized
cross-correlation"; Padfield 2012, IEEE Trans Image Process 21, 2706-2718, for partial overlap). The
translation that is chosen has the highest correlation times the square root of its overlap: small
overlaps reach high correlations by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import fft, ndimage
from scipy.spatial import cKDTree

from tumor_response.imaging import Geometry
from tumor_response.quality.coordinates import index_of, voxel_centres_mm

__all__ = ["Alignment", "align", "gap_mm", "overlap"]

WINDOW_HU = (-200.0, 400.0)
SLOW_MM = 15.0
"""Standard deviation of the blur that is taken away."""

N_VOXELS = 300_000
"""About so many of the larger image after coarsening: a second of work."""

VOXEL_MM = (3.0, 8.0)
"""Finest and coarsest grid."""

MIN_OVERLAP = 0.25
"""Of the smaller image's box."""

N_POINTS = 20_000
"""Voxels of a mask that stand for all of them."""


@dataclass(frozen=True)
class Alignment:
    """A translation of the follow-up.

    Parameters
    ----------
    translation_mm
        To be added to positions in the follow-up, LPS.
    correlation
        Of both images after it, over what they share.
    """

    translation_mm: tuple[float, float, float]
    correlation: float


def align(baseline: sitk.Image, follow_up: sitk.Image) -> Alignment:
    """Find the translation that brings a follow-up CT onto its baseline.

    Parameters
    ----------
    baseline, follow_up
        CTs in HU; their coordinate systems need have nothing in common.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> voxels = np.kron(rng.choice([-200.0, 100.0], size=(10, 10, 10)), np.ones((3, 3, 3)))
    >>> image = sitk.GetImageFromArray(voxels); image.SetSpacing((3.0, 3.0, 3.0))
    >>> moved = sitk.Image(image); moved.SetOrigin((12.0, -30.0, 500.0))
    >>> [round(v) for v in align(image, moved).translation_mm]
    [-12, 30, -500]
    """
    volume = max(float(np.prod(_extent_mm(image))) for image in (baseline, follow_up))
    step = float(np.clip((volume / N_VOXELS) ** (1 / 3), *VOXEL_MM))
    fixed, fixed_origin = _coarse(baseline, step)
    moving, moving_origin = _coarse(follow_up, step)
    correlation, share = _all_correlations(fixed, moving)
    score = correlation * np.sqrt(share)
    best = np.unravel_index(int(score.argmax()), score.shape)
    offset = [
        _peak(score, best, axis, n) for axis, n in enumerate(fixed.shape)
    ]  # of the moving array in the fixed one, in coarse voxels along z, y, x
    translation = np.array(offset[::-1]) * step + fixed_origin - moving_origin
    x, y, z = (float(v) for v in translation)
    return Alignment((x, y, z), float(correlation[best]))


def _extent_mm(image: sitk.Image) -> np.ndarray:
    return np.asarray(np.array(image.GetSize()) * np.array(image.GetSpacing()))


def _coarse(image: sitk.Image, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the image on a grid along the patient's axes, and where its first voxel lies."""
    shrink = [
        min(n, max(1, round(step / 2 / spacing)))
        for n, spacing in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    small = sitk.Cast(sitk.BinShrink(image, shrink), sitk.sitkFloat32)
    small = sitk.Clamp(small, lowerBound=WINDOW_HU[0], upperBound=WINDOW_HU[1])
    last = np.array(small.GetSize()) - 1
    corners = np.array(
        [
            small.TransformContinuousIndexToPhysicalPoint((last * at).tolist())
            for at in np.ndindex(2, 2, 2)
        ]
    )
    origin = corners.min(axis=0)
    size = np.ceil((corners.max(axis=0) - origin) / step).astype(int) + 1
    grid = sitk.Resample(
        small,
        size.tolist(),
        sitk.Transform(),
        sitk.sitkLinear,
        origin.tolist(),
        [step] * 3,
        np.eye(3).ravel().tolist(),
        WINDOW_HU[0],
    )
    values = sitk.GetArrayFromImage(grid)
    return values - ndimage.gaussian_filter(values, SLOW_MM / step), origin


def _all_correlations(fixed: np.ndarray, moving: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return correlation and share of overlap for every shift of ``moving``."""
    sizes = [
        fft.next_fast_len(a + b - 1, real=True)
        for a, b in zip(fixed.shape, moving.shape, strict=True)
    ]
    scale = max(float(fixed.std()), float(moving.std()), 1e-6)
    a, b = fixed.astype(np.float64) / scale, moving.astype(np.float64) / scale

    def transform(x: np.ndarray) -> np.ndarray:
        return np.asarray(fft.rfftn(x, sizes))

    def correlate(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(fft.irfftn(x * np.conj(y), sizes))

    one_a, one_b = transform(np.ones_like(a)), transform(np.ones_like(b))
    f_a, f_b = transform(a), transform(b)
    n = np.maximum(np.rint(correlate(one_a, one_b)), 1.0)
    sum_a, sum_b = correlate(f_a, one_b), correlate(one_a, f_b)
    both = correlate(f_a, f_b) - sum_a * sum_b / n
    var_a = correlate(transform(a * a), one_b) - sum_a**2 / n
    var_b = correlate(one_a, transform(b * b)) - sum_b**2 / n
    spread = np.sqrt(np.maximum(var_a, 0.0) * np.maximum(var_b, 0.0))
    share = n / min(a.size, b.size)
    usable = (share > MIN_OVERLAP) & (spread > 1e-4 * n)
    correlation = np.where(usable, both / np.where(usable, spread, 1.0), -1.0)
    return correlation, share


def _peak(score: np.ndarray, best: tuple[np.intp, ...], axis: int, n_fixed: int) -> float:
    """Return the signed shift along an axis, between grid points by a parabola."""
    at = [int(v) for v in best]
    n = score.shape[axis]
    y = []
    for by in (-1, 0, 1):
        beside = list(at)
        beside[axis] = (at[axis] + by) % n
        y.append(float(score[tuple(beside)]))
    curvature = y[0] - 2 * y[1] + y[2]
    between = 0.5 * (y[0] - y[2]) / curvature if curvature < 0 else 0.0
    # shifts beyond the fixed image are the negative ones, wrapped around
    signed = at[axis] if at[axis] < n_fixed else at[axis] - n
    return signed + float(np.clip(between, -0.5, 0.5))


def overlap(
    baseline: sitk.Image, follow_up: sitk.Image, translation_mm: tuple[float, float, float]
) -> float:
    """Return which share of the smaller mask lies in the other one, 0 to 1.

    Parameters
    ----------
    baseline, follow_up
        Masks, not empty.
    translation_mm
        Added to positions in ``follow_up``.

    Examples
    --------
    >>> mask = sitk.Image(9, 9, 9, sitk.sitkUInt8); mask[3:6, 3:6, 3:6] = 1
    >>> overlap(mask, mask, (0.0, 0.0, 0.0)), round(overlap(mask, mask, (2.0, 0.0, 0.0)), 3)
    (1.0, 0.333)
    """
    by = np.array(translation_mm)
    return max(
        _share_inside(baseline, voxel_centres_mm(follow_up, N_POINTS) + by),
        _share_inside(follow_up, voxel_centres_mm(baseline, N_POINTS) - by),
    )


def gap_mm(
    baseline: sitk.Image, follow_up: sitk.Image, translation_mm: tuple[float, float, float]
) -> float:
    """Return the smallest distance between voxel centres of two masks, mm."""
    points = voxel_centres_mm(follow_up, N_POINTS) + np.array(translation_mm)
    distance, _ = cKDTree(voxel_centres_mm(baseline, N_POINTS)).query(points)
    return float(distance.min())


def _share_inside(mask: sitk.Image, points_mm: np.ndarray) -> float:
    index = np.rint(index_of(points_mm, Geometry.of(mask))).astype(int)
    within = ((index >= 0) & (index < np.array(mask.GetSize()))).all(axis=1)
    x, y, z = index[within].T
    hits = np.count_nonzero(sitk.GetArrayViewFromImage(mask)[z, y, x])
    return float(hits / len(points_mm))
