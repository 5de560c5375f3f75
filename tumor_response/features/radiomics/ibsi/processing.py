"""From a segmented image to intensities and masks, as the IBSI reference manual orders the steps.

Interpolation of image and mask, rounding, re-segmentation. Two masks come out: the morphological
one says where the region is, the intensity one which of its voxels have intensities that count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.ndimage import spline_filter1d

from tumor_response.exceptions import FeatureError, GeometryError
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
from tumor_response.imaging import Geometry

__all__ = ["IbsiImage", "interpolated", "processed", "resegmented"]

Box = tuple[slice, slice, slice]

TIE = 1e-9
"""Interpolation ends on exact halves (half of a voxel inside, 12.5 HU) up to float rounding.

Halves count as inside and are rounded up; without this margin the last bit would decide.
"""

SPLINE_REACH = 32
"""Voxels around the region that a cubic spline is fitted on.

A sample's influence falls by 0.27 per voxel, so that 32 of them are beyond double precision.
"""


@dataclass(frozen=True)
class IbsiImage:
    """An image after processing, cropped around the region.

    Parameters
    ----------
    values
        Intensities, float64, (z, y, x), C-contiguous; also outside of the masks.
    morphological_mask
        The region, bool, the same shape.
    intensity_mask
        The voxels of the region whose intensities count, bool, the same shape.
    spacing_mm
        Distance of voxel centres along (z, y, x).
    """

    values: NDArray[np.float64]
    morphological_mask: NDArray[np.bool_]
    intensity_mask: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]

    @property
    def intensities(self) -> NDArray[np.float64]:
        """Intensities inside the intensity mask, shape (n,), in the order of the array."""
        return self.values[self.intensity_mask]

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel."""
        z, y, x = self.spacing_mm
        return z * y * x

    def without_margin(self) -> IbsiImage:
        """Return the same image cropped to the bounding box of the morphological mask."""
        box = _box(self.morphological_mask, self.spacing_mm, 0.0)
        return IbsiImage(
            np.ascontiguousarray(self.values[box]),
            np.ascontiguousarray(self.morphological_mask[box]),
            np.ascontiguousarray(self.intensity_mask[box]),
            self.spacing_mm,
        )


def processed(
    image: sitk.Image,
    mask: sitk.Image,
    settings: IbsiSettings,
    *,
    margin_mm: float | None = 10.0,
) -> IbsiImage:
    """Return the interpolated, rounded and re-segmented image with both masks.

    Parameters
    ----------
    image
        3-D image.
    mask
        3-D mask on the same grid; non-zero voxels are the region.
    settings
        What to do.
    margin_mm
        How much of the surroundings to keep beside the region. The grid and the intensities do
        not depend on it; the local intensity peak looks 6.2 mm beyond the region. ``None``: all.

    Raises
    ------
    GeometryError
        If image and mask lie on different grids.
    FeatureError
        Code ``mask_empty`` or ``mask_empty_after_interpolation`` if there is no region,
        ``region_empty_after_resegmentation`` if none of its intensities counts.

    References
    ----------
    Zwanenburg et al., Image biomarker standardisation initiative reference manual,
    arXiv:1612.07003, chapter 2.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.features.radiomics.ibsi.processing import processed
    >>> from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
    >>> image, mask = sitk.Image(6, 6, 6, sitk.sitkFloat32), sitk.Image(6, 6, 6, sitk.sitkUInt8)
    >>> mask[2:4, 2:4, 2:4] = 1
    >>> found = processed(image, mask, IbsiSettings(spacing_mm=(0.5, 0.5, 0.5), bin_size=25))
    >>> int(found.morphological_mask.sum())  # 4 x 4 x 4, less the corners: 0.75^3 is below half
    56
    """
    return resegmented(interpolated(image, mask, settings, margin_mm=margin_mm), settings)


