"""The closed marching-cubes surface of a mask: its volume, its area and its corners.

The surface is the one of :mod:`tumor_response.imaging.mesh_cells`. Its volume is a count of cell
configurations; so is its area, with the area of each configuration's triangles at this spacing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from tumor_response.imaging.mesh_cells import (
    CORNERS,
    UNITS_PER_CELL,
    Point,
    cone,
    inside_parts,
    rings,
    surface_polygons,
    units_inside,
)

__all__ = [
    "Spacing",
    "outermost_vertices_mm",
    "surface_area_mm2",
    "surface_volume_mm3",
]

Triangle = tuple[Point, Point, Point]
Spacing = tuple[float, float, float]
"""Distance of voxel centres along (z, y, x), mm."""


def surface_volume_mm3(counts: NDArray[np.int64], spacing_mm: Spacing) -> float:
    """Return the volume inside the surface, from the counts of its cells' configurations."""
    return int(counts @ units_inside()) / UNITS_PER_CELL * float(np.prod(spacing_mm))


def surface_area_mm2(counts: NDArray[np.int64], spacing_mm: Spacing) -> float:
    """Return the area of the surface, from the counts of its cells' configurations.

    A surface polygon that is not flat can be cut into triangles in several ways; of those that
    enclose the surface's volume, the one of the smallest area is taken.
    """
    return float(counts @ _areas(spacing_mm))


def outermost_vertices_mm(mask: NDArray[np.bool_], spacing_mm: Spacing) -> NDArray[np.float64]:
    """Return the surface's corners that may be corners of its convex hull, shape (n, 3).

    Corners lie halfway between an inside and an outside voxel. Of those on one line of voxels, the
    first and the last span the others.

    Parameters
    ----------
    mask
        The region, (z, y, x).
    spacing_mm
        Along (z, y, x).
    """
    found = []
    for axis in range(3):
        lines = np.moveaxis(mask, axis, -1)
        hit = np.argwhere(lines.any(axis=-1))
        rows = lines[hit[:, 0], hit[:, 1]]
        first = rows.argmax(axis=1) - 0.5
        last = mask.shape[axis] - rows[:, ::-1].argmax(axis=1) - 0.5
        found += [np.insert(hit.astype(np.float64), axis, end, axis=1) for end in (first, last)]
    return np.asarray(np.concatenate(found) * np.array(spacing_mm))


@lru_cache(maxsize=8)
def _areas(spacing_mm: Spacing) -> NDArray[np.float64]:
    """Return the surface's area in each of the 256 configurations, mm^2."""
    corners, whole, code = _candidates()
    a, b, c = np.moveaxis(corners * (np.array(spacing_mm) / 2), 1, 0)
    single = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    sums = np.bincount(whole, weights=single, minlength=code.size)
    areas = np.full(256, np.inf)
    np.minimum.at(areas, code, sums)
    return areas


@cache
def _candidates() -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return the triangulations that enclose their configuration's share of the cell.

    Returns
    -------
    tuple
        Triangles, shape (n, 3 corners, 3), in halves of a cell's edge; the triangulation that each
        belongs to, shape (n,); the configuration that each triangulation belongs to.
    """
    corners: list[Triangle] = []
    owner: list[int] = []
    configuration: list[int] = []
    for code, units in enumerate(units_inside()):
        inside = [corner for i, corner in enumerate(CORNERS) if code >> i & 1]
        faces = [part for ring in rings() for part in inside_parts(ring, inside)]
        base = sum(cone(part[0], a, b) for part in faces for a, b in pairwise(part[1:]))
        choices = product(*(list(_triangulations(p)) for p in surface_polygons(faces)))
        whole = [[t for part in choice for t in part] for choice in choices]
        for triangles in whole:
            if base + sum(cone(*triangle) for triangle in triangles) == units:
                corners += triangles
                owner += [len(configuration)] * len(triangles)
                configuration.append(code)
    return np.array(corners, dtype=np.float64), np.array(owner), np.array(configuration)


def _triangulations(polygon: list[Point]) -> Iterator[list[Triangle]]:
    """Yield every way to cut a polygon into triangles."""
    if len(polygon) < 3:
        yield []
        return
    for k in range(1, len(polygon) - 1):
        for left in _triangulations(polygon[: k + 1]):
            for right in _triangulations(polygon[k:]):
                yield [*left, *right, (polygon[0], polygon[k], polygon[-1])]
