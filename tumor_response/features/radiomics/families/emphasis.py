"""The formulas that run length, size zone, distance zone and dependence matrices share.

Each of these matrices counts things by grey level i and by a second property j: the length of a
run, the size of a zone, its distance from the border, the dependence of a voxel. The features
are the same sums under different names, so that each formula stands here once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel

__all__ = ["EMPHASES", "emphases"]

EMPHASES: tuple[str, ...] = (
    "low_property_emphasis",
    "high_property_emphasis",
    "grey_level_non_uniformity",
    "grey_level_non_uniformity_normalised",
    "property_non_uniformity",
    "property_non_uniformity_normalised",
    "percentage",
    "grey_level_variance",
    "property_variance",
    "entropy",
    "energy",
    "low_grey_level_emphasis",
    "high_grey_level_emphasis",
    "low_property_low_grey_level_emphasis",
    "low_property_high_grey_level_emphasis",
    "high_property_low_grey_level_emphasis",
    "high_property_high_grey_level_emphasis",
)

# PyRadiomics' numpy.spacing(1): it keeps log2(0) away, and moves an entropy by some 1e-16
EPSILON = float(np.spacing(1.0))


def emphases(
    counts: NDArray[np.float64],
    properties: NDArray[np.float64],
    n_voxels: NDArray[np.float64],
) -> NDArray[np.float64]:
    r"""Compute the shared features of each matrix in a stack.

    With :math:`c_{ij}` the counts, :math:`N = \sum c_{ij}`, :math:`p_{ij} = c_{ij} / N`,
    :math:`c_{i\cdot}` and :math:`c_{\cdot j}` the sums over one index:

    - low and high property emphasis: :math:`\sum_j c_{\cdot j} j^{-2} / N`,
      :math:`\sum_j c_{\cdot j} j^{2} / N`;
    - low and high grey level emphasis: the same with i;
    - the four joint ones: :math:`\sum_{ij} c_{ij} i^{\pm 2} j^{\pm 2} / N`;
    - non-uniformities: :math:`\sum_i c_{i\cdot}^2 / N` and normalised
      :math:`\sum_i c_{i\cdot}^2 / N^2`, the same with j;
    - percentage: :math:`N / N_v`;
    - variances: :math:`\sum_i p_{i\cdot} (i - \mu)^2` with :math:`\mu = \sum_i i p_{i\cdot}`,
      the same with j;
    - entropy: :math:`-\sum_{ij} p_{ij} \log_2(p_{ij} + \epsilon)`, :math:`\epsilon` the spacing
      of floating-point numbers at 1; energy: :math:`\sum_{ij} p_{ij}^2`.

    Parameters
    ----------
    counts
        float64 (n_matrices, n_levels, n_properties), row i - 1 for grey level i; weighted
        counts are allowed. Empty rows and columns change nothing.
    properties
        float64 (n_properties,): the value j of each column, > 0.
    n_voxels
        float64 (n_matrices,): the number of voxels :math:`N_v` that each matrix describes.

    Returns
    -------
    ndarray
        float64 (n_matrices, 17), columns as named in `EMPHASES`. A matrix without counts has
        NaN throughout.

    References
    ----------
    Zwanenburg, A. et al. (2016) Image biomarker standardisation initiative, arXiv:1612.07003,
    chapters 3.7 to 3.11.

    Examples
    --------
    Two runs of length 1 in grey level 1, one run of length 2 in grey level 2:

    >>> import numpy as np
    >>> features = emphases(np.array([[[2.0, 0.0], [0.0, 1.0]]]), np.array([1.0, 2.0]),
    ...                     np.array([4.0]))
    >>> dict(zip(EMPHASES, features[0].tolist()))["percentage"]
    0.75
    >>> dict(zip(EMPHASES, features[0].tolist()))["high_property_emphasis"]  # (2 * 1 + 4) / 3
    2.0
    """
    features = np.empty((len(counts), len(EMPHASES)))
    _emphases(counts, properties, n_voxels, features)
    return features


@kernel
def _emphases(
    counts: NDArray[np.float64],
    properties: NDArray[np.float64],
    n_voxels: NDArray[np.float64],
    features: NDArray[np.float64],
) -> None:
    n_matrices, n_levels, n_properties = counts.shape
    by_level, by_property, square = (
        np.empty(n_levels),
        np.empty(n_properties),
        np.empty(n_properties),
    )
    for j in range(n_properties):
        square[j] = properties[j] * properties[j]
    for m in range(n_matrices):
        total = 0.0
        for j in range(n_properties):
            by_property[j] = 0.0
        for i in range(n_levels):
            by_level[i] = 0.0
            for j in range(n_properties):
                count = counts[m, i, j]
                by_level[i] += count
                by_property[j] += count
            total += by_level[i]
        if total == 0.0:
            for k in range(features.shape[1]):
                features[m, k] = np.nan
            continue

        entropy = energy = 0.0
        low_level = high_level = 0.0
        low_low = low_high = high_low = high_high = 0.0
        level_squares = level_mean = 0.0
        for i in range(n_levels):
            if by_level[i] == 0.0:
                continue
            low = high = 0.0
            for j in range(n_properties):
                count = counts[m, i, j]
                if count == 0.0:
                    continue
                p = count / total
                entropy -= p * np.log2(p + EPSILON)
                energy += p * p
                low += count / square[j]
                high += count * square[j]
            level = i + 1.0
            level_square = level * level
            low_low += low / level_square
            low_high += low * level_square
            high_low += high / level_square
            high_high += high * level_square
            low_level += by_level[i] / level_square
            high_level += by_level[i] * level_square
            level_squares += by_level[i] * by_level[i]
            level_mean += by_level[i] / total * level

        low_property = high_property = 0.0
        property_squares = property_mean = 0.0
        for j in range(n_properties):
            low_property += by_property[j] / square[j]
            high_property += by_property[j] * square[j]
            property_squares += by_property[j] * by_property[j]
            property_mean += by_property[j] / total * properties[j]

        level_variance = property_variance = 0.0
        for i in range(n_levels):
            level_variance += by_level[i] / total * (i + 1.0 - level_mean) ** 2
        for j in range(n_properties):
            property_variance += by_property[j] / total * (properties[j] - property_mean) ** 2

        features[m, 0] = low_property / total
        features[m, 1] = high_property / total
        features[m, 2] = level_squares / total
        features[m, 3] = level_squares / (total * total)
        features[m, 4] = property_squares / total
        features[m, 5] = property_squares / (total * total)
        features[m, 6] = total / n_voxels[m]
        features[m, 7] = level_variance
        features[m, 8] = property_variance
        features[m, 9] = entropy
        features[m, 10] = energy
        features[m, 11] = low_level / total
        features[m, 12] = high_level / total
        features[m, 13] = low_low / total
        features[m, 14] = low_high / total
        features[m, 15] = high_low / total
        features[m, 16] = high_high / total
