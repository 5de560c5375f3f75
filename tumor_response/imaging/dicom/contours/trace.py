"""A mask's slice becomes contours along the edges of its pixels.

Along pixel edges, because then the contour encloses exactly the area of the pixels, and its
distance to every pixel centre is as large as it can be: whatever reads the contours by pixel
centres gets the mask back, to the voxel. (A smoothed outline looks better and has another volume.)

Pixels that touch at a corner alone become separate contours. A hole becomes part of the contour
around it by a channel of no width, the "keyhole" of PS3.3 C.8.8.6.3: of the ways to write a hole
it is the oldest, needs no agreement on what nested contours mean, and stays one contour in
software that fills every contour by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["outlines"]

_Corner = tuple[int, int]

# directions in the order right, down, left, up, as (x, y) steps; the pixel is on the right hand
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))


def outlines(region: np.ndarray) -> list[np.ndarray]:
    """Return closed contours around the pixels of a region.

    Parameters
    ----------
    region
        bool, rows by columns.

    Returns
    -------
    list of numpy.ndarray
        Vertices (x, y) in pixel indices, each of shape (n, 2): the centre of pixel (row j,
        column i) is at (i, j), its corners are half a pixel away. Ordered by their topmost row.

    Examples
    --------
    >>> import numpy as np
    >>> outlines(np.array([[False, True, True]]))[0].tolist()
    [[0.5, -0.5], [2.5, -0.5], [2.5, 0.5], [0.5, 0.5]]
    """
    rows, columns = np.nonzero(region)
    if not len(rows):
        return []
    top, left = int(rows.min()), int(columns.min())
    cropped = region[top : rows.max() + 1, left : columns.max() + 1].astype(bool)
    loops = list(_loops(cropped))
    path = _Path()
    first = [path.close(loop) for loop in loops if _signed_area(loop) > 0]
    # a hole is joined to what lies to the left of it, so the leftmost comes first
    for hole in sorted((loop for loop in loops if _signed_area(loop) < 0), key=min):
        path.join(hole)
    shift = np.array([left - 0.5, top - 0.5])
    return [np.array(_corners_only(path.loop(node))) + shift for node in first]


def _loops(region: np.ndarray) -> Iterator[list[_Corner]]:
    """Yield the boundary as loops of unit steps between pixel corners (x, y).

    Outer boundaries run with the region on their right (clockwise on the screen), holes against.
    """
    padded = np.pad(region, 1)
    above, below = padded[:-1, 1:-1], padded[1:, 1:-1]
    before, after = padded[1:-1, :-1], padded[1:-1, 1:]
    # where each kind of step starts; right: region below, down: region to the left, ...
    starts = (
        (~above & below, (0, 0)),
        (before & ~after, (0, 0)),
        (above & ~below, (1, 0)),
        (~before & after, (0, 1)),
    )
    leaving: dict[_Corner, list[int]] = {}
    for direction, (edges, (dx, dy)) in enumerate(starts):
        for y, x in zip(*(axis.tolist() for axis in np.nonzero(edges)), strict=True):
            leaving.setdefault((x + dx, y + dy), []).append(direction)
    for first in sorted(leaving, key=lambda corner: (corner[1], corner[0])):
        while leaving[first]:
            direction = leaving[first].pop(0)
            corner, loop = first, []
            while True:
                loop.append(corner)
                corner = (corner[0] + _STEPS[direction][0], corner[1] + _STEPS[direction][1])
                if corner == first and not _turns_on(leaving[corner], direction):
                    break
                # where two pixels touch at a corner, turning right keeps to the same pixel
                direction = _next(leaving[corner], direction)
            yield loop


def _turns_on(choices: list[int], direction: int) -> bool:
    """Return whether a loop that is back at its first corner goes on from there by a right turn.

    At a corner where two pixels touch, the step that closes the loop is the one already taken.
    """
    return (direction + 1) % 4 in choices


def _next(choices: list[int], direction: int) -> int:
    # right, straight on, left
    wanted = next(way for turn in (1, 0, 3) if (way := (direction + turn) % 4) in choices)
    choices.remove(wanted)
    return wanted


def _signed_area(loop: list[_Corner]) -> int:
    x, y = np.array(loop).T
    return int(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


class _Path:
    """Closed loops as linked corners, so that a hole is joined without moving the others."""

    def __init__(self) -> None:
        self._corner: list[_Corner] = []
        self._next: list[int] = []
        self._at: dict[_Corner, int] = {}

    def close(self, loop: list[_Corner]) -> int:
        """Add a loop; return its first corner's place."""
        return self._add(loop, None)

    def join(self, hole: list[_Corner]) -> None:
        """Cut a channel from a hole to the nearest boundary on its left, along pixel edges."""
        start = hole.index(min(hole))
        x, y = hole[start]
        channel = [(x, y)]
        # both pixels beside each step belong to the region, until a boundary is met
        while (x, y) not in self._at:
            x -= 1
            channel.append((x, y))
        place = self._at[x, y]
        way = [*channel[-2::-1], *hole[start + 1 :], *hole[:start], *channel]
        self._next[place] = self._add(way, self._next[place])

    def loop(self, place: int) -> list[_Corner]:
        """Return the loop that begins at that place."""
        found, at = [self._corner[place]], self._next[place]
        while at != place:
            found.append(self._corner[at])
            at = self._next[at]
        return found

    def _add(self, corners: list[_Corner], then: int | None) -> int:
        first = len(self._corner)
        self._at.update(zip(corners, range(first, first + len(corners)), strict=True))
        self._corner += corners
        self._next += [*range(first + 1, first + len(corners)), first if then is None else then]
        return first


def _corners_only(loop: list[_Corner]) -> list[_Corner]:
    """Leave out the points at which a loop goes straight on."""
    points = np.array(loop)
    arriving = points - np.roll(points, 1, axis=0)
    turns = (arriving != np.roll(arriving, -1, axis=0)).any(axis=1)
    return [corner for corner, turn in zip(loop, turns, strict=True) if turn]
