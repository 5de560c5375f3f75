"""Image types that change each intensity by itself, scaled by the whole image's maximum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.fast.mask_check import Box
from tumor_response.features.radiomics.fast.working_image import WorkingImage

__all__ = ["exponential", "logarithm", "square", "square_root"]

Values = NDArray[np.float64]


def square(image: WorkingImage, box: Box) -> Values:
    """Return ``x**2 / max(abs(x))``: the maximum is that of the image, not of the box.

    Examples
    --------
    >>> import numpy as np
    >>> image = WorkingImage(np.array([[[-3, 2, 4]]], dtype=np.int16), (1.0, 1.0, 1.0))
    >>> square(image, (slice(0, 1), slice(0, 1), slice(0, 2))).round(6)
    array([[[2.25, 1.  ]]])
    """
    values = _doubles(image, box)
    with np.errstate(all="ignore"):  # an image of zeros has no such scale
        scaled: Values = (1 / np.sqrt(np.float64(image.largest_magnitude())) * values) ** 2
    return scaled


def square_root(image: WorkingImage, box: Box) -> Values:
    """Return ``sign(x) * sqrt(abs(x) * max(abs(x)))``."""
    values = _doubles(image, box)
    root: Values = np.copysign(np.sqrt(np.abs(values) * image.largest_magnitude()), values)
    return root


def logarithm(image: WorkingImage, box: Box) -> Values:
    """Return ``sign(x) * log(abs(x) + 1)``, scaled so that the largest magnitude stays."""
    values = _doubles(image, box)
    largest = np.float64(image.largest_magnitude())
    with np.errstate(all="ignore"):
        scale = largest / np.log(largest + 1)
        scaled: Values = np.copysign(np.log(np.abs(values) + 1), values) * scale
    return scaled


def exponential(image: WorkingImage, box: Box) -> Values:
    """Return ``max(abs(x)) ** (x / max(abs(x)))``."""
    values = _doubles(image, box)
    largest = np.float64(image.largest_magnitude())
    with np.errstate(all="ignore"):
        scaled: Values = np.exp(np.log(largest) / largest * values)
    return scaled


def _doubles(image: WorkingImage, box: Box) -> NDArray[Any]:
    return image.part(box).astype(np.float64)
