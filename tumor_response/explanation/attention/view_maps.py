"""Attention on the views that a network was shown, and where these lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import ExplanationError
from tumor_response.features.deep.views.sampling import PlaneGrid

__all__ = ["ViewMaps"]


@dataclass(frozen=True, eq=False)
class ViewMaps:
    """The attention maps of one lesion's views.

    Parameters
    ----------
    maps
        float32, shape (n_views, size_px, size_px): how much each pixel of a view did for the
        explained output. In the unit of the method, the same for all views of a lesion, and never
        rescaled view by view: a view that did nothing is dark. Methods without sign are >= 0.
    tumour
        Share of each pixel inside the contour, float32, the same shape, 0 to 1.
    grids
        Where each view's pixels lie in the patient.
    view_weights
        Share of each view in the lesion's features, shape (n_views,), sum 1: 1 / n_views for mean
        pooling.
    output
        The explained output: the model's log-odds of response of this lesion.

    Raises
    ------
    ExplanationError
        Code ``map_values``: shapes that do not belong together, or values that are not finite.
    """

    maps: npt.NDArray[np.float32]
    tumour: npt.NDArray[np.float32]
    grids: tuple[PlaneGrid, ...]
    view_weights: npt.NDArray[np.float64]
    output: float

    def __post_init__(self) -> None:
        n_views, *size = self.maps.shape
        expected = (len(self.grids), self.grids[0].size_px, self.grids[0].size_px)
        fits = (n_views, *size) == expected == self.tumour.shape
        if not fits or self.view_weights.shape != (n_views,):
            raise ExplanationError(
                f"Maps {self.maps.shape}, tumour {self.tumour.shape}, weights "
                f"{self.view_weights.shape}: expected {expected} twice and ({len(self.grids)},).",
                code="map_values",
            )
        if not np.isfinite(self.maps).all():
            raise ExplanationError("Attention maps are not finite.", code="map_values")
