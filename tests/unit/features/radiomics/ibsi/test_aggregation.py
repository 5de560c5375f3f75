"""Averaging and merging, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tumor_response.features.radiomics.ibsi.aggregation import (
    DIRECTIONAL_2D,
    DIRECTIONAL_3D,
    ROTATION_FREE_2D,
    aggregated,
)

NAMES = ("square", "per_voxel")


def features(matrix: np.ndarray, n_voxels: int) -> np.ndarray:
    """Not linear, so that averaging and merging differ; nothing defined without counts."""
    total = matrix.sum()
    return np.array([total**2, total / n_voxels]) if total else np.full(2, np.nan)


def slices(*rows: tuple[tuple[float, ...], int]) -> list[tuple[list[np.ndarray], int]]:
    """One number per direction in place of a matrix."""
    return [([np.array([[count]]) for count in counts], n_voxels) for counts, n_voxels in rows]


def test_four_ways_over_slices_and_directions() -> None:
    found = aggregated(slices(((1, 2), 10), ((3, 4), 20)), DIRECTIONAL_2D, NAMES, features)
    assert found["square_2D_avg"] == (1 + 4 + 9 + 16) / 4
    assert found["square_2D_comb"] == (3**2 + 7**2) / 2
    assert found["square_2_5D_avg"] == (4**2 + 6**2) / 2
    assert found["square_2_5D_comb"] == 10**2


def test_voxels_are_added_up_with_the_matrices() -> None:
    found = aggregated(slices(((1, 2), 10), ((3, 4), 20)), DIRECTIONAL_2D, NAMES, features)
    assert found["per_voxel_2D_avg"] == pytest.approx((0.1 + 0.2 + 0.15 + 0.2) / 4)
    assert found["per_voxel_2D_comb"] == pytest.approx((3 / 20 + 7 / 40) / 2)
    assert found["per_voxel_2_5D_avg"] == pytest.approx((4 / 30 + 6 / 30) / 2)
    assert found["per_voxel_2_5D_comb"] == pytest.approx(10 / 60)


def test_two_ways_in_a_volume() -> None:
    found = aggregated(slices(((1, 2, 3), 10)), DIRECTIONAL_3D, NAMES, features)
    assert found["square_3D_avg"] == pytest.approx(14 / 3)
    assert found["square_3D_comb"] == 36


def test_an_empty_matrix_is_left_out_of_the_mean() -> None:
    found = aggregated(slices(((5,), 10), ((0,), 1)), ROTATION_FREE_2D, NAMES, features)
    assert found == {
        "square_2D": 25,
        "per_voxel_2D": 0.5,
        "square_2_5D": 25,
        "per_voxel_2_5D": 5 / 11,
    }


def test_nothing_but_empty_matrices_is_nan() -> None:
    found = aggregated(slices(((0, 0), 1), ((0, 0), 1)), DIRECTIONAL_2D, NAMES, features)
    assert len(found) == 8
    assert all(math.isnan(value) for value in found.values())


def test_the_given_matrices_are_not_changed() -> None:
    given = slices(((1, 2), 10), ((3, 4), 20))
    aggregated(given, DIRECTIONAL_2D, NAMES, features)
    assert [[m.item() for m in matrices] for matrices, _ in given] == [[1, 2], [3, 4]]
