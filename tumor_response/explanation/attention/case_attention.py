"""Where the model looked in one lesion: its map on the box that was shown, and on the CT's grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import SimpleITK as sitk

from tumor_response.explanation.attention.boxed import BoxedMap
from tumor_response.explanation.attention.space import Between, placed_in_patient
from tumor_response.explanation.attention.view_maps import ViewMaps
from tumor_response.imaging import Geometry

__all__ = ["CaseAttention", "Key"]

Key = tuple[str, str]
"""``(patient_id, lesion_id)``."""


@dataclass(frozen=True, eq=False, repr=False)
class CaseAttention:
    """Where the model looked in one lesion.

    The map is kept on the box around what was shown, because a CT's grid of zeros for each of a
    hundred lesions fills a memory; :attr:`map` and :attr:`coverage` put it on the CT's grid.

    Parameters
    ----------
    key
        ``(patient_id, lesion_id)``.
    view_maps
        The maps of the views that the network was shown.
    box
        The map within the CT's grid.

    Examples
    --------
    >>> import numpy as np, SimpleITK as sitk, tumor_response as tr
    >>> from tumor_response.explanation.attention.case_attention import CaseAttention
    >>> from tumor_response.explanation.attention.view_maps import ViewMaps
    >>> from tumor_response.features.deep.views import cut_views
    >>> image = sitk.Image(24, 24, 6, sitk.sitkInt16)
    >>> mask = sitk.Image(24, 24, 6, sitk.sitkUInt8); mask[8, 8, 2] = 1; image[8, 8, 2] = 100
    >>> views = cut_views(image, mask, tr.ViewSettings(margin_mm=3), 16)
    >>> looked = ViewMaps(views.tumour, views.tumour, views.grids, np.ones(1), output=0.3)
    >>> case = CaseAttention.of_views(("P1", "1"), looked, image)
    >>> case.map.GetSize(), case.coverage[8, 8, 2], case.coverage[23, 23, 2], case.output
    ((24, 24, 6), 1, 0, 0.3)
    """

    key: Key
    view_maps: ViewMaps
    box: BoxedMap

    @classmethod
    def of_views(
        cls,
        key: Key,
        view_maps: ViewMaps,
        grid: Geometry | sitk.Image,
        *,
        between: Between = "nothing",
    ) -> Self:
        """Put the maps of a lesion's views into the patient.

        Parameters
        ----------
        key, view_maps
            The lesion and its maps.
        grid
            Of the CT, or any image on it.
        between
            What voxels between two views get, as in
            :func:`~tumor_response.explanation.attention.space.to_patient_space`.

        Raises
        ------
        ExplanationError
            Code ``map_grid``: no view lies within the image.
        """
        grid = Geometry.of(grid) if isinstance(grid, sitk.Image) else grid
        return cls(key, view_maps, placed_in_patient(view_maps, grid, between=between))

    @classmethod
    def of_images(
        cls, key: Key, view_maps: ViewMaps, image: sitk.Image, coverage: sitk.Image
    ) -> Self:
        """Take over a map that lies on the CT's grid already.

        Parameters
        ----------
        key, view_maps
            The lesion and its maps.
        image, coverage
            On the CT's grid: the map, and 1 where something was shown (2 between two slices).

        Raises
        ------
        ExplanationError
            Codes ``map_grid`` (two grids, or nothing covered) and ``map_values``.
        """
        return cls(key, view_maps, BoxedMap.of_images(image, coverage))

    @property
    def output(self) -> float:
        """The explained output: the model's log-odds of response."""
        return self.view_maps.output

    @property
    def grid(self) -> Geometry:
        """The CT's."""
        return self.box.grid

    @property
    def map(self) -> sitk.Image:
        """The map on the CT's grid, float32; 0 where nothing was shown. Made at each call."""
        return self.box.map()

    @property
    def coverage(self) -> sitk.Image:
        """1 where something was shown, 2 where interpolated, else 0; uint8. Made at each call."""
        return self.box.coverage_map()

    def __repr__(self) -> str:
        return (
            f"<CaseAttention {self.key[0]!r} {self.key[1]!r}: {len(self.view_maps.maps)} views, "
            f"log-odds {self.output:.3g}>"
        )
