"""Noise, kernels and offsets against sums, sinusoids and what integers can hold."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.imaging.perturb.scans import ball, bytes_of, like, scan, values_of
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging.noise import soft_tissue_noise_hu
from tumor_response.imaging.perturb import (
    DrawnIntensityOffset,
    DrawnKernel,
    DrawnNoise,
    ImageNoise,
    IntensityOffset,
    ReconstructionKernel,
)

SPACING = (1.0, 1.0, 3.0)


@pytest.mark.parametrize("own_hu", [5.0, 20.0])
@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_added_noise_is_as_large_as_the_images_own(own_hu, kind) -> None:
    mask = ball(15.0, SPACING, room_mm=20.0)
    image = scan(mask, noise_hu=own_hu, kind=kind)
    noisy, same = DrawnNoise(times_own=1.0, seed=3).apply(image, mask)
    assert same is mask
    added = values_of(noisy).astype(float) - values_of(image)
    # the median of whole numbers is a whole number
    assert added.std() == pytest.approx(own_hu, rel=0.03 if kind == np.float32 else 0.08)
    assert abs(added.mean()) < 0.05 * own_hu
    # the ruler itself: one variance more
    ratio = soft_tissue_noise_hu(noisy, mask) / soft_tissue_noise_hu(image, mask)
    assert ratio == pytest.approx(np.sqrt(2), rel=0.05)


def test_noise_of_a_stated_size_needs_no_soft_tissue() -> None:
    mask = ball(10.0, SPACING)
    suv = like(np.full(values_of(mask).shape, 900.0, dtype=np.float32), SPACING)
    with pytest.raises(CaseError, match=r"ImageNoise\(sd_hu=\.\.\.\)") as raised:
        DrawnNoise(seed=0).apply(suv, mask)
    assert raised.value.code == "noise_unknown"
    noisy, _ = DrawnNoise(sd_hu=2.0, seed=0).apply(suv, mask)
    assert values_of(noisy).std() == pytest.approx(2.0, rel=0.02)


def test_noise_stays_near_the_contour_unless_told_otherwise() -> None:
    mask = ball(5.0, SPACING, room_mm=70.0)
    image = scan(mask)
    near = values_of(DrawnNoise(seed=0, reach_mm=20.0).apply(image, mask)[0]) != values_of(image)
    extent = np.ptp(np.argwhere(near), axis=0) + 1
    # 20 mm to either side, and 16 voxels where these are more
    assert abs(extent[0] - (10 / 3 + 2 * 16)) <= 2
    assert np.abs(extent[1:] - (10 + 2 * 20)).max() <= 2
    everywhere = DrawnNoise(seed=0, reach_mm=None).apply(image, mask)[0]
    assert np.mean(values_of(everywhere) != values_of(image)) > 0.9


@pytest.mark.parametrize("gain", [0.4, 2.5])
@pytest.mark.parametrize("direction", [(1.0, 0.0), (0.0, 1.0), (0.6, 0.8)])
@pytest.mark.parametrize("frequency_per_mm", [0.05, 0.2, 0.45])
def test_a_wave_changes_by_the_gain_of_its_frequency(gain, direction, frequency_per_mm) -> None:
    """Pixels of 1 x 0.8 mm: the filter is the same in mm in all directions of the plane."""
    spacing = (1.0, 0.8, 4.0)
    mask = ball(12.0, spacing, room_mm=30.0)
    z, y, x = (
        axis * step
        for axis, step in zip(np.indices(values_of(mask).shape), spacing[::-1], strict=True)
    )
    phase = 2 * np.pi * frequency_per_mm * (direction[0] * x + direction[1] * y) + 0.3 * z
    image = like(30.0 + 50.0 * np.sin(phase), spacing)
    found, same = DrawnKernel(gain=gain, corner_per_mm=0.25, reach_mm=None).apply(image, mask)
    assert same is mask
    expected = gain ** (1 - np.exp(-((frequency_per_mm / 0.25) ** 2)))
    inside = values_of(mask) != 0
    wave = (values_of(found) - 30.0)[inside]
    np.testing.assert_allclose(wave, 50.0 * expected * np.sin(phase)[inside], atol=0.5)


def test_kernels_keep_the_mean_act_in_the_plane_and_undo_each_other() -> None:
    mask = ball(10.0, SPACING, room_mm=30.0)
    image = scan(mask, kind=np.float64)
    soft, _ = DrawnKernel(gain=0.5, reach_mm=None).apply(image, mask)
    assert values_of(soft).mean() == pytest.approx(values_of(image).mean(), abs=0.1)
    assert values_of(soft).std() < 0.8 * values_of(image).std()
    back, _ = DrawnKernel(gain=2.0, reach_mm=None).apply(soft, mask)
    inside = values_of(mask) != 0
    np.testing.assert_allclose(values_of(back)[inside], values_of(image)[inside], atol=0.3)
    one_slice = values_of(image).copy()
    one_slice[4] += 500.0 * (np.indices(one_slice.shape[1:]).sum(axis=0) % 2)
    changed, _ = DrawnKernel(gain=0.5, reach_mm=None).apply(like(one_slice, SPACING), mask)
    others = np.arange(len(one_slice)) != 4
    np.testing.assert_allclose(values_of(changed)[others], values_of(soft)[others], atol=1e-6)


@pytest.mark.parametrize("offset_hu", [7.0, 7.4, -12.5])
def test_offsets_are_exact(offset_hu) -> None:
    mask = ball(6.0, SPACING)
    for kind in (np.int16, np.int32, np.float32, np.float64):
        image = scan(mask, kind=kind)
        found, same = DrawnIntensityOffset(offset_hu=offset_hu).apply(image, mask)
        assert same is mask
        whole = np.issubdtype(kind, np.integer)
        wanted = values_of(image) + (kind(round(offset_hu)) if whole else kind(offset_hu))
        assert values_of(found).dtype == kind
        np.testing.assert_allclose(values_of(found), wanted, rtol=1e-6)
        if whole:
            np.testing.assert_array_equal(values_of(found), wanted)


def test_integers_do_not_overflow() -> None:
    mask = ball(5.0, SPACING)
    image = like(np.where(values_of(mask) != 0, 250, 3).astype(np.uint8), SPACING)
    up = values_of(DrawnIntensityOffset(offset_hu=40).apply(image, mask)[0])
    down = values_of(DrawnIntensityOffset(offset_hu=-40).apply(image, mask)[0])
    assert (up.max(), up.min()) == (255, 43)
    assert (down.max(), down.min()) == (210, 0)


def test_draws_and_ranges() -> None:
    gains = [
        ReconstructionKernel(min_gain=0.5, max_gain=2.0).draw(np.random.default_rng(k)).gain
        for k in range(400)
    ]
    assert 0.5 <= min(gains) < 0.52
    assert 1.95 < max(gains) <= 2.0
    assert abs(np.mean(np.log(gains))) < 0.06  # softer as often as sharper
    offsets = [
        IntensityOffset(min_hu=-10, max_hu=10).draw(np.random.default_rng(k)).offset_hu
        for k in range(200)
    ]
    assert 9.5 < np.abs(offsets).max() <= 10
    with pytest.raises(SettingsError, match="in this order"):
        ReconstructionKernel(min_gain=2.0, max_gain=0.5)
    with pytest.raises(SettingsError, match="in this order"):
        IntensityOffset(min_hu=2.0, max_hu=0.5)
    with pytest.raises(SettingsError, match="times_own"):
        ImageNoise(times_own=-1)


def test_same_seed_same_noise() -> None:
    mask = ball(8.0, SPACING)
    image = scan(mask)
    one, again = (DrawnNoise(seed=11).apply(image, mask)[0] for _ in range(2))
    other = DrawnNoise(seed=12).apply(image, mask)[0]
    assert bytes_of(one) == bytes_of(again)
    assert bytes_of(one) != bytes_of(other)
