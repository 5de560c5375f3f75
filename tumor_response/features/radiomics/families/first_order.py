"""First-order features: the values of a region, without their places."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.fast.discretise import Discretised
from tumor_response.features.radiomics.kernels import kernel

__all__ = ["DEPRECATED", "FEATURES", "pyradiomics_features"]

FEATURES: tuple[str, ...] = (
    "10Percentile",
    "90Percentile",
    "Energy",
    "Entropy",
    "InterquartileRange",
    "Kurtosis",
    "Maximum",
    "MeanAbsoluteDeviation",
    "Mean",
    "Median",
    "Minimum",
    "Range",
    "RobustMeanAbsoluteDeviation",
    "RootMeanSquared",
    "Skewness",
    "TotalEnergy",
    "Uniformity",
    "Variance",
)
"""PyRadiomics' names, without the one that it deprecates."""

DEPRECATED: tuple[str, ...] = ("StandardDeviation",)
"""Computed as well; PyRadiomics gives it only when asked for by name."""

_EPSILON = float(np.spacing(1))


def pyradiomics_features(
    values: NDArray[np.float64],
    setting: Mapping[str, Any],
    discretised: Discretised,
    voxel_volume_mm3: float,
) -> dict[str, float]:
    """Return all first-order features as PyRadiomics defines them.

    Parameters
    ----------
    values
        float64 (n,), the region's values in the order of the image (z slowest).
    setting
        ``voxelArrayShift`` (0) is added to the values in Energy, TotalEnergy and RootMeanSquared.
    discretised
        The same region in bins, for Entropy (bits) and Uniformity.
    voxel_volume_mm3
        Factor from Energy to TotalEnergy.

    Returns
    -------
    dict
        :data:`FEATURES` and :data:`DEPRECATED` -> value. Kurtosis is not the excess (3 for a
        normal distribution), variance has n in the denominator, a flat region has skewness and
        kurtosis 0. RobustMeanAbsoluteDeviation is NaN if no value lies between the 10th and the
        90th percentile (two voxels).

    Notes
    -----
    One sort serves all percentiles, interpolated linearly with NumPy's rounding. The mean is
    NumPy's pairwise sum in the image's order: in a region that is flat but for rounding, whether
    the mean equals the values decides between 0 and 1 for skewness and kurtosis.

    References
    ----------
    Zwanenburg et al., "Image biomarker standardisation initiative", arXiv:1612.07003,
    sections 3.3 and 3.4.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.families import first_order
    >>> from tumor_response.features.radiomics.fast.discretise import discretise
    >>> from tumor_response.features.radiomics.fast.region import Region
    >>> region = Region(np.arange(8.0).reshape(2, 2, 2), np.ones((2, 2, 2), bool), (1., 1., 1.))
    >>> found = first_order.pyradiomics_features(
    ...     region.values[region.mask], {}, discretise(region, {"binWidth": 4}), 1.0
    ... )
    >>> found["Mean"], found["Variance"], round(found["Entropy"], 6)
    (3.5, 5.25, 1.0)
    """
    ascending = np.sort(values)
    n = len(ascending)
    mean = float(values.sum()) / n
    energy, deviation, m2, m3, m4 = _sums(values, float(setting.get("voxelArrayShift", 0)), mean)
    p10, p25, p75, p90 = (_percentile(ascending, q) for q in (0.10, 0.25, 0.75, 0.90))
    entropy, uniformity = _of_histogram(discretised.histogram, n)
    lowest, highest = float(ascending[0]), float(ascending[-1])
    spread = math.sqrt(m2)
    return {
        "10Percentile": p10,
        "90Percentile": p90,
        "Energy": energy,
        "Entropy": entropy,
        "InterquartileRange": p75 - p25,
        "Kurtosis": _ratio(m4, m2**2) if m2 != 0 else 0.0,
        "Maximum": highest,
        "MeanAbsoluteDeviation": deviation,
        "Mean": mean,
        "Median": (float(ascending[(n - 1) // 2]) + float(ascending[n // 2])) / 2,
        "Minimum": lowest,
        "Range": highest - lowest,
        "RobustMeanAbsoluteDeviation": _deviation_between(ascending, p10, p90),
        "RootMeanSquared": math.sqrt(energy / n),
        "Skewness": _ratio(m3, m2**1.5) if m2 != 0 else 0.0,
        "StandardDeviation": spread,
        "TotalEnergy": energy * voxel_volume_mm3,
        "Uniformity": uniformity,
        "Variance": spread**2,
    }


def _ratio(above: float, below: float) -> float:
    """Divide as NumPy does: values so close together that a moment's power underflows."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(above) / below)


def _percentile(ascending: NDArray[np.float64], fraction: float) -> float:
    """Interpolate linearly between order statistics, from the nearer one as NumPy does."""
    place = (len(ascending) - 1) * fraction
    below = math.floor(place)
    weight = place - below
    low = float(ascending[below])
    high = float(ascending[min(below + 1, len(ascending) - 1)])
    if weight >= 0.5:
        return high - (high - low) * (1 - weight)
    return low + (high - low) * weight


def _deviation_between(ascending: NDArray[np.float64], lowest: float, highest: float) -> float:
    """Mean absolute deviation of the values from `lowest` to `highest`, both included."""
    first = int(np.searchsorted(ascending, lowest, side="left"))
    behind = int(np.searchsorted(ascending, highest, side="right"))
    if first >= behind:
        return math.nan
    kept = ascending[first:behind]
    return _mean_deviation(kept, float(kept.sum()) / len(kept))


@kernel
def _sums(
    values: NDArray[np.float64], shift: float, mean: float
) -> tuple[float, float, float, float, float]:
    """Return energy, mean absolute deviation and the second to fourth central moments."""
    n = len(values)
    energy, deviation, m2, m3, m4 = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        value = values[i]
        energy += (value + shift) ** 2
        d = value - mean
        deviation += abs(d)
        square = d * d
        m2 += square
        m3 += square * d
        m4 += square * square
    return energy, deviation / n, m2 / n, m3 / n, m4 / n


@kernel
def _mean_deviation(values: NDArray[np.float64], mean: float) -> float:
    total = 0.0
    for value in values:
        total += abs(value - mean)
    return total / len(values)


@kernel
def _of_histogram(histogram: NDArray[np.int64], n: int) -> tuple[float, float]:
    entropy, uniformity = 0.0, 0.0
    for count in histogram:
        if count > 0:
            p = count / n
            entropy -= p * np.log2(p + _EPSILON)
            uniformity += p * p
    return entropy, uniformity
