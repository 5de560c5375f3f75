"""The views of one tumour, and what has to be known about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.features.base import Shortfall
from tumor_response.features.deep.views.sampling import PlaneGrid

__all__ = ["CutViews"]

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CutViews:
    """What the network is shown of one tumour.

    Parameters
    ----------
    pixels
        float32, shape (n_views, n_channels, size_px, size_px), 0 to 1. One channel is shown to all
        three of a network. Axial views have the patient's right on the left and the front above;
        coronal ones the head above; sagittal ones the front on the left and the head above.
    tumour
        Share of each pixel inside the contour, float32, shape (n_views, size_px, size_px), 0 to 1;
        the network does not see it.
    areas_mm2
        Tumour on each view's slice by voxel count, shape (n_views,), mm²; whatever the crop shows.
    planes
        ``"axial"``, ``"sagittal"`` or ``"coronal"``, one for each view.
    side_mm
        Side of the views, mm; the same for all views of a tumour.
    field_of_view_mm
        What was asked for, or ``None``; ``side_mm`` is larger if the tumour made it so.
    padded_shares
        Share of each view's pixels that lie beyond the image's border, over channels,
        shape (n_views,).
    cut_shares
        Share of each slice's tumour voxels with their centres outside of the view,
        shape (n_views,).
    tilt_degrees
        Angle between the views' planes and the patient's.
    grids
        Where each view's pixels lie in the patient.
    """

    pixels: Array
    tumour: Array
    areas_mm2: npt.NDArray[np.float64]
    planes: tuple[str, ...]
    side_mm: float
    field_of_view_mm: float | None
    padded_shares: npt.NDArray[np.float64]
    cut_shares: npt.NDArray[np.float64]
    tilt_degrees: float
    grids: tuple[PlaneGrid, ...]

    @property
    def findings(self) -> list[Shortfall]:
        """What the failures table has to say of these views; no column is missing for it."""
        found = []
        if self.field_of_view_mm is not None and self.side_mm > self.field_of_view_mm:
            found.append(
                Shortfall(
                    "view_scaled_to_fit",
                    f"The tumour is wider than the field of view of {self.field_of_view_mm:g} mm; "
                    f"it was shown in {self.side_mm:.1f} mm.",
                    0,
                )
            )
        if self.cut_shares.any():
            found.append(
                Shortfall(
                    "view_cuts_tumour",
                    f"Up to {self.cut_shares.max():.1%} of a slice's tumour is outside of the "
                    f"{self.side_mm:g} mm that were shown.",
                    0,
                )
            )
        if self.padded_shares.any():
            found.append(
                Shortfall(
                    "view_beyond_image",
                    f"Up to {self.padded_shares.max():.1%} of a view's pixels lie beyond the "
                    "image's border.",
                    0,
                )
            )
        return found
