"""What a cell of marching cubes encloses, for each of its 256 configurations of corners.

Marching cubes looks at cells whose eight corners are the centres of neighbouring voxels and draws
the surface through the middles of the edges between an inside and an outside corner. What a cell
encloses depends on nothing but which of its corners are inside: 256 configurations, each a fixed
share of the cell, whatever the spacing (a stretched cell keeps its shares).

Two things are left open by that description, and decided here:

- A face with two inside corners at opposite ends can be cut in two ways. The inside corners are
  kept apart, in every cell alike, so that neighbouring cells agree and the surface has no hole.
- A surface polygon with more than three corners need not be flat and can be cut into triangles in
  several ways. The way taken is the one whose share is nearest to half of the cell. Without
  ambiguous faces it treats inside and outside alike: the shares of a configuration and of its
  opposite add up to one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CORNERS",
    "UNITS_PER_CELL",
    "Point",
    "cell_counts",
    "cone",
    "inside_parts",
    "rings",
    "surface_polygons",
    "units_inside",
]

Point = tuple[int, ...]

CORNERS: list[Point] = list(product((0, 2), repeat=3))
"""Of a cell of edge 2, so that middles of edges are whole numbers; bit i of a code is corner i."""

UNITS_PER_CELL = 6 * 2**3
"""Six times the volume of a cell of edge 2: determinants are six times a tetrahedron's volume."""


def cell_counts(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how often each configuration occurs, shape (256,); outside of the array is outside."""
    inside = np.pad(mask, 1)
    codes = np.zeros(np.subtract(inside.shape, 1), dtype=np.uint8)
    for bit, corner in enumerate(CORNERS):
        window = tuple(slice(c // 2, c // 2 + n) for c, n in zip(corner, codes.shape, strict=True))
        codes |= inside[window].view(np.uint8) << np.uint8(bit)
    return np.bincount(codes.ravel(), minlength=256)


@cache
def units_inside() -> np.ndarray:
    """Return what each of the 256 configurations encloses, shape (256,), in units of a cell."""
    units = [_enclosed([c for i, c in enumerate(CORNERS) if code >> i & 1]) for code in range(256)]
    return np.array(units, dtype=np.int64)


def _enclosed(inside: list[Point]) -> int:
    """Return the units that a cell with these inside corners encloses.

    The enclosed body is bounded by parts of the cell's faces and by the surface's polygons. Its
    volume is the sum of the cones from corner (0, 0, 0) to these (divergence theorem).
    """
    faces = [part for ring in rings() for part in inside_parts(ring, inside)]
    possible = {sum(cone(part[0], a, b) for part in faces for a, b in pairwise(part[1:]))}
    for polygon in surface_polygons(faces):
        possible = {a + b for a in possible for b in _cones(polygon)}
    half = UNITS_PER_CELL // 2
    # a tie is met only with ambiguous faces and five corners inside, and goes to the larger part
    return min(possible, key=lambda units: (abs(units - half), -units))


def surface_polygons(faces: list[list[Point]]) -> list[list[Point]]:
    """Return the surface's polygons: the sides that face parts leave open, joined end to end."""
    # a part's side through the face is shared with the surface, which runs along it the other way
    after = {part[0]: part[-1] for part in faces if part[0] not in CORNERS}
    found = []
    while after:
        start, point = after.popitem()
        polygon = [start]
        while point != start:
            polygon.append(point)
            point = after.pop(point)
        found.append(polygon)
    return found


def rings() -> Iterator[list[Point]]:
    """Yield the corners of each face, counter-clockwise seen from outside of the cell."""
    for axis, side in product(range(3), (0, 2)):
        ring = []
        for u, v in ((0, 0), (2, 0), (2, 2), (0, 2)):
            corner = [0, 0, 0]
            corner[axis], corner[(axis + 1) % 3], corner[(axis + 2) % 3] = side, u, v
            ring.append(tuple(corner))
        yield ring if side else ring[::-1]


def inside_parts(ring: list[Point], inside: list[Point]) -> Iterator[list[Point]]:
    """Yield the polygons of a face that are inside: one for each run of inside corners.

    Opposite corners are two runs, and thereby kept apart.
    """
    if all(corner in inside for corner in ring):
        yield ring
        return
    for i, corner in enumerate(ring):
        if corner in inside and ring[i - 1] not in inside:
            around = ring[i:] + ring[:i]
            n = next(k for k, c in enumerate(around) if c not in inside)
            yield [_middle(ring[i - 1], corner), *around[:n], _middle(around[n - 1], around[n])]


def _middle(a: Point, b: Point) -> Point:
    return tuple((i + j) // 2 for i, j in zip(a, b, strict=True))


def _cones(polygon: list[Point]) -> set[int]:
    """Return the units of the cone below a polygon, for each way to cut it into triangles."""
    if len(polygon) < 3:
        return {0}
    return {
        left + right + cone(polygon[0], polygon[k], polygon[-1])
        for k in range(1, len(polygon) - 1)
        for left in _cones(polygon[: k + 1])
        for right in _cones(polygon[k:])
    }


def cone(a: Point, b: Point, c: Point) -> int:
    """Return six times the signed volume of the tetrahedron over a triangle: its determinant."""
    return (
        a[0] * (b[1] * c[2] - b[2] * c[1])
        + a[1] * (b[2] * c[0] - b[0] * c[2])
        + a[2] * (b[0] * c[1] - b[1] * c[0])
    )
