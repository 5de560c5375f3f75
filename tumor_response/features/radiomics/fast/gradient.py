"""Gradient magnitude by central differences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.fast.mask_check import Box
from tumor_response.features.radiomics.fast.working_image import WorkingImage

__all__ = ["gradient_magnitude"]


def gradient_magnitude(image: WorkingImage, box: Box, use_spacing: bool) -> NDArray[np.float32]:
    """Return the gradient's magnitude in a box, single precision as ITK gives it.

    Parameters
    ----------
    image
        What is differentiated; beyond its border it goes on as at the border.
    box
        Where the result is wanted.
    use_spacing
        Per mm if True, per voxel otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = WorkingImage(np.arange(5.0).reshape(1, 1, 5) * 3, (1.0, 1.0, 2.0))
    >>> gradient_magnitude(ramp, (slice(0, 1), slice(0, 1), slice(1, 4)), use_spacing=True)
    array([[[1.5, 1.5, 1.5]]], dtype=float32)
    """
    indices = tuple(
        np.clip(np.arange(edge.start - 1, edge.stop + 1), 0, size - 1)
        for edge, size in zip(box, image.shape, strict=True)
    )
    values = image.gathered(indices).astype(np.float64)
    inner = (slice(1, -1),) * 3
    squares = np.zeros(tuple(size - 2 for size in values.shape))
    for axis in (2, 1, 0):
        weight = 0.5 * (1.0 / image.spacing_mm[axis] if use_spacing else 1.0)
        before, after = list(inner), list(inner)
        before[axis], after[axis] = slice(None, -2), slice(2, None)
        slope = weight * values[tuple(after)] - weight * values[tuple(before)]
        squares += slope * slope
    return np.sqrt(squares).astype(np.float32)
