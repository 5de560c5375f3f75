"""What every feature class is given: the box around the region of interest, one image type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Region"]


@dataclass(frozen=True)
class Region:
    """The bounding box of a region of interest in one image.

    Parameters
    ----------
    values
        Intensities, float64, (z, y, x), C-contiguous.
    mask
        True inside the region, the same shape.
    spacing_mm
        Distance of voxel centres along (z, y, x).
    pixel_type
        The type that PyRadiomics' image has at this point (its Laplacian of Gaussian is float32):
        it rounds the bins' edges. All values are numbers of this type.
    """

    values: NDArray[np.float64]
    mask: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]
    pixel_type: DTypeLike = np.float64

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel."""
        z, y, x = self.spacing_mm
        return z * y * x
