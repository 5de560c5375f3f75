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
    squares = _squares(flat, flat.steps(directions), n_levels)
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
    counts = np.ascontiguousarray(counts, dtype=np.float64)
    n_matrices, n_levels, _ = counts.shape
    n = np.count_nonzero(counts)
    cells = Cells(
        np.empty((n_matrices, n_levels + 1), dtype=np.int64),
        np.empty(n, dtype=np.int32),
        np.empty(n),
    )
    _list_cells(counts, cells.starts, cells.columns, cells.counts)
    return cells


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
    if n_levels > _SQUARE or n_levels**2 > _SPARSE * flat.layout.n_voxels:
        voxels = flat.voxels
        by_level = voxels[np.argsort(flat.levels[voxels], kind="stable")]
        starts = np.empty((1 if merged else len(steps), n_levels + 1), dtype=np.int64)
        row, touched = np.zeros(n_levels + 1), np.empty(n_levels + 1, dtype=np.int32)
        columns, kept = _rows(
            flat.levels, by_level, steps, factors, symmetrical, merged, starts, row, touched
        )
        return Cells(starts, columns, kept)
    squares = _squares(flat, steps, n_levels)
    counts = np.zeros((len(steps), n_levels, n_levels))
    _fold(squares, symmetrical, counts)
    if merged:
        # summed as PyRadiomics does: rounding decides what a matrix of rank one looks like
        counts = (np.ascontiguousarray(counts.transpose(1, 2, 0)) * factors).sum(axis=2)[np.newaxis]
    return cells_of(counts)


def _squares(flat: FlatLevels, steps: NDArray[np.int64], n_levels: int) -> NDArray[np.int32]:
    """Count pairs, with a row and a column 0 for "outside": cheaper than asking each time."""
    squares = np.zeros((len(steps), n_levels + 1, n_levels + 1), dtype=np.int32)
    _count_pairs(
        flat.levels, flat.layout.spans, steps, n_levels + 1, squares.reshape(len(steps), -1)
    )
    return squares


@kernel
def _count_pairs(
    levels: NDArray[np.int32],
    spans: NDArray[np.int64],
    steps: NDArray[np.int64],
    n: int,
    counts: NDArray[np.int32],
) -> None:
    # Line by line, two directions at a time: adding one to the same cell twice in a row has to
    # wait for the first. As many directions in one walk over the image as the cache holds.
    group = _CACHED // (n * n) if n * n <= _CACHED else 1
    row = np.int32(n)
    one = np.int32(1)
    for begin in range(0, len(steps), group):
        end = begin + group if begin + group < len(steps) else len(steps)
        paired = end - (end - begin) % 2
        for s in range(spans.shape[0]):
            first, after = spans[s]
            line = levels[first:after]
            for d in range(begin, paired, 2):
                ones = levels[first + steps[d] : after + steps[d]]
                others = levels[first + steps[d + 1] : after + steps[d + 1]]
                of_ones, of_others = counts[d], counts[d + 1]
                for x in range(line.size):
                    # unsigned: numba then leaves out Python's meaning of a negative index
                    of_ones[np.uint64(line[x] * row + ones[x])] += one
                    of_others[np.uint64(line[x] * row + others[x])] += one
            if paired < end:
                ones = levels[first + steps[paired] : after + steps[paired]]
                of_ones = counts[paired]
                for x in range(line.size):
                    of_ones[np.uint64(line[x] * row + ones[x])] += one


@kernel
def _fold(squares: NDArray[np.int32], symmetrical: bool, folded: NDArray[np.float64]) -> None:
    """Drop the outside, and add the transpose if symmetrical; ``folded`` begins as zeros."""
    n_directions, n, _ = squares.shape
    for d in range(n_directions):
        for i in range(1, n):
            for j in range(1, n):
                count = squares[d, i, j]
                if count > 0:
                    folded[d, i - 1, j - 1] += count
                    if symmetrical:
                        folded[d, j - 1, i - 1] += count


@kernel
def _list_cells(
    counts: NDArray[np.float64],
    starts: NDArray[np.int64],
    columns: NDArray[np.int32],
    kept: NDArray[np.float64],
) -> None:
    n_matrices, n_levels, _ = counts.shape
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


@kernel
def _rows(
    flat: NDArray[np.int32],
    by_level: NDArray[np.int64],
    steps: NDArray[np.int64],
    weights: NDArray[np.float64],
    symmetrical: bool,
    merged: bool,
    starts: NDArray[np.int64],
    row: NDArray[np.float64],
    touched: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Fill `starts`, and return columns and counts. The last two are scratch, ``row`` zeros."""
    n_matrices, n_levels = starts.shape[0], starts.shape[1] - 1
    ways = 2 if symmetrical else 1
    columns = np.empty(1024, dtype=np.int32)
    kept = np.empty(1024)
    n = 0
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
            if n + n_touched > len(columns):
                wider_columns = np.empty(2 * (n + n_touched), dtype=np.int32)
                wider_kept = np.empty(2 * (n + n_touched))
                for c in range(n):
                    wider_columns[c] = columns[c]
                    wider_kept[c] = kept[c]
                columns, kept = wider_columns, wider_kept
            _sort(touched, n_touched)
            for t in range(n_touched):
                columns[n] = touched[t] - 1
                kept[n] = row[touched[t]]
                row[touched[t]] = 0
                n += 1
        starts[m, n_levels] = n
    return columns[:n].copy(), kept[:n].copy()


@kernel
def _sort(numbers: NDArray[np.int32], n: int) -> None:
    """Sort the first n, in place, by Shell's method; NumPy's sort takes seconds to compile."""
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            number = numbers[i]
            j = i
            while j >= gap and numbers[j - gap] > number:
                numbers[j] = numbers[j - gap]
                j -= gap
            numbers[j] = number
        gap //= 3
