"""Shape on bodies whose numbers are known without any program."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from tumor_response.features.radiomics.fast import axes, shape, shape2d
from tumor_response.features.radiomics.fast.diameters import largest_distances_mm
from tumor_response.features.radiomics.fast.region import Region


def region(mask, spacing_mm=(1.0, 1.0, 1.0)):
    return Region(np.zeros(mask.shape), np.ascontiguousarray(mask, dtype=bool), spacing_mm)


def ball(radius):
    z, y, x = np.indices((2 * radius + 1,) * 3) - radius
    return z * z + y * y + x * x <= radius * radius


def surface_points(mask, spacing_mm):
    """All middles between an inside and an outside voxel, in half voxels; and in mm."""
    padded = np.pad(mask, 1)
    points = []
    for axis in range(3):
        crossing = np.diff(padded.astype(int), axis=axis) != 0
        found = 2 * np.argwhere(crossing)
        found[:, axis] += 1
        points.append(found)
    half = np.concatenate(points)
    return half, half / 2 * np.array(spacing_mm)


def test_cuboid():
    z, y, x = 4, 6, 10
    found = shape.shape_features(region(np.ones((z, y, x)), (2.0, 1.0, 0.5)))
    assert found["VoxelVolume"] == z * y * x
    # an edge of the body loses a wedge of an eighth of a voxel's cross section on its whole
    # length, less half a voxel at either end; each of the eight corners then keeps a sixth of an
    # eighth of a voxel
    wedges = 4 * sum(n - 1 for n in (z, y, x)) / 8
    corners = 8 * (1 / 8 - 1 / 48)
    assert found["MeshVolume"] == pytest.approx(z * y * x - wedges - corners, rel=1e-12)
    for name, sides in (
        ("Slice", (y * 1.0, (x - 1) * 0.5)),
        ("Column", (z * 2.0, (x - 1) * 0.5)),
        ("Row", (z * 2.0, (y - 1) * 1.0)),
    ):
        assert found[f"Maximum2DDiameter{name}"] >= math.hypot(*sides) - 1e-9
    for name, n, step in (("Least", x, 0.5), ("Minor", y, 1.0), ("Major", z, 2.0)):
        # the variance of n equally spaced points
        expected = 4 * step * math.sqrt((n * n - 1) / 12)
        assert found[f"{name}AxisLength"] == pytest.approx(expected, rel=1e-12)


def test_a_single_voxel_is_an_octahedron():
    found = shape.shape_features(region(np.ones((1, 1, 1)), (1.0, 1.0, 1.0)))
    assert found["MeshVolume"] == pytest.approx(1 / 6)
    assert found["SurfaceArea"] == pytest.approx(math.sqrt(3))  # eight triangles of side √½
    assert found["Maximum3DDiameter"] == 1.0
    assert math.isnan(found["Elongation"])
    assert math.isnan(found["Flatness"])


def test_ball_converges():
    radius = 25
    found = shape.shape_features(region(ball(radius)))
    assert found["MeshVolume"] == pytest.approx(4 / 3 * math.pi * radius**3, rel=0.01)
    assert found["Maximum3DDiameter"] == pytest.approx(2 * radius + 1, abs=1)
    assert found["MajorAxisLength"] == pytest.approx(4 * radius / math.sqrt(5), rel=0.01)
    assert found["Sphericity"] < 1
    assert found["Compactness2"] == pytest.approx(found["Sphericity"] ** 3, rel=1e-12)
    assert found["SphericalDisproportion"] == pytest.approx(1 / found["Sphericity"], rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_diameters_are_those_of_all_pairs(seed):
    rng = np.random.default_rng(seed)
    spacing_mm = (2.5, 0.7, 0.9)
    mask = rng.random((6, 9, 8)) < (0.05, 0.3, 0.9)[seed % 3]
    mask[tuple(n // 2 for n in mask.shape)] = True
    half, mm = surface_points(mask, spacing_mm)
    found = largest_distances_mm(np.pad(mask, 1).view(np.uint8), spacing_mm)
    for axis in range(3):
        planes = [mm[half[:, axis] == place] for place in np.unique(half[:, axis])]
        assert found[axis] == pytest.approx(max(pdist(p).max() for p in planes if len(p) > 1))
    assert found[3] == pytest.approx(pdist(mm).max())


def test_the_place_in_the_box_counts_only_where_the_surface_has_holes():
    smooth, rough = ball(4), np.random.default_rng(1).random((7, 7, 7)) < 0.4
    for mask, moves in ((smooth, False), (rough, True)):
        away = np.pad(mask, ((30, 0), (20, 0), (10, 0)))
        here, there = (shape.shape_features(region(m)) for m in (mask, away))
        assert here["SurfaceArea"] == pytest.approx(there["SurfaceArea"], rel=1e-12)
        assert here["Maximum3DDiameter"] == pytest.approx(there["Maximum3DDiameter"], rel=1e-12)
        assert (here["MeshVolume"] != there["MeshVolume"]) == moves


def test_eigenvalues_of_a_large_box_do_not_overflow():
    # sums of products pass 2^63 in this box; the variance of equally spaced points is known
    mask = np.ones((3, 40, 3000), dtype=bool)
    found = axes.axis_eigenvalues(mask, (1.0, 1.0, 1.0))
    assert found == pytest.approx([(n * n - 1) / 12 for n in (3, 40, 3000)], rel=1e-12)


def test_slab():
    found = shape2d.shape2d_features(region(np.ones((5, 1, 8)), (2.0, 3.0, 1.0)), 1)
    assert found["PixelSurface"] == 80.0
    # four corners, each cut by half a quarter of a pixel
    assert found["MeshSurface"] == pytest.approx(80.0 - 4 * 2.0 / 8)
    assert found["Perimeter"] == pytest.approx(2 * (4 * 2 + 7) + 4 * math.hypot(1, 0.5))
    assert found["MajorAxisLength"] == pytest.approx(4 * 2 * math.sqrt(24 / 12))
    assert found["SphericalDisproportion"] == pytest.approx(1 / found["Sphericity"])


def test_a_thick_region_has_no_two_dimensional_shape():
    with pytest.raises(ValueError, match=r"dimension 0 is more than 1 \(2\)"):
        shape2d.shape2d_features(region(np.ones((2, 5, 5))), 0)


def test_names_are_pyradiomics_own():
    from radiomics.shape import RadiomicsShape
    from radiomics.shape2D import RadiomicsShape2D

    for ours, theirs in ((shape, RadiomicsShape), (shape2d, RadiomicsShape2D)):
        names = theirs.getFeatureNames()
        assert tuple(name for name, old in names.items() if not old) == ours.FEATURES
        assert tuple(name for name, old in names.items() if old) == ours.DEPRECATED
