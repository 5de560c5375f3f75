"""Grey level run length matrices: how many runs of which length, per grey level and direction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel
from tumor_response.features.radiomics.matrices.flat import FlatLevels, flat_levels

__all__ = ["directions_with_company", "run_lengths"]


def run_lengths(
    levels: NDArray[np.int32] | FlatLevels, n_levels: int, directions: NDArray[np.int32]
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
    # a row of counters for each length, with one for "outside": it is cheaper than asking
    lengths = max(flat.shape) + 2
    numbered = np.zeros((len(steps), lengths * (n_levels + 1)), dtype=np.int32)
    _, height, width = flat.layout.padded_shape
    # of this plane and the one before it: steps reach a little further
    number = np.zeros((len(steps), 2 * height * width), dtype=np.int32)
    _number_voxels(flat.levels, flat.layout.spans, steps, n_levels + 1, number, numbered)
    at_least = numbered.reshape(len(steps), lengths, n_levels + 1)[:, 1:, 1:]
    longest = max(1, int(np.count_nonzero(at_least.any(axis=(0, 2)))))
    exactly = at_least[:, :longest] - at_least[:, 1 : longest + 1]
    return np.ascontiguousarray(exactly.swapaxes(1, 2), dtype=np.float64)


def directions_with_company(
    levels: NDArray[np.int32] | FlatLevels, directions: NDArray[np.int32]
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
    flat = flat_levels(levels, 0)
    found = np.zeros(len(directions), dtype=np.bool_)
    _find_company(flat.padded, directions, found)
    return found


@kernel
def _number_voxels(
    levels: NDArray[np.int32],
    spans: NDArray[np.int64],
    steps: NDArray[np.int64],
    n: int,
    number: NDArray[np.int32],
    numbered: NDArray[np.int32],
) -> None:
    # Number each voxel within its run: one more than its predecessor of the same level, else 1.
    # As many runs have k voxels or more as there are voxels numbered k, and those of exactly k
    # are the difference to k + 1: no branch depends on the image. Line by line, so that most
    # numbers are found for several voxels at once; lines of the plane before are all that they
    # need. ``number`` holds two planes in turn and begins as zeros.
    ring = number.shape[1]
    row, one = np.int32(n), np.int32(1)
    for s in range(spans.shape[0]):
        first, after = spans[s]
        line = levels[first:after]
        here = first % ring
        for d in range(steps.size):
            others = levels[first - steps[d] : after - steps[d]]
            back = (first - steps[d]) % ring
            before = number[d, back : back + line.size]
            mine = number[d, here : here + line.size]
            for x in range(line.size):
                goes_on = np.int32((others[x] == line[x]) & (line[x] > 0))
                mine[x] = np.int32(before[x] * goes_on) + one
            counts = numbered[d]
            for x in range(line.size):
                # unsigned: numba then leaves out Python's meaning of a negative index
                counts[np.uint64(mine[x] * row + line[x])] += one


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
