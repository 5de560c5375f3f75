"""Which neighbours PyRadiomics' settings ask a texture matrix to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.matrices.directions import directions

__all__ = ["directions_of", "neighbours_of"]


def directions_of(
    setting: Mapping[str, Any], shape: Sequence[int], distances: Sequence[int] = (1,)
) -> NDArray[np.int32]:
    """Give the directions under `force2D` and `force2Ddimension` that fit into the box.

    Parameters
    ----------
    setting
        PyRadiomics' settings; `force2D` (default False) keeps to planes across
        `force2Ddimension` (default 0, the axis z).
    shape
        The region's bounding box in voxels, (z, y, x).
    distances
        Chebyshev distances in voxels; runs and zones know the distance 1 alone.

    Returns
    -------
    ndarray
        int32 (n, 3), one of each pair of opposite directions.

    Raises
    ------
    ValueError
        If no direction is left, as PyRadiomics refuses such a region.

    Examples
    --------
    >>> len(directions_of({}, (5, 5, 5))), len(directions_of({"force2D": True}, (5, 5, 5)))
    (13, 4)
    >>> directions_of({}, (1, 1, 5)).tolist()
    [[0, 0, 1]]
    """
    axes = [0, 1, 2]
    if setting.get("force2D", False):
        axes.remove(setting.get("force2Ddimension", 0))
    fitting = directions(distances, axes, tuple(shape))
    if not len(fitting):
        raise ValueError(
            f"no neighbour at distances {list(distances)} along the axes {axes} of (z, y, x) fits "
            f"into the region's box of {tuple(shape)} voxels: shorten the distances, leave "
            "force2D out or take a larger region"
        )
    return fitting


def neighbours_of(
    setting: Mapping[str, Any], shape: Sequence[int], distances: Sequence[int] = (1,)
) -> NDArray[np.int32]:
    """Give the neighbours of a voxel under the settings: the directions, both ways.

    For a distance that is named again PyRadiomics starts its descending list of all offsets
    anew, until it has as many as it counted; so does this.

    Parameters
    ----------
    setting, shape, distances
        As for :func:`directions_of`.

    Returns
    -------
    ndarray
        int32 (n, 3).

    Raises
    ------
    ValueError
        If no direction is left.

    Examples
    --------
    >>> len(neighbours_of({}, (5, 5, 5))), len(neighbours_of({}, (5, 5, 5), [1, 1]))
    (26, 52)
    """
    n = 2 * len(directions_of(setting, shape, distances))
    once = directions_of(setting, shape, sorted(set(distances)))
    descending = np.concatenate([once, -once[::-1]])
    return descending[np.arange(n) % len(descending)]
