"""Features of grey level co-occurrence matrices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.families import rounding
from tumor_response.features.radiomics.families.maximal_correlation import maximal_correlation
from tumor_response.features.radiomics.families.neighbourhood import directions_of
from tumor_response.features.radiomics.kernels import kernel
from tumor_response.features.radiomics.matrices.cooccurrence import Cells, cells_along, cells_of
from tumor_response.features.radiomics.matrices.flat import FlatLevels, flat_levels

__all__ = ["FEATURES", "glcm_values", "pyradiomics_features"]

FEATURES: tuple[str, ...] = (
    "Autocorrelation",
    "JointAverage",
    "ClusterProminence",
    "ClusterShade",
    "ClusterTendency",
    "Contrast",
    "Correlation",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "JointEnergy",
    "JointEntropy",
    "Imc1",
    "Imc2",
    "Idm",
    "MCC",
    "Idmn",
    "Id",
    "Idn",
    "InverseVariance",
    "MaximumProbability",
    "SumAverage",
    "SumEntropy",
    "SumSquares",
)
"""PyRadiomics' names, in the order of the columns of :func:`glcm_values`."""

_SHADE, _CORRELATION = FEATURES.index("ClusterShade"), FEATURES.index("Correlation")
_IMC2, _MCC = FEATURES.index("Imc2"), FEATURES.index("MCC")
_INVERSE_VARIANCE = FEATURES.index("InverseVariance")
_INDEPENDENT = 1e-5
"""Roots below this are those of a number that is zero but for rounding."""
_NO_SHADE = 1e-12
"""Share of the highest level's third power below which a cluster shade is rounding."""
_MOST_BY_ROUNDING = 512
"""Grey levels up to which PyRadiomics' own order of operations is taken for such values."""
_EPSILON = float(np.spacing(1))
_CELLS_AT_ONCE = 8_000_000
"""Bound on the entries held at a time, some 300 MB with what surrounds them."""


