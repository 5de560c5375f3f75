from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from tests.unit import cases
from tumor_response.exceptions import GeometryError
from tumor_response.imaging import (
    GRID_TOLERANCE_MM,
    Geometry,
    adopt_grid,
    bounding_box,
    resample_mask,
    touches_border,
    volume_cc,
)


def shifted(by_mm: float) -> sitk.Image:
    mask = cases.mask()
    mask.SetOrigin([mask.GetOrigin()[0] + by_mm, *mask.GetOrigin()[1:]])
    return mask


def test_header_rounding_is_the_same_grid_and_the_mask_takes_the_images_header() -> None:
    image = cases.image()
    mask = shifted(1e-3)
    adopted = adopt_grid(mask, Geometry.of(image), "the mask")
    assert adopted.GetOrigin() == image.GetOrigin()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(adopted), sitk.GetArrayFromImage(mask))


@pytest.mark.parametrize("by_mm", [0.06, 1.5, -3.0])
def test_shift_is_named_with_its_distance(by_mm: float) -> None:
    with pytest.raises(GeometryError, match="origin") as caught:
        adopt_grid(shifted(by_mm), Geometry.of(cases.image()), "Case 'P1': the mask")
    assert f"up to {abs(by_mm):.3g} mm apart" in str(caught.value)
    assert str(caught.value).startswith("Case 'P1': the mask does not lie on the image's grid")
    assert caught.value.code == "geometry_mismatch"


def test_small_spacing_difference_that_adds_up_is_found() -> None:
    image, mask = cases.image(), cases.mask()
    mask.SetSpacing((1.5 * 1.002, 1.5, 3.0))  # 0.003 mm per voxel, 0.07 mm over the image
    [spacing, distance] = Geometry.of(image).differences(Geometry.of(mask))
    assert "spacing" in spacing
    assert "0.069 mm" in distance


def test_flipped_direction_is_found() -> None:
    mask = cases.mask()
    mask.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    found = Geometry.of(cases.image()).differences(Geometry.of(mask))
    assert any("direction" in part for part in found)


def test_other_size_is_named() -> None:
    [found] = Geometry.of(cases.image()).differences(Geometry.of(cases.mask(size=(24, 22, 11))))
    assert found == "size (24, 22, 11) differs from (24, 22, 12)"


def test_corners_are_where_simpleitk_puts_them() -> None:
    image = cases.image()
    image.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))
    last = [n - 1 for n in cases.SIZE]
    expected = image.TransformIndexToPhysicalPoint(last)
    np.testing.assert_allclose(Geometry.of(image).corners_mm()[-1], expected, atol=1e-9)


def test_tolerance_is_below_contour_accuracy() -> None:
    assert 0 < GRID_TOLERANCE_MM <= 0.1


def test_volume_of_a_ball_counts_its_voxels() -> None:
    mask = cases.mask(9.0)
    n = int(sitk.GetArrayFromImage(mask).sum())
    assert volume_cc(mask) == pytest.approx(n * 1.5 * 1.5 * 3.0 / 1000)
    # the analytic ball, within what 1.5 x 1.5 x 3 mm voxels can do
    assert volume_cc(mask) == pytest.approx(4 / 3 * np.pi * 0.9**3, rel=0.05)


def test_bounding_box_and_border() -> None:
    mask = cases.empty_mask()
    assert bounding_box(mask) is None
    assert not touches_border(mask)
    mask[3, 4, 5] = 1
    mask[7, 4, 6] = 1
    assert bounding_box(mask) == ((3, 7), (4, 4), (5, 6))
    assert not touches_border(mask)
    mask[7, 4, 11] = 1
    assert touches_border(mask)


def test_resampled_mask_lies_on_the_reference_and_keeps_its_place() -> None:
    mask = cases.mask()
    reference = sitk.Image(60, 60, 60, sitk.sitkInt16)
    reference.SetOrigin((-22.0, 3.0, 98.0))
    moved = resample_mask(mask, reference)
    assert Geometry.of(moved) == Geometry.of(reference)
    assert volume_cc(moved) == pytest.approx(volume_cc(mask), rel=0.02)
