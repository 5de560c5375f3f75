"""Run length, size zone, dependence and grey tone difference matrices against outside truth.

The 5 x 5 and 4 x 4 images and their matrices are the worked examples of PyRadiomics'
documentation; the zones' outside truth is scipy.ndimage.label.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from tumor_response.features.radiomics.matrices.cooccurrence import cooccurrence
from tumor_response.features.radiomics.matrices.dependence import dependence
from tumor_response.features.radiomics.matrices.directions import both_ways, directions
from tumor_response.features.radiomics.matrices.flat import Layout, flat_levels
from tumor_response.features.radiomics.matrices.grey_tone_difference import grey_tone_difference
from tumor_response.features.radiomics.matrices.run_length import (
    directions_with_company,
    run_lengths,
)
from tumor_response.features.radiomics.matrices.size_zone import size_zone_matrix, zones

FIVE = np.array(
    [[[5, 2, 5, 4, 4], [3, 3, 3, 1, 3], [2, 1, 1, 1, 3], [4, 2, 2, 2, 3], [3, 5, 3, 3, 2]]],
    dtype=np.int32,
)
FOUR = np.array([[[1, 2, 5, 2], [3, 5, 1, 3], [1, 3, 5, 5], [3, 1, 1, 1]]], dtype=np.int32)
IN_PLANE = directions([1], axes=(1, 2))
NOTHING = np.zeros((2, 3, 4), dtype=np.int32)


def test_runs_of_the_documented_example() -> None:
    along_x = run_lengths(FIVE, 5, np.array([[0, 0, 1]], dtype=np.int32))
    assert along_x[0].tolist() == [[1, 0, 1], [3, 0, 1], [4, 1, 1], [1, 1, 0], [3, 0, 0]]


def test_zones_of_the_documented_example() -> None:
    matrix = size_zone_matrix(zones(FIVE, IN_PLANE), 5)
    assert matrix.dense().tolist() == [
        [0, 0, 0, 1, 0],
        [1, 0, 0, 0, 1],
        [1, 0, 1, 0, 1],
        [1, 1, 0, 0, 0],
        [3, 0, 0, 0, 0],
    ]
    assert matrix.sizes.tolist() == [1, 2, 3, 4, 5]


def test_dependence_of_the_documented_example() -> None:
    counts = dependence(FIVE, 5, both_ways(IN_PLANE), 0)
    assert counts.shape == (5, 9)
    assert counts[:, 4:].sum() == 0
    assert counts[:, :4].tolist() == [
        [0, 1, 2, 1],
        [1, 2, 3, 0],
        [1, 4, 4, 0],
        [1, 2, 0, 0],
        [3, 0, 0, 0],
    ]


def test_grey_tone_differences_of_the_documented_example() -> None:
    found = grey_tone_difference(FOUR, 5, both_ways(IN_PLANE))
    assert found.voxels.tolist() == [6, 2, 4, 0, 4]
    assert found.lonely.sum() == 0
    # s_1 is printed to two decimals there; s_3 = 3.03 from the terms that are printed with it
    np.testing.assert_allclose(found.differences[[1, 3, 4]], [2.0, 0.0, 10.075], atol=1e-12)
    assert found.differences[0] == pytest.approx(13.35, abs=5e-3)
    assert found.differences[2] == pytest.approx(0.6 + 0.6 + 0.5 + 4 / 3, abs=1e-12)


def test_a_run_of_each_length_in_each_direction() -> None:
    # along a diagonal of the volume lies a run of 3; every other line has runs of 1
    levels = np.zeros((3, 3, 3), dtype=np.int32)
    levels[[0, 1, 2], [0, 1, 2], [2, 1, 0]] = 2
    wanted = directions([1])
    counts = run_lengths(levels, 2, wanted)
    diagonal = (wanted == [1, 1, -1]).all(axis=1)
    assert counts[diagonal].tolist() == [[[0, 0, 0], [0, 0, 1]]]
    assert (counts[~diagonal][:, 1] == [3, 0, 0]).all()
    assert directions_with_company(levels, wanted).tolist() == diagonal.tolist()


def test_company_across_a_gap() -> None:
    levels = np.zeros((1, 1, 5), dtype=np.int32)
    levels[0, 0, [0, 4]] = [1, 3]
    assert directions_with_company(levels, directions([1])).tolist() == [False] * 12 + [True]


def test_long_runs_beside_short_ones() -> None:
    levels = np.ones((2, 3, 400), dtype=np.int32)
    levels[0, 0, 17] = 2
    counts = run_lengths(levels, 2, directions([1]))
    along_x = counts[-1]
    assert counts.shape == (13, 2, 400)
    assert {(int(i) + 1, int(j) + 1): along_x[i, j] for i, j in np.argwhere(along_x)} == {
        (1, 400): 5,
        (1, 17): 1,
        (1, 382): 1,
        (2, 1): 1,
    }


@pytest.mark.parametrize(
    ("axes", "structure"),
    [
        ((0, 1, 2), np.ones((3, 3, 3))),
        ((1, 2), np.pad(np.ones((1, 3, 3)), ((1, 1), (0, 0), (0, 0)))),
        ((0, 2), np.pad(np.ones((3, 1, 3)), ((0, 0), (1, 1), (0, 0)))),
    ],
)
@pytest.mark.parametrize("n_levels", [1, 2, 6])
def test_zones_are_those_of_scipy(
    axes: tuple[int, ...], structure: np.ndarray, n_levels: int
) -> None:
    rng = np.random.default_rng(n_levels)
    levels = rng.integers(0, n_levels + 1, (9, 17, 14)).astype(np.int32)
    found = zones(levels, directions([1], axes))
    n_zones = 0
    for level in range(1, n_levels + 1):
        theirs, n = ndimage.label(levels == level, structure)
        n_zones += n
        pairs = np.unique(np.stack([theirs, found.labels])[:, levels == level], axis=1)
        assert pairs.shape[1] == n == np.unique(pairs[1]).size  # one to one
        sizes = np.bincount(theirs.ravel())[pairs[0]]
        assert found.sizes[pairs[1] - 1].tolist() == sizes.tolist()
        assert (found.levels[pairs[1] - 1] == level).all()
    assert found.sizes.size == n_zones
    assert (found.labels[levels == 0] == 0).all()
    _, first = np.unique(found.labels[levels > 0], return_index=True)
    assert (np.diff(first) > 0).all()  # numbered by their first voxel


def test_zones_need_one_of_each_pair_only() -> None:
    levels = np.random.default_rng(3).integers(0, 3, (6, 7, 8)).astype(np.int32)
    half = directions([1])
    for same in (-half, both_ways(half), half[::-1].copy()):
        assert np.array_equal(zones(levels, same).labels, zones(levels, half).labels)


def test_a_zone_may_be_as_large_as_the_region() -> None:
    levels = np.ones((100, 100, 101), dtype=np.int32)
    levels[0, 0, 0] = 3
    matrix = size_zone_matrix(zones(levels, directions([1])), 3)
    assert matrix.sizes.tolist() == [1, 1_009_999]
    assert matrix.counts.tolist() == [[0, 1], [0, 0], [1, 0]]


@pytest.mark.parametrize("alpha", [0, 1, 5])
@pytest.mark.parametrize("distances", [[1], [2], [1, 3]])
def test_neighbours_one_by_one(alpha: int, distances: list[int]) -> None:
    levels = np.random.default_rng(7).integers(-4, 9, (4, 6, 7)).clip(0).astype(np.int32)
    offsets = both_ways(directions(distances))
    counts = np.zeros((8, len(offsets) + 1))
    voxels, lonely, differences = np.zeros(8), np.zeros(8), np.zeros(8)
    for place in np.argwhere(levels):
        others = [
            levels[tuple(place + offset)]
            for offset in offsets
            if ((place + offset >= 0) & (place + offset < levels.shape)).all()
        ]
        inside = np.array([other for other in others if other > 0])
        level = levels[tuple(place)]
        counts[level - 1, np.sum(np.abs(inside - level) <= alpha)] += 1
        if inside.size:
            voxels[level - 1] += 1
            differences[level - 1] += abs(level - inside.mean())
        else:
            lonely[level - 1] += 1
    assert np.array_equal(dependence(levels, 8, offsets, alpha), counts)
    found = grey_tone_difference(levels, 8, offsets)
    assert np.array_equal(found.voxels, voxels)
    assert np.array_equal(found.lonely, lonely)
    np.testing.assert_allclose(found.differences, differences, rtol=1e-13)


def test_an_empty_region_has_empty_matrices() -> None:
    both = both_ways(directions([1]))
    assert run_lengths(NOTHING, 2, directions([1])).tolist() == [[[0], [0]]] * 13
    assert not directions_with_company(NOTHING, directions([1])).any()
    assert size_zone_matrix(zones(NOTHING, directions([1])), 2).dense().shape == (2, 0)
    assert not dependence(NOTHING, 2, both, 0).any()
    assert not grey_tone_difference(NOTHING, 2, both).voxels.any()


def test_flat_levels_keep_the_image() -> None:
    levels = np.random.default_rng(0).integers(0, 3, (3, 4, 5)).astype(np.int32)
    levels[1] = 0
    for reach in (0, 1, 3):
        flat = flat_levels(levels, reach)
        assert np.array_equal(flat.unpadded(flat.levels), levels)
        assert np.array_equal(flat.voxels, np.flatnonzero(flat.levels))
        lines = [range(first, after) for first, after in flat.layout.spans.tolist()]
        assert set(flat.voxels.tolist()) <= {place for line in lines for place in line}
        assert all(flat.levels[line[0]] > 0 and flat.levels[line[-1]] > 0 for line in lines)


@pytest.mark.parametrize("reach", [0, 1, 3])
def test_one_layout_serves_all_matrices(reach: int) -> None:
    """Whatever its rim: one that is too narrow is made anew."""
    rng = np.random.default_rng(reach)
    region = rng.random((5, 6, 7)) < 0.6
    layout = Layout.around(region, reach)
    assert layout.n_voxels == np.count_nonzero(region)
    half = directions([1])
    both = both_ways(half)
    for _ in range(2):  # another image of the same region
        levels = np.where(region, rng.integers(1, 4, region.shape), 0).astype(np.int32)
        flat = layout.filled(levels)
        assert flat.shape == levels.shape
        assert np.array_equal(flat.voxels, np.flatnonzero(flat.padded))
        assert (flat_levels(flat, 1) is flat) == (reach >= 1)
        for count in (
            lambda it: run_lengths(it, 3, half),
            lambda it: directions_with_company(it, half),
            lambda it: zones(it, half).labels,
            lambda it: dependence(it, 3, both, 0),
            lambda it: grey_tone_difference(it, 3, both).differences,
        ):
            assert np.array_equal(count(flat), count(levels))


@pytest.mark.parametrize("share", [0.3, 0.9, 1.0])
@pytest.mark.parametrize("n_levels", [1, 3])
def test_runs_and_pairs_by_a_plain_walk(share: float, n_levels: int) -> None:
    """With gaps in lines, and a plane without a voxel: its place in memory is used again."""
    rng = np.random.default_rng(n_levels)
    levels = rng.integers(1, n_levels + 1, (7, 5, 6)).astype(np.int32)
    levels[rng.random(levels.shape) > share] = 0
    levels[3] = 0

    def at(place: np.ndarray) -> int:
        inside = (place >= 0).all() and (place < levels.shape).all()
        return int(levels[tuple(place)]) if inside else 0

    wanted = directions([1])
    runs = np.zeros((13, n_levels, 7))
    pairs = np.zeros((13, n_levels, n_levels))
    for d, step in enumerate(wanted):
        for place in np.argwhere(levels):
            level = at(place)
            if at(place + step):
                pairs[d, level - 1, at(place + step) - 1] += 1
            if at(place - step) == level:
                continue
            length = 1
            while at(place + length * step) == level:
                length += 1
            runs[d, level - 1, length - 1] += 1
    found = run_lengths(levels, n_levels, wanted)
    longest = found.shape[2]
    assert np.array_equal(found, runs[:, :, :longest])
    assert not runs[:, :, longest:].any()
    assert found[:, :, -1].any()
    assert np.array_equal(cooccurrence(levels, n_levels, wanted), pairs)