def interpolated(
    image: sitk.Image,
    mask: sitk.Image,
    settings: IbsiSettings,
    *,
    margin_mm: float | None = 10.0,
) -> IbsiImage:
    """Return the image before re-segmentation: both masks are the interpolated region.

    Parameters and errors as in :func:`processed`.
    """
    if found := Geometry.of(image).differences(Geometry.of(mask)):
        raise GeometryError(
            f"The mask does not lie on the image's grid: {'; '.join(found)}. Export both from the "
            "same series, or resample the mask with tr.resample_mask(...)."
        )
    inside = sitk.GetArrayViewFromImage(mask) != 0
    if not inside.any():
        raise FeatureError(
            "The mask is empty: no voxel to compute features from. Check the contour and the "
            "label it was read with.",
            code="mask_empty",
        )
    array = sitk.GetArrayViewFromImage(image)
    z, y, x = (float(step) for step in reversed(image.GetSpacing()))
    before = (z, y, x)
    if settings.spacing_mm is None:
        box = _box(inside, before, margin_mm)
        region = np.ascontiguousarray(inside[box])
        values = np.ascontiguousarray(array[box], dtype=np.float64)
        return IbsiImage(values, region, region, before)
    after = (before[0], *settings.spacing_mm) if settings.dimension == "2d" else settings.spacing_mm
    return _resampled(array, inside, before, (after[0], after[1], after[2]), settings, margin_mm)


def resegmented(image: IbsiImage, settings: IbsiSettings) -> IbsiImage:
    """Return the image with the intensity mask limited by range and outliers.

    Raises
    ------
    FeatureError
        Code ``region_empty_after_resegmentation``.
    """
    kept = image.intensities
    lowest, highest = settings.resegmentation_range or (None, None)
    low, high = (-np.inf if lowest is None else lowest), (np.inf if highest is None else highest)
    if settings.outlier_sigma is not None:
        reach = settings.outlier_sigma * float(kept.std())
        low, high = max(low, float(kept.mean()) - reach), min(high, float(kept.mean()) + reach)
    intensity_mask = image.intensity_mask & (image.values >= low) & (image.values <= high)
    if not intensity_mask.any():
        raise FeatureError(
            f"No voxel of the region is left after re-segmentation: its intensities are "
            f"{kept.min():g} to {kept.max():g}, kept are {low:g} to {high:g}. Widen "
            "resegmentation_range, or check the unit of the image.",
            code="region_empty_after_resegmentation",
        )
    return IbsiImage(image.values, image.morphological_mask, intensity_mask, image.spacing_mm)


def _box(inside: NDArray[np.bool_], spacing_mm: tuple[float, ...], margin_mm: float | None) -> Box:
    """Return the bounding box of the region and its margin, inside the array."""
    if margin_mm is None:
        return (slice(None), slice(None), slice(None))
    sides = []
    for axis, step in enumerate(spacing_mm):
        hits = np.flatnonzero(inside.any(axis=tuple(a for a in (0, 1, 2) if a != axis)))
        margin = int(np.ceil(margin_mm / step))
        sides.append(slice(max(int(hits[0]) - margin, 0), int(hits[-1]) + margin + 1))
    return (sides[0], sides[1], sides[2])


