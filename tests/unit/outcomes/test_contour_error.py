"""The model of contour error against bodies that are drawn voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumor_response.exceptions import SettingsError
from tumor_response.outcomes.contour_error import (
    SMALLEST_RADIUS,
    ContourError,
    offset_share,
    redraw,
    voxel_sd_cc,
)
from tumor_response.simulate.contour import observed


def ball_cc(radius_mm: float) -> float:
    return 4 / 3 * np.pi * radius_mm**3 / 1000


def redrawn(v0: float, v1: float, sd: float, n: int = 20_000, **options) -> tuple:
    error = ContourError(**options)
    rng = np.random.default_rng(1)
    shape = (n, 1)
    a, b = redraw(np.full(shape, v0), np.full(shape, v1), np.array([sd]), error, rng)
    return a.ravel(), b.ravel()


@pytest.mark.parametrize(("radius", "error_mm"), [(8.0, 1.0), (14.0, 1.0), (14.0, 2.0)])
def test_scatter_of_volumes_is_that_of_contours_drawn_in_voxels(radius, error_mm) -> None:
    """``simulate_cohort`` draws the error as a field around a mask; here is a formula for it.

    150 drawings of balls that lie anywhere on the grid (on its centre, whole shells of voxels would
    come and go together): the standard error of a standard deviation is 6 %, and the tolerance is
    three of them.
    """
    spacing, half = 2.0, int(np.ceil((radius + 9) / 2.0))
    line = spacing * np.arange(-half, half + 1)
    rng = np.random.default_rng(2)
    off = []
    for _ in range(150):
        z, y, x = np.meshgrid(*(line - spacing * rng.random() for _ in range(3)), indexing="ij")
        mask = x**2 + y**2 + z**2 < radius**2
        drawn = observed(mask, (spacing,) * 3, error_mm, rng)
        off.append((drawn.sum() - mask.sum()) * spacing**3 / 1000)
    counted = np.std(off)
    by_formula = redrawn(ball_cc(radius), 1.0, error_mm)[0].std()
    assert counted == pytest.approx(by_formula, rel=0.18)
    whole = redrawn(ball_cc(radius), 1.0, error_mm, smooth_over_mm=None)[0].std()
    assert by_formula < whole


@pytest.mark.parametrize("smooth_over_mm", [5.0, 20.0])
def test_share_is_the_mean_covariance_over_the_sphere(smooth_over_mm) -> None:
    radius = 14.0
    points = np.random.default_rng(3).normal(size=(2, 200_000, 3))
    points *= radius / np.linalg.norm(points, axis=-1, keepdims=True)
    squared = ((points[0] - points[1]) ** 2).sum(axis=1)
    covariance = np.exp(-squared / (4 * smooth_over_mm**2)).mean()
    share = offset_share(np.array([ball_cc(radius)]), smooth_over_mm)
    assert share[0] == pytest.approx(covariance, abs=0.003)


def test_share_of_a_whole_contour_and_of_a_point_is_one() -> None:
    assert offset_share(np.array([5.0, 0.0]), None).tolist() == [1.0, 1.0]
    assert offset_share(np.array([0.0]), 20.0).tolist() == [1.0]


def test_small_errors_follow_the_delta_method() -> None:
    """V plus surface times offset; a jagged lesion of the same volume has more surface."""
    v, sd, psi = 12.0, 0.1, 0.7
    radius = (3000 * v / (4 * np.pi)) ** (1 / 3)
    surface_cm2 = 4 * np.pi * radius**2 / 100 / psi
    drawn, _ = redrawn(v, 6.0, sd, smooth_over_mm=None, sphericity=psi)
    assert drawn.std() == pytest.approx(surface_cm2 * sd / 10, rel=0.03)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 1.0])
def test_correlation_is_that_of_the_two_offsets(correlation) -> None:
    a, b = redrawn(12.0, 6.0, 0.2, correlation=correlation)
    assert np.corrcoef(a, b)[0, 1] == pytest.approx(correlation, abs=0.025)


def test_no_error_and_no_voxels_change_nothing() -> None:
    a, b = redrawn(12.0, 6.0, 0.0, n=5)
    assert a.tolist() == [12.0] * 5
    assert b.tolist() == [6.0] * 5


def test_what_is_gone_stays_gone() -> None:
    assert not redrawn(12.0, 0.0, 2.0, spacing_mm=(1, 1, 3))[1].any()


@given(
    volume=st.floats(1e-3, 500.0),
    sd=st.floats(0.0, 20.0),
    smooth=st.one_of(st.none(), st.floats(0.5, 100.0)),
    voxels=st.booleans(),
)
def test_a_drawn_lesion_has_a_volume(volume, sd, smooth, voxels) -> None:
    spacing = (1.0, 1.0, 5.0) if voxels else None
    a, b = redrawn(volume, volume, sd, n=50, smooth_over_mm=smooth, spacing_mm=spacing)
    for drawn in (a, b):
        assert np.isfinite(drawn).all()
        assert (drawn >= volume * SMALLEST_RADIUS**3 * (1 - 1e-9)).all()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 3.0, 3.0), (1.0, 1.0, 5.0)])
def test_scatter_of_voxel_counts(spacing) -> None:
    """Balls counted on grids that lie anywhere.

    The radius changes a little from one to the next, because for a single perfect ball the scatter
    depends on how its radius stands to the voxels. 1,200 of them: 2 % for a standard deviation.
    """
    rng = np.random.default_rng(4)
    off = []
    for radius in rng.uniform(11.0, 13.0, 1200):
        lines = [
            (np.arange(-np.ceil(radius / h) - 1, np.ceil(radius / h) + 2) + rng.random()) * h
            for h in spacing
        ]
        x, y, z = np.meshgrid(*lines, indexing="ij", sparse=True)
        counted = (x**2 + y**2 + z**2 < radius**2).sum() * np.prod(spacing) / 1000
        off.append(counted - ball_cc(radius))
    assert np.std(off) == pytest.approx(voxel_sd_cc(np.array(ball_cc(12.0)), spacing), rel=0.1)


def test_cubic_voxels_have_the_known_constant() -> None:
    """Sum of n**-4 over the integer lattice: 16.5323; times surface h**4 over 8 pi**3."""
    radius, h = 10.0, 2.0
    expected = np.sqrt(16.5323 / (8 * np.pi**3) * 4 * np.pi * radius**2 * h**4) / 1000
    found = voxel_sd_cc(np.array(ball_cc(radius)), (h, h, h))
    assert found == pytest.approx(expected, rel=1e-3)


def test_voxels_add_their_variance() -> None:
    spacing = (2.0, 2.0, 5.0)
    plain = redrawn(5.0, 3.0, 0.0, spacing_mm=spacing)[0]
    assert plain.std() == pytest.approx(voxel_sd_cc(np.array(5.0), spacing), rel=0.03)


@pytest.mark.parametrize(
    "wrong",
    [{"smooth_over_mm": 0.0}, {"correlation": 1.5}, {"sphericity": 0.0}, {"spacing_mm": (1, 1)}],
)
def test_impossible_settings(wrong) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        ContourError(**wrong)
