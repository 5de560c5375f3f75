from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from tests.unit.imaging.register.phantoms import IDENTITY, ball, contracted, on_grid, scan
from tumor_response.imaging.register import (
    RegistrationSettings,
    register_deformably,
    reliability_map,
)
from tumor_response.imaging.register.deformable import log_jacobian

SETTINGS = RegistrationSettings(margin_mm=12)


@pytest.mark.parametrize("factor", [0.93, 1.07])
def test_the_log_jacobian_is_negative_where_tissue_shrank(factor: float) -> None:
    later = contracted(scan(noise_hu=0.0), factor)
    found = register_deformably(scan(), ball(14.0), later, IDENTITY, settings=SETTINGS)
    inside = found.log_jacobian[found.region.tumour]
    assert inside.mean() == pytest.approx(3 * np.log(factor), abs=0.05)
    assert found.similarity_after > found.similarity_before
    assert found.folding_percent == 0.0


def test_a_rigid_movement_is_no_deformation() -> None:
    later = scan(noise_seed=7)
    later.SetOrigin(np.add(later.GetOrigin(), (8.0, 0.0, -6.0)).tolist())
    move = sitk.TranslationTransform(3, (8.0, 0.0, -6.0))
    found = register_deformably(scan(), ball(14.0), later, move, settings=SETTINGS)
    assert np.abs(found.log_jacobian[found.region.tumour]).mean() < 0.07


def test_where_the_follow_up_shows_nothing_there_is_no_force() -> None:
    later = scan(noise_seed=7)[:, :, 15:]  # cut through the region below the tumour
    found = register_deformably(scan(), ball(14.0), later, IDENTITY, settings=SETTINGS)
    assert 0.0 < found.covered.mean() < 1.0
    vectors = np.abs(sitk.GetArrayFromImage(found.displacement)).max(axis=-1)
    assert vectors[~found.covered].mean() < 0.3
    assert np.abs(found.log_jacobian[found.region.tumour]).mean() < 0.07


def test_tissue_turned_inside_out_is_told() -> None:
    x = np.broadcast_to(np.arange(12.0), (12, 12, 12))
    vectors = np.zeros((12, 12, 12, 3))
    vectors[..., 0] = np.where((x >= 4) & (x < 8), -2.0 * (x - 4), 0.0)
    _, folds = log_jacobian(sitk.GetImageFromArray(vectors, isVector=True))
    assert folds[6, 6, 5:7].all()
    assert not folds[:, :, :3].any()


def test_threads_do_not_change_a_bit() -> None:
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    later, found = contracted(scan(noise_seed=7), 0.95), []
    try:
        for threads in (1, 4):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            deformed = register_deformably(scan(), ball(14.0), later, IDENTITY, settings=SETTINGS)
            found.append(deformed.log_jacobian.tobytes())
            assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == threads
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert found[0] == found[1]


def core_of(mask: np.ndarray) -> np.ndarray:
    return ndimage.distance_transform_edt(mask) * 2.0 > 6.0


def test_a_homogeneous_interior_is_not_identified_and_a_textured_one_is() -> None:
    settings = SETTINGS
    passed = {}
    for homogeneous in (True, False):
        image, mask = scan(radius_mm=18, homogeneous=homogeneous), ball(18.0)
        region = register_deformably(image, mask, image, IDENTITY, settings=settings).region
        reliable = reliability_map(image, region, settings)
        assert reliable.min() >= 0.0
        assert reliable.max() <= 1.0
        assert not reliable[~region.inside].any()
        passed[homogeneous] = float(
            (reliable[core_of(region.tumour)] >= settings.min_reliability).mean()
        )
    assert passed[True] < 0.05
    assert passed[False] > 0.5


def test_an_image_without_anything_is_reliable_nowhere() -> None:
    flat = on_grid(np.full((48, 48, 48), 40.0, dtype=np.float32))
    region = register_deformably(flat, ball(14.0), flat, IDENTITY, settings=SETTINGS).region
    assert reliability_map(flat, region, SETTINGS).max() < 0.05
