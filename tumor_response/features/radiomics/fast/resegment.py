"""Leaving out voxels of a region by their intensity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["resegmented", "too_few_left"]


def resegmented(
    values: NDArray[Any], inside: NDArray[np.bool_], setting: Mapping[str, Any]
) -> NDArray[np.bool_]:
    """Return the voxels of a region whose intensity lies in ``resegmentRange``.

    Parameters
    ----------
    values
        Intensities in the region's box.
    inside
        The region, the same shape.
    setting
        ``resegmentRange``: one threshold (voxels at or above stay) or two (the closed range
        between them), in units of ``resegmentMode``: ``"absolute"`` (default), ``"relative"`` to
        the region's maximum or ``"sigma"``, standard deviations from the region's mean.

    Raises
    ------
    ValueError
        For a range of no or more than two numbers, an unknown mode, or if no voxel remains.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([[[1.0, 5.0, 9.0, 5.5]]])
    >>> resegmented(values, values > 1, {"resegmentRange": [5, 8]})
    array([[[False,  True, False,  True]]])
    """
    bounds = sorted(setting["resegmentRange"])
    mode = setting.get("resegmentMode", "absolute")
    if len(bounds) not in (1, 2):
        raise ValueError(f"Length {len(bounds)} is not allowed for resegmentRange")
    region = values[inside]
    if mode == "relative":
        largest = region.max()
        bounds = [largest * bound for bound in bounds]
    elif mode == "sigma":
        mean, deviation = region.mean(), region.std()
        bounds = [mean + deviation * bound for bound in bounds]
    elif mode != "absolute":
        raise ValueError(f"Resegment mode {mode} not recognized.")
    stays = region >= bounds[0]
    if len(bounds) == 2:
        stays &= region <= bounds[1]
    left = np.zeros_like(inside)
    left[inside] = stays
    if not stays.any():
        raise ValueError(too_few_left(left))
    return left


def too_few_left(left: NDArray[np.bool_]) -> str:
    """Return why PyRadiomics goes no further with what resegmentation left, or ``""``.

    Examples
    --------
    >>> import numpy as np
    >>> too_few_left(np.ones(2, dtype=bool))
    ''
    """
    n_left = int(np.count_nonzero(left))
    if n_left > 1:
        return ""
    return (
        f"Resegmentation excluded too many voxels with label 1 (retained {n_left} voxel(s))! "
        "Cannot extract features"
    )
