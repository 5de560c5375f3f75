"""Normalisation of intensities by the whole image's mean and standard deviation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

__all__ = ["Normalisation", "normalisation_of"]


@dataclass(frozen=True)
class Normalisation:
    """One intensity's way: ``scale * clip((value - mean) / deviation, -outliers, outliers)``.

    Parameters
    ----------
    mean, deviation
        Of the whole image, the deviation with n - 1.
    outliers
        Deviations beyond which a value is set back, or None.
    scale
        ``normalizeScale``.
    """

    mean: float
    deviation: float
    outliers: float | None
    scale: float

    def apply(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return normalised float64 values."""
        normalised = (values.astype(np.float64) - self.mean) * (1.0 / self.deviation)
        if self.outliers is not None:
            np.clip(normalised, -self.outliers, self.outliers, out=normalised)
        normalised *= self.scale
        return normalised


def normalisation_of(image: sitk.Image, setting: Mapping[str, Any]) -> Normalisation | None:
    """Return what ``normalize``, ``normalizeScale`` and ``removeOutliers`` ask for, or None.

    The mean and the deviation are those of all voxels of the image, not of the region. ITK sums
    them: their last bits decide where equal neighbours fall, whose wavelet is zero.

    Raises
    ------
    ValueError
        For an image of one value.

    Examples
    --------
    >>> import numpy as np
    >>> import SimpleITK as sitk
    >>> array = np.array([[[1, 2, 3]]], dtype=np.int16)
    >>> setting = {"normalize": True, "normalizeScale": 10}
    >>> normalisation_of(sitk.GetImageFromArray(array), setting).apply(array)
    array([[[-10.,   0.,  10.]]])
    """
    if not setting.get("normalize", False):
        return None
    statistics = sitk.StatisticsImageFilter()
    statistics.Execute(image)
    if not statistics.GetSigma() > 0:
        raise ValueError("normalize: all voxels of the image are the same, there is no deviation")
    return Normalisation(
        mean=statistics.GetMean(),
        deviation=statistics.GetSigma(),
        outliers=setting.get("removeOutliers"),
        scale=setting.get("normalizeScale", 1),
    )