def glcm_values(
    counts: NDArray[np.float64], grey_levels: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Return the features of each co-occurrence matrix.

    Parameters
    ----------
    counts
        float64 (n, n_levels, n_levels): counts or probabilities, of one direction or slice, or
        merged. Symmetrical matrices have to be made so by the caller.
    grey_levels
        int64 (n_levels,), the level of each row, ascending; 1, 2, 3 ... by default. The highest
        one is the number of grey levels that normalises Idn and Idmn.

    Returns
    -------
    numpy.ndarray
        float64 (n, 24) in the order of :data:`FEATURES`; NaN for a matrix without a pair.

    Notes
    -----
    Logarithms are to base 2, of a probability plus 2.2e-16, as in PyRadiomics. Under IBSI's names
    the columns are: joint maximum = MaximumProbability, joint average = JointAverage, joint
    variance = SumSquares, joint entropy = JointEntropy, difference average and dissimilarity =
    DifferenceAverage, sum variance and cluster tendency = ClusterTendency, angular second moment =
    JointEnergy, inverse difference (moment) (normalised) = Id, Idm, Idn, Idmn, information
    correlation = Imc1, Imc2; the others have the same name in both. MCC has no name there.
    Where IBSI and PyRadiomics part: the correlation of a matrix with a single level is 1 (IBSI
    leaves it open), Imc2 is NaN where rounding makes its radicand negative (IBSI: 0).

    References
    ----------
    Haralick, Shanmugam and Dinstein, "Textural features for image classification", IEEE
    Transactions on Systems, Man, and Cybernetics 3 (1973) 610-621; Zwanenburg et al.,
    arXiv:1612.07003, section 3.6.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.families import glcm
    >>> values = glcm.glcm_values(np.array([[[2.0, 1.0], [1.0, 0.0]]]))
    >>> float(values[0, glcm.FEATURES.index("Contrast")])
    0.5
    """
    if grey_levels is None:
        grey_levels = np.arange(1, counts.shape[1] + 1, dtype=np.int64)
    return _values_of(cells_of(counts), grey_levels)


def pyradiomics_features(
    levels: NDArray[np.int32] | FlatLevels,
    n_levels: int,
    setting: Mapping[str, Any],
    spacing_mm: tuple[float, float, float],
) -> dict[str, float]:
    """Return the co-occurrence features as PyRadiomics defines them.

    Parameters
    ----------
    levels
        Grey levels (z, y, x) in the box around the region, 0 outside.
    n_levels
        The highest level; levels that do not occur are left out, but it normalises Idn and Idmn.
    setting
        ``distances`` ([1]), ``symmetricalGLCM`` (True), ``weightingNorm`` (none: the mean over
        directions; a norm: one matrix, directions weighted by exp(-length^2), length in mm),
        ``force2D`` (False), ``force2Ddimension`` (0).
    spacing_mm
        Along (z, y, x).

    Returns
    -------
    dict
        :data:`FEATURES` -> mean over the directions that have a pair. Without any pair NaN, but
        in a flat region MCC is 1 if there were several directions, and InverseVariance is 0 if
        there was one.

    Raises
    ------
    ValueError
        If the region is too small for every distance.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.families import glcm
    >>> levels = np.array([[[1, 2, 2], [2, 1, 1]]], dtype=np.int32)
    >>> round(glcm.pyradiomics_features(levels, 2, {}, (1.0, 1.0, 1.0))["Contrast"], 6)
    0.625
    """
    offsets = directions_of(setting, levels.shape, setting.get("distances", (1,)))
    weights = _weights(offsets, setting.get("weightingNorm"), spacing_mm)
    grey_levels, flat = _without_gaps(flat_levels(levels, int(np.abs(offsets).max())), n_levels)
    symmetrical = bool(setting.get("symmetricalGLCM", True))
    n = len(grey_levels)
    if weights is None:
        at_once = max(1, _CELLS_AT_ONCE // min(n * n, 16 * flat.layout.n_voxels))
        values = np.concatenate(
            [
                _pyradiomics_values(
                    cells_along(flat, n, offsets[first : first + at_once], symmetrical),
                    grey_levels,
                )
                for first in range(0, len(offsets), at_once)
            ]
        )
    else:
        cells = cells_along(flat, n, offsets, symmetrical, weights)
        values = _pyradiomics_values(cells, grey_levels)
    return dict(zip(FEATURES, _averaged(values, n).tolist(), strict=True))


def _weights(
    offsets: NDArray[np.int32], norm: str | None, spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64] | None:
    if norm is None:
        return None
    lengths_mm = np.abs(offsets) * np.array(spacing_mm)
    if norm == "infinity":
        squared = lengths_mm.max(axis=1) ** 2
    elif norm == "euclidean":
        squared = (lengths_mm**2).sum(axis=1)
    elif norm == "manhattan":
        squared = lengths_mm.sum(axis=1) ** 2
    else:
        squared = np.zeros(len(offsets))
    weights: NDArray[np.float64] = np.exp(-squared)
    return weights


def _without_gaps(flat: FlatLevels, n_levels: int) -> tuple[NDArray[np.int64], FlatLevels]:
    """Return the levels that occur, and the image with each level's rank among them."""
    occurs = np.zeros(n_levels + 1, dtype=np.bool_)
    _mark_occurring(flat.levels, flat.layout.spans, occurs)
    grey_levels = 1 + np.flatnonzero(occurs[1:])
    if len(grey_levels) == n_levels:
        return grey_levels, flat
    rank = np.zeros(n_levels + 1, dtype=np.int32)
    rank[grey_levels] = np.arange(1, len(grey_levels) + 1)
    ranked = np.zeros_like(flat.levels)
    _rank(flat.levels, flat.layout.spans, rank, ranked)
    return grey_levels, replace(flat, levels=ranked)


def _averaged(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Average over the matrices with PyRadiomics' treatment of those without a pair."""
    empty = np.isnan(values)
    if not empty.any():
        return np.asarray(values.mean(axis=0))
    filled = values[~empty[:, 0]]
    if len(filled) == 0:
        found = np.full(len(FEATURES), math.nan)
        if len(values) > 1 and n == 1:
            found[_MCC] = 1.0
        elif len(values) == 1 and n == 1:
            found[_INVERSE_VARIANCE] = 0.0
        return found
    # Imc2 may be NaN on its own, and counts where it is not
    valid = ~np.isnan(filled)
    counted = valid.sum(axis=0)
    sums = np.where(valid, filled, 0.0).sum(axis=0)
    return np.where(counted > 0, sums / np.maximum(counted, 1), math.nan)


def _pyradiomics_values(cells: Cells, grey_levels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the values, with PyRadiomics' rounding where a value is nothing but rounding."""
    values = _values_of(cells, grey_levels)
    filled = ~np.isnan(values[:, 0])
    found = values[filled]
    if len(grey_levels) > _MOST_BY_ROUNDING or not len(found):
        return values
    no_shade = np.abs(found[:, _SHADE]) < _NO_SHADE * float(grey_levels[-1]) ** 3
    independent = ~(found[:, [_IMC2, _MCC]] > _INDEPENDENT).all(axis=1)
    if not (no_shade | independent).any():
        return values
    p = rounding.probabilities(cells)
    found[:, _SHADE] = np.where(no_shade, rounding.cluster_shade(p, grey_levels), found[:, _SHADE])
    if len(grey_levels) > 1:
        for column, exact in (
            (_CORRELATION, rounding.correlation(p, grey_levels)),
            (_IMC2, rounding.imc2(p)),
            (_MCC, rounding.maximal_correlation(p)),
        ):
            found[:, column] = np.where(independent, exact, found[:, column])
    values[filled] = found
    return values


def _values_of(cells: Cells, grey_levels: NDArray[np.int64]) -> NDArray[np.float64]:
    values = np.empty((len(cells.starts), len(FEATURES)))
    p_row, p_column = np.empty((2, len(grey_levels)))
    highest = int(grey_levels[-1])
    p_sum, p_difference = np.empty(2 * highest - 1), np.empty(highest)
    _fill_values(
        cells.starts,
        cells.columns,
        cells.counts,
        grey_levels,
        values,
        p_row,
        p_column,
        p_sum,
        p_difference,
    )
    values[:, _MCC] = maximal_correlation(cells)
    return values


@kernel
def _mark_occurring(
    levels: NDArray[np.int32], spans: NDArray[np.int64], occurs: NDArray[np.bool_]
) -> None:
    for s in range(spans.shape[0]):
        for place in range(spans[s, 0], spans[s, 1]):
            occurs[np.uint64(levels[place])] = True


@kernel
def _rank(
    levels: NDArray[np.int32],
    spans: NDArray[np.int64],
    rank: NDArray[np.int32],
    ranked: NDArray[np.int32],
) -> None:
    for s in range(spans.shape[0]):
        for place in range(spans[s, 0], spans[s, 1]):
            ranked[place] = rank[np.uint64(levels[place])]


@kernel
def _fill_values(
    starts: NDArray[np.int64],
    columns: NDArray[np.int32],
    counts: NDArray[np.float64],
    grey: NDArray[np.int64],
    values: NDArray[np.float64],
    p_row: NDArray[np.float64],
    p_column: NDArray[np.float64],
    p_sum: NDArray[np.float64],
    p_difference: NDArray[np.float64],
) -> None:
    """Fill one row of `values` for each matrix.

    The last four are scratch: by sum of levels (from 2) and by difference (from 0).
    """
    n = len(grey)
    highest = grey[n - 1]
    for m in range(len(starts)):
        total = 0.0
        for c in range(starts[m, 0], starts[m, n]):
            total += counts[c]
        if total == 0:
            for k in range(values.shape[1]):
                values[m, k] = np.nan
            continue
        for k in range(n):
            p_row[k] = 0.0
            p_column[k] = 0.0
        for k in range(2 * highest - 1):
            p_sum[k] = 0.0
        for k in range(highest):
            p_difference[k] = 0.0
        autocorrelation, mean_i, mean_j = 0.0, 0.0, 0.0
        energy, entropy, largest = 0.0, 0.0, 0.0
        for row in range(n):
            i = grey[row]
            for c in range(starts[m, row], starts[m, row + 1]):
                column = columns[c]
                j = grey[column]
                p = counts[c] / total
                p_row[row] += p
                p_column[column] += p
                p_sum[i + j - 2] += p
                p_difference[abs(i - j)] += p
                mean_i += i * p
                mean_j += j * p
                autocorrelation += p * (i * j)
                energy += p * p
                entropy -= p * np.log2(p + _EPSILON)
                largest = p if p > largest else largest

        variance_i, variance_j, covariance, entropy_1 = 0.0, 0.0, 0.0, 0.0
        for row in range(n):
            from_mean_i = grey[row] - mean_i
            for c in range(starts[m, row], starts[m, row + 1]):
                column = columns[c]
                from_mean_j = grey[column] - mean_j
                p = counts[c] / total
                variance_i += p * from_mean_i**2
                variance_j += p * from_mean_j**2
                covariance += p * from_mean_i * from_mean_j
                entropy_1 -= p * np.log2(p_row[row] * p_column[column] + _EPSILON)
        deviations = np.sqrt(variance_i) * np.sqrt(variance_j)
        correlation = covariance / (deviations + _EPSILON) if deviations != 0 else 1.0

        entropy_i, entropy_j, entropy_2 = 0.0, 0.0, 0.0
        n_rows, n_columns = 0, 0
        for row in range(n):
            entropy_i -= p_row[row] * np.log2(p_row[row] + _EPSILON)
            entropy_j -= p_column[row] * np.log2(p_column[row] + _EPSILON)
            # the entropy of independent levels: the sum of both, but for the small constant
            if p_row[row] > 0:
                n_rows += 1
                entropy_2 -= p_row[row] * np.log2(p_row[row])
            if p_column[row] > 0:
                n_columns += 1
                entropy_2 -= p_column[row] * np.log2(p_column[row])
        entropy_2 -= n_rows * n_columns * _EPSILON / np.log(2.0)
        if entropy_2 - entropy < 1e-4:
            # nearly independent: the difference is all there is, so term by term
            entropy_2 = 0.0
            for row in range(n):
                for column in range(n):
                    p = p_row[row] * p_column[column]
                    if p > 0:
                        entropy_2 -= p * np.log2(p + _EPSILON)
        greater = entropy_j if entropy_j > entropy_i else entropy_i
        imc1 = (entropy - entropy_1) / greater if greater != 0 else 0.0
        # NaN where rounding alone makes the radicand negative
        imc2 = np.sqrt(1 - np.exp(-2 * (entropy_2 - entropy)))

        sum_average, sum_entropy, tendency, shade, prominence = 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(2 * highest - 1):
            p = p_sum[k]
            if p > 0:
                sum_average += (k + 2) * p
                sum_entropy -= p * np.log2(p + _EPSILON)
                d = k + 2 - mean_i - mean_j
                square = d * d
                tendency += p * square
                shade += p * square * d
                prominence += p * square * square

        average, contrast, difference_entropy, inverse_variance = 0.0, 0.0, 0.0, 0.0
        inverse, inverse_moment, inverse_n, inverse_moment_n = 0.0, 0.0, 0.0, 0.0
        for k in range(highest):
            p = p_difference[k]
            if p > 0:
                square = float(k) * k
                average += k * p
                contrast += square * p
                difference_entropy -= p * np.log2(p + _EPSILON)
                inverse += p / (1 + k)
                inverse_moment += p / (1 + square)
                inverse_n += p / (1 + k / highest)
                inverse_moment_n += p / (1 + square / (float(highest) * highest))
                if k > 0:
                    inverse_variance += p / square
        difference_variance = 0.0
        for k in range(highest):
            if p_difference[k] > 0:
                difference_variance += p_difference[k] * (k - average) ** 2

        values[m, 0] = autocorrelation
        values[m, 1] = mean_i
        values[m, 2] = prominence
        values[m, 3] = shade
        values[m, 4] = tendency
        values[m, 5] = contrast
        values[m, 6] = correlation
        values[m, 7] = average
        values[m, 8] = difference_entropy
        values[m, 9] = difference_variance
        values[m, 10] = energy
        values[m, 11] = entropy
        values[m, 12] = imc1
        values[m, 13] = imc2
        values[m, 14] = inverse_moment
        values[m, 15] = np.nan
        values[m, 16] = inverse_moment_n
        values[m, 17] = inverse
        values[m, 18] = inverse_n
        values[m, 19] = inverse_variance
        values[m, 20] = largest
        values[m, 21] = sum_average
        values[m, 22] = sum_entropy
        values[m, 23] = variance_i
