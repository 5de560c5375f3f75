"""Contours that grow, shrink and vary, against geometry."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.imaging.perturb.scans import (
    ball,
    bytes_of,
    like,
    offsets_mm,
    radius_of,
    scan,
    values_of,
)
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging.perturb import (
    ContourOffset,
    ContourVariation,
    DrawnContourOffset,
    DrawnContourVariation,
)
from tumor_response.imaging.signed_distance import signed_depth_mm

SPACINGS = [(1.0, 1.0, 1.0), (1.0, 1.0, 3.0), (0.7, 0.7, 5.0), (3.0, 1.0, 1.0)]


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("offset_mm", [-4.0, -1.5, 1.5, 4.0])
def test_a_ball_grows_and_shrinks_by_what_is_said(spacing, offset_mm) -> None:
    mask = ball(15.0, spacing)
    image = scan(mask)
    same, changed = DrawnContourOffset(offset_mm=offset_mm).apply(image, mask)
    assert same is image
    # voxels are in or out as a whole: what is left of the ball may be two slices
    coarse = max(spacing) > 4
    assert radius_of(changed) - radius_of(mask) == pytest.approx(
        offset_mm, abs=0.4 if coarse else 0.2
    )
    volume = (radius_of(changed) / radius_of(mask)) ** 3
    assert volume == pytest.approx((1 + offset_mm / 15.0) ** 3, rel=0.12 if coarse else 0.06)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_depth_on_a_ball_is_the_distance_to_its_surface(spacing) -> None:
    mask = values_of(ball(14.0, spacing)) != 0
    x, y, z = offsets_mm(mask.shape, spacing)
    true = 14.0 - np.sqrt(x**2 + y**2 + z**2)
    depth = signed_depth_mm(mask, spacing[::-1])
    near = np.abs(true) < 5
    assert np.sqrt(np.mean((depth - true)[near] ** 2)) < 0.3
    assert abs(np.mean((depth - true)[near])) < 0.1


def test_depth_at_slanted_walls_does_not_see_the_steps() -> None:
    """Slices of 4 mm with walls at 45 degrees: every slice is a step of 4 mm."""
    shape, spacing = (21, 60, 81), (1.0, 1.0, 4.0)
    x, y, z = offsets_mm(shape, spacing)
    true = (28 - np.abs(x) - np.abs(z)) / np.sqrt(2)
    depth = signed_depth_mm((true > 0) & (np.abs(y) < 22), spacing[::-1])
    on_a_wall = (np.abs(y) < 12) & (np.minimum(np.abs(x), np.abs(z)) > 8) & (np.abs(true) < 5)
    off = (depth - true)[on_a_wall]
    assert off.std() < 0.25  # what the steps leave; the tips, which the blur takes, shift it all
    assert abs(off.mean()) < 0.4


def test_depth_keeps_every_voxel_on_its_side() -> None:
    mask = np.zeros((9, 20, 20), dtype=bool)
    mask[4, 10, 3:17] = True  # a line that the blur would lose
    mask[4, 4, 4] = True
    depth = signed_depth_mm(mask, (5.0, 1.0, 1.0))
    np.testing.assert_array_equal(depth > 0, mask)


def test_nothing_grows_out_of_the_image_and_what_is_cut_stays_cut() -> None:
    spacing = (1.0, 1.0, 2.0)
    x, y, z = offsets_mm((20, 41, 41), spacing, centre_mm=(0.0, 0.0, -19.0))  # half in the image
    mask = like((x**2 + y**2 + z**2 <= 100).astype(np.uint8), spacing)
    grown = values_of(DrawnContourOffset(offset_mm=3.0).apply(mask, mask)[1])
    across = np.count_nonzero(grown[0, 20])
    assert grown.shape == (20, 41, 41)
    assert 2 * 13 - 2 <= across <= 2 * 13 + 2


def test_shrinking_away_is_named() -> None:
    mask = ball(4.0)
    with pytest.raises(CaseError, match=r"moved outwards by -6 mm leaves no voxel") as raised:
        DrawnContourOffset(offset_mm=-6.0).apply(mask, mask)
    assert raised.value.code == "mask_emptied"


def test_one_voxel_can_grow_and_vanishes_when_shrunk() -> None:
    voxels = np.zeros((9, 9, 9), dtype=np.uint8)
    voxels[4, 4, 4] = 1
    mask = like(voxels, (1.0, 1.0, 1.0))
    grown = DrawnContourOffset(offset_mm=1.0).apply(mask, mask)[1]
    assert values_of(grown)[4, 4, 4] == 1
    assert 6 < np.count_nonzero(values_of(grown)) < 30
    with pytest.raises(CaseError) as raised:
        DrawnContourOffset(offset_mm=-1.0).apply(mask, mask)
    assert raised.value.code == "mask_emptied"


def cones(n: int, radius_mm: float, smooth_over_mm: float) -> tuple[np.ndarray, ...]:
    """Directions spread evenly, the share of the sphere nearest to each, and how much of a field's
    variance is left in its mean over such a share."""
    k = np.arange(n) + 0.5
    polar, turn = np.arccos(1 - 2 * k / n), np.pi * (1 + 5**0.5) * k
    axes = np.stack(
        [np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1
    )
    fine = np.random.default_rng(0).standard_normal((100_000, 3))
    fine /= np.linalg.norm(fine, axis=1, keepdims=True)
    nearest = (fine @ axes.T).argmax(axis=1)
    share = np.bincount(nearest, minlength=n) / len(fine)
    one = fine[nearest == n // 2][:500] * radius_mm
    squared = ((one[:, None] - one[None]) ** 2).sum(axis=-1)
    return axes, share, np.exp(-squared / 4 / smooth_over_mm**2).mean()


def radii(mask, axes: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Radius of a star-shaped body in each cone, from the volume in it."""
    spacing = np.array(mask.GetSpacing())
    at = np.argwhere(values_of(mask) != 0)[:, ::-1] * spacing
    from_centre = at - ((np.array(mask.GetSize()) - 1) / 2 * spacing + (0.3, 0.2, 0.1))
    volume = np.bincount((from_centre @ axes.T).argmax(axis=1), minlength=len(axes))
    return np.cbrt(volume * np.prod(spacing) / (4 * np.pi / 3 * share))


