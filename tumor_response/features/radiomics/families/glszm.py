"""Features of grey level size zone matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.families.emphasis import EMPHASES, emphases
from tumor_response.features.radiomics.families.neighbourhood import directions_of
from tumor_response.features.radiomics.matrices.flat import FlatLevels
from tumor_response.features.radiomics.matrices.size_zone import size_zone_matrix, zones

__all__ = ["FEATURES", "pyradiomics_features"]

_EMPHASIS = {
    "GrayLevelNonUniformity": "grey_level_non_uniformity",
    "GrayLevelNonUniformityNormalized": "grey_level_non_uniformity_normalised",
    "GrayLevelVariance": "grey_level_variance",
    "HighGrayLevelZoneEmphasis": "high_grey_level_emphasis",
    "LargeAreaEmphasis": "high_property_emphasis",
    "LargeAreaHighGrayLevelEmphasis": "high_property_high_grey_level_emphasis",
    "LargeAreaLowGrayLevelEmphasis": "high_property_low_grey_level_emphasis",
    "LowGrayLevelZoneEmphasis": "low_grey_level_emphasis",
    "SizeZoneNonUniformity": "property_non_uniformity",
    "SizeZoneNonUniformityNormalized": "property_non_uniformity_normalised",
    "SmallAreaEmphasis": "low_property_emphasis",
    "SmallAreaHighGrayLevelEmphasis": "low_property_high_grey_level_emphasis",
    "SmallAreaLowGrayLevelEmphasis": "low_property_low_grey_level_emphasis",
    "ZoneEntropy": "entropy",
    "ZonePercentage": "percentage",
    "ZoneVariance": "property_variance",
}
FEATURES: tuple[str, ...] = tuple(_EMPHASIS)
"""PyRadiomics' names."""

_COLUMNS = [EMPHASES.index(emphasis) for emphasis in _EMPHASIS.values()]


def pyradiomics_features(
    levels: NDArray[np.int32] | FlatLevels, n_levels: int, setting: Mapping[str, Any]
) -> dict[str, float]:
    """Compute PyRadiomics' GLSZM features of a region.

    Parameters
    ----------
    levels
        int32 (z, y, x), C-contiguous, the region's bounding box: 1 to `n_levels`, 0 outside; or
        the same laid out with a rim as wide as the longest distance.
    n_levels
        Highest grey level.
    setting
        PyRadiomics' settings: zones are 26-connected, or with `force2D` 8-connected in the
        planes across `force2Ddimension`.

    Returns
    -------
    dict
        Name in `FEATURES` to value.

    Raises
    ------
    ValueError
        If no neighbour fits into the box.

    Examples
    --------
    >>> import numpy as np
    >>> levels = np.array([[[1, 1, 2, 2]]], dtype=np.int32)
    >>> pyradiomics_features(levels, 2, {})["ZonePercentage"]
    0.5
    """
    found = zones(levels, directions_of(setting, levels.shape))
    matrix = size_zone_matrix(found, n_levels)
    values = _table(matrix.counts[np.newaxis], matrix.sizes)
    return dict(zip(FEATURES, values[0].tolist(), strict=True))


def _table(counts: NDArray[np.float64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the features (n_matrices, len(FEATURES)) in the order of `FEATURES`."""
    properties = sizes.astype(np.float64)
    n_voxels = counts.sum(axis=1) @ properties
    return emphases(counts, properties, n_voxels)[:, _COLUMNS]
