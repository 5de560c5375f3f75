"""Features of neighbourhood grey tone difference matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.families.neighbourhood import neighbours_of
from tumor_response.features.radiomics.kernels import kernel
from tumor_response.features.radiomics.matrices.flat import FlatLevels
from tumor_response.features.radiomics.matrices.grey_tone_difference import grey_tone_difference

__all__ = ["FEATURES", "features", "pyradiomics_features"]

FEATURES: tuple[str, ...] = ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength")
"""PyRadiomics' names."""


def features(
    voxels: NDArray[np.float64], differences: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    r"""Compute the features of each grey tone difference matrix in a stack.

    With :math:`n_i` the voxels of grey level i, :math:`N = \sum n_i`, :math:`p_i = n_i / N`,
    :math:`s_i` the sum of their differences and :math:`N_g` the number of grey levels that occur
    (sums are over those):

    - coarseness: :math:`1 / \sum p_i s_i`, :math:`10^6` where the sum is 0;
    - contrast: :math:`\sum_{ij} p_i p_j (i - j)^2 / (N_g (N_g - 1)) \cdot \sum s_i / N`,
      0 for a single grey level;
    - busyness: :math:`\sum p_i s_i / \sum_{ij} |i p_i - j p_j|`, 0 where the divisor is 0;
    - complexity: :math:`\sum_{ij} |i - j| (p_i s_i + p_j s_j) / (p_i + p_j) / N`;
    - strength: :math:`\sum_{ij} (p_i + p_j) (i - j)^2 / \sum s_i`, 0 where :math:`\sum s_i` is 0.

    Both conventions share the formulas and the values where a divisor is 0; they differ in
    which voxels are counted (see
    :class:`~tumor_response.features.radiomics.matrices.grey_tone_difference.GreyToneDifference`).

    Parameters
    ----------
    voxels
        float64 (n_matrices, n_levels): :math:`n_i`.
    differences
        float64 (n_matrices, n_levels): :math:`s_i`. The caller has merged or kept apart slices.

    Returns
    -------
    dict
        Name in `FEATURES` to float64 (n_matrices,); NaN for a matrix without voxels.

    References
    ----------
    Amadasun, M. and King, R. (1989) Textural features corresponding to textural properties.
    IEEE Transactions on Systems, Man, and Cybernetics 19(5), 1264-1274.

    Examples
    --------
    >>> import numpy as np
    >>> features(np.array([[1.0, 1.0]]), np.array([[1.0, 1.0]]))["Busyness"]  # 1 / (2 * .5)
    array([1.])
    """
    values = _feature_values(voxels, differences)
    return {name: values[:, k] for k, name in enumerate(FEATURES)}


def pyradiomics_features(
    levels: NDArray[np.int32] | FlatLevels, n_levels: int, setting: Mapping[str, Any]
) -> dict[str, float]:
    """Compute PyRadiomics' NGTDM features of a region.

    A voxel without neighbours in the region counts, with a difference of 0.

    Parameters
    ----------
    levels
        int32 (z, y, x), C-contiguous, the region's bounding box: 1 to `n_levels`, 0 outside; or
        the same laid out with a rim as wide as the longest distance.
    n_levels
        Highest grey level.
    setting
        PyRadiomics' settings: `distances` (default [1]), `force2D`, `force2Ddimension`.

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
    >>> levels = np.array([[[1, 1, 1, 1]]], dtype=np.int32)
    >>> pyradiomics_features(levels, 1, {})["Coarseness"]
    1000000.0
    """
    neighbours = neighbours_of(setting, levels.shape, setting.get("distances", (1,)))
    matrix = grey_tone_difference(levels, n_levels, neighbours)
    counted = (matrix.voxels + matrix.lonely)[np.newaxis]
    values = _feature_values(counted, matrix.differences[np.newaxis])[0]
    return dict(zip(FEATURES, values.tolist(), strict=True))


def _feature_values(
    voxels: NDArray[np.float64], differences: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return one row of `FEATURES` for each matrix."""
    values = np.full((len(voxels), len(FEATURES)), np.nan)
    level, p, s = np.empty((3, voxels.shape[1]))
    _difference_features(voxels, differences, values, level, p, s)
    return values


@kernel
def _difference_features(
    voxels: NDArray[np.float64],
    differences: NDArray[np.float64],
    features: NDArray[np.float64],
    level: NDArray[np.float64],
    p: NDArray[np.float64],
    s: NDArray[np.float64],
) -> None:
    # the last three are scratch, for the levels that occur
    for m in range(voxels.shape[0]):
        n = 0
        total = 0.0
        for i in range(voxels.shape[1]):
            if voxels[m, i] != 0.0:
                level[n] = i + 1.0
                p[n] = voxels[m, i]
                s[n] = differences[m, i]
                total += p[n]
                n += 1
        if n == 0:
            continue
        weighted = sum_of_differences = mean = mean_level = 0.0
        for a in range(n):
            p[a] /= total
            weighted += p[a] * s[a]
            sum_of_differences += s[a]
            mean += p[a] * level[a]
            mean_level += level[a] / n

        # Double sums of squares are twice the sums of squares about a mean:
        # sum_ij p_i p_j (i - j)^2 = 2 sum_i p_i (i - mean)^2, as sum_i p_i = 1, and
        # sum_ij (p_i + p_j) (i - j)^2 = 2 sum_i p_i sum_j (i - j)^2.
        spread = 0.0
        level_spread = 0.0
        for a in range(n):
            spread += p[a] * (level[a] - mean) ** 2
            level_spread += (level[a] - mean_level) ** 2
        spans = 0.0
        for a in range(n):
            spans += p[a] * (n * (level[a] - mean_level) ** 2 + level_spread)

        apart = complexity = 0.0
        for a in range(n):
            for b in range(a):
                apart += 2.0 * abs(level[a] * p[a] - level[b] * p[b])
                complexity += (level[a] - level[b]) * (p[a] * s[a] + p[b] * s[b]) / (p[a] + p[b])

        features[m, 0] = weighted / apart if apart != 0.0 else 0.0
        features[m, 1] = 1.0 / weighted if weighted != 0.0 else 1e6
        features[m, 2] = 2.0 * complexity / total
        features[m, 3] = (
            2.0 * spread * sum_of_differences / total / (n * (n - 1.0)) if n > 1 else 0.0
        )
        features[m, 4] = 2.0 * spans / sum_of_differences if sum_of_differences != 0.0 else 0.0
