"""Distances to the border, by hand and by erosion as the manual describes it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from tumor_response.features.radiomics.ibsi.distance_zone import (
    border_distance,
    distances_of_zones,
)
from tumor_response.features.radiomics.matrices.directions import directions
from tumor_response.features.radiomics.matrices.size_zone import zones


def by_erosion(mask: np.ndarray, structure: np.ndarray) -> np.ndarray:
    """arXiv:1612.07003, GLDZM: erode until nothing is left, and add 1 to what was there."""
    distance = np.zeros(mask.shape, dtype=int)
    while mask.any():
        distance += mask
        mask = ndimage.binary_erosion(mask, structure)
    return distance


@given(arrays(np.bool_, st.tuples(*[st.integers(1, 6)] * 3)))
def test_equals_erosion(mask: np.ndarray) -> None:
    cross = ndimage.generate_binary_structure(3, 1)
    flat_cross = cross & np.array([False, True, False])[:, None, None]
    np.testing.assert_array_equal(
        border_distance(mask, within_slices=False), by_erosion(mask, cross)
    )
    np.testing.assert_array_equal(
        border_distance(mask, within_slices=True), by_erosion(mask, flat_cross)
    )


def test_a_cube_is_a_pyramid_in_slices_and_an_octahedron_in_the_volume() -> None:
    cube = np.ones((5, 5, 5), dtype=bool)
    in_slices = border_distance(cube, within_slices=True)
    in_volume = border_distance(cube, within_slices=False)
    assert (in_slices[0] == in_slices[2]).all()
    assert in_slices[0, 2].tolist() == [1, 2, 3, 2, 1]
    assert in_volume[0].max() == 1
    assert in_volume[2, 2].tolist() == [1, 2, 3, 2, 1]


def test_a_diagonal_neighbour_outside_is_two_steps_away() -> None:
    mask = np.ones((1, 3, 3), dtype=bool)
    mask[0, 0, 0] = False
    wide = np.pad(mask, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    distance = border_distance(wide, within_slices=True)[0]
    assert distance[1, 2] == 1  # beside the hole
    assert distance[2, 2] == 2  # across its corner


def test_a_hole_is_a_border() -> None:
    mask = np.ones((1, 5, 5), dtype=bool)
    mask[0, 2, 2] = False
    assert border_distance(mask, within_slices=True).max() == 1 + 1


def test_a_zone_is_as_near_as_its_nearest_voxel() -> None:
    levels = np.ones((1, 5, 5), dtype=np.int32)
    levels[0, 2, 1:4] = 2  # at 2, 3, 2
    levels[0, 1, 1:4] = 3  # at 2, 2, 2
    found = zones(levels, directions([1], axes=(1, 2)))
    distance = border_distance(levels > 0, within_slices=True)
    got = dict(
        zip(found.levels.tolist(), distances_of_zones(found, distance).tolist(), strict=True)
    )
    assert got == {1: 1, 2: 2, 3: 2}


@pytest.mark.parametrize("within_slices", [True, False])
def test_no_region_no_distance(within_slices: bool) -> None:
    assert not border_distance(np.zeros((2, 3, 4), dtype=bool), within_slices=within_slices).any()
