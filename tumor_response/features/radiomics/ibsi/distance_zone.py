"""Distance zones: connected voxels of one grey level, and how far they are from the border."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumor_response.features.radiomics.matrices.size_zone import Zones

__all__ = ["border_distance", "distances_of_zones"]


def border_distance(mask: NDArray[np.bool_], *, within_slices: bool) -> NDArray[np.int32]:
    """Return each voxel's distance to the region's border, in steps from face to face.

    The number of erosions with the 6-connected (4-connected) neighbourhood that a voxel survives,
    plus one: voxels at the border are at 1. Outside of the array is outside of the region.

    Parameters
    ----------
    mask
        The morphological mask, (z, y, x).
    within_slices
        Whether every slice is a region of its own, where up and down are no border.

    Returns
    -------
    ndarray
        int32, the mask's shape, 0 outside of the region.

    References
    ----------
    Zwanenburg et al., arXiv:1612.07003, grey level distance zone based features (VMDZ), which
    measures the Manhattan distance.

    Examples
    --------
    >>> import numpy as np
    >>> border_distance(np.ones((1, 3, 5), dtype=bool), within_slices=True)[0]
    array([[1, 1, 1, 1, 1],
           [1, 2, 2, 2, 1],
           [1, 1, 1, 1, 1]], dtype=int32)
    """
    padded = np.pad(mask, 1)
    if not within_slices:
        return _taxicab(padded)[1:-1, 1:-1, 1:-1]
    distance = np.zeros(padded.shape, dtype=np.int32)
    for k in np.flatnonzero(padded.any(axis=(1, 2))):
        distance[k] = _taxicab(padded[k])
    return distance[1:-1, 1:-1, 1:-1]


def _taxicab(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    distance: NDArray[np.int32] = ndimage.distance_transform_cdt(mask, metric="taxicab")
    return distance.astype(np.int32, copy=False)


def distances_of_zones(zones: Zones, distance: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return each zone's distance to the border: that of its nearest voxel.

    Parameters
    ----------
    zones
        Connected voxels of one grey level.
    distance
        Of every voxel, from :func:`border_distance`.

    Returns
    -------
    ndarray
        int64, shape (n_zones,).
    """
    inside = zones.labels > 0
    nearest = np.full(len(zones.levels) + 1, np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(nearest, zones.labels[inside], distance[inside])
    return nearest[1:]
