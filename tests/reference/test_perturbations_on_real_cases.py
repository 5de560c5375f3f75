"""Perturbations on real CTs: a lung tumour, a sarcoma, a head and neck."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from tumor_response.imaging import bounding_box, volume_cc
from tumor_response.imaging.noise import soft_tissue_noise_hu
from tumor_response.imaging.perturb import (
    DrawnContourOffset,
    DrawnContourVariation,
    DrawnNoise,
    DrawnTranslation,
    standard_perturbations,
)
from tumor_response.imaging.perturb.window import depth_around
from tumor_response.imaging.random_field import COARSE_NOISE_SD, coarse_noise
from tumor_response.imaging.register.surface import Surface

pytestmark = pytest.mark.needs("data")

CASES = {
    "lung2": ("pyradiomics/lung2_image.nrrd", "pyradiomics/lung2_label.nrrd"),
    "sts_008": ("sts/nifti/STS_008/CT_image.nii.gz", "sts/nifti/STS_008/CT_mask.nii.gz"),
    "kbp_204": ("open_kbp/pt_204/CT.nii.gz", "open_kbp/pt_204/PTV70.nii.gz"),
}


@pytest.fixture(scope="module", params=CASES)
def case(request, shared_data: Path) -> tuple[sitk.Image, sitk.Image]:
    """The tumour and 30 mm around it: what is tested here is not the reading of whole CTs."""
    image, mask = (sitk.ReadImage(str(shared_data / path)) for path in CASES[request.param])
    inside = sitk.Cast(mask != 0, sitk.sitkUInt8)
    inside.CopyInformation(image)
    box = zip(bounding_box(inside), image.GetSize(), image.GetSpacing(), strict=True)
    cut = tuple(
        slice(max(0, first - round(30 / step)), min(n, last + 1 + round(30 / step)))
        for (first, last), n, step in box
    )
    return image[cut], inside[cut]


def test_every_standard_perturbation_leaves_a_tumour_like_the_first(case) -> None:
    image, mask = case
    before = sitk.GetArrayViewFromImage(image)[sitk.GetArrayViewFromImage(mask) != 0]
    for name, rule in standard_perturbations(observer_sd_mm=1.5).items():
        drawn = rule.draw(np.random.default_rng(4))
        new_image, new_mask = drawn.apply(image, mask)
        assert (new_image is image) == (not drawn.touches_image), name
        assert new_image.GetPixelID() == image.GetPixelID()
        after = sitk.GetArrayViewFromImage(new_image)[sitk.GetArrayViewFromImage(new_mask) != 0]
        assert 0.6 < volume_cc(new_mask) / volume_cc(mask) < 1.4, name
        assert abs(np.median(after) - np.median(before)) < 25, name


def test_contours_are_as_far_off_as_drawn(case) -> None:
    """Distance between surfaces, which another module measures, against the field at the points.

    That the field has the stated standard deviation is tested on balls.
    """
    _, mask = case
    surface, sd_mm, smooth_mm = Surface.of(mask), 2.0, 15.0
    window, depth = depth_around(mask, 3 * sd_mm)
    spacing = np.array(mask.GetSpacing())
    at = ((surface.points_mm - np.array(mask.GetOrigin())) / spacing)[:, ::-1] - window.start
    found, wanted = 0.0, 0.0
    for seed in range(2):
        drawn = DrawnContourVariation(observer_sd_mm=sd_mm, smooth_over_mm=smooth_mm, seed=seed)
        moved = Surface.of(drawn.apply(mask, mask)[1]).depth_mm(surface.points_mm)
        rng = np.random.default_rng(seed)
        field = coarse_noise(rng, depth.shape, smooth_mm, mask.GetSpacing()[::-1])
        displaced = sd_mm / COARSE_NOISE_SD * ndimage.map_coordinates(field, at.T, order=1)
        found += np.average(np.abs(moved), weights=surface.area_mm2)
        wanted += np.average(np.abs(displaced), weights=surface.area_mm2)
    assert found == pytest.approx(wanted, rel=0.08)


def test_growth_is_a_layer_of_the_surface(case) -> None:
    """To first order the volume changes by surface times distance, both ways."""
    _, mask = case
    offset_mm = max(2.0, mask.GetSpacing()[0])
    grown, shrunk = (
        volume_cc(DrawnContourOffset(offset_mm=offset).apply(mask, mask)[1])
        for offset in (offset_mm, -offset_mm)
    )
    layer = 2 * offset_mm * Surface.of(mask).area_mm2.sum() / 1000
    assert grown - shrunk == pytest.approx(layer, rel=0.2)


def test_noise_of_its_own_size_doubles_the_variance_between_neighbours(case) -> None:
    image, mask = case
    own = soft_tissue_noise_hu(image, mask)
    noisy, _ = DrawnNoise(seed=2).apply(image, mask)
    added = sitk.GetArrayFromImage(noisy).astype(float) - sitk.GetArrayFromImage(image)
    assert added.std() == pytest.approx(own, rel=0.03)


def test_there_and_back_by_whole_voxels_is_where_it_was(case) -> None:
    image, mask = case
    step = image.GetSpacing()
    there = tuple(2.0 * s for s in step)
    moved = DrawnTranslation(shift_mm=there, reach_mm=None).apply(image, mask)
    back = DrawnTranslation(shift_mm=tuple(-s for s in there), reach_mm=None).apply(*moved)
    old, new = (sitk.GetArrayViewFromImage(one) for one in (mask, back[1]))
    inner = (slice(2, -2),) * 3
    np.testing.assert_array_equal(old[inner], new[inner])
    old, new = (sitk.GetArrayViewFromImage(one) for one in (image, back[0]))
    np.testing.assert_array_equal(old[inner], new[inner])