@dataclass(frozen=True)
class _Axis:
    """Where new voxels lie between old ones along one axis, in units of old voxels."""

    n_before: int
    position: NDArray[np.float64]

    @classmethod
    def aligned(cls, n: int, before_mm: float, after_mm: float) -> _Axis:
        """Return the new grid that covers the old one's extent, both with the same centre."""
        step = after_mm / before_mm
        n_after = int(np.ceil(n / step - TIE))
        centred = np.arange(n_after, dtype=np.float64) - (n_after - 1) / 2
        return cls(n, np.asarray(centred * step + (n - 1) / 2))

    def within(self, first: int, last: int, margin: int) -> slice:
        """Return the new voxels that touch old ones ``first`` to ``last``, and ``margin`` more."""
        touched = np.flatnonzero((self.position > first - 1) & (self.position < last + 1))
        if touched.size == 0:  # coarser than the region is wide, and between two new centres
            touched = np.array([np.abs(self.position - (first + last) / 2).argmin()])
        return slice(max(int(touched[0]) - margin, 0), int(touched[-1]) + margin + 1)

    def taps(self, part: slice, cubic: bool) -> tuple[NDArray[np.intp], NDArray[np.float64], slice]:
        """Return, for new voxels ``part``, old indices and weights, and the old span they need.

        Beyond the outermost old centres the outermost values go on. Indices count from the
        beginning of the span.
        """
        n = self.n_before
        position = np.clip(self.position[part], 0, n - 1)
        base = np.minimum(np.floor(position).astype(np.intp), max(n - 2, 0))
        t = position - base
        if cubic and n > 1:
            offsets = np.arange(-1, 3)
            weights = np.stack(
                [
                    (1 - t) ** 3 / 6,
                    2 / 3 - t**2 * (2 - t) / 2,
                    2 / 3 - (1 - t) ** 2 * (1 + t) / 2,
                    t**3 / 6,
                ]
            )
        else:
            offsets, weights = np.arange(2), np.stack([1 - t, t])
        index = np.abs(base + offsets[:, None])  # a spline is mirrored at its first sample ...
        index = (n - 1) - np.abs((n - 1) - index)  # ... and at its last
        index = np.clip(index, 0, n - 1)
        reach = SPLINE_REACH if cubic else 0
        first = max(int(index.min()) - reach, 0)
        last = min(int(index.max()) + reach, n - 1)
        return index - first, weights, slice(first, last + 1)


def _resampled(
    array: NDArray[np.generic],
    inside: NDArray[np.bool_],
    before: tuple[float, float, float],
    after: tuple[float, float, float],
    settings: IbsiSettings,
    margin_mm: float | None,
) -> IbsiImage:
    """Return image and mask on the new grid, of which only the wanted part is computed."""
    axes = [_Axis.aligned(n, *steps) for n, *steps in zip(inside.shape, before, after, strict=True)]
    region = _box(inside, before, 0.0)
    parts = [
        slice(0, len(axis.position))
        if margin_mm is None
        else axis.within(side.start, side.stop - 1, int(np.ceil(margin_mm / step)))
        for axis, side, step in zip(axes, region, after, strict=True)
    ]
    moved = [b != a for b, a in zip(before, after, strict=True)]
    share = _separable(inside, axes, parts, moved, cubic=False)
    mask = share >= settings.mask_threshold - TIE
    if not mask.any():
        raise FeatureError(
            f"No voxel is left of the mask after interpolation to {after} mm (z, y, x): the region "
            f"has {np.count_nonzero(inside)} voxels of {before} mm. Choose a finer spacing_mm.",
            code="mask_empty_after_interpolation",
        )
    values = _separable(array, axes, parts, moved, cubic=settings.image_interpolation == "cubic")
    if settings.round_intensities:
        values = np.floor(values + (0.5 + TIE))
    return IbsiImage(values, mask, mask, after)


def _separable(
    array: NDArray[np.generic],
    axes: list[_Axis],
    parts: list[slice],
    moved: list[bool],
    *,
    cubic: bool,
) -> NDArray[np.float64]:
    """Return ``array`` interpolated along each axis in turn."""
    taps = [axis.taps(part, cubic) for axis, part in zip(axes, parts, strict=True)]
    spans = tuple(
        span if move else part for (_, _, span), part, move in zip(taps, parts, moved, strict=True)
    )
    values = np.ascontiguousarray(array[spans], dtype=np.float64)
    for axis, (index, weights, _) in enumerate(taps):
        if not moved[axis]:
            continue
        if cubic and values.shape[axis] > 1:
            values = spline_filter1d(values, order=3, axis=axis, mode="mirror")
        shape = [1, 1, 1]
        shape[axis] = -1
        values = sum(
            values.take(old, axis=axis) * weight.reshape(shape)
            for old, weight in zip(index, weights, strict=True)
        )
    return np.ascontiguousarray(values)
