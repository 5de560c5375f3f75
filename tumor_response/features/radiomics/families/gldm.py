"""Features of grey level dependence matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.families.emphasis import EMPHASES, emphases
from tumor_response.features.radiomics.families.neighbourhood import neighbours_of
from tumor_response.features.radiomics.matrices.dependence import dependence
from tumor_response.features.radiomics.matrices.flat import FlatLevels

__all__ = ["FEATURES", "pyradiomics_features"]

_EMPHASIS = {
    "DependenceEntropy": "entropy",
    "DependenceNonUniformity": "property_non_uniformity",
    "DependenceNonUniformityNormalized": "property_non_uniformity_normalised",
    "DependenceVariance": "property_variance",
    "GrayLevelNonUniformity": "grey_level_non_uniformity",
    "GrayLevelVariance": "grey_level_variance",
    "HighGrayLevelEmphasis": "high_grey_level_emphasis",
    "LargeDependenceEmphasis": "high_property_emphasis",
    "LargeDependenceHighGrayLevelEmphasis": "high_property_high_grey_level_emphasis",
    "LargeDependenceLowGrayLevelEmphasis": "high_property_low_grey_level_emphasis",
    "LowGrayLevelEmphasis": "low_grey_level_emphasis",
    "SmallDependenceEmphasis": "low_property_emphasis",
    "SmallDependenceHighGrayLevelEmphasis": "low_property_high_grey_level_emphasis",
    "SmallDependenceLowGrayLevelEmphasis": "low_property_low_grey_level_emphasis",
}
FEATURES: tuple[str, ...] = tuple(_EMPHASIS)
"""PyRadiomics' names. (Its two deprecated names give no value there, and have none here.)"""


def pyradiomics_features(
    levels: NDArray[np.int32] | FlatLevels, n_levels: int, setting: Mapping[str, Any]
) -> dict[str, float]:
    """Compute PyRadiomics' GLDM features of a region.

    Parameters
    ----------
    levels
        int32 (z, y, x), C-contiguous, the region's bounding box: 1 to `n_levels`, 0 outside; or
        the same laid out with a rim as wide as the longest distance.
    n_levels
        Highest grey level.
    setting
        PyRadiomics' settings: `distances` (default [1]), `gldm_a` (default 0), `force2D`,
        `force2Ddimension`.

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
    >>> pyradiomics_features(levels, 2, {})["LargeDependenceEmphasis"]
    4.0
    """
    neighbours = neighbours_of(setting, levels.shape, setting.get("distances", (1,)))
    counts = dependence(levels, n_levels, neighbours, setting.get("gldm_a", 0))
    values = _table(counts[np.newaxis])[0].tolist()
    return {name: values[EMPHASES.index(emphasis)] for name, emphasis in _EMPHASIS.items()}


def _table(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the features (n_matrices, len(EMPHASES)) in the order of `EMPHASES`."""
    dependences = np.arange(1.0, counts.shape[2] + 1.0)
    return emphases(counts, dependences, counts.sum(axis=(1, 2)))
