"""Cutting the views of a tumour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.views.augmentation import AugmentationDraw
from tumor_response.features.deep.views.crop import Crop, crop_of
from tumor_response.features.deep.views.intensity import Scale, scale_of
from tumor_response.features.deep.views.masking import widened
from tumor_response.features.deep.views.planes import PatientGrid, Slice, chosen_slices
from tumor_response.features.deep.views.result import CutViews
from tumor_response.features.deep.views.sampling import PlaneGrid, area_mean
from tumor_response.features.deep.views.settings import ViewSettings
from tumor_response.imaging import Geometry

__all__ = ["cut_views"]


def cut_views(
    image: sitk.Image,
    mask: sitk.Image,
    settings: ViewSettings,
    size_px: int,
    augmentation_draw: AugmentationDraw | None = None,
) -> CutViews:
    """Cut the views of one tumour.

    Planes are found from the image's direction cosines, not from the order of an array's axes.
    Everything is interpolated once, whatever is moved, masked or scaled down.

    Parameters
    ----------
    image, mask
        On one grid; the mask 0 and 1, not empty.
    settings
        What to cut.
    size_px
        Side of each view in pixels.
    augmentation_draw
        How the views are moved about (:meth:`Augmentation.draws`); ``None``: not at all.

    Returns
    -------
    CutViews
        Pixels, areas, and what else has to be known.

    Raises
    ------
    FeatureError
        Codes ``mask_empty``, ``geometry_mismatch``, ``tumour_exceeds_field_of_view``,
        ``oblique_image``, ``non_finite_voxels`` (in what would be seen), ``no_contrast`` (all
        pixels of all views have one value in each channel), ``not_suv``, ``settings``.

    Examples
    --------
    >>> import SimpleITK as sitk, tumor_response as tr
    >>> from tumor_response.features.deep.views import cut_views
    >>> image = sitk.Image(16, 16, 4, sitk.sitkInt16) + 40
    >>> mask = sitk.Image(16, 16, 4, sitk.sitkUInt8); mask[8, 8, 2] = 1; image[8, 8, 2] = 100
    >>> views = cut_views(image, mask, tr.ViewSettings(margin_mm=3), 32)
    >>> views.pixels.shape, float(views.pixels[0, 0, 0, 0]), views.areas_mm2, views.planes
    ((1, 1, 32, 32), 0.5, array([1.]), ('axial',))
    """
    if isinstance(size_px, bool) or not isinstance(size_px, int) or size_px < 1:
        raise FeatureError(f"size_px={size_px!r}: expected 1 or more.", code="settings")
    differences = Geometry.of(image).differences(Geometry.of(mask))
    if differences:
        raise FeatureError(
            f"The mask does not lie on the image's grid: {'; '.join(differences)}.",
            code="geometry_mismatch",
        )
    grid = PatientGrid.of(mask)
    crop = crop_of(mask, grid, settings)
    seen = widened(mask, settings.rim_mm or 0.0)
    scale = scale_of(image, mask, settings)
    draw = augmentation_draw or AugmentationDraw()
    slices = chosen_slices(mask, grid, settings)
    grids = [_plane_grid(mask, grid, crop, one, size_px).moved(draw) for one in slices]
    sources = _Sources(image, mask, seen, settings, scale)
    views = [_cut(sources, one, plane) for one, plane in zip(slices, grids, strict=True)]
    pixels = np.stack([view.pixels for view in views])
    if (pixels == pixels[:1, :, :1, :1]).all():
        raise FeatureError(
            "Every pixel of the views has the same value: nothing is seen in them. Check the "
            "contour, the image's unit and the intensities of the settings.",
            code="no_contrast",
        )
    return CutViews(
        pixels=_flipped(pixels, draw),
        tumour=_flipped(np.stack([view.tumour for view in views]), draw),
        areas_mm2=np.array([view.area_mm2 for view in views]),
        planes=tuple(view.plane for view in views),
        side_mm=crop.side_mm,
        field_of_view_mm=settings.field_of_view_mm,
        padded_shares=np.array([view.padded_share for view in views]),
        cut_shares=np.array([view.cut_share for view in views]),
        tilt_degrees=grid.tilt_degrees,
        grids=tuple(plane.mirrored(draw) for plane in grids),
    )


@dataclass(frozen=True)
class _Sources:
    image: sitk.Image
    mask: sitk.Image
    seen: sitk.Image
    settings: ViewSettings
    scale: Scale


@dataclass(frozen=True)
class _View:
    pixels: npt.NDArray[np.float32]
    tumour: npt.NDArray[np.float32]
    area_mm2: float
    plane: str
    padded_share: float
    cut_share: float


def _plane_grid(
    mask: sitk.Image, grid: PatientGrid, crop: Crop, one: Slice, size_px: int
) -> PlaneGrid:
    at = list(crop.centre)
    at[one.axis] = float(one.index)
    return PlaneGrid.fine_enough(
        np.array(mask.TransformContinuousIndexToPhysicalPoint(at)),
        grid.seen(one.plane),
        crop.side_mm,
        size_px,
        min(grid.spacing_mm[a] for a in grid.in_plane(one.plane)),
    )


def _cut(sources: _Sources, one: Slice, plane: PlaneGrid) -> _View:
    distance = sources.settings.neighbours_mm
    planes = [plane] if distance is None else [plane.beside(d) for d in (-distance, 0.0, distance)]
    channels, padded = zip(*(_channels(sources, each) for each in planes), strict=True)
    return _View(
        np.concatenate(channels),
        area_mean(plane.inside(sources.mask), plane.parts).astype(np.float32),
        one.area_mm2,
        one.plane,
        float(np.mean(padded)),
        _cut_share(sources.mask, one, plane),
    )


def _channels(sources: _Sources, plane: PlaneGrid) -> tuple[npt.NDArray[np.float32], float]:
    """Return the channels of one plane, and the share of it beyond the image's border."""
    points, outside = plane.intensities(sources.image)
    points[outside] = sources.scale.padding
    if not np.isfinite(points).all():
        raise FeatureError(
            "The image holds NaN or infinite intensities within a view. Replace them, or export "
            "the image again.",
            code="non_finite_voxels",
        )
    if sources.settings.masking != "whole":
        inside = plane.inside(sources.seen)
        hidden = inside if sources.settings.masking == "context" else ~inside
        points[hidden] = sources.scale.fill
    # the mean of what is seen, so that one clipped or masked point does not blacken a pixel
    shown = area_mean(sources.scale.channels(points), plane.parts)
    return shown.astype(np.float32), float(outside.mean())


def _cut_share(mask: sitk.Image, one: Slice, plane: PlaneGrid) -> float:
    voxels = sitk.GetArrayViewFromImage(mask).take(one.index, axis=2 - one.axis)
    within = np.argwhere(voxels)[:, ::-1]
    index = np.insert(within, one.axis, one.index, axis=1)
    places = _places(mask, index)
    return float(1.0 - plane.holds(places).mean())


def _places(mask: sitk.Image, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    direction = np.array(mask.GetDirection()).reshape(3, 3)
    steps = index * np.array(mask.GetSpacing())
    return np.asarray(np.array(mask.GetOrigin()) + steps @ direction.T)


def _flipped(pixels: npt.NDArray[np.float32], draw: AugmentationDraw) -> npt.NDArray[np.float32]:
    axes = tuple(axis for axis, flip in ((-1, draw.flip_columns), (-2, draw.flip_rows)) if flip)
    return np.ascontiguousarray(np.flip(pixels, axes))
