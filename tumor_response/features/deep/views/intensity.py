"""From the image's intensities to 0 and 1: windows in HU, percentiles, standardised uptake."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.views.settings import Range, ViewSettings

__all__ = ["Scale", "scale_of"]

_AIR_HU = -1000.0
_LOWEST_SUV = -10.0
"""Reconstruction and resampling leave small negative uptakes; nothing in PET is as low as this."""


@dataclass(frozen=True)
class Scale:
    """How intensities become channels.

    Parameters
    ----------
    ranges
        Intensities mapped to 0 and 1, one pair for each channel.
    padding, fill
        Intensities beyond the image's border, and in place of what is masked.
    """

    ranges: tuple[Range, ...]
    padding: float
    fill: float

    def channels(self, intensities: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Return intensities of shape (...) as channels, float32, shape (n_channels, ...).

        Examples
        --------
        >>> Scale(((0.0, 10.0),), 0.0, 0.0).channels(np.array([-3.0, 5.0, 12.0]))
        array([[0. , 0.5, 1. ]], dtype=float32)
        """
        scaled = [(intensities - low) / (high - low) for low, high in self.ranges]
        return np.clip(np.stack(scaled), 0.0, 1.0).astype(np.float32)


def scale_of(image: sitk.Image, mask: sitk.Image, settings: ViewSettings) -> Scale:
    """Return how the intensities of this image become channels.

    Raises
    ------
    FeatureError
        Codes ``no_contrast`` (both percentiles are one value), ``not_suv`` (``suv`` of an image
        that holds values far below zero), ``non_finite_voxels``.
    """
    if settings.percentiles is not None:
        ranges: tuple[Range, ...] = (_percentiles(image, mask, settings),)
        outside = ranges[0][0]
    elif settings.suv is not None:
        _check_uptake(image)
        ranges, outside = (settings.suv,), settings.suv[0]
    else:
        ranges, outside = settings.windows_hu, _AIR_HU
    return Scale(
        ranges,
        outside if settings.padding_value is None else settings.padding_value,
        outside if settings.fill_value is None else settings.fill_value,
    )


def _percentiles(image: sitk.Image, mask: sitk.Image, settings: ViewSettings) -> Range:
    voxels = sitk.GetArrayViewFromImage(image)
    match settings.percentiles_of:
        case "tumour":
            voxels = voxels[sitk.GetArrayViewFromImage(mask) != 0]
        case "foreground":
            voxels = voxels[voxels > voxels.mean(dtype=np.float64)]
    if voxels.size == 0:  # nothing is above the mean of equal voxels, or of NaN
        voxels = sitk.GetArrayViewFromImage(image)
    low, high = (float(v) for v in np.percentile(voxels, settings.percentiles or (0, 100)))
    if not np.isfinite([low, high]).all():
        raise FeatureError(
            "The image holds NaN or infinite intensities; percentiles are not defined.",
            code="non_finite_voxels",
        )
    if low == high:
        raise FeatureError(
            f"Percentiles {settings.percentiles} of the {settings.percentiles_of} are both "
            f"{low:g}: nothing would be seen. Choose others, or percentiles_of another region.",
            code="no_contrast",
        )
    return low, high


def _check_uptake(image: sitk.Image) -> None:
    lowest = float(sitk.GetArrayViewFromImage(image).min())
    if lowest < _LOWEST_SUV:
        raise FeatureError(
            f"suv was asked for, but the image holds {lowest:g}: this is no standardised uptake. "
            "Give window_hu for CT.",
            code="not_suv",
        )
