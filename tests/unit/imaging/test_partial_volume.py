from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from tests.unit.imaging.bodies import BODIES, Body, ellipsoid, image_of, render
from tumor_response.exceptions import CaseError, GeometryError
from tumor_response.imaging import volume_cc
from tumor_response.imaging.partial_volume import PartialVolume, partial_volume_cc

SPACINGS = ((2.0, 2.0, 2.0), (3.0, 3.0, 3.0), (1.0, 1.0, 3.0))
BALL = ellipsoid(14, 14, 14)


def hu_of(share: np.ndarray, tumour: float = 40.0, other: float | np.ndarray = -20.0) -> np.ndarray:
    return np.asarray(tumour * share + other * (1 - share))


def measured(hu: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...]) -> PartialVolume:
    return partial_volume_cc(image_of(hu, spacing), image_of(mask, spacing))


def errors_percent(
    body: Body, spacing: tuple[float, ...], noise: float = 0.0, above: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Of counting and of the partial-volume-aware volume, over four positions."""
    rows = []
    for seed in range(4):
        share, mask = render(body, spacing, seed)
        drawn = mask if above is None else share > above
        hu = hu_of(share) + np.random.default_rng(seed).normal(0, noise, share.shape)
        found = measured(hu, drawn, spacing)
        rows.append((volume_cc(image_of(drawn, spacing)), found.volume_cc))
    counted, aware = 100 * (np.array(rows).T / body.true_cc - 1)
    return counted, aware


@pytest.mark.parametrize("spacing", SPACINGS)
def test_noise_free_bodies_are_recovered(spacing: tuple[float, ...]) -> None:
    counted, aware = errors_percent(BALL, spacing)
    assert np.abs(aware).max() < 0.2
    assert np.abs(aware).mean() < np.abs(counted).mean() / 3


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_generous_contour_is_put_right(name: str) -> None:
    """Every voxel that is a tenth tumour drawn in: a fifth too much, of which nothing stays."""
    counted, aware = errors_percent(BODIES[name], (1.0, 1.0, 1.0), above=0.1)
    assert counted.min() > 10
    assert np.abs(aware).max() < 0.2


def test_noise_leaves_no_bias() -> None:
    counted, aware = errors_percent(BALL, (2.0, 2.0, 2.0), noise=15)
    assert abs(aware.mean()) < 1
    assert np.abs(aware - counted).max() < 4


def test_without_contrast_it_counts_and_says_so() -> None:
    share, mask = render(BALL, (2.0, 2.0, 2.0), 0)
    for noise in (0.0, 15.0):
        hu = hu_of(share, other=40.0) + np.random.default_rng(1).normal(0, noise, share.shape)
        found = measured(hu, mask, (2.0, 2.0, 2.0))
        assert found.share_by_intensity == 0
        assert found.volume_cc == volume_cc(image_of(mask, (2.0, 2.0, 2.0)))


def test_weak_contrast_counts() -> None:
    """Contrast at the noise's own SD: below three times the spread."""
    share, mask = render(BALL, (2.0, 2.0, 2.0), 0)
    hu = hu_of(share, other=25.0) + np.random.default_rng(1).normal(0, 15, share.shape)
    found = measured(hu, mask, (2.0, 2.0, 2.0))
    assert found.share_by_intensity < 0.01
    assert found.volume_cc == pytest.approx(volume_cc(image_of(mask, (2.0, 2.0, 2.0))), rel=0.005)


@pytest.mark.parametrize("other_hu", [-1000.0, 700.0])
def test_air_or_bone_on_one_side_does_not_spoil_it(other_hu: float) -> None:
    for seed in range(3):
        share, mask = render(BALL, (1.0, 1.0, 1.0), seed)
        other = np.full(share.shape, -20.0)
        other[share.shape[0] // 2 + 4 :] = other_hu
        found = measured(hu_of(share, other=other), mask, (1.0, 1.0, 1.0))
        assert found.volume_cc == pytest.approx(BALL.true_cc, rel=0.01)
        assert found.share_by_intensity > 0.7


def test_lesions_without_safe_interior_are_counted() -> None:
    mask = np.zeros((12, 12, 12), dtype=bool)
    mask[5:7, 5:7, 5:7] = True
    found = measured(hu_of(mask.astype(float)), mask, (1.0, 1.0, 1.0))
    assert found == PartialVolume(0.008, 0.0)


def test_scale_of_intensities_and_spacing_do_not_matter() -> None:
    share, mask = render(BALL, (2.0, 2.0, 2.0), 3)
    one = measured(hu_of(share), mask, (2.0, 2.0, 2.0))
    bright = measured(5 - 3 * hu_of(share), mask, (2.0, 2.0, 2.0))
    assert bright.volume_cc == pytest.approx(one.volume_cc, rel=1e-12)
    doubled = measured(hu_of(share), mask, (4.0, 2.0, 2.0))
    assert doubled.volume_cc == pytest.approx(2 * one.volume_cc, rel=1e-12)


def test_at_the_border_of_the_image() -> None:
    share, mask = render(BALL, (2.0, 2.0, 2.0), 3)
    half = slice(share.shape[0] // 2, None)
    whole = measured(hu_of(share), mask, (2.0, 2.0, 2.0))
    cut = measured(hu_of(share)[half], mask[half], (2.0, 2.0, 2.0))
    assert cut.share_by_intensity == pytest.approx(1, abs=0.02)
    assert cut.volume_cc == pytest.approx(whole.volume_cc / 2, rel=0.1)


def test_whole_image_inside_is_counted() -> None:
    mask = np.ones((6, 6, 6), dtype=bool)
    assert measured(np.zeros(mask.shape), mask, (1.0, 1.0, 1.0)).volume_cc == pytest.approx(0.216)


def test_errors_name_what_is_wrong() -> None:
    image, mask = image_of(np.zeros((6, 6, 6))), image_of(np.zeros((6, 6, 6), dtype=bool))
    with pytest.raises(CaseError, match="no voxel") as empty:
        partial_volume_cc(image, mask)
    assert empty.value.code == "mask_empty"
    with pytest.raises(GeometryError, match="size") as other_size:
        partial_volume_cc(image, sitk.Image(5, 6, 6, sitk.sitkUInt8))
    assert other_size.value.code == "geometry_mismatch"
    mask[3, 3, 3] = 1
    image[2, 2, 2] = float("nan")
    with pytest.raises(CaseError, match="NaN") as nan:
        partial_volume_cc(image, mask)
    assert nan.value.code == "non_finite_voxels"
