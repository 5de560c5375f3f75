"""Directions and co-occurrence counts: by hand, and the two ways of counting against each other."""

from __future__ import annotations

import numpy as np
import pytest
from radiomics import cMatrices

from tumor_response.features.radiomics.matrices import cooccurrence as room
from tumor_response.features.radiomics.matrices.cooccurrence import (
    cells_along,
    cells_of,
    cooccurrence,
)
from tumor_response.features.radiomics.matrices.directions import both_ways, directions
from tumor_response.features.radiomics.matrices.flat import flat_levels

# the example of PyRadiomics' documentation
SLICE = np.array(
    [[1, 2, 5, 2, 3], [3, 2, 1, 3, 1], [1, 3, 5, 5, 2], [1, 1, 1, 1, 2], [1, 2, 4, 3, 5]],
    dtype=np.int32,
)[np.newaxis]
ALONG_X = [[6, 4, 3, 0, 0], [4, 0, 2, 1, 3], [3, 2, 0, 1, 2], [0, 1, 1, 0, 0], [0, 3, 2, 0, 2]]


@pytest.mark.parametrize("shape", [(5, 5, 5), (2, 5, 5), (1, 3, 2), (1, 1, 4)])
@pytest.mark.parametrize("distances", [[1], [2], [1, 2], [3, 1], [1, 1], [1, 1, 2], [1, 1, 1]])
def test_directions_are_those_of_pyradiomics(shape: tuple[int, ...], distances: list[int]) -> None:
    try:
        theirs = cMatrices.generate_angles(np.array(shape), np.array(distances), False, False, 0)
    except RuntimeError:
        theirs = np.empty((0, 3))
    assert directions(distances, shape=shape).tolist() == theirs.tolist()


def test_both_ways_and_refusal() -> None:
    half = directions([1], axes=(0, 2))
    assert len(half) == 4
    assert (half[:, 1] == 0).all()
    assert len({tuple(offset) for offset in both_ways(half).tolist()}) == 8
    with pytest.raises(ValueError, match="1 voxel or more"):
        directions([0, 1])


def test_documented_example() -> None:
    counts = cooccurrence(SLICE, 5, np.array([[0, 0, 1]], dtype=np.int32))
    assert (counts[0] + counts[0].T).tolist() == ALONG_X


def test_opposite_direction_is_the_transpose() -> None:
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 6, size=(4, 5, 6), dtype=np.int32)
    half = directions([1, 2])
    assert (cooccurrence(levels, 5, -half) == cooccurrence(levels, 5, half).swapaxes(1, 2)).all()


@pytest.mark.parametrize("symmetrical", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_row_by_row_is_square(
    symmetrical: bool, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    levels = rng.integers(0, 9, size=(6, 5, 7), dtype=np.int32)
    half = directions([1])
    weights = rng.random(len(half)) if weighted else None
    flat = flat_levels(levels, 1)
    squares = cells_along(flat, 8, half, symmetrical, weights)
    monkeypatch.setattr(room, "_SQUARE", 2)
    rows = cells_along(flat, 8, half, symmetrical, weights)
    assert np.array_equal(rows.starts, squares.starts)
    assert np.array_equal(rows.columns, squares.columns)
    np.testing.assert_allclose(rows.counts, squares.counts, rtol=1e-14)
    dense = cooccurrence(levels, 8, half)
    if symmetrical:
        dense = dense + dense.swapaxes(1, 2)
    if weights is not None:
        dense = np.tensordot(weights, dense, axes=1)[np.newaxis]
    np.testing.assert_allclose(cells_of(dense).counts, squares.counts, rtol=1e-14)


def test_thousands_of_levels_hold_no_square() -> None:
    rng = np.random.default_rng(2)
    levels = rng.permutation(30 * 30 * 30).astype(np.int32).reshape(30, 30, 30) + 1
    cells = cells_along(flat_levels(levels, 1), levels.size, directions([1])[:2], True)
    # 27,000 levels squared would be 5.8 GB for a direction; each voxel has at most two neighbours
    assert len(cells.counts) == 2 * (29**3 + 29 * 29 * 30)
    assert (cells.counts == 1).all()
