"""Which points of a lattice lie inside a polygon, and which lie on its path.

Coordinates are those of the lattice: point (row j, column i) is at x = i, y = j. Nothing loops
over lattice points: each edge contributes the rows it crosses, and the parity of the crossings to
the left of a point says whether it is inside (even-odd rule; Foley, van Dam, Feiner and Hughes,
*Computer Graphics: Principles and Practice*, 1990, section 3.6).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["PATH_TOLERANCE", "even_odd", "on_path"]

PATH_TOLERANCE = 1e-4
"""A point this close to the path lies on it (lattice steps).

Headers that keep 32-bit floats, as NIfTI's, place a voxel a metre from the origin to 3e-5 mm.
"""

_CROSSINGS_AT_ONCE = 2_000_000  # bounds the memory, whatever a file claims


def even_odd(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return which lattice points lie inside a closed polygon by the even-odd rule.

    What the polygon winds around twice is outside; so are the inner parts of a "keyhole". Points
    within rounding of the path fall on either side; :func:`on_path` tells them apart.

    Parameters
    ----------
    points
        Vertices as (x, y), shape (n, 2); the last is joined to the first.
    shape
        Rows and columns of the lattice.

    Returns
    -------
    numpy.ndarray
        bool, of that shape.

    Examples
    --------
    >>> import numpy as np
    >>> even_odd(np.array([(0.5, -1), (3.5, -1), (3.5, 4)]), (2, 5)).astype(int)
    array([[0, 0, 1, 1, 0],
           [0, 0, 1, 1, 0]])
    """
    rows, columns = shape
    (x0, y0), (x1, y1) = points.T, _following(points).T
    dx, dy = x1 - x0, y1 - y0
    # half-open in y, so that a vertex on a row counts for one of its two edges; from the vertices
    # themselves, because y0 + dy is not y1 to the last bit
    first, stop = np.ceil(np.minimum(y0, y1)), np.ceil(np.maximum(y0, y1))
    toggles = np.zeros(rows * (columns + 1), dtype=np.uint8)
    for edge, row in _steps(first, stop, rows):
        x = x0[edge] + dx[edge] * _within((row - y0[edge]) / dy[edge], 0.0, 1.0)
        column = _within(np.ceil(x), 0, columns).astype(np.int64)
        # whatever wraps around at 256 keeps its parity
        toggles += np.bincount(row * (columns + 1) + column, minlength=len(toggles)).astype(
            np.uint8
        )
    crossings = np.cumsum(toggles.reshape(rows, columns + 1)[:, :-1], axis=1, dtype=np.uint8)
    return np.asarray((crossings & 1).view(bool))


def on_path(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return which lattice points lie on the path of a closed polygon, within rounding.

    Parameters
    ----------
    points
        Vertices as (x, y), shape (n, 2); the last is joined to the first.
    shape
        Rows and columns of the lattice.

    Returns
    -------
    numpy.ndarray
        bool, of that shape.

    Examples
    --------
    >>> import numpy as np
    >>> on_path(np.array([(1.0, 0.0), (3.0, 2.0), (1.0, 2.0)]), (3, 5)).astype(int)
    array([[0, 1, 0, 0, 0],
           [0, 1, 1, 0, 0],
           [0, 1, 1, 1, 0]])
    """
    marked = np.zeros(shape, dtype=bool)
    rows, columns = shape
    steps = _following(points) - points
    # each edge is followed along the axis in which it is longer: at most one lattice point per step
    steep = np.abs(steps[:, 1]) >= np.abs(steps[:, 0])
    (b0, a0), (db, da) = (
        np.where(steep, points.T, points.T[::-1]),
        np.where(steep, steps.T, steps.T[::-1]),
    )
    n_a, n_b = np.where(steep, rows, columns), np.where(steep, columns, rows)
    low, high = np.minimum(a0, a0 + da), np.maximum(a0, a0 + da)
    length = np.where(da == 0, 1.0, da)
    first, stop = np.ceil(low - PATH_TOLERANCE), np.floor(high + PATH_TOLERANCE) + 1
    for edge, a in _steps(first, stop, n_a):
        b = b0[edge] + db[edge] * _within((a - a0[edge]) / length[edge], 0.0, 1.0)
        nearest = np.rint(b)
        near = (np.abs(b - nearest) <= PATH_TOLERANCE) & (nearest >= 0) & (nearest < n_b[edge])
        if near.any():
            hit, across = a[near], nearest[near].astype(np.int64)
            is_row = steep[edge[near]]
            marked[np.where(is_row, hit, across), np.where(is_row, across, hit)] = True
    return marked


def _following(points: np.ndarray) -> np.ndarray:
    """Return the other end of the edge that begins at each vertex."""
    return np.concatenate([points[1:], points[:1]])


def _within(values: np.ndarray, low: float, high: float | np.ndarray) -> np.ndarray:
    """As numpy.clip, without its overhead: contours are many and short."""
    return np.asarray(np.minimum(np.maximum(values, low), high))


def _steps(
    first: np.ndarray, stop: np.ndarray, size: int | np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (edge, position) for every position from ``first`` to ``stop`` within the lattice."""
    begin = _within(first, 0, size).astype(np.int64)
    counts = np.maximum(_within(stop, 0, size).astype(np.int64) - begin, 0)
    block = max(1, _CROSSINGS_AT_ONCE // max(int(np.max(size)), 1))
    for at in range(0, len(counts), block):
        some = counts[at : at + block]
        edge = np.repeat(np.arange(at, at + len(some)), some)
        before = np.cumsum(some) - some
        yield edge, begin[edge] + np.arange(len(edge)) - before[edge - at]
