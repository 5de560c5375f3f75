"""Everything that PyRadiomics does to image and mask before the first filter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from tumor_response.features.radiomics.fast.mask_check import (
    Box,
    bounding_box,
    corrected_mask,
    region_box,
    too_small,
)
from tumor_response.features.radiomics.fast.normalise import normalisation_of
from tumor_response.features.radiomics.fast.region import Region
from tumor_response.features.radiomics.fast.resample import padded_box, resampled
from tumor_response.features.radiomics.fast.resegment import resegmented, too_few_left
from tumor_response.features.radiomics.fast.working_image import WorkingImage

__all__ = ["Prepared", "prepare"]

_DEFAULT_PADDING = 5


@dataclass(frozen=True)
class Prepared:
    """A case that is ready for the image types.

    Parameters
    ----------
    image
        What the filters see: the whole image, or the resampled or pre-cropped surroundings of
        the region.
    box
        Bounding box of the region in it, after resegmentation.
    mask
        The region inside the box, after resegmentation.
    shape_region
        What the shape classes are given: the region before resegmentation, unless
        ``resegmentShape`` is set, but in either case cut to the box after resegmentation.
    setting
        PyRadiomics' settings of this extraction.
    too_small
        Why PyRadiomics refuses the region for its size, or ``""``.
    """

    image: WorkingImage
    box: Box
    mask: NDArray[np.bool_]
    shape_region: Region
    setting: Mapping[str, Any]
    too_small: str


def prepare(image: sitk.Image, mask: sitk.Image, setting: Mapping[str, Any]) -> Prepared:
    """Check, normalise, resample or crop, and resegment, in PyRadiomics' order.

    Parameters
    ----------
    image
        Three-dimensional, of any scalar type; integers are resampled to integers.
    mask
        Label 1 is the region.
    setting
        PyRadiomics' ``setting`` mapping; what is absent has PyRadiomics' default.

    Raises
    ------
    ValueError
        Where PyRadiomics refuses the region for anything but its size: nothing segmented, outside
        the image, another geometry, or nothing left after resegmentation.
    """
    box = region_box(mask)
    stored = sitk.GetArrayViewFromImage(image)
    normalisation = normalisation_of(image, setting)
    if _resamples(setting):
        working, inside = resampled(image, mask, box, normalisation, setting)
        found = bounding_box(inside)
        if found is None:
            raise ValueError("Label (1) not present in mask")
        box, region = found, inside[found]
    else:
        on_grid = corrected_mask(image, mask, box, setting)
        if on_grid is not None:
            mask, box = on_grid, region_box(on_grid)
        region = sitk.GetArrayViewFromImage(mask)[box] == 1
        working = WorkingImage(stored, _zyx(image.GetSpacing()), normalisation)
        if setting.get("preCrop", False):
            cut = padded_box(box, stored.shape, setting.get("padDistance", _DEFAULT_PADDING))
            working = WorkingImage(stored[cut], working.spacing_mm, normalisation)
            box = _inside(cut, box)
    small = too_small(region, setting)
    shape_mask = region
    if setting.get("resegmentRange") is not None:
        left = resegmented(working.part(box), region, setting)
        inner = bounding_box(left)
        assert inner is not None  # none left is refused above
        small = small or too_few_left(left) or too_small(left[inner], setting)
        shape_mask = (left if setting.get("resegmentShape", False) else region)[inner]
        region = left[inner]
        box = _within(box, inner)
    return Prepared(
        image=working,
        box=box,
        mask=np.ascontiguousarray(region),
        shape_region=Region(
            values=working.part(box).astype(np.float64),
            mask=np.ascontiguousarray(shape_mask),
            spacing_mm=working.spacing_mm,
        ),
        setting=setting,
        too_small=small,
    )


def _resamples(setting: Mapping[str, Any]) -> bool:
    """Say whether the settings ask for resampling: without an interpolator there is none."""
    interpolator = setting.get("interpolator", "sitkBSpline")
    return interpolator is not None and setting.get("resampledPixelSpacing") is not None


def _within(outer: Box, inner: Box) -> Box:
    """Return a box in the coordinates of the box that it was found in."""
    z, y, x = (
        slice(edge.start + part.start, edge.start + part.stop)
        for edge, part in zip(outer, inner, strict=True)
    )
    return z, y, x


def _inside(outer: Box, box: Box) -> Box:
    """Return a box in the coordinates of one that contains it."""
    z, y, x = (
        slice(part.start - edge.start, part.stop - edge.start)
        for edge, part in zip(outer, box, strict=True)
    )
    return z, y, x


def _zyx(xyz: tuple[float, ...]) -> tuple[float, float, float]:
    x, y, z = xyz
    return z, y, x
