"""All contours of one structure on one plane become one region.

The standard defines what one closed contour encloses, and that contours of type CLOSEDPLANAR_XOR
are combined by exclusive disjunction (PS3.3 C.8.8.6.3). It does not say what several
CLOSED_PLANAR contours on one plane mean together; planning systems write holes in this way as
well as islands. Here:

- a contour wholly inside another is a hole in it, one inside that hole an island, and so on;
- contours that overlap in part are united;
- one that repeats another is taken once.

"Inside" is a matter of the contours alone, not of the grid they are rasterised on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.contours.polygon import even_odd, on_path

__all__ = [
    "MAX_CONTOURS_PER_PLANE",
    "MAX_OVERLAPS",
    "NESTED_SHARE",
    "SAME_PATH",
    "Region",
    "area_outside",
    "combine",
]

NESTED_SHARE = 0.99
"""Share of a contour's area within another from which it counts as nested.

A hole that touches its outer contour crosses it here and there by the rounding of coordinates.
"""

MAX_CONTOURS_PER_PLANE = 3000
"""Contours of one structure on one plane; a skeleton in a full field of view has some hundred."""

MAX_OVERLAPS = 5000
"""Pairs of contours of one structure on one plane whose boxes meet."""

SAME_PATH = 0.05
"""Contours whose paths stay this close repeat each other (voxels): copies differ by rounding."""

_SAMPLES = 128  # per axis and contour, to compare areas


@dataclass(frozen=True)
class Region:
    """What the contours on one plane enclose, and what was met on the way.

    Parameters
    ----------
    box
        Rows and columns that hold all of it.
    mask
        bool, over that box.
    n_voxels
        How many it has.
    n_on_path
        Voxels whose centre lies on a contour's path.
    n_in_holes
        Voxels within an outer contour that nested contours take away.
    nested, overlapping, repeated
        Numbers of contours that are holes or islands in others, that overlap another in part,
        that repeat another.
    """

    box: tuple[slice, slice]
    mask: np.ndarray
    n_voxels: int
    n_on_path: int = 0
    n_in_holes: int = 0
    nested: int = 0
    overlapping: int = 0
    repeated: int = 0


def combine(
    polygons: Sequence[np.ndarray],
    shape: tuple[int, int],
    *,
    exclusive: bool,
    what: str = "the structure",
) -> Region:
    """Return the region that closed contours on one plane enclose together.

    A voxel belongs to it if its centre lies inside, or on the path of any contour: "points in
    space lying along the path defined by the contour are considered to be part of the ROI".

    Parameters
    ----------
    polygons
        Vertices in voxel indices (x, y), each of shape (n, 2).
    shape
        Rows and columns.
    exclusive
        Whether they are of type CLOSEDPLANAR_XOR.
    what
        How to name the structure in errors.

    Raises
    ------
    CaseError
        Code ``contour_too_many``: more overlapping contours than anything drawn has.

    Examples
    --------
    >>> import numpy as np
    >>> outer = np.array([(0.5, 0.5), (5.5, 0.5), (5.5, 5.5), (0.5, 5.5)])
    >>> hole = np.array([(1.5, 1.5), (3.5, 1.5), (3.5, 3.5), (1.5, 3.5)])
    >>> region = combine([outer, hole], (7, 7), exclusive=False)
    >>> int(region.mask.sum()), region.n_in_holes, region.nested
    (21, 4, 1)
    """
    if len(polygons) > MAX_CONTOURS_PER_PLANE:
        raise _too_many(what, f"{len(polygons)} contours", MAX_CONTOURS_PER_PLANE)
    box, drawn = _drawn(polygons, shape)
    mask = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), dtype=bool)
    path = np.zeros_like(mask)
    for contour in drawn:
        path[contour.box] |= contour.path
    if exclusive:
        for contour in drawn:
            mask[contour.box] ^= contour.inside
        mask |= path
        return Region(box, mask, _count(mask), _count(path), repeated=_repeated(polygons))

    levels, overlapping, repeated = _levels(drawn, what)
    filled = np.zeros_like(mask)
    for level in range(max(levels) + 1):
        for contour in (c for at, c in zip(levels, drawn, strict=True) if at == level):
            if level % 2:
                mask[contour.box] &= ~contour.inside
            else:
                mask[contour.box] |= contour.inside
                filled[contour.box] |= contour.inside
    mask |= path
    return Region(
        box,
        mask,
        _count(mask),
        _count(path),
        _count(filled & ~mask),
        sum(level > 0 for level in levels),
        overlapping,
        repeated,
    )


def area_outside(polygon: np.ndarray, shape: tuple[int, int]) -> tuple[float, float]:
    """Return a contour's area and the part of it outside the image, in pixels.

    Parameters
    ----------
    polygon
        Vertices in voxel indices (x, y), shape (n, 2).
    shape
        Rows and columns of the image, which reaches half a pixel beyond the outermost centres.

    Returns
    -------
    tuple of float
        Area, area outside.
    """
    low, step, inside = _sampled(polygon)
    x = low[0] + step[0] * np.arange(_SAMPLES)
    y = low[1] + step[1] * np.arange(_SAMPLES)
    in_rows = (y >= -0.5) & (y <= shape[0] - 0.5)
    in_columns = (x >= -0.5) & (x <= shape[1] - 0.5)
    seen = np.outer(in_rows, in_columns)
    pixel = float(np.prod(step))
    return _count(inside) * pixel, _count(inside & ~seen) * pixel


@dataclass(frozen=True)
class _Drawn:
    """A contour and what it encloses by itself, within its own part of a common box."""

    polygon: np.ndarray
    box: tuple[slice, slice]
    inside: np.ndarray
    path: np.ndarray


def _drawn(
    polygons: Sequence[np.ndarray], shape: tuple[int, int]
) -> tuple[tuple[slice, slice], list[_Drawn]]:
    """Return the box around all contours, and each contour rasterised within it."""
    size = np.array(shape)[::-1]
    first = [np.clip(np.floor(p.min(axis=0)), 0, size).astype(int) for p in polygons]
    stop = [np.clip(np.ceil(p.max(axis=0)) + 1, 0, size).astype(int) for p in polygons]
    corner = np.min(first, axis=0)
    drawn = []
    for polygon, low, high in zip(polygons, first, stop, strict=True):
        local = (int(high[1] - low[1]), int(high[0] - low[0]))
        drawn.append(
            _Drawn(
                polygon,
                _box(low - corner, high - corner),
                even_odd(polygon - low, local),
                on_path(polygon - low, local),
            )
        )
    return _box(corner, np.max(stop, axis=0)), drawn


def _box(low: np.ndarray, high: np.ndarray) -> tuple[slice, slice]:
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _levels(drawn: Sequence[_Drawn], what: str) -> tuple[list[int], int, int]:
    """Return how deep each contour is nested (-1: repeats another), how many overlap, repeat."""
    n = len(drawn)
    if n == 1:
        return [0], 0, 0
    low = np.array([d.polygon.min(axis=0) for d in drawn])
    high = np.array([d.polygon.max(axis=0) for d in drawn])
    meet: np.ndarray = np.all(low[:, None] < high, axis=2) & np.all(high[:, None] > low, axis=2)
    pairs = int(np.triu(meet, 1).sum())
    if pairs == 0:
        return [0] * n, 0, 0
    if pairs > MAX_OVERLAPS:
        raise _too_many(what, f"{pairs} overlapping pairs of contours", MAX_OVERLAPS)
    samples = [_sampled(d.polygon) for d in drawn]
    areas = [_count(inside) * float(np.prod(step)) for _, step, inside in samples]
    # larger ones first, so that a contour's level is known before those it may contain; equal
    # areas in order of position, so that the order in the file changes nothing
    order = sorted(range(n), key=lambda i: (-areas[i], *low[i], *high[i]))
    levels = [0] * n
    overlapping: set[int] = set()
    repeated = 0
    for rank, j in enumerate(order):
        for i in order[:rank]:
            if levels[i] < 0 or not meet[i, j]:
                continue
            share = _share_within(drawn[i].polygon, samples[j])
            if share >= NESTED_SHARE and _same_path(drawn[i].polygon, drawn[j].polygon):
                levels[j] = -1
                repeated += 1
                break
            if share >= NESTED_SHARE:
                levels[j] = max(levels[j], levels[i] + 1)
            elif share > 1 - NESTED_SHARE:
                overlapping |= {i, j}
    return levels, len(overlapping), repeated


def _sampled(polygon: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return first position, step and which positions of a lattice over its box are inside."""
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    step = np.maximum((high - low) / _SAMPLES, np.finfo(float).tiny)
    low = low + step / 2
    return low, step, even_odd((polygon - low) / step, (_SAMPLES, _SAMPLES))


