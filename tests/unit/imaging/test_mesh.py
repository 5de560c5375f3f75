from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk

from tests.unit.imaging.bodies import BODIES, SPACINGS, image_of, render
from tumor_response.imaging import volume_cc
from tumor_response.imaging.mesh import mesh_volume_cc
from tumor_response.imaging.mesh_cells import CORNERS, UNITS_PER_CELL, units_inside


def share(*inside: tuple[int, int, int]) -> float:
    """Of a cell with these corners (0 or 1 along each axis) inside."""
    code = sum(1 << CORNERS.index(tuple(2 * c for c in corner)) for corner in inside)
    return units_inside()[code] / UNITS_PER_CELL


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ([], 0),
        ([(0, 0, 0)], 1 / 48),  # a corner of legs 1/2: (1/2)^3 / 6
        ([(0, 0, 0), (1, 0, 0)], 1 / 8),  # a prism of triangles 1/8
        ([(0, 0, 0), (1, 1, 1)], 2 / 48),
        ([(0, 0, 0), (1, 1, 0)], 2 / 48),  # an ambiguous face: kept apart
        ([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)], 1 / 2),  # a layer
        ([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], 1 / 2),  # a flat hexagon through the centre
        (list(itertools.product((0, 1), repeat=3)), 1),
    ],
)
def test_shares_that_geometry_gives(inside: list[tuple[int, int, int]], expected: float) -> None:
    assert share(*inside) == pytest.approx(expected, abs=1e-15)


def test_inside_and_outside_are_treated_alike_without_ambiguous_faces() -> None:
    faces = [
        [c for c in itertools.product((0, 1), repeat=3) if c[axis] == side]
        for axis in range(3)
        for side in (0, 1)
    ]
    n_checked = 0
    for code in range(256):
        corners = [c for i, c in enumerate(itertools.product((0, 1), repeat=3)) if code >> i & 1]
        diagonal = [[c in corners for c in face] for face in faces]
        if any(d in ([True, False, False, True], [False, True, True, False]) for d in diagonal):
            continue
        opposite = [c for c in itertools.product((0, 1), repeat=3) if c not in corners]
        if len(corners) in (2, 6) and share(*corners) in (2 / 48, 46 / 48):
            continue
        n_checked += 1
        assert share(*corners) + share(*opposite) == pytest.approx(1, abs=1e-15)
    assert n_checked > 100


def test_a_box_loses_its_edges_and_corners() -> None:
    """Each cell along an edge loses 1/8, each of the eight corners 5/48 more than nothing."""
    mask = image_of(np.ones((7, 5, 4), dtype=bool), (1.0, 2.0, 0.5))
    edges = 4 * (6 + 4 + 3) / 8
    corners = 8 * (1 / 8 - 1 / 48)
    assert mesh_volume_cc(mask) == pytest.approx((7 * 5 * 4 - edges - corners) / 1000, rel=1e-12)


def test_one_voxel_is_an_octahedron_and_nothing_is_nothing() -> None:
    one = image_of(np.ones((1, 1, 1), dtype=bool), (1.0, 1.0, 3.0))
    assert mesh_volume_cc(one) == pytest.approx(3 / 6 / 1000, rel=1e-12)
    assert mesh_volume_cc(sitk.Image(4, 4, 4, sitk.sitkUInt8)) == 0.0


def test_a_hole_of_one_voxel_is_an_octahedron_as_well() -> None:
    """So that a mask with many holes has more inside its surface than voxels."""
    solid = np.ones((9, 9, 9), dtype=bool)
    holes = solid.copy()
    holes[1:8:2, 1:8:2, 1:8:2] = False
    difference = mesh_volume_cc(image_of(solid)) - mesh_volume_cc(image_of(holes))
    assert difference == pytest.approx(64 / 6 / 1000, rel=1e-9)
    assert mesh_volume_cc(image_of(holes)) > volume_cc(image_of(holes))


def test_neighbouring_cells_agree_on_ambiguous_faces() -> None:
    """Two voxels that touch at an edge are two octahedra, wherever in the array they lie."""
    for shift in itertools.product((0, 3), repeat=3):
        array = np.zeros((6, 6, 6), dtype=bool)
        array[shift] = array[shift[0] + 1, shift[1] + 1, shift[2]] = True
        assert mesh_volume_cc(image_of(array)) == pytest.approx(2 / 6 / 1000, rel=1e-12)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("name", sorted(BODIES))
def test_bodies_are_a_little_too_small(name: str, spacing: tuple[float, ...]) -> None:
    """A convex surface cut by chords: below the voxel count, by the order of (voxel / radius)^2."""
    body = BODIES[name]
    meshes, counts = [], []
    for seed in range(4):
        mask = image_of(render(body, spacing, seed)[1], spacing)
        meshes.append(mesh_volume_cc(mask) / body.true_cc)
        counts.append(volume_cc(mask) / body.true_cc)
    assert np.mean(counts) == pytest.approx(1, abs=0.03)
    assert np.mean(meshes) < np.mean(counts)
    assert np.mean(meshes) == pytest.approx(1, abs=0.025 if max(spacing) < 3 else 0.08)