@pytest.mark.parametrize(
    ("spacing", "sd_mm", "radius_mm"), [((1.0, 1.0, 1.0), 2.0, 14.0), ((1.0, 1.0, 3.0), 1.5, 22.0)]
)
def test_measured_distance_between_contours_is_the_stated_one(spacing, sd_mm, radius_mm) -> None:
    """Over draws and directions, by the volumes of cones: apart from any distance transform."""
    mask = ball(radius_mm, spacing)
    smooth_mm = 7.0
    axes, share, kept = cones(60, radius_mm, smooth_mm)
    start = radii(mask, axes, share)
    moved = []
    for seed in range(45):
        drawn = DrawnContourVariation(
            observer_sd_mm=sd_mm, smooth_over_mm=smooth_mm, seed=seed
        ).apply(mask, mask)[1]
        moved.append(radii(drawn, axes, share) - start)
    wanted = sd_mm * np.sqrt(kept)  # of the mean over a cone
    assert np.std(moved) == pytest.approx(wanted, rel=0.08)
    assert np.abs(moved).mean() == pytest.approx(wanted * np.sqrt(2 / np.pi), rel=0.08)
    assert abs(np.mean(moved)) < 0.3  # of some 200 independent places


def test_neighbours_are_alike_and_the_far_side_is_not() -> None:
    mask = ball(24.0, (2.0, 2.0, 2.0), room_mm=10.0)
    middle = (np.array(mask.GetSize()) - 1) // 2
    reached = []
    for seed in range(60):
        one = DrawnContourVariation(observer_sd_mm=2.0, smooth_over_mm=10.0, seed=seed)
        voxels = values_of(one.apply(mask, mask)[1])
        z, y, x = middle[::-1]
        lines = [voxels[z, y, x:], voxels[z, y, : x + 1][::-1], voxels[z + 2, y, x:]]
        reached.append([int(np.argmin(line)) for line in lines])
    right, left, above = np.array(reached, dtype=float).T
    assert np.corrcoef(right, above)[0, 1] > 0.85
    assert abs(np.corrcoef(right, left)[0, 1]) < 0.3


def test_stated_mean_distances_become_standard_deviations() -> None:
    """By drawing: two independent errors at many points."""
    sd = ContourVariation.from_mean_distance_mm(3.0, between="observers").observer_sd_mm
    one, other = np.random.default_rng(0).normal(0, sd, size=(2, 400_000))
    assert np.abs(one - other).mean() == pytest.approx(3.0, rel=0.01)
    sd = ContourVariation.from_mean_distance_mm(3.0, between="observer_and_mean").observer_sd_mm
    assert np.abs(one / one.std() * sd).mean() == pytest.approx(3.0, rel=0.01)


def test_draws_lie_in_the_range_and_ranges_are_checked() -> None:
    rule = ContourOffset(min_mm=-1.0, max_mm=2.0)
    drawn = [rule.draw(np.random.default_rng(seed)).offset_mm for seed in range(300)]
    assert -1.0 <= min(drawn) < -0.9
    assert 1.9 < max(drawn) <= 2.0
    assert ContourOffset(min_mm=1.0, max_mm=1.0).draw(np.random.default_rng(0)).offset_mm == 1.0
    with pytest.raises(SettingsError, match="min_mm, max_mm in this order"):
        ContourOffset(min_mm=1.0, max_mm=-1.0)
    with pytest.raises(SettingsError, match="observer_sd_mm"):
        ContourVariation(observer_sd_mm=-1.0)


def test_another_seed_is_another_contour_and_the_same_is_the_same() -> None:
    mask = ball(12.0, (1.0, 1.0, 3.0))
    rule = ContourVariation(observer_sd_mm=2.0)
    one, again = (rule.draw(np.random.default_rng(5)).apply(mask, mask)[1] for _ in range(2))
    other = rule.draw(np.random.default_rng(6)).apply(mask, mask)[1]
    assert bytes_of(one) == bytes_of(again)
    assert bytes_of(one)[0] != bytes_of(other)[0]
