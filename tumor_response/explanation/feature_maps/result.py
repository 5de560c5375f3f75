"""The map of one column on one tumour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from tumor_response.cohort import BaselineCase, Case
from tumor_response.explanation.attention.boxed import BoxedMap
from tumor_response.explanation.attention.overlay import Overlay
from tumor_response.features.deep.views import WINDOWS_HU
from tumor_response.features.deep.views.settings import Range
from tumor_response.style import SINGLE_COLUMN_MM, broken_name, figure_of, figure_style, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FeatureMap"]


@dataclass(frozen=True, eq=False, repr=False)
class FeatureMap:
    """What one column measures, voxel by voxel.

    Attributes
    ----------
    key : tuple of str
        ``(patient_id, lesion_id)``.
    column : str
        The column.
    unit, description : str
        From the feature dictionary; ``""`` for a number without unit.
    kernel_mm : tuple of float
        Sides of the cube around a voxel along x, y, z of the grid that was computed on.
    box : BoxedMap
        The map within the CT's grid.
    """

    key: tuple[str, str]
    column: str
    unit: str
    description: str
    kernel_mm: tuple[float, ...]
    box: BoxedMap

    @property
    def image(self) -> sitk.Image:
        """The map on the CT's grid, float32; 0 where there is none. Made at each call."""
        return self.box.map()

    @property
    def coverage(self) -> sitk.Image:
        """1 where there is a value, else 0; uint8, on the CT's grid. Made at each call."""
        return self.box.coverage_map()

    def plot(
        self,
        case: Case | BaselineCase,
        *,
        window: Range = WINDOWS_HU["soft_tissue"],
        percentiles: tuple[float, float] = (2.0, 98.0),
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the map over the CT, in the slice with most of the tumour; returns the axes.

        Parameters
        ----------
        case
            The tumour.
        window
            Intensities of the CT drawn black and white.
        percentiles
            Of the map's values: the ends of the colour scale.
        ax
            Axes to draw on; a new figure by default.

        Raises
        ------
        ExplanationError
            Code ``map_grid``: the case has another grid than the map.
        """
        baseline = case.baseline if isinstance(case, Case) else case
        shown = self.box.values[self.box.coverage > 0]
        low, high = (float(end) for end in np.percentile(shown, percentiles))
        label = self.column.split("__", 1)[-1] + (f" ({self.unit})" if self.unit else "")
        overlay = Overlay(
            self.box,
            baseline.image,
            baseline.mask,
            window,
            label,
            low,
            high if high > low else low + 1.0,
            from_zero=False,
        )
        with figure_style():
            if ax is None:
                ax = new_axes(SINGLE_COLUMN_MM, 72.0)
            plane, middle = overlay.best()
            overlay.draw(ax, plane, middle)
            ax.set_title(f"{'/'.join(self.key)}, {plane}", loc="center")
            bar = figure_of(ax).colorbar(
                overlay.colours(), ax=ax, shrink=0.8, label=broken_name(label)
            )
            bar.outline.set_linewidth(0.4)
        return ax

    def __repr__(self) -> str:
        sides = " x ".join(f"{side:g}" for side in self.kernel_mm)
        n = int((self.box.coverage > 0).sum())
        return f"<FeatureMap of {self.column!r} on {self.key!r}: {n} voxels, cubes of {sides} mm>"
