"""Reading an array between its voxels: moved along its axes, or turned in a plane.

Cubic is the B-spline of degree 3 through the voxels' values (Unser 1999, IEEE Signal Process Mag
16:22-38). Its coefficients depend on voxels far off ever less, by a factor of 0.27 a voxel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["ROOM", "Interpolator", "shifted", "turned"]

FloatArray = npt.NDArray[np.float64]

Interpolator = Literal["linear", "cubic"]

ROOM: Mapping[str, int] = {"linear": 2, "cubic": 12}
"""Voxels that are read around what is wanted, so that what lies beyond does not matter: 0.27**12
is below 1e-6."""


def shifted(
    values: FloatArray, fraction: tuple[float, ...], interpolator: Interpolator
) -> FloatArray:
    """Return values read a part of a voxel farther on along each axis.

    Parameters
    ----------
    values
        With :data:`ROOM` on either side of what is wanted, along every axis.
    fraction
        For each axis, 0 or more and below 1; an axis with 0 is not interpolated.
    interpolator
        Between voxels.

    Returns
    -------
    array
        Without the room.

    Examples
    --------
    >>> import numpy as np
    >>> shifted(np.arange(8.0), (0.25,), "linear")
    array([2.25, 3.25, 4.25, 5.25])
    """
    room = ROOM[interpolator]
    for axis, part in enumerate(fraction):
        n = values.shape[axis] - 2 * room
        if part == 0.0:
            values = _part(values, axis, room, n)
            continue
        if interpolator == "cubic":
            values = ndimage.spline_filter1d(values, 3, axis=axis, mode="mirror")
        weights = _weights(part, interpolator)
        first = room if interpolator == "linear" else room - 1
        total = weights[0] * _part(values, axis, first, n)
        for k, weight in enumerate(weights[1:], start=first + 1):
            total += weight * _part(values, axis, k, n)
        values = total
    return values


def _part(values: FloatArray, axis: int, start: int, n: int) -> FloatArray:
    return values[(slice(None),) * axis + (slice(start, start + n),)]


def _weights(t: float, interpolator: Interpolator) -> tuple[float, ...]:
    if interpolator == "linear":
        return 1.0 - t, t
    return (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )


def turned(
    planes: FloatArray,
    degrees: float,
    centre: tuple[float, float],
    spacing: tuple[float, float],
    interpolator: Interpolator,
    room: tuple[int, int] = (0, 0),
) -> FloatArray:
    """Return planes whose contents are turned about a point.

    Parameters
    ----------
    planes
        Shape (n, rows, columns).
    degrees
        From the second axis (rows) towards the third (columns).
    centre
        Index of the point along the second and third axis.
    spacing
        Along these axes, mm.
    interpolator
        Between voxels; beyond the array, its edge goes on.
    room
        Rows and columns on either side that are read only.

    Examples
    --------
    >>> import numpy as np
    >>> plane = np.zeros((1, 5, 5)); plane[0, 4, 2] = 1.0
    >>> turned(plane, 90.0, (2.0, 2.0), (1.0, 1.0), "linear").round(6)[0, 2]
    array([0., 0., 0., 0., 1.])
    """
    order = 3 if interpolator == "cubic" else 1
    angle = np.radians(degrees)
    step = np.array(spacing)
    # where contents come from: turned back, in mm
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    matrix = back * step / step[:, None]
    offset = np.array(centre) + matrix @ (np.array(room) - np.array(centre))
    size = tuple(n - 2 * r for n, r in zip(planes.shape[1:], room, strict=True))
    if order == 3:
        for axis in (1, 2):
            planes = ndimage.spline_filter1d(planes, 3, axis=axis, mode="mirror")
    found = np.empty((len(planes), *size))
    for plane, out in zip(planes, found, strict=True):
        ndimage.affine_transform(
            plane, matrix, offset, output=out, order=order, mode="nearest", prefilter=False
        )
    return found
