"""Control images keep what they say they keep, and nothing of the rest."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from tests.unit import cases
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging import Alteration, AlterationRule
from tumor_response.imaging.control_images import ContextOnly, MatchedNoise, VoxelShuffle

RULES = [VoxelShuffle(), MatchedNoise(), ContextOnly()]


def _voxels(image):
    return sitk.GetArrayFromImage(image)


def _altered(rule, image, mask, seed=0):
    altered, same = rule.draw(np.random.default_rng(seed)).apply(image, mask)
    assert same is mask
    return _voxels(altered)


@pytest.fixture
def image():
    return cases.image()


@pytest.fixture
def mask():
    return cases.mask()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule)
def test_they_are_rules_whose_draws_are_told_and_change_nothing_they_are_given(rule, image, mask):
    before = _voxels(image)
    drawn = rule.draw(np.random.default_rng(5))
    altered, _ = drawn.apply(image, mask)
    assert isinstance(rule, AlterationRule)
    assert isinstance(drawn, Alteration)
    assert json.loads(json.dumps(drawn.record())) == {**rule.identity(), "seed": drawn.seed}
    assert (_voxels(image) == before).all()
    assert altered.GetPixelID() == image.GetPixelID()
    assert altered.GetOrigin() == image.GetOrigin()
    assert altered.GetSpacing() == image.GetSpacing()
    again, _ = rule.draw(np.random.default_rng(5)).apply(image, mask)
    assert (_voxels(again) == _voxels(altered)).all()


def test_the_shuffle_keeps_the_histogram_to_the_voxel_and_everything_outside(image, mask):
    inside = _voxels(mask) == 1
    before, after = _voxels(image), _altered(VoxelShuffle(), image, mask)
    assert np.array_equal(np.sort(before[inside]), np.sort(after[inside]))
    assert (before[~inside] == after[~inside]).all()
    assert abs(np.corrcoef(before[inside], after[inside])[0, 1]) < 0.15
    assert (after != _altered(VoxelShuffle(), image, mask, seed=1)).any()


def test_the_shuffle_takes_texture_away(mask):
    z, y, x = np.meshgrid(*[np.arange(n) for n in cases.SIZE[::-1]], indexing="ij")
    ramp = cases._on_grid((10 * x + y + z).astype(np.int16))
    inside = _voxels(mask) == 1
    rough = [
        np.abs(np.diff(v, axis=2))[inside[:, :, 1:] & inside[:, :, :-1]].mean()
        for v in (_voxels(ramp), _altered(VoxelShuffle(), ramp, mask))
    ]
    assert rough[0] == 10
    # neighbours differ as any two voxels of the tumour do
    values = _voxels(ramp)[inside].astype(float)
    assert rough[1] == pytest.approx(np.abs(values[:, None] - values).mean(), rel=0.15)


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_noise_has_the_mean_and_sd_of_either_side(mask, kind):
    inside = _voxels(mask) == 1
    voxels = np.where(inside, 60, -30) + np.random.default_rng(0).normal(0, 1, inside.shape) * (
        np.where(inside, 25, 12)
    )
    before = voxels.astype(kind)
    after = _altered(MatchedNoise(rim_mm=6), cases._on_grid(before), mask)
    assert abs(np.corrcoef(before[inside], after[inside])[0, 1]) < 0.15
    assert after[inside].mean() == pytest.approx(before[inside].mean(), abs=0.05)
    assert after[inside].std() == pytest.approx(before[inside].std(), rel=0.01)
    near = _distance_mm(inside) <= 6 + 1e-9
    rim = near & ~inside
    assert after[~inside].mean() == pytest.approx(before[rim].mean(), abs=0.05)
    assert after[~inside].std() == pytest.approx(before[rim].std(), rel=0.01)


def test_noise_of_given_levels_knows_nothing_of_the_image(mask):
    rule = MatchedNoise(tumour=(40, 10), surroundings=(0, 10))
    made = [_altered(rule, cases.image(seed), mask) for seed in (0, 1)]
    assert (made[0] == made[1]).all()


def test_the_context_has_no_tumour_voxel_and_the_nearest_value_instead(mask):
    rng = np.random.default_rng(0)
    inside = _voxels(mask) == 1
    # every voxel a number of its own, those of the tumour above all others
    numbers = rng.permutation(inside.size).reshape(inside.shape).astype(np.int32)
    voxels = np.where(inside, numbers + 100_000, numbers)
    after = _altered(ContextOnly(margin_mm=2), cases._on_grid(voxels), mask)
    assert after.max() < 100_000
    gone = _distance_mm(inside) <= 2
    assert gone.sum() > inside.sum()
    assert (after[~gone] == voxels[~gone]).all()
    # by brute force: the value is that of a voxel outside, and none is nearer
    step = np.array(cases.SPACING[::-1])
    outside = np.argwhere(~gone) * step
    where = dict(zip(voxels[~gone], outside, strict=True))
    for place in np.argwhere(gone)[::17]:
        nearest = np.sqrt(((outside - place * step) ** 2).sum(axis=1)).min()
        taken = np.sqrt(((where[after[tuple(place)]] - place * step) ** 2).sum())
        assert taken == pytest.approx(nearest)


def test_without_a_margin_the_contour_alone_is_taken_out(image, mask):
    after = _altered(ContextOnly(margin_mm=0), image, mask)
    outside = _voxels(mask) == 0
    assert (after[outside] == _voxels(image)[outside]).all()


@pytest.mark.parametrize("rule", [VoxelShuffle(), MatchedNoise()], ids=lambda rule: rule.rule)
def test_one_voxel_has_nothing_to_exchange_and_no_spread(rule, image):
    one = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    one.CopyInformation(image)
    one[3, 3, 3] = 1
    with pytest.raises(CaseError) as told:
        _altered(rule, image, one)
    assert told.value.code == "too_few_voxels"


def test_a_tumour_that_fills_the_image_has_no_surroundings(image):
    full = sitk.Image(image.GetSize(), sitk.sitkUInt8) + 1
    full.CopyInformation(image)
    with pytest.raises(CaseError) as told:
        _altered(ContextOnly(), image, full)
    assert told.value.code == "no_surroundings"
    assert _altered(MatchedNoise(), image, full).shape == _voxels(image).shape


def test_settings_are_checked():
    with pytest.raises(SettingsError, match="surroundigs"):
        MatchedNoise(surroundigs=(0, 1))
    with pytest.raises(SettingsError):
        MatchedNoise(tumour=(0, -1))
    with pytest.raises(SettingsError):
        ContextOnly(margin_mm=-1)


def _distance_mm(inside):
    """By brute force: from every voxel to the nearest of the contour."""
    step = np.array(cases.SPACING[::-1])
    places = np.argwhere(np.ones_like(inside)) * step
    of_contour = np.argwhere(inside) * step
    square = ((places**2).sum(1)[:, None] + (of_contour**2).sum(1) - 2 * places @ of_contour.T).min(
        axis=1
    )
    return np.sqrt(np.maximum(square, 0)).reshape(inside.shape)
