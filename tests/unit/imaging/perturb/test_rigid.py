"""Patients moved and turned, against rolls, quarter turns and functions known everywhere."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy import ndimage

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
    DrawnKernel,
    DrawnRotation,
    DrawnTranslation,
    Rotation,
    Translation,
)

SPACING = (0.9765625, 0.9765625, 3.27)


@pytest.mark.parametrize("interpolator", ["linear", "cubic"])
@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_whole_voxels_are_a_roll(interpolator, kind) -> None:
    mask = ball(12.0, SPACING, room_mm=20.0)
    image = scan(mask, kind=kind)
    voxels = (3, -4, 2)
    moved = DrawnTranslation(
        shift_mm=tuple(v * s for v, s in zip(voxels, SPACING, strict=True)),
        interpolator=interpolator,
        reach_mm=None,
    )
    new_image, new_mask = moved.apply(image, mask)
    rolled = np.roll(values_of(image), voxels[::-1], axis=(0, 1, 2))
    inner = (slice(4, -4),) * 3  # at the border a roll brings back what went out
    np.testing.assert_array_equal(values_of(new_image)[inner], rolled[inner])
    np.testing.assert_array_equal(
        values_of(new_mask), np.roll(values_of(mask), voxels[::-1], axis=(0, 1, 2))
    )


@pytest.mark.parametrize("interpolator", ["linear", "cubic"])
def test_a_part_of_a_voxel_reads_between_the_voxels(interpolator) -> None:
    mask = ball(10.0, SPACING, room_mm=30.0)
    x, y, z = offsets_mm(values_of(mask).shape, SPACING)
    slope = like((0.5 * x - 0.25 * y + 2 * z).astype(np.float32), SPACING)
    shift = (0.31, -0.77, 1.9)
    moved = DrawnTranslation(shift_mm=shift, interpolator=interpolator)
    found, new_mask = moved.apply(slope, mask)
    inside = values_of(new_mask) != 0
    wanted = 0.5 * (x - shift[0]) - 0.25 * (y - shift[1]) + 2 * (z - shift[2])
    np.testing.assert_allclose(values_of(found)[inside], wanted[inside], atol=2e-4)
    centre = [offset[inside].mean() for offset in (x, y, z)]
    start = [offset[values_of(mask) != 0].mean() for offset in (x, y, z)]
    np.testing.assert_allclose(np.subtract(centre, start), shift, atol=0.15)
    assert radius_of(new_mask) == pytest.approx(radius_of(mask), abs=0.1)


@pytest.mark.parametrize("interpolator", ["linear", "cubic"])
def test_interpolation_is_that_of_scipy(interpolator) -> None:
    mask = ball(8.0, (1.0, 1.0, 2.0), room_mm=16.0)
    image = scan(mask, kind=np.float64)
    shift = (0.4, 0.25, -0.9)
    found, _ = DrawnTranslation(shift_mm=shift, interpolator=interpolator, reach_mm=None).apply(
        image, mask
    )
    order = {"linear": 1, "cubic": 3}[interpolator]
    steps = [s / step for s, step in zip(shift[::-1], (2.0, 1.0, 1.0), strict=True)]
    wide = np.pad(values_of(image), 20, mode="edge")
    wanted = ndimage.shift(wide, steps, order=order, mode="mirror")[20:-20, 20:-20, 20:-20]
    np.testing.assert_allclose(values_of(found), wanted, atol=1e-4)


@pytest.mark.parametrize(
    "perturbation",
    [
        partial(DrawnTranslation, shift_mm=(0.3, 0.6, 0.9)),
        partial(DrawnRotation, degrees=7.0),
        partial(DrawnKernel, gain=0.6),
        partial(DrawnKernel, gain=2.0),
    ],
)
def test_what_lies_far_off_does_not_change_what_is_near(perturbation) -> None:
    """Altered around the contour or everywhere: equal where it is altered."""
    mask = ball(6.0, (1.0, 1.0, 2.0), room_mm=45.0)
    image = scan(mask, kind=np.float32)
    found = {
        name: perturbation(reach_mm=reach).apply(image, mask)
        for name, reach in {"near": 20.0, "everywhere": None}.items()
    }
    assert bytes_of(found["near"][1]) == bytes_of(found["everywhere"][1])
    near, everywhere = (values_of(found[name][0]) for name in ("near", "everywhere"))
    n = [size // 2 for size in near.shape]
    box = tuple(slice(m - int(25 / s), m + int(25 / s)) for m, s in zip(n, (2, 1, 1), strict=True))
    np.testing.assert_allclose(near[box], everywhere[box], atol=1e-3)
    assert np.abs(near - everywhere).max() > 1  # farther off it is as it was
    corner = (slice(0, 3),) * 3
    np.testing.assert_array_equal(near[corner], values_of(image)[corner])


def test_the_contour_alone_leaves_the_image() -> None:
    mask = ball(10.0, SPACING)
    image = scan(mask)
    for drawn in (
        DrawnTranslation(shift_mm=(1.2, 0.0, 0.0), moves="contour"),
        DrawnRotation(degrees=20.0, moves="contour"),
    ):
        same, moved = drawn.apply(image, mask)
        assert same is image
        assert not drawn.touches_image
        both = DrawnTranslation if isinstance(drawn, DrawnTranslation) else DrawnRotation
        together = both(**{**drawn.record(), "moves": "patient"}).apply(image, mask)
        assert bytes_of(together[1]) == bytes_of(moved)


@pytest.mark.parametrize(
    ("axis", "rotated", "planes"),
    [("head_feet", 1, (1, 2)), ("front_back", -1, (0, 2)), ("left_right", 1, (0, 1))],
)
def test_a_quarter_turn_is_right_handed(axis, rotated, planes) -> None:
    """About z: x goes to y; about y: z to x; about x: y to z."""
    rng = np.random.default_rng(0)
    mask = np.zeros((31, 31, 31), dtype=np.uint8)
    mask[10:21, 12:19, 14:17] = 1  # its centre is the middle voxel
    values = rng.normal(0, 50, size=mask.shape).astype(np.float32)
    drawn = DrawnRotation(degrees=90.0, axis=axis, interpolator="linear", reach_mm=None)
    found, moved = drawn.apply(like(values, (1.0,) * 3), like(mask, (1.0,) * 3))
    # rot90 turns the first of its planes towards the second
    turns = -rotated
    np.testing.assert_allclose(values_of(found), np.rot90(values, turns, planes), atol=1e-3)
    np.testing.assert_array_equal(values_of(moved), np.rot90(mask, turns, planes))


def test_a_turn_is_about_the_contour_and_in_mm() -> None:
    """Pixels of 2 x 1 mm, the contour away from the middle, intensities known everywhere."""
    spacing, centre = (2.0, 1.0, 3.0), (8.0, -6.0, 3.0)
    shape = (16, 90, 60)
    x, y, z = offsets_mm(shape, spacing, centre)
    inside = (x / 14) ** 2 + (y / 8) ** 2 + (z / 9) ** 2 <= 1
    middle = [offset[inside].mean() for offset in (x, y)]
    dx, dy = x - middle[0], y - middle[1]
    image = like((dx + 3 * dy).astype(np.float32), spacing)
    angle = np.radians(12.0)
    found, moved = DrawnRotation(degrees=12.0).apply(image, like(inside.astype(np.uint8), spacing))
    # where contents came from: turned back
    was_x = np.cos(angle) * dx + np.sin(angle) * dy
    was_y = -np.sin(angle) * dx + np.cos(angle) * dy
    new = values_of(moved) != 0
    np.testing.assert_allclose(values_of(found)[new], (was_x + 3 * was_y)[new], atol=1e-3)
    ellipsoid = (was_x / 14) ** 2 + (was_y / 8) ** 2 + (z / 9) ** 2 <= 1
    dice = 2 * np.count_nonzero(ellipsoid & new) / (ellipsoid.sum() + new.sum())
    assert dice > 0.97


def test_a_long_contour_turned_by_45_degrees_is_all_there() -> None:
    mask = np.zeros((18, 80, 80), dtype=np.uint8)
    mask[4:14, 35:45, 10:70] = 1
    _, moved = DrawnRotation(degrees=45.0, moves="contour").apply(
        like(mask, (1.0,) * 3), like(mask, (1.0,) * 3)
    )
    assert np.count_nonzero(values_of(moved)) == pytest.approx(mask.sum(), rel=0.05)
    long = np.argwhere(values_of(moved)[9])
    assert np.ptp(long, axis=0).min() > 40


def test_grids_in_another_order_turn_about_the_same_patient_axis() -> None:
    """A coronal storage: the image's y runs from feet to head."""
    mask = np.zeros((24, 20, 24), dtype=np.uint8)  # z, y, x of the image
    mask[6:18, 8:12, 10:14] = 1
    image = like(mask, (1.0,) * 3)
    image.SetDirection((1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0))
    _, moved = DrawnRotation(degrees=90.0, moves="contour").apply(image, image)
    extent = np.ptp(np.argwhere(values_of(moved)), axis=0) + 1
    np.testing.assert_array_equal(extent, [4, 4, 12])


