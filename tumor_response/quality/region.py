"""The tumour and what lies around it, cut out of the image: what most checks look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from tumor_response.imaging.geometry import slice_axis
from tumor_response.imaging.volume import tumour_box

__all__ = ["MARGIN_MM", "Region"]

MARGIN_MM = 30.0
"""Around the tumour on all sides: enough for slices that are beyond its artefacts."""

MARGIN_VOXELS = 5
"""At least, for profiles across the contour."""


@dataclass(frozen=True, eq=False)
class Region:
    """Image and mask around the tumour, slices along the first axis.

    Parameters
    ----------
    values
        Intensities as float32, shape (slice, row, column).
    mask
        The tumour, same shape, bool; never empty.
    spacing_mm
        Along these axes.
    axes
        Their names in the image: ``("z", "y", "x")`` for axial slices.
    """

    values: np.ndarray
    mask: np.ndarray
    spacing_mm: tuple[float, float, float]
    axes: tuple[str, str, str]

    @classmethod
    def around(cls, image: sitk.Image, mask: sitk.Image) -> Region:
        """Cut the tumour with its margin out of an image.

        Raises
        ------
        CaseError
            For an empty mask; code ``mask_empty``.

        Examples
        --------
        >>> image = sitk.Image(90, 90, 90, sitk.sitkInt16)
        >>> mask = sitk.Image(90, 90, 90, sitk.sitkUInt8); mask[45, 45, 45] = 1
        >>> Region.around(image, mask).mask.shape
        (61, 61, 61)
        """
        box = tumour_box(mask)
        cut = []
        for (first, last), size, step in zip(box, mask.GetSize(), mask.GetSpacing(), strict=True):
            margin = max(MARGIN_VOXELS, round(MARGIN_MM / step))
            cut.append(slice(max(0, first - margin), min(size, last + 1 + margin)))
        axis = slice_axis(image)
        # arrays are (z, y, x); the axis of slices comes first, the others keep their order
        order = (2 - axis, *(a for a in (0, 1, 2) if a != 2 - axis))
        values = sitk.GetArrayFromImage(image[tuple(cut)]).astype(np.float32)
        inside = sitk.GetArrayFromImage(mask[tuple(cut)]) != 0
        spacing = image.GetSpacing()[::-1]
        return cls(
            np.ascontiguousarray(values.transpose(order)),
            np.ascontiguousarray(inside.transpose(order)),
            (spacing[order[0]], spacing[order[1]], spacing[order[2]]),
            ("zyx"[order[0]], "zyx"[order[1]], "zyx"[order[2]]),
        )

    @property
    def tumour(self) -> np.ndarray:
        """Intensities of the tumour's voxels, 1-D."""
        return np.asarray(self.values[self.mask])
