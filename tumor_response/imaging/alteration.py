"""What makes another image and contour of a case's: drawn first, applied afterwards."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
import SimpleITK as sitk

__all__ = ["Alteration", "AlterationRule"]


@runtime_checkable
class Alteration(Protocol):
    """One alteration, all of whose random numbers are drawn; a field of noise is drawn as its seed.

    It is picklable, and gives the same voxels in every process.
    """

    def record(self) -> dict[str, Any]:
        """Return all that decides what it does, as JSON."""
        ...

    def apply(self, image: sitk.Image, mask: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
        """Return image and mask as they become; what is given stays as it is.

        An image that it does not touch is returned as the very same object, so that work on it can
        be shared.

        Parameters
        ----------
        image
            Three-dimensional.
        mask
            0 and 1 on the image's grid, not empty.

        Raises
        ------
        CaseError
            Code ``mask_emptied`` if no voxel of the mask is left; other codes for what cannot be
            done on this image.
        """
        ...


@runtime_checkable
class AlterationRule(Protocol):
    """How alterations are drawn: their settings."""

    def identity(self) -> dict[str, Any]:
        """Return the settings, as JSON."""
        ...

    def draw(self, rng: np.random.Generator) -> Alteration:
        """Draw one alteration; it depends on the generator alone, never on a case."""
        ...