def test_leaving_the_image() -> None:
    """What is still inside is kept; nothing is an error that says so."""
    mask = ball(8.0, room_mm=4.0)
    half = DrawnTranslation(shift_mm=(12.0, 0.0, 0.0)).apply(scan(mask), mask)[1]
    assert 0.2 < np.count_nonzero(values_of(half)) / np.count_nonzero(values_of(mask)) < 0.8
    with pytest.raises(CaseError, match=r"translation by 40, 0, 0 mm leaves no voxel") as raised:
        DrawnTranslation(shift_mm=(40.0, 0.0, 0.0)).apply(scan(mask), mask)
    assert raised.value.code == "mask_emptied"


def test_draws_and_ranges() -> None:
    drawn = [Translation(max_mm=2.0).draw(np.random.default_rng(k)).shift_mm for k in range(200)]
    assert 1.9 < np.abs(drawn).max() <= 2.0
    assert np.abs(np.mean(drawn, axis=0)).max() < 0.3
    degrees = [Rotation(max_degrees=5).draw(np.random.default_rng(k)).degrees for k in range(200)]
    assert 4.8 < np.abs(degrees).max() <= 5.0
    with pytest.raises(SettingsError, match="max_mm"):
        Translation(max_mm=-1.0)
    with pytest.raises(SettingsError, match="interpolator"):
        Rotation(max_degrees=1.0, interpolator="nearest")


def test_nothing_that_is_given_is_changed() -> None:
    mask = ball(10.0, SPACING)
    image = scan(mask)
    before = bytes_of(image), bytes_of(mask)
    DrawnTranslation(shift_mm=(0.5, 0.5, 0.5)).apply(image, mask)
    DrawnRotation(degrees=10.0).apply(image, mask)
    assert (bytes_of(image), bytes_of(mask)) == before
