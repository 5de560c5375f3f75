import hypothesis
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from tests.unit.features.radiomics.ibsi.images import pair
from tumor_response.exceptions import FeatureError, GeometryError
from tumor_response.features.radiomics.ibsi.processing import interpolated, processed
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings


def settings(**changed):
    return IbsiSettings(**{"bin_size": 1, "round_intensities": False, **changed})


def test_both_grids_have_the_same_centre_and_the_new_one_covers_the_old():
    # 5 voxels of 1 mm are 3 of 2 mm: centres at 0, 2, 4 of the old grid, exactly on old centres
    values = np.arange(5.0)[:, None, None] ** 2 * np.ones((5, 1, 1))
    image, mask = pair(values, np.ones((5, 1, 1)))
    found = processed(image, mask, settings(spacing_mm=(2, 1, 1)), margin_mm=None)
    assert found.values.ravel().tolist() == [0.0, 4.0, 16.0]
    # 4 voxels are 2: centres at 0.5 and 2.5, halfway between old ones
    image, mask = pair(values[:4], np.ones((4, 1, 1)))
    found = processed(image, mask, settings(spacing_mm=(2, 1, 1)), margin_mm=None)
    assert found.values.ravel().tolist() == [0.5, 6.5]
    assert found.spacing_mm == (2.0, 1.0, 1.0)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_interpolation_agrees_with_scipy(kind):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(9, 12, 7))
    before, after = (3.0, 1.0, 1.7), (2.0, 1.3, 1.1)
    image, mask = pair(values, np.ones(values.shape), before)
    found = processed(
        image, mask, settings(spacing_mm=after, image_interpolation=kind), margin_mm=None
    )
    positions = []
    for n_old, n_new, old, new in zip(values.shape, found.values.shape, before, after, strict=True):
        assert n_new == np.ceil(n_old * old / new)
        positions.append((np.arange(n_new) - (n_new - 1) / 2) * new / old + (n_old - 1) / 2)
    # beyond the outermost centres the outermost value goes on
    clipped = [np.clip(p, 0, n - 1) for p, n in zip(positions, values.shape, strict=True)]
    grid = np.meshgrid(*clipped, indexing="ij")
    expected = map_coordinates(values, grid, order=3 if kind == "cubic" else 1, mode="mirror")
    np.testing.assert_allclose(found.values, expected, atol=1e-12)


@hypothesis.settings(max_examples=50)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["linear", "cubic"]),
    st.tuples(*[st.sampled_from([0.6, 1.0, 1.9, 3.0])] * 3),
    st.sampled_from([0.0, 1.0, 4.0]),
)
def test_what_is_cropped_away_changes_nothing(seed, kind, spacing_mm, margin_mm):
    rng = np.random.default_rng(seed)
    values = rng.integers(-1000, 1000, (20, 24, 22))
    mask = np.zeros(values.shape)
    first = rng.integers(0, 16, 3)
    mask[tuple(slice(a, a + int(n)) for a, n in zip(first, rng.integers(4, 7, 3), strict=True))] = 1
    image, region = pair(values, mask, (2.0, 0.9, 1.0))
    chosen = settings(
        spacing_mm=spacing_mm, image_interpolation=kind, mask_threshold=0.2, outlier_sigma=2.0
    )
    whole = processed(image, region, chosen, margin_mm=None)
    part = processed(image, region, chosen, margin_mm=margin_mm)
    assert part.values.size < whole.values.size
    np.testing.assert_allclose(part.intensities, whole.intensities, rtol=1e-9, atol=1e-9)
    inner, outer = part.without_margin(), whole.without_margin()
    assert np.array_equal(inner.morphological_mask, outer.morphological_mask)
    assert np.array_equal(inner.intensity_mask, outer.intensity_mask)


def test_the_margin_is_there():
    image, mask = pair(np.zeros((30, 30, 30)), np.zeros((30, 30, 30)), (2.0, 1.0, 1.0))
    mask[15, 15, 15] = 1
    found = processed(image, mask, settings(), margin_mm=6.2)
    assert found.values.shape == (2 * 4 + 1, 2 * 7 + 1, 2 * 7 + 1)
    finer = processed(image, mask, settings(spacing_mm=(1, 1, 1)), margin_mm=6.2)
    assert finer.values.shape[0] >= 2 * 7 + 1


