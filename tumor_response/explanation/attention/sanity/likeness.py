"""How alike two maps of the same views are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

__all__ = [
    "cell_edges",
    "cell_means",
    "likeness_to_before",
    "rank_correlation",
    "top_quarter_shared",
]

FloatArray = npt.NDArray[np.float64]


def cell_edges(size_px: int, cells: int) -> npt.NDArray[np.int64]:
    """Return where squares of a view begin and end along a side, in pixels.

    Examples
    --------
    >>> cell_edges(10, 4).tolist()
    [0, 2, 5, 8, 10]
    """
    return np.round(np.linspace(0, size_px, min(cells, size_px) + 1)).astype(np.int64)


def cell_means(maps: npt.NDArray[np.floating], cells: int) -> FloatArray:
    """Return the mean of each square of each map.

    A map is made of 7 x 7 cells as a rule and drawn at 224 x 224 pixels: pixels that interpolation
    made alike are no observations of their own.

    Parameters
    ----------
    maps
        Shape (n_views, size_px, size_px).
    cells
        Squares along a side.

    Returns
    -------
    ndarray of shape (n_views, cells, cells)

    Examples
    --------
    >>> cell_means(np.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """
    edges = cell_edges(maps.shape[-1], cells)
    wide = np.asarray(maps, dtype=np.float64)
    sums = np.add.reduceat(np.add.reduceat(wide, edges[:-1], axis=1), edges[:-1], axis=2)
    sides = np.diff(edges)
    return np.asarray(sums / np.outer(sides, sides))


def rank_correlation(one: FloatArray, other: FloatArray) -> float:
    """Return Spearman's correlation of two sets of squares; 0 where one of them is constant.

    A map that became empty has nothing in common with the one before.

    Examples
    --------
    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([0.0, 5.0, 9.0]))
    1.0
    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.zeros(3))
    0.0
    """
    a, b = (rankdata(values.ravel()) for values in (one, other))
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else 0.0


def likeness_to_before(before: FloatArray, after: FloatArray) -> float:
    """Return :func:`rank_correlation` with the map before; NaN where that one was empty.

    A map that was empty from the start cannot change: it has not passed a test by staying so.

    Examples
    --------
    >>> likeness_to_before(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    nan
    """
    return rank_correlation(before, after) if np.ptp(before) > 0 else float("nan")


def top_quarter_shared(one: FloatArray, other: FloatArray) -> float:
    """Return the share of the highest quarter of the squares that two maps have in common.

    A quarter of the quarter (0.25) is what two orders that know nothing of each other share.
    Squares of one value are taken in their order, from the top left.

    Examples
    --------
    >>> top_quarter_shared(np.array([9.0, 0.0, 1.0, 2.0]), np.array([5.0, 4.0, 3.0, 2.0]))
    1.0
    """
    n = max(1, one.size // 4)
    tops = [set(np.argsort(-v.ravel(), kind="stable")[:n].tolist()) for v in (one, other)]
    return len(tops[0] & tops[1]) / n
