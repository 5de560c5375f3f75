"""Grey levels of one image, PyRadiomics' bins: once for all classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tumor_response.features.radiomics.fast.region import Region
from tumor_response.features.radiomics.kernels import kernel

__all__ = ["Discretised", "bin_edges", "discretise"]


@dataclass(frozen=True)
class Discretised:
    """Grey levels of a region.

    Parameters
    ----------
    levels
        int32 (z, y, x), 1 to ``n_levels`` inside the region, 0 outside.
    n_levels
        The highest level that occurs.
    histogram
        int64 (n_levels + 1,): voxels of the region at each level.
    """

    levels: NDArray[np.int32]
    n_levels: int
    histogram: NDArray[np.int64]


def discretise(
    region: Region, setting: Mapping[str, Any], pixel_type: DTypeLike = np.float64
) -> Discretised:
    """Bin a region as PyRadiomics does.

    Parameters
    ----------
    region
        One image type of one case.
    setting
        ``binCount`` (bins of equal width from the lowest to the highest value), or else
        ``binWidth`` (25; bins on multiples of the width).
    pixel_type
        The type that PyRadiomics' image has here (its Laplacian of Gaussian is float32): the
        lower end of the first bin is rounded to it. The values themselves must be representable.

    Returns
    -------
    Discretised

    Raises
    ------
    ValueError
        If there would be more than 10 million bins, or (``binCount``) bins too narrow to be
        told apart in the image's type.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.fast.discretise import discretise
    >>> from tumor_response.features.radiomics.fast.region import Region
    >>> values = np.array([[[54.0, 75.0, 166.0]]])
    >>> region = Region(values, np.ones(values.shape, dtype=bool), (1.0, 1.0, 1.0))
    >>> discretise(region, {"binWidth": 25}).levels
    array([[[1, 2, 5]]], dtype=int32)
    """
    values, mask = region.values.reshape(-1), region.mask.reshape(-1)
    lowest, highest = _extremes(values, mask)
    edges = bin_edges(lowest, highest, setting, pixel_type)
    levels = np.zeros(region.values.shape, dtype=np.int32)
    if len(edges) < 2 or (np.diff(edges) <= 0).any():
        # edges that ran over the end of a small integer type, or are not told apart in float32
        inside = np.digitize(region.values[region.mask], edges)
        levels[region.mask] = inside
        histogram = np.bincount(inside)
    else:
        histogram = np.zeros(len(edges) + 1, dtype=np.int64)
        _digitise(values, mask, edges, levels.reshape(-1), histogram)
    if histogram[0] > 0:
        raise ValueError(
            f"values from {lowest} to {highest} lie below the first bin, since {pixel_type} ends "
            f"before the last one: take a wider pixel type, for example int16 or float32."
        )
    n_levels = int(np.flatnonzero(histogram)[-1])
    return Discretised(levels, n_levels, histogram[: n_levels + 1])


def bin_edges(
    lowest: float, highest: float, setting: Mapping[str, Any], pixel_type: DTypeLike = np.float64
) -> NDArray[np.float64]:
    """Return the edges of PyRadiomics' bins, the very floating-point numbers.

    Parameters
    ----------
    lowest, highest
        Of the region's values.
    setting, pixel_type
        As in :func:`discretise`.

    Examples
    --------
    >>> from tumor_response.features.radiomics.fast.discretise import bin_edges
    >>> bin_edges(54.0, 166.0, {"binWidth": 25}).tolist()
    [50.0, 75.0, 100.0, 125.0, 150.0, 175.0, 200.0]
    """
    ends = np.array([lowest, highest]).astype(pixel_type)
    if setting.get("binCount") is not None:
        edges = np.histogram_bin_edges(ends, setting["binCount"])
        edges[-1] += 1
        return edges.astype(np.float64)
    width = setting.get("binWidth", 25)
    if (highest - lowest) / width > _MOST_BINS:
        raise ValueError(
            f"binWidth = {width} on values from {lowest} to {highest} gives more than "
            f"{_MOST_BINS} bins; take a wider bin, or binCount."
        )
    # in the image's own type: its rounding moves the lower end, and with it every edge; near the
    # end of a small integer type the upper end runs over, in PyRadiomics as well
    with np.errstate(over="ignore"):
        edges = np.arange(ends[0] - ends[0] % width, ends[1] + 2 * width, width)
    if len(edges) == 1:
        return np.array([edges[0] - 0.5, edges[0] + 0.5])
    return edges.astype(np.float64)


_MOST_BINS = 10_000_000


@kernel
def _extremes(values: NDArray[np.float64], mask: NDArray[np.bool_]) -> tuple[float, float]:
    lowest, highest = np.inf, -np.inf
    for i in range(len(values)):
        if mask[i]:
            value = values[i]
            lowest = value if value < lowest else lowest
            highest = value if value > highest else highest
    return lowest, highest


@kernel
def _digitise(
    values: NDArray[np.float64],
    mask: NDArray[np.bool_],
    edges: NDArray[np.float64],
    levels: NDArray[np.int32],
    histogram: NDArray[np.int64],
) -> None:
    """Give each voxel the number of edges that are not above it."""
    n = len(edges)
    per_unit = 1.0 / (edges[1] - edges[0])
    for i in range(len(values)):
        if mask[i]:
            value = values[i]
            # a guess that is right but for rounding, then put right against the edges themselves
            place = (value - edges[0]) * per_unit
            place = place if place > 0.0 else 0.0
            level = np.int64(place if place < n - 1.0 else n - 1.0) + 1
            while level < n and value >= edges[level]:
                level += 1
            while level > 0 and value < edges[level - 1]:
                level -= 1
            levels[i] = level
            histogram[level] += 1
