"""The image as PyRadiomics' filters see it, whole or resampled, read where it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.fast.mask_check import Box
from tumor_response.features.radiomics.fast.normalise import Normalisation

__all__ = ["WorkingImage"]


@dataclass(frozen=True)
class WorkingImage:
    """An image of which a filter reads the part that it needs.

    Without resampling PyRadiomics' filters run over the whole image; here the whole image is
    neither copied nor normalised, only the parts that are asked for are.

    Parameters
    ----------
    stored
        Intensities as they are stored, (z, y, x), of the type they came in: integers stay
        integers and single precision stays single, since filters round differently on them.
    spacing_mm
        Distance of voxel centres along (z, y, x).
    normalisation
        What every intensity has to go through when it is read, or None.
    """

    stored: NDArray[Any]
    spacing_mm: tuple[float, float, float]
    normalisation: Normalisation | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x)."""
        z, y, x = self.stored.shape
        return z, y, x

    @property
    def pixel_type(self) -> np.dtype[Any]:
        """The type in which intensities are read."""
        return np.dtype(np.float64) if self.normalisation is not None else self.stored.dtype

    def part(self, box: Box) -> NDArray[Any]:
        """Return the intensities inside a box, C-contiguous."""
        values = self.stored[box]
        if self.normalisation is not None:
            values = self.normalisation.apply(values)
        return np.ascontiguousarray(values)

    def gathered(self, indices: tuple[NDArray[np.int64], ...]) -> NDArray[Any]:
        """Return the intensities at the outer product of one index list for each axis."""
        values = self.stored[np.ix_(*indices)]
        if self.normalisation is not None:
            values = self.normalisation.apply(values)
        return values

    def largest_magnitude(self) -> float:
        """Return the largest absolute intensity of the whole image."""
        extremes = np.array([self.stored.min(), self.stored.max()])
        if self.normalisation is not None:
            extremes = self.normalisation.apply(extremes)
        return float(np.abs(extremes.astype(np.float64)).max())
