"""Grey level co-occurrence: how often two grey levels lie a given offset apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel
from tumor_response.features.radiomics.matrices.flat import FlatLevels, flat_levels

__all__ = ["Cells", "cells_along", "cells_of", "cooccurrence"]

_SQUARE = 1024
"""Up to so many levels a matrix is counted in a square (8 MiB), beyond that row by row."""

_SPARSE = 16
"""A square with more than so many places for each voxel is counted row by row as well."""

_CACHED = 1_048_576
"""Counters (of 4 bytes) that are worked on at a time: a processor's cache."""


@dataclass(frozen=True)
class Cells:
    """The entries of co-occurrence matrices that are not zero, row by row.

    Parameters
    ----------
    starts
        int64 (n_matrices, n_levels + 1): row i of matrix m is ``starts[m, i]`` to
        ``starts[m, i + 1]`` of the other two.
    columns
        int32, ascending within a row, from 0.
    counts
        float64, above zero.
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    counts: NDArray[np.float64]


def cooccurrence(
    levels: NDArray[np.int32], n_levels: int, directions: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Count the pairs of grey levels along each direction, one way.

    Parameters
    ----------
    levels
        Grey levels (z, y, x): 1 to ``n_levels`` inside the region, 0 outside.
    n_levels
        The highest level.
    directions
        Offsets in voxels (n_directions, 3). One of each opposite pair: the other one gives the
        transpose.

    Returns
    -------
    numpy.ndarray
        float64 (n_directions, n_levels, n_levels): entry (d, i, j) counts the voxels of level
        i + 1 whose neighbour at ``directions[d]`` has level j + 1. It takes
        8 n_directions n_levels^2 bytes; :func:`cells_along` does with less.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.matrices.cooccurrence import cooccurrence
    >>> levels = np.array([[[1, 2, 2]]], dtype=np.int32)
    >>> cooccurrence(levels, 2, np.array([[0, 0, 1]], dtype=np.int32))
    array([[[0., 1.],
            [0., 1.]]])
    """
    flat = flat_levels(levels, int(np.abs(directions).max(initial=0)))
    squares = _squares(flat.levels, flat.voxels, flat.steps(directions), n_levels)
    return squares[:, 1:, 1:].astype(np.float64)


def cells_of(counts: NDArray[np.float64]) -> Cells:
    """Return the entries of (n_matrices, n_levels, n_levels) that are not zero.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.matrices.cooccurrence import cells_of
    >>> cells_of(np.array([[[0.0, 1.0], [0.0, 1.0]]])).columns
    array([1, 1], dtype=int32)
    """
    return Cells(*_cells_of(np.ascontiguousarray(counts, dtype=np.float64)))


def cells_along(
    flat: FlatLevels,
    n_levels: int,
    directions: NDArray[np.int32],
    symmetrical: bool,
    weights: NDArray[np.float64] | None = None,
) -> Cells:
    """Count pairs along each direction, keeping the entries that are not zero.

    Parameters
    ----------
    flat
        Grey levels with a rim as wide as the longest offset. Levels that do not occur cost
        nothing if they were left out beforehand.
    n_levels
        The highest level.
    directions
        Offsets in voxels (n_directions, 3).
    symmetrical
        Count both ways.
    weights
        (n_directions,): one matrix, the sum of all directions with these weights. Without, one
        matrix for each direction.

    Notes
    -----
    With more than 1,024 levels, or far more places than voxels, no square is held: the voxels are
    visited level by level, and each row is counted on its own, so that memory grows with the
    number of levels and of entries, of which one direction has fewer than
    ``min(n_levels**2, 16 * n_voxels)``.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.matrices.cooccurrence import cells_along
    >>> from tumor_response.features.radiomics.matrices.flat import flat_levels
    >>> flat = flat_levels(np.array([[[1, 2, 2]]], dtype=np.int32), 1)
    >>> cells_along(flat, 2, np.array([[0, 0, 1]], dtype=np.int32), True).counts
    array([1., 1., 2.])
    """
    steps = flat.steps(directions)
    merged = weights is not None
    factors = np.ones(len(steps)) if weights is None else weights
    if n_levels > _SQUARE or n_levels**2 > _SPARSE * len(flat.voxels):
        by_level = flat.voxels[np.argsort(flat.levels[flat.voxels], kind="stable")]
        return Cells(*_rows(flat.levels, by_level, steps, factors, n_levels, symmetrical, merged))
    squares = _squares(flat.levels, flat.voxels, steps, n_levels)
    counts = _folded(squares, symmetrical)
    if merged:
        # summed as PyRadiomics does: rounding decides what a matrix of rank one looks like
        counts = (np.ascontiguousarray(counts.transpose(1, 2, 0)) * factors).sum(axis=2)[np.newaxis]
    return cells_of(counts)


