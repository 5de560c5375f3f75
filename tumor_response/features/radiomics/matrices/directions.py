"""The directions in which a texture matrix looks for a voxel's neighbours."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["both_ways", "directions"]


def directions(
    distances: Sequence[int],
    axes: Sequence[int] = (0, 1, 2),
    shape: tuple[int, ...] | None = None,
) -> NDArray[np.int32]:
    """Return one of each pair of opposite offsets at the given Chebyshev distances.

    The first component that is not zero is positive, and the order is descending, as in
    PyRadiomics: without symmetrisation the sign of a direction decides between a matrix and its
    transpose.

    Parameters
    ----------
    distances
        Chebyshev distances in voxels. For a distance that is named again PyRadiomics takes as
        many offsets more from the descending list of all, the opposite ones after these.
    axes
        Axes (0 = z, 1 = y, 2 = x) along which an offset may move; two of them for texture within
        slices.
    shape
        Leave out offsets that join no two voxels of a box of this shape; by default none.

    Returns
    -------
    numpy.ndarray
        int32 (n, 3), offsets in voxels along (z, y, x): 13 at distance 1 in three dimensions, 4 in
        two.

    Raises
    ------
    ValueError
        For a distance below 1.

    Examples
    --------
    >>> from tumor_response.features.radiomics.matrices.directions import directions
    >>> directions([1]).shape
    (13, 3)
    >>> directions([1], axes=(1, 2)).tolist()
    [[0, 1, 1], [0, 1, 0], [0, 1, -1], [0, 0, 1]]
    """
    if min(distances, default=1) < 1:
        raise ValueError(f"distances = {list(distances)}: a distance is 1 voxel or more.")
    return _directions(tuple(distances), tuple(axes), shape).copy()


@lru_cache(maxsize=256)
def _directions(
    distances: tuple[int, ...], axes: tuple[int, ...], shape: tuple[int, ...] | None
) -> NDArray[np.int32]:
    farthest = max(distances, default=0)
    reach = [farthest if shape is None else min(farthest, n - 1) for n in shape or (0, 0, 0)]
    steps = [
        range(reach[axis], -reach[axis] - 1, -1) if axis in axes else (0,) for axis in range(3)
    ]
    at_distance: dict[int, list[tuple[int, ...]]] = {distance: [] for distance in distances}
    found = []
    for offset in itertools.product(*steps):
        distance = max(map(abs, offset))
        if distance in at_distance:
            at_distance[distance].append(offset)
            found.append(offset)
    n = sum(len(at_distance[distance]) // 2 for distance in distances)
    taken = list(itertools.islice(itertools.cycle(found), n))
    return np.array(taken, dtype=np.int32).reshape(-1, 3)


def both_ways(half: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the directions followed by their opposites, (2n, 3).

    Examples
    --------
    >>> from tumor_response.features.radiomics.matrices.directions import both_ways, directions
    >>> both_ways(directions([1])).shape
    (26, 3)
    """
    return np.concatenate([half, -half])