def test_half_a_voxel_is_inside_and_half_a_unit_is_rounded_up():
    # two voxels of 1 mm make one of 2 mm: half of it is inside, its intensity ends on a half
    image, mask = pair([[[0.0, 1.0, -3.0, 0.0]]], [[[1, 0, 0, 1]]])
    found = processed(
        image, mask, settings(spacing_mm=(1, 1, 2), round_intensities=True), margin_mm=None
    )
    assert found.values.ravel().tolist() == [1.0, -1.0]
    assert found.morphological_mask.all()
    strict = settings(spacing_mm=(1, 1, 2), mask_threshold=0.51)
    with pytest.raises(FeatureError, match="Choose a finer spacing_mm") as caught:
        processed(image, mask, strict)
    assert caught.value.code == "mask_empty_after_interpolation"


def test_two_dimensions_leave_the_slices_where_they_are():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(4, 8, 8))
    image, mask = pair(values, np.ones(values.shape), (3.0, 1.0, 1.0))
    flat = settings(dimension="2d", spacing_mm=(2, 2))
    found = processed(image, mask, flat, margin_mm=None)
    assert found.spacing_mm == (3.0, 2.0, 2.0)
    for k in range(4):
        one = processed(*pair(values[k : k + 1], np.ones((1, 8, 8)), (3.0, 1.0, 1.0)), flat)
        assert np.array_equal(one.values[0], found.values[k])


def test_resegmentation_changes_the_intensity_mask_alone():
    values = np.array([[[-600.0, -500.0, 0.0, 400.0, 401.0, 50.0]]])
    image, mask = pair(values, [[[1, 1, 1, 1, 1, 0]]])
    found = processed(image, mask, settings(resegmentation_range=(-500, 400)))
    assert found.intensities.tolist() == [-500.0, 0.0, 400.0]
    assert found.morphological_mask.sum() == 5
    open_above = processed(image, mask, settings(resegmentation_range=(-500, None)))
    assert open_above.intensities.tolist() == [-500.0, 0.0, 400.0, 401.0]


def test_outliers_are_judged_by_the_whole_region_and_both_limits_hold():
    inside = np.array([0.0] * 20 + [10.0, 100.0, 1000.0])
    image, mask = pair(inside[None, None], np.ones((1, 1, 23)))
    found = processed(image, mask, settings(outlier_sigma=3))
    assert found.intensities.max() == 100.0
    # after the range alone, mean and deviation would be smaller and 100 an outlier
    both = processed(image, mask, settings(outlier_sigma=3, resegmentation_range=(0, 500)))
    assert both.intensities.max() == 100.0
    kept = inside[inside <= 500]
    assert kept.mean() + 3 * kept.std() < 100.0


def test_an_empty_region_is_refused_with_a_way_out():
    image, mask = pair(np.full((3, 3, 3), 7.0), np.ones((3, 3, 3)))
    with pytest.raises(FeatureError, match=r"7 to 7.*Widen resegmentation_range") as caught:
        processed(image, mask, settings(resegmentation_range=(100, 200)))
    assert caught.value.code == "region_empty_after_resegmentation"
    with pytest.raises(FeatureError, match="Check the contour") as caught:
        processed(image, mask * 0, settings())
    assert caught.value.code == "mask_empty"


def test_another_grid_is_refused():
    image, mask = pair(np.zeros((3, 3, 3)), np.ones((3, 3, 3)))
    mask.SetOrigin((1.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match="resample the mask"):
        interpolated(image, mask, settings())


def test_one_voxel_and_one_slice_can_be_interpolated():
    for shape in ((1, 1, 1), (1, 5, 5)):
        image, mask = pair(np.ones(shape), np.ones(shape))
        for kind in ("linear", "cubic"):
            chosen = settings(spacing_mm=(0.5, 0.5, 0.5), image_interpolation=kind)
            found = processed(image, mask, chosen)
            np.testing.assert_allclose(found.intensities, 1.0)
            assert found.morphological_mask.all()
            assert found.values.shape == tuple(2 * n for n in shape)


def test_whole_numbers_of_any_type_are_taken():
    image, mask = pair(np.arange(27).reshape(3, 3, 3), np.ones((3, 3, 3)))
    for kind in (sitk.sitkInt16, sitk.sitkUInt8, sitk.sitkFloat32):
        found = processed(sitk.Cast(image, kind), mask, settings())
        assert found.values.dtype == np.float64
        assert found.intensities.tolist() == list(range(27))
