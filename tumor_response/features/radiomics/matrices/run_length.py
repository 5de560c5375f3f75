"""Grey level run length matrices: how many runs of which length, per grey level and direction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel
from tumor_response.features.radiomics.matrices.flat import flat_levels

__all__ = ["directions_with_company", "run_lengths"]


def run_lengths(
    levels: NDArray[np.int32], n_levels: int, directions: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Count the runs of equal grey level along each direction.

    A run is a longest possible row of neighbouring voxels of the region with the same grey
    level, neighbours being one step of the direction apart.

    Parameters
    ----------
    levels
        int32 (z, y, x), C-contiguous, 1 to `n_levels` in the region, 0 outside.
    n_levels
        Number of grey levels.
    directions
        int32 (n, 3), steps in voxels along (z, y, x), each component -1, 0 or 1, one of each
        pair of opposite directions.

    Returns
    -------
    ndarray
        float64 (n, n_levels, longest): number of runs by direction, grey level - 1 and
        length - 1; `longest` is the longest run found in any direction (1 for an empty region).

    References
    ----------
    Galloway, M. M. (1975) Texture analysis using gray level run lengths. Computer Graphics and
    Image Processing 4(2), 172-179.

    Examples
    --------
    Level 1 has a run of two along x; level 2 two runs of one:

    >>> import numpy as np
    >>> levels = np.array([[[1, 1, 2, 0, 2]]], dtype=np.int32)
    >>> run_lengths(levels, 2, np.array([[0, 0, 1]], dtype=np.int32))
    array([[[0., 1.],
            [2., 0.]]])
    """
    flat = flat_levels(levels, 1)
    # A run is the same in both ways along it; ahead in the row, predecessors come first.
    steps = np.abs(flat.steps(directions))
    numbered = np.zeros((len(steps), (max(levels.shape) + 1) * n_levels), dtype=np.int32)
    number = np.zeros(flat.levels.size, dtype=np.int32)
    return _count_runs(flat.levels, flat.voxels, steps, n_levels, numbered, number)


def directions_with_company(
    levels: NDArray[np.int32], directions: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Tell in which directions some line of voxels holds two voxels of the region or more.

    PyRadiomics leaves out a direction in which every voxel of the region is alone on its line:
    the region has no extent there. Gaps between the two voxels do not matter.

    Parameters
    ----------
    levels
        int32 (z, y, x), C-contiguous, 0 outside the region.
    directions
        int32 (n, 3), steps in voxels along (z, y, x).

    Returns
    -------
    ndarray
        bool (n,).

    Examples
    --------
    >>> import numpy as np
    >>> levels = np.array([[[1, 0, 2]]], dtype=np.int32)
    >>> directions_with_company(levels, np.array([[0, 0, 1], [1, 0, 0]], dtype=np.int32))
    array([ True, False])
    """
    found = np.zeros(len(directions), dtype=np.bool_)
    _find_company(levels, directions, found)
    return found


@kernel
def _count_runs(
    levels: NDArray[np.int32],
    voxels: NDArray[np.int64],
    steps: NDArray[np.int64],
    n_levels: int,
    numbered: NDArray[np.int32],
    number: NDArray[np.int32],
) -> NDArray[np.float64]:
    # Number each voxel within its run: one more than its predecessor of the same level, else 1.
    # As many runs have k voxels or more as there are voxels numbered k, and those of exactly k
    # are the difference to k + 1: no branch depends on the image, which is what makes it fast.
    # The last two arguments are scratch, zeros. Positions are unsigned: numba then leaves out
    # Python's meaning of a negative index.
    row = np.uint64(n_levels)
    longest = 1
    for d in range(steps.size):
        of_direction = numbered[d]
        step = np.uint64(steps[d])
        for v in range(voxels.size):
            voxel = np.uint64(voxels[v])
            before = voxel - step
            level = levels[voxel]
            k = np.int32(1) + (number[before] if levels[before] == level else np.int32(0))
            number[voxel] = k
            of_direction[np.uint64(k - 1) * row + np.uint64(level - 1)] += np.int32(1)
        # voxels numbered k: entries from (k - 1) n_levels up to k n_levels
        for entry in range(longest * n_levels, of_direction.size):
            if of_direction[entry] > 0:
                longest = entry // n_levels + 1
            elif entry >= (longest + 1) * n_levels:
                break
    counts = np.empty((steps.size, n_levels, longest))
    for d in range(steps.size):
        for k in range(longest):
            for level in range(n_levels):
                entry = k * n_levels + level
                counts[d, level, k] = numbered[d, entry] - numbered[d, entry + n_levels]
    return counts


@kernel
def _find_company(
    levels: NDArray[np.int32], directions: NDArray[np.int32], found: NDArray[np.bool_]
) -> None:
    depth, height, width = levels.shape
    for d in range(directions.shape[0]):
        dz, dy, dx = directions[d, 0], directions[d, 1], directions[d, 2]
        for z in range(depth):
            for y in range(height):
                for x in range(width):
                    if levels[z, y, x] == 0:
                        continue
                    # The nearest voxel of the region ahead, whatever lies between. A region of
                    # any thickness ends the search at its first voxels.
                    i, j, k = z + dz, y + dy, x + dx
                    while 0 <= i < depth and 0 <= j < height and 0 <= k < width:
                        if levels[i, j, k] > 0:
                            found[d] = True
                            break
                        i, j, k = i + dz, j + dy, k + dx
                    if found[d]:
                        break
                if found[d]:
                    break
            if found[d]:
                break
