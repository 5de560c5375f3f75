"""What the network is shown: square cut-outs of tumour slices, windowed in HU."""

from __future__ import annotations

from typing import Self

import numpy as np
import SimpleITK as sitk
from pydantic import Field, model_validator

from tumor_response.exceptions import FeatureError
from tumor_response.imaging import bounding_box
from tumor_response.settings import Settings

__all__ = ["ViewSettings", "slice_views"]

_AIR_HU = -1000.0


class ViewSettings(Settings):
    """Which slices, how much around the tumour, and which intensities.

    Parameters
    ----------
    n_slices
        Axial slices, equally spaced through the tumour; a tumour on fewer slices gives fewer.
    margin_mm
        Tissue around the tumour's bounding box. The square cut-out is then scaled to the
        network's input, so that size itself is hidden from the network.
    field_of_view_mm
        A fixed side for the cut-out instead, so that size is visible to the network. A tumour
        that does not fit is refused, never cut. ``None``: use ``margin_mm``.
    window_hu
        Intensities mapped to black and white; everything beyond is clipped.

    Examples
    --------
    >>> import tumor_response as tr
    >>> tr.ViewSettings(field_of_view_mm=96).window_hu
    (-160.0, 240.0)
    """

    n_slices: int = Field(default=5, ge=1)
    margin_mm: float = Field(default=10.0, ge=0)
    field_of_view_mm: float | None = Field(default=None, gt=0)
    window_hu: tuple[float, float] = (-160.0, 240.0)

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        if not self.window_hu[0] < self.window_hu[1]:
            raise ValueError("window_hu: the first value must be below the second")
        return self


def slice_views(
    image: sitk.Image, mask: sitk.Image, settings: ViewSettings, size_px: int
) -> np.ndarray:
    """Cut the views of one tumour.

    The axial plane is found from the image's direction cosines, not from the array's axes.

    Parameters
    ----------
    image, mask
        On one grid; intensities in HU, mask 0/1 and not empty.
    settings
        What to cut.
    size_px
        Side of each view in pixels.

    Returns
    -------
    numpy.ndarray
        float32, shape (n_views, size_px, size_px), 0 to 1 over the window; rows run from
        anterior to posterior, columns from the patient's right to left.

    Raises
    ------
    FeatureError
        Code ``tumour_exceeds_field_of_view``.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.features.deep.views import ViewSettings, slice_views
    >>> image = sitk.Image(16, 16, 4, sitk.sitkInt16) + 40
    >>> mask = sitk.Image(16, 16, 4, sitk.sitkUInt8); mask[8, 8, 2] = 1
    >>> views = slice_views(image, mask, ViewSettings(margin_mm=3), 32)
    >>> views.shape, float(views[0, 16, 16])
    ((1, 32, 32), 0.5)
    """
    image = sitk.DICOMOrient(image, "LPS")
    mask = sitk.DICOMOrient(mask, "LPS")
    box = bounding_box(mask)
    if box is None:
        raise FeatureError("slice_views: the mask is empty.", code="mask_empty")
    spacing = np.array(image.GetSpacing())
    extent_mm = [
        (last - first + 1) * step for (first, last), step in zip(box, spacing, strict=True)
    ]
    widest = max(extent_mm[:2])
    if settings.field_of_view_mm is None:
        side_mm = widest + 2 * settings.margin_mm
    elif widest > settings.field_of_view_mm:
        raise FeatureError(
            f"The tumour is {widest:.0f} mm wide, the field of view "
            f"{settings.field_of_view_mm:g} mm. Choose a larger field_of_view_mm for the whole "
            "cohort, or margin_mm, which adapts to each tumour.",
            code="tumour_exceeds_field_of_view",
        )
    else:
        side_mm = settings.field_of_view_mm
    centre = [(first + last) / 2 for first, last in box]
    low, high = settings.window_hu
    views = [
        _cut(image, (centre[0], centre[1], float(z)), side_mm, size_px)
        for z in _slices(mask, settings.n_slices)
    ]
    scaled = (np.stack(views) - low) / (high - low)
    return np.asarray(np.clip(scaled, 0.0, 1.0).astype(np.float32))


def _slices(mask: sitk.Image, n_slices: int) -> list[int]:
    """Return up to ``n_slices`` tumour slices, equally spaced among those with tumour."""
    tumour = np.flatnonzero(sitk.GetArrayViewFromImage(mask).any(axis=(1, 2)))
    if len(tumour) <= n_slices:
        return [int(z) for z in tumour]
    # the middles of n equal parts: the outermost slices hold mostly partial volume
    position = (np.arange(n_slices) + 0.5) * len(tumour) / n_slices
    return [int(z) for z in tumour[position.astype(int)]]


def _cut(
    image: sitk.Image, centre: tuple[float, float, float], side_mm: float, size_px: int
) -> np.ndarray:
    """Resample one square axial cut-out, linearly; outside of the image is air."""
    step = side_mm / size_px
    middle = np.array(image.TransformContinuousIndexToPhysicalPoint(centre))
    axes = np.array(image.GetDirection()).reshape(3, 3)
    corner = middle - (axes[:, 0] + axes[:, 1]) * step * (size_px - 1) / 2
    view = sitk.Resample(
        image,
        (size_px, size_px, 1),
        sitk.Transform(),
        sitk.sitkLinear,
        tuple(float(v) for v in corner),
        (step, step, 1.0),
        image.GetDirection(),
        _AIR_HU,
        sitk.sitkFloat32,
    )
    return np.asarray(sitk.GetArrayFromImage(view)[0])
