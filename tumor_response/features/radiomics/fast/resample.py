"""PyRadiomics' resampling: a grid pinned to the whole mask's origin, around the region only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from tumor_response.features.radiomics.fast.bspline import Axis, interpolated
from tumor_response.features.radiomics.fast.mask_check import Box, check_inside, region_box
from tumor_response.features.radiomics.fast.normalise import Normalisation
from tumor_response.features.radiomics.fast.surroundings import KEPT
from tumor_response.features.radiomics.fast.working_image import WorkingImage

__all__ = ["Grid", "grid_around", "padded_box", "resampled"]

_DEFAULT_PADDING = 5
_OFF_AXIS = 1e-9
"""Voxels that rounding may take a grid's far end off the image's axes."""
_DECIDED_BY_ROUNDING = 1e-8


@dataclass(frozen=True)
class Grid:
    """Where resampled voxels lie; everything along (x, y, z), as ITK has it."""

    size: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...]
    direction: tuple[float, ...]


def padded_box(box: Box, shape: Sequence[int], padding: int) -> Box:
    """Return a box widened by ``padding`` voxels on each side, within an image of ``shape``.

    Examples
    --------
    >>> padded_box((slice(1, 2), slice(4, 6), slice(0, 3)), (9, 9, 9), 2)
    (slice(0, 4, None), slice(2, 8, None), slice(0, 5, None))
    """
    z, y, x = (
        slice(max(edge.start - padding, 0), min(edge.stop + padding, size))
        for edge, size in zip(box, shape, strict=True)
    )
    return z, y, x


def resampled(
    image: sitk.Image,
    mask: sitk.Image,
    box: Box,
    normalisation: Normalisation | None,
    setting: Mapping[str, Any],
) -> tuple[WorkingImage, NDArray[np.bool_]]:
    """Return image and mask on the grid of ``resampledPixelSpacing``, around the region.

    Parameters
    ----------
    image, mask
        May have different grids as long as the region lies inside the image.
    box
        Bounding box of the region in the mask's grid.
    normalisation
        Applied before resampling, or None.
    setting
        ``resampledPixelSpacing`` along (x, y, z), mm, 0 for the mask's own; ``interpolator``;
        ``padDistance``, in new voxels (default 5). An axis along which the region is one voxel
        thick is not resampled.

    Raises
    ------
    ValueError
        If the region reaches beyond the image.
    """
    check_inside(image, mask, box)
    padding = setting.get("padDistance", _DEFAULT_PADDING)
    old = np.array(mask.GetSpacing())
    new = np.array(setting["resampledPixelSpacing"], dtype=np.float64)
    if new.size != old.size:
        raise ValueError(f"Wrong dimensionality ({new.size}-D) of resampledPixelSpacing!")
    one_thick = np.array([edge.stop - edge.start == 1 for edge in reversed(box)])
    new = np.where((new == 0) | one_thick, old, new)
    if np.allclose(np.array(image.GetSpacing()), new):
        return _cropped(image, mask, normalisation, padding)
    grid = grid_around(mask, box, new, padding)
    inside = _through_itk(mask, grid, sitk.sitkNearestNeighbor)
    interpolator = _interpolator(setting.get("interpolator"))
    values = None
    if interpolator == sitk.sitkBSpline:
        values = _spline(image, grid, normalisation)
    if values is None:
        values = sitk.GetArrayFromImage(
            _through_itk(_normalised(image, normalisation), grid, interpolator)
        )
    x, y, z = grid.spacing_mm
    return WorkingImage(values, (z, y, x)), sitk.GetArrayFromImage(inside) == 1


def grid_around(mask: sitk.Image, box: Box, spacing_mm: NDArray[np.float64], padding: int) -> Grid:
    """Return PyRadiomics' grid around a region.

    Voxel 0 of the new grid begins where voxel 0 of the whole mask begins; the region and
    ``padding`` new voxels on each side are covered, as far as the mask reaches.
    """
    old = np.array(mask.GetSpacing())
    ratio = old / spacing_mm
    start = np.array([edge.start for edge in reversed(box)])
    length = np.array([edge.stop - edge.start for edge in reversed(box)])
    lower = np.floor((start - 0.5) * ratio - padding)
    upper = np.ceil((start + length - 0.5) * ratio + padding)
    lower = np.maximum(lower, 0)
    upper = np.minimum(upper, np.ceil(np.array(mask.GetSize()) * ratio) - 1)
    # written as PyRadiomics has it: the last bit decides where a voxel centre between two source
    # voxels falls
    first = 0.5 * (spacing_mm - old) / old + lower / ratio
    return Grid(
        size=tuple(int(n) for n in upper - lower + 1),
        spacing_mm=tuple(spacing_mm.tolist()),
        origin_mm=mask.TransformContinuousIndexToPhysicalPoint(first),
        direction=mask.GetDirection(),
    )


def _cropped(
    image: sitk.Image, mask: sitk.Image, normalisation: Normalisation | None, padding: int
) -> tuple[WorkingImage, NDArray[np.bool_]]:
    """Return the surroundings of the region where the spacing is already the wanted one."""
    on_grid = mask
    if not _same_grid(image, mask):
        resampler = sitk.ResampleImageFilter()
        resampler.SetReferenceImage(image)
        resampler.SetInterpolator(sitk.sitkNearestNeighbor)
        on_grid = resampler.Execute(mask)
    labels = sitk.GetArrayViewFromImage(on_grid)
    cut = padded_box(region_box(on_grid), labels.shape, padding)
    x, y, z = image.GetSpacing()
    stored = sitk.GetArrayViewFromImage(image)[cut]
    return WorkingImage(stored.copy(), (z, y, x), normalisation), labels[cut] == 1


def _spline(
    image: sitk.Image, grid: Grid, normalisation: Normalisation | None
) -> NDArray[Any] | None:
    """Return the image on a grid along its own axes, or None where ITK itself is needed.

    Where the axes are oblique to the patient's, rounding takes ITK's positions off the axes by
    the last bits. That matters in the outer half voxel of the image, where they decide voxel by
    voxel what is inside and whether a value equals the one that it mirrors; and to an integer
    image, where a value lies so near to an integer that they decide which side it is cut to.
    """
    positions, exact = _positions(image, grid)
    if positions is None:
        return None
    stored = sitk.GetArrayViewFromImage(image)
    if not exact and _leaves_the_centres(positions, stored.shape):
        return None
    axes = [Axis.at(at, size) for at, size in zip(positions, stored.shape, strict=True)]
    z, y, x = axes
    part = stored[tuple(slice(axis.first, axis.stop) for axis in axes)]
    if normalisation is not None:
        part = normalisation.apply(part)
    if exact or not np.issubdtype(part.dtype, np.integer):
        places = (stored.shape, *(at.tobytes() for at in positions))
        return KEPT.resampled(
            places, part, lambda: interpolated(part, (z, y, x), stored.shape).astype(part.dtype)
        )
    values = interpolated(part.astype(np.float64), (z, y, x), stored.shape)
    if np.any(np.abs(values - np.rint(values)) < _DECIDED_BY_ROUNDING):
        return None
    limits = np.iinfo(part.dtype)
    return np.trunc(values).clip(limits.min, limits.max).astype(part.dtype)


def _same_grid(image: sitk.Image, mask: sitk.Image) -> bool:
    return (image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()) == (
        mask.GetSize(),
        mask.GetSpacing(),
        mask.GetOrigin(),
        mask.GetDirection(),
    )


def _positions(image: sitk.Image, grid: Grid) -> tuple[list[NDArray[np.float64]] | None, bool]:
    """Return where the grid's voxels lie in the image, in voxels, along (z, y, x).

    None where the grid's axes are not the image's; and whether the positions are ITK's to the
    last bit.

    The grid's points go through ITK's own transforms, so that the last bit is ITK's: it decides
    on integers that are cut. ITK runs along x by interpolating between the ends of each row.
    """
    probe = sitk.Image([1, 1, 1], sitk.sitkUInt8)
    probe.SetSpacing(grid.spacing_mm)
    probe.SetOrigin(grid.origin_mm)
    probe.SetDirection(grid.direction)

    def at(x: int, y: int, z: int) -> tuple[float, ...]:
        point = probe.TransformIndexToPhysicalPoint((x, y, z))
        return tuple(image.TransformPhysicalPointToContinuousIndex(point))

    nx, ny, nz = grid.size
    start = at(0, 0, 0)
    ends = np.array([at(nx, 0, 0), at(0, ny, 0), at(0, 0, nz)])
    across = ~np.eye(3, dtype=bool)
    off = np.abs(ends - np.array(start))[across].max()
    if off > _OFF_AXIS:
        return None, False
    alpha = np.arange(nx) / nx
    x_positions = start[0] + (ends[0, 0] - start[0]) * alpha
    y_positions = np.array([at(0, y, 0)[1] for y in range(ny)])
    z_positions = np.array([at(0, 0, z)[2] for z in range(nz)])
    return [z_positions, y_positions, x_positions], bool(off == 0.0)


def _leaves_the_centres(positions: Sequence[NDArray[np.float64]], shape: Sequence[int]) -> bool:
    """Say whether the grid goes beyond the centres of the image's outer voxels."""
    return any(
        bool(at.min() < -_OFF_AXIS or at.max() > size - 1 + _OFF_AXIS)
        for at, size in zip(positions, shape, strict=True)
    )


def _through_itk(image: sitk.Image, grid: Grid, interpolator: int) -> sitk.Image:
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(grid.size)
    resampler.SetOutputSpacing(grid.spacing_mm)
    resampler.SetOutputOrigin(grid.origin_mm)
    resampler.SetOutputDirection(grid.direction)
    resampler.SetOutputPixelType(image.GetPixelID())
    resampler.SetInterpolator(interpolator)
    return resampler.Execute(image)


def _normalised(image: sitk.Image, normalisation: Normalisation | None) -> sitk.Image:
    if normalisation is None:
        return image
    values = sitk.GetImageFromArray(normalisation.apply(sitk.GetArrayViewFromImage(image)))
    values.CopyInformation(image)
    return values


def _interpolator(name: str | int | None) -> int:
    if isinstance(name, str):
        return int(getattr(sitk, name))
    return sitk.sitkBSpline if name is None else name
