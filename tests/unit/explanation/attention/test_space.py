"""Maps of views on the CT's grid: landmarks, several views, gaps between slices, real CTs."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.conftest import data_directory
from tests.unit import cases
from tests.unit.explanation.attention.synthetic import (
    REAL_CASES,
    landmark_errors_voxels,
    looked,
    near_tumour,
)
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.space import placed_in_patient, to_patient_space
from tumor_response.features.deep.views import AugmentationDraw, cut_views
from tumor_response.imaging import Geometry, read_image, read_mask


def test_several_views_through_a_voxel_give_their_weighted_mean() -> None:
    image, mask = cases.image(), cases.mask()
    views = cut_views(image, mask, tr.ViewSettings(slices="orthogonal", margin_mm=3), 32)
    maps = np.stack([np.full((32, 32), value, np.float32) for value in (1.0, 2.0, 6.0)])
    weights = np.array([0.5, 0.3, 0.2])
    found, coverage = to_patient_space(looked(views, maps, weights), image)
    values = sitk.GetArrayFromImage(found)
    assert set(np.unique(sitk.GetArrayFromImage(coverage))) == {0, 1}
    expected = {0.0, 1.0, 2.0, 6.0, 1.7, 0.5 * 1 + 0.3 * 2 + 0.2 * 6}
    expected |= {(0.5 * 1 + 0.3 * 2) / 0.8, (0.5 * 1 + 0.2 * 6) / 0.7, (0.3 * 2 + 0.2 * 6) / 0.5}
    there = np.unique(values)
    assert all(min(abs(value - e) for e in expected) < 1e-6 for value in there)
    assert np.isclose(values, 0.5 + 0.6 + 1.2, atol=1e-6).sum() == 1  # where all three cross


def test_a_voxel_takes_the_mean_of_the_pixels_on_its_face() -> None:
    """Held against a plain loop over the pixels' middles, with pixels aligned to voxels."""
    image = sitk.Image(20, 20, 3, sitk.sitkInt16)
    image.SetSpacing((2.0, 2.0, 4.0))
    mask = sitk.Image(20, 20, 3, sitk.sitkUInt8)
    mask.CopyInformation(image)
    mask[8:12, 8:12, 1:2] = 1
    image[9, 9, 1] = 100
    settings = tr.ViewSettings(field_of_view_mm=16)
    views = cut_views(image, mask, settings, 64)  # 8 pixels along each voxel
    rng = np.random.default_rng(0)
    maps = rng.normal(size=views.tumour.shape).astype(np.float32)
    box = placed_in_patient(looked(views, maps), Geometry.of(image))
    assert (box.start, box.values.shape) == ((6, 6, 1), (1, 8, 8))
    by_hand = maps[0].reshape(8, 8, 8, 8).mean(axis=(1, 3))
    assert np.abs(box.values[0] - by_hand).max() < 1e-6


def test_nothing_is_said_between_slices_unless_asked_for() -> None:
    image, mask = cases.image(), cases.mask(14.0)
    settings = tr.ViewSettings(n_slices=3, margin_mm=2)
    views = cut_views(image, mask, settings, 32)
    heights = np.array([grid.middle_mm[2] for grid in views.grids])
    maps = np.broadcast_to(heights[:, None, None], views.tumour.shape).astype(np.float32)
    slices = np.round((heights - 100) / 3).astype(int)
    assert slices[1] - slices[0] > 1

    def profile(between: str) -> tuple[np.ndarray, np.ndarray]:
        found, coverage = to_patient_space(looked(views, maps), image, between=between)
        column = [image.TransformPhysicalPointToIndex((-3.0, 21.0, 100 + 3 * k)) for k in range(12)]
        return np.array([found[i] for i in column]), np.array([coverage[i] for i in column])

    alone, seen = profile("nothing")
    assert np.flatnonzero(seen).tolist() == slices.tolist()
    assert np.allclose(alone[slices], heights)
    assert not np.delete(alone, slices).any()
    filled, covered = profile("linear")
    inside = np.arange(slices[0], slices[-1] + 1)
    assert np.allclose(filled[inside], 100 + 3.0 * inside)  # a ramp stays a ramp
    assert not np.delete(filled, inside).any()  # nothing beyond the outermost shown slices
    assert np.flatnonzero(covered == 1).tolist() == slices.tolist()
    assert (covered[inside] > 0).all()


def test_other_planes_are_no_neighbours_to_interpolate_between() -> None:
    image, mask = cases.image(), cases.mask()
    views = cut_views(image, mask, tr.ViewSettings(slices="orthogonal", margin_mm=3), 32)
    one = to_patient_space(looked(views, views.tumour), image)
    other = to_patient_space(looked(views, views.tumour), image, between="linear")
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(sitk.GetArrayViewFromImage(a), sitk.GetArrayViewFromImage(b))


def test_an_image_elsewhere_and_an_unknown_word_are_refused() -> None:
    image, mask = cases.image(), cases.mask()
    views = cut_views(image, mask, tr.ViewSettings(), 16)
    away = sitk.Image(image)
    away.SetOrigin((900.0, 5.0, 100.0))
    with pytest.raises(ExplanationError, match="cut from") as raised:
        to_patient_space(looked(views, views.tumour), away)
    assert raised.value.code == "map_grid"
    with pytest.raises(ExplanationError, match="between='cubic'") as raised:
        to_patient_space(looked(views, views.tumour), image, between="cubic")
    assert raised.value.code == "settings"


@pytest.mark.needs("data")
@pytest.mark.parametrize("number", range(len(REAL_CASES)))
def test_landmarks_come_back_to_their_voxel_on_real_cts(number: int) -> None:
    """On every CT's own grid and contour, views moved about, axial and orthogonal by turns."""
    name = list(REAL_CASES)[number]
    (mask,) = near_tumour(read_mask(data_directory() / REAL_CASES[name][1]))
    settings = (
        tr.ViewSettings(n_slices=3, window_hu=(0, 1000)),
        tr.ViewSettings(slices="orthogonal", window_hu=(0, 1000)),
    )[number % 2]
    draw = AugmentationDraw(
        rotation_degrees=17, shift_mm=(4, -3), flip_columns=True, flip_rows=True
    )
    errors = landmark_errors_voxels(mask, settings, draw, np.random.default_rng(number))
    assert errors.max() < 0.2, (name, errors)


@pytest.mark.needs("data")
@pytest.mark.parametrize("name", ["STS_001", "pt_201", "lung2"])
def test_what_was_seen_lies_on_the_real_ct_itself(name: str) -> None:
    """The views' own pixels put back are the windowed CT, best without any shift."""
    image_file, mask_file = (data_directory() / part for part in REAL_CASES[name])
    mask, image = near_tumour(read_mask(mask_file), read_image(image_file))
    draw = AugmentationDraw(rotation_degrees=9, flip_columns=True)
    views = cut_views(image, mask, tr.ViewSettings(n_slices=3), 224, draw)
    box = placed_in_patient(looked(views, views.pixels[:, 0]), Geometry.of(image))
    shown = np.clip((sitk.GetArrayFromImage(box.of(image)) + 160.0) / 400.0, 0, 1)
    inside = box.coverage == 1
    for axis in range(3):  # a step of one voxel along any axis fits worse
        stay = np.corrcoef(box.values[inside], shown[inside])[0, 1]
        for step in (-1, 1):
            moved = np.roll(shown, step, axis)
            assert np.corrcoef(box.values[inside], moved[inside])[0, 1] < stay
    assert stay > 0.97
