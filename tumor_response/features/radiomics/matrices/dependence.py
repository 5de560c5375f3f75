"""Grey level dependence matrix: how many neighbours are like a voxel, per grey level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel
from tumor_response.features.radiomics.matrices.flat import FlatLevels, flat_levels

__all__ = ["dependence"]


def dependence(
    levels: NDArray[np.int32] | FlatLevels,
    n_levels: int,
    offsets: NDArray[np.int32],
    alpha: int,
) -> NDArray[np.float64]:
    """Count voxels by grey level and number of dependent neighbours.

    A neighbour in the region is dependent if its grey level differs by at most `alpha`.

    Parameters
    ----------
    levels
        int32 (z, y, x), C-contiguous, 1 to `n_levels` in the region, 0 outside.
    n_levels
        Number of grey levels.
    offsets
        int32 (n, 3), all neighbours in voxels along (z, y, x), both of each opposite pair.
    alpha
        Largest difference of grey levels between dependent voxels.

    Returns
    -------
    ndarray
        float64 (n_levels, n + 1): voxels by grey level - 1 and number of dependent neighbours,
        0 to n. Both conventions give column k the dependence k + 1 in their formulas: IBSI
        because its neighbouring grey level dependence matrix counts the voxel itself among its
        dependents, PyRadiomics because its first column is number one. The counts and the
        features are the same.

    References
    ----------
    Sun, C. and Wee, W. G. (1983) Neighboring gray level dependence matrix for texture
    classification. Computer Vision, Graphics, and Image Processing 23(3), 341-352.

    Examples
    --------
    >>> import numpy as np
    >>> dependence(np.array([[[1, 1, 2]]], dtype=np.int32), 2,
    ...            np.array([[0, 0, 1], [0, 0, -1]], dtype=np.int32), 0)
    array([[0., 2., 0.],
           [1., 0., 0.]])
    """
    flat = flat_levels(levels, int(np.abs(offsets).max(initial=0)))
    # row 0: outside the region
    counts = np.zeros((n_levels + 1, len(offsets) + 1))
    dependents = np.empty(flat.layout.padded_shape[2], dtype=np.int32)
    _count_dependents(
        flat.levels, flat.layout.spans, flat.steps(offsets), np.int32(alpha), counts, dependents
    )
    return counts[1:].copy()


@kernel
def _count_dependents(
    levels: NDArray[np.int32],
    spans: NDArray[np.int64],
    steps: NDArray[np.int64],
    alpha: np.int32,
    counts: NDArray[np.float64],
    dependents: NDArray[np.int32],
) -> None:
    # Line by line, and neighbour by neighbour over the whole line: the compiler turns the
    # innermost loop into instructions for several voxels at once. 32 bits throughout, as numba
    # would else compute in 64 and have half as many. ``dependents`` is scratch, one line long.
    for s in range(spans.shape[0]):
        first, after = spans[s]
        line = levels[first:after]
        dependents[: line.size] = 0
        for step in steps:
            others = levels[first + step : after + step]
            for x in range(line.size):
                apart = np.int32(abs(np.int32(others[x] - line[x])))
                dependents[x] += np.int32((apart <= alpha) & (others[x] > 0))
        for x in range(line.size):
            counts[line[x], dependents[x]] += 1.0
