"""Neighbourhood grey tone difference matrix: how far voxels are from their neighbours' mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel
from tumor_response.features.radiomics.matrices.flat import FlatLevels, flat_levels

__all__ = ["GreyToneDifference", "grey_tone_difference"]


@dataclass(frozen=True)
class GreyToneDifference:
    """Differences of voxels from the mean of their neighbours, by grey level.

    Parameters
    ----------
    voxels
        float64 (n_levels,): voxels with at least one neighbour in the region.
    lonely
        float64 (n_levels,): voxels without. IBSI leaves them out; PyRadiomics counts them,
        with a difference of 0.
    differences
        float64 (n_levels,): sum of |grey level - mean of the neighbours in the region|.
    """

    voxels: NDArray[np.float64]
    lonely: NDArray[np.float64]
    differences: NDArray[np.float64]


def grey_tone_difference(
    levels: NDArray[np.int32] | FlatLevels, n_levels: int, offsets: NDArray[np.int32]
) -> GreyToneDifference:
    """Sum the differences of voxels from the mean of their neighbours, by grey level.

    Parameters
    ----------
    levels
        int32 (z, y, x), C-contiguous, 1 to `n_levels` in the region, 0 outside.
    n_levels
        Number of grey levels.
    offsets
        int32 (n, 3), all neighbours in voxels along (z, y, x), both of each opposite pair.

    Returns
    -------
    GreyToneDifference

    References
    ----------
    Amadasun, M. and King, R. (1989) Textural features corresponding to textural properties.
    IEEE Transactions on Systems, Man, and Cybernetics 19(5), 1264-1274.

    Examples
    --------
    >>> import numpy as np
    >>> grey_tone_difference(np.array([[[1, 2, 4, 0, 4]]], dtype=np.int32), 4,
    ...                      np.array([[0, 0, 1], [0, 0, -1]], dtype=np.int32))
    GreyToneDifference(voxels=array([1., 1., 0., 1.]), lonely=array([0., 0., 0., 1.]),
        differences=array([1. , 0.5, 0. , 2. ]))
    """
    flat = flat_levels(levels, int(np.abs(offsets).max(initial=0)))
    counted, lonely, differences = np.zeros((3, n_levels))
    neighbours, total = np.empty((2, flat.layout.padded_shape[2]), dtype=np.int32)
    _sum_differences(
        flat.levels,
        flat.layout.spans,
        flat.steps(offsets),
        counted,
        lonely,
        differences,
        neighbours,
        total,
    )
    return GreyToneDifference(counted, lonely, differences)


@kernel
def _sum_differences(
    levels: NDArray[np.int32],
    spans: NDArray[np.int64],
    steps: NDArray[np.int64],
    counted: NDArray[np.float64],
    lonely: NDArray[np.float64],
    differences: NDArray[np.float64],
    neighbours: NDArray[np.int32],
    total: NDArray[np.int32],
) -> None:
    # Line by line and in 32 bits: see dependence.py; the last two are scratch, one line long. A
    # separate walk over the neighbours costs no more than one for both matrices would.
    for s in range(spans.shape[0]):
        first, after = spans[s]
        line = levels[first:after]
        neighbours[: line.size] = 0
        total[: line.size] = 0
        for step in steps:
            others = levels[first + step : after + step]
            for x in range(line.size):
                neighbours[x] += np.int32(others[x] > 0)
                total[x] += others[x]
        for x in range(line.size):
            level = line[x]
            if level == 0:
                continue
            if neighbours[x] == 0:
                lonely[level - 1] += 1.0
            else:
                counted[level - 1] += 1.0
                differences[level - 1] += abs(level - total[x] / neighbours[x])