def _share_within(outer: np.ndarray, sampled: tuple[np.ndarray, np.ndarray, np.ndarray]) -> float:
    low, step, inside = sampled
    area = _count(inside)
    if area == 0:
        return 0.0
    both = even_odd((outer - low) / step, (_SAMPLES, _SAMPLES)) & inside
    return _count(both) / area


def _count(inside: np.ndarray) -> int:
    return int(np.count_nonzero(inside))


def _too_many(what: str, number: str, limit: int) -> CaseError:
    return CaseError(
        f"{what} has {number} on one plane; up to {limit} are looked at, and nothing drawn has so "
        "many. Export the structure set again.",
        code="contour_too_many",
    )


def _same_path(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two contours run along each other all the way."""
    lows, highs = one.min(axis=0) - other.min(axis=0), one.max(axis=0) - other.max(axis=0)
    if max(np.abs(lows).max(), np.abs(highs).max()) > SAME_PATH:
        return False
    return _farthest(one, other) <= SAME_PATH and _farthest(other, one) <= SAME_PATH


def _farthest(points: np.ndarray, path: np.ndarray) -> float:
    """Return how far any of (at most 200) vertices lies from a closed path."""
    edges = np.roll(path, -1, axis=0) - path
    length_2 = np.maximum((edges**2).sum(axis=1), np.finfo(float).tiny)
    farthest = 0.0
    for point in points[:: -(-len(points) // 200)]:
        offset = point - path
        along = np.clip((offset * edges).sum(axis=1) / length_2, 0.0, 1.0)
        gap = offset - along[:, None] * edges
        farthest = max(farthest, float(np.sqrt((gap**2).sum(axis=1).min())))
    return farthest


def _repeated(polygons: Sequence[np.ndarray]) -> int:
    """Return how many contours repeat an earlier one, wherever they start and turn."""
    points = {np.unique(np.round(polygon, 3), axis=0).tobytes() for polygon in polygons}
    return len(polygons) - len(points)
