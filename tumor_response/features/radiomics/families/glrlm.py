"""Features of grey level run length matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.families.emphasis import EMPHASES, emphases
from tumor_response.features.radiomics.families.neighbourhood import directions_of
from tumor_response.features.radiomics.matrices.flat import FlatLevels
from tumor_response.features.radiomics.matrices.run_length import (
    directions_with_company,
    run_lengths,
)

__all__ = ["FEATURES", "pyradiomics_features"]

_EMPHASIS = {
    "GrayLevelNonUniformity": "grey_level_non_uniformity",
    "GrayLevelNonUniformityNormalized": "grey_level_non_uniformity_normalised",
    "GrayLevelVariance": "grey_level_variance",
    "HighGrayLevelRunEmphasis": "high_grey_level_emphasis",
    "LongRunEmphasis": "high_property_emphasis",
    "LongRunHighGrayLevelEmphasis": "high_property_high_grey_level_emphasis",
    "LongRunLowGrayLevelEmphasis": "high_property_low_grey_level_emphasis",
    "LowGrayLevelRunEmphasis": "low_grey_level_emphasis",
    "RunEntropy": "entropy",
    "RunLengthNonUniformity": "property_non_uniformity",
    "RunLengthNonUniformityNormalized": "property_non_uniformity_normalised",
    "RunPercentage": "percentage",
    "RunVariance": "property_variance",
    "ShortRunEmphasis": "low_property_emphasis",
    "ShortRunHighGrayLevelEmphasis": "low_property_high_grey_level_emphasis",
    "ShortRunLowGrayLevelEmphasis": "low_property_low_grey_level_emphasis",
}
FEATURES: tuple[str, ...] = tuple(_EMPHASIS)
"""PyRadiomics' names."""

_COLUMNS = [EMPHASES.index(emphasis) for emphasis in _EMPHASIS.values()]


def pyradiomics_features(
    levels: NDArray[np.int32] | FlatLevels,
    n_levels: int,
    setting: Mapping[str, Any],
    spacing_mm: tuple[float, float, float],
) -> dict[str, float]:
    """Compute PyRadiomics' GLRLM features of a region.

    The features are the mean over the directions, or with `weightingNorm` those of the weighted
    sum of the directions' matrices. A direction along which every voxel of the region is alone
    on its line is left out.

    Parameters
    ----------
    levels
        int32 (z, y, x), C-contiguous, the region's bounding box: 1 to `n_levels`, 0 outside; or
        the same laid out with a rim as wide as the longest distance.
    n_levels
        Highest grey level.
    setting
        PyRadiomics' settings: `force2D`, `force2Ddimension`, `weightingNorm`.
    spacing_mm
        Distance of voxel centres along (z, y, x), for `weightingNorm`.

    Returns
    -------
    dict
        Name in `FEATURES` to value; NaN where no direction is left. (With `weightingNorm`
        PyRadiomics then has 0 for RunEntropy and RunVariance, sums over nothing; so has this.)

    Raises
    ------
    ValueError
        If no direction fits into the box.

    Examples
    --------
    >>> import numpy as np
    >>> levels = np.array([[[1, 1, 2, 2]]], dtype=np.int32)
    >>> pyradiomics_features(levels, 2, {}, (3.0, 1.0, 1.0))["RunPercentage"]
    0.5
    """
    wanted = directions_of(setting, levels.shape)
    counts = run_lengths(levels, n_levels, wanted)
    counts[~directions_with_company(levels, wanted)] = 0.0
    norm = setting.get("weightingNorm")
    if norm is not None:
        weights = _weights(wanted, spacing_mm, norm)
        counts = np.tensordot(weights, counts, axes=1)[np.newaxis]
    values = _table(counts)
    values = values[~np.isnan(values[:, 0])]
    if len(values):
        means = values.mean(axis=0)
    else:
        means = np.full(len(FEATURES), np.nan)
        if norm is not None or len(wanted) == 1:
            means[[FEATURES.index("RunEntropy"), FEATURES.index("RunVariance")]] = 0.0
    return dict(zip(FEATURES, means.tolist(), strict=True))


def _table(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the features (n_matrices, len(FEATURES)) in the order of `FEATURES`."""
    lengths = np.arange(1.0, counts.shape[2] + 1.0)
    n_voxels = counts.sum(axis=1) @ lengths
    return emphases(counts, lengths, n_voxels)[:, _COLUMNS]


def _weights(
    steps: NDArray[np.int32], spacing_mm: tuple[float, float, float], norm: str
) -> NDArray[np.float64]:
    """Weigh directions by the distance in mm of neighbours; 1 for an unknown norm, as there."""
    distances = np.abs(steps) * np.array(spacing_mm)
    weights: NDArray[np.float64]
    if norm == "infinity":
        weights = distances.max(axis=1)
    elif norm == "euclidean":
        weights = np.sqrt((distances**2).sum(axis=1))
    elif norm == "manhattan":
        weights = distances.sum(axis=1)
    else:
        weights = np.ones(len(steps))
    return weights
