"""Which square of a slice is shown: its middle, its side in mm, and what is left out."""

from __future__ import annotations

from dataclasses import dataclass

import SimpleITK as sitk

from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.views.planes import PatientGrid
from tumor_response.features.deep.views.settings import ViewSettings
from tumor_response.imaging import bounding_box

__all__ = ["Crop", "crop_of"]


@dataclass(frozen=True)
class Crop:
    """The cube around a tumour that its views are faces of.

    Parameters
    ----------
    centre
        Middle of the tumour's bounding box, continuous index along the image's axes.
    side_mm
        Side of every view.
    """

    centre: tuple[float, float, float]
    side_mm: float


def crop_of(mask: sitk.Image, grid: PatientGrid, settings: ViewSettings) -> Crop:
    """Return the crop; the same for all views of a tumour, so that they have one scale.

    Raises
    ------
    FeatureError
        Code ``mask_empty``; ``tumour_exceeds_field_of_view`` where that is to be refused.
    """
    box = bounding_box(mask)
    if box is None:
        raise FeatureError("The mask is empty: there is nothing to view.", code="mask_empty")
    spacing = mask.GetSpacing()
    extent_mm = [(last - first + 1) * s for (first, last), s in zip(box, spacing, strict=True)]
    shown = (0, 1, 2) if settings.plane is None else grid.in_plane(settings.plane)
    widest = max(extent_mm[grid.axes[a]] for a in shown)
    return Crop(
        tuple((first + last) / 2 for first, last in box),  # type: ignore[arg-type]  # three
        _side_mm(widest, settings),
    )


def _side_mm(widest: float, settings: ViewSettings) -> float:
    if settings.tumour_share is not None:
        return widest / settings.tumour_share
    if settings.field_of_view_mm is None:
        return widest + 2 * (settings.margin_mm or 0.0)
    if widest <= settings.field_of_view_mm or settings.if_larger == "centre":
        return settings.field_of_view_mm
    if settings.if_larger == "scale":
        return widest
    raise FeatureError(
        f"The tumour is {widest:.0f} mm wide, the field of view {settings.field_of_view_mm:g} mm. "
        "Choose a larger field_of_view_mm for the whole cohort, margin_mm or tumour_share, which "
        "adapt to each tumour, or say what is to happen with if_larger='scale' or 'centre'.",
        code="tumour_exceeds_field_of_view",
    )