@kernel
def _squares(
    flat: NDArray[np.int32], voxels: NDArray[np.int64], steps: NDArray[np.int64], n_levels: int
) -> NDArray[np.int32]:
    """Count pairs, with a row and a column 0 for "outside": cheaper than asking each time."""
    n = n_levels + 1
    squares = np.zeros((len(steps), n, n), dtype=np.int32)
    counts = squares.reshape(-1)
    # several directions at a time, as far as they fit the cache: adding one to the same cell
    # twice in a row has to wait for the first
    group = max(1, _CACHED // (n * n))
    for first in range(0, len(steps), group):
        behind = min(first + group, len(steps))
        for v in range(len(voxels)):
            place = voxels[v]
            row = first * n * n + flat[place] * n
            for d in range(first, behind):
                counts[row + flat[place + steps[d]]] += 1
                row += n * n
    return squares


@kernel
def _folded(squares: NDArray[np.int32], symmetrical: bool) -> NDArray[np.float64]:
    """Drop the outside, and add the transpose if symmetrical."""
    n_directions, n, _ = squares.shape
    folded = np.zeros((n_directions, n - 1, n - 1))
    for d in range(n_directions):
        for i in range(1, n):
            for j in range(1, n):
                count = squares[d, i, j]
                if count > 0:
                    folded[d, i - 1, j - 1] += count
                    if symmetrical:
                        folded[d, j - 1, i - 1] += count
    return folded


@kernel
def _cells_of(
    counts: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    n_matrices, n_levels, _ = counts.shape
    starts = np.zeros((n_matrices, n_levels + 1), dtype=np.int64)
    n = 0
    for m in range(n_matrices):
        for i in range(n_levels):
            for j in range(n_levels):
                n += counts[m, i, j] != 0
    columns = np.empty(n, dtype=np.int32)
    kept = np.empty(n)
    n = 0
    for m in range(n_matrices):
        for i in range(n_levels):
            starts[m, i] = n
            for j in range(n_levels):
                if counts[m, i, j] != 0:
                    columns[n] = j
                    kept[n] = counts[m, i, j]
                    n += 1
        starts[m, n_levels] = n
    return starts, columns, kept


@kernel
def _rows(
    flat: NDArray[np.int32],
    by_level: NDArray[np.int64],
    steps: NDArray[np.int64],
    weights: NDArray[np.float64],
    n_levels: int,
    symmetrical: bool,
    merged: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    n_matrices = 1 if merged else len(steps)
    ways = 2 if symmetrical else 1
    starts = np.zeros((n_matrices, n_levels + 1), dtype=np.int64)
    columns = np.empty(1024, dtype=np.int32)
    kept = np.empty(1024)
    n = 0
    row = np.zeros(n_levels + 1)
    touched = np.empty(n_levels + 1, dtype=np.int32)
    for m in range(n_matrices):
        first = 0 if merged else m
        behind = len(steps) if merged else m + 1
        v = 0
        for level in range(1, n_levels + 1):
            starts[m, level - 1] = n
            n_touched = 0
            while v < len(by_level) and flat[by_level[v]] == level:
                for d in range(first, behind):
                    for way in range(ways):
                        step = steps[d] if way == 0 else -steps[d]
                        other = flat[by_level[v] + step]
                        if other > 0 and weights[d] != 0:
                            if row[other] == 0:
                                touched[n_touched] = other
                                n_touched += 1
                            row[other] += weights[d]
                v += 1
            while n + n_touched > len(columns):
                columns = np.concatenate((columns, np.empty_like(columns)))
                kept = np.concatenate((kept, np.empty_like(kept)))
            touched[:n_touched].sort()
            for t in range(n_touched):
                columns[n] = touched[t] - 1
                kept[n] = row[touched[t]]
                row[touched[t]] = 0
                n += 1
        starts[m, n_levels] = n
    return starts, columns[:n].copy(), kept[:n].copy()
