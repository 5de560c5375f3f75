from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from tests.unit.quality import faults
from tumor_response.quality.alignment import align, gap_mm, overlap


def moved(image: sitk.Image, by: tuple[float, float, float]) -> sitk.Image:
    result = sitk.Image(image)
    result.SetOrigin(tuple(np.add(image.GetOrigin(), by)))
    return result


@pytest.mark.parametrize("by", [(0.0, 0.0, 0.0), (37.0, -55.5, 1200.0), (-3.0, 4.0, -8.0)])
def test_a_moved_and_cropped_scan_is_brought_back(by: tuple[float, float, float]) -> None:
    image = faults.on_grid(faults.voxels(0))
    later = sitk.Crop(moved(faults.on_grid(faults.voxels(1, 11.0)), by), [6, 3, 2], [2, 8, 3])
    found = align(image, later)
    assert np.add(found.translation_mm, by) == pytest.approx(np.zeros(3), abs=1.5)
    assert found.correlation > 0.7


def test_axes_of_the_file_do_not_matter() -> None:
    image = faults.on_grid(faults.voxels(0))
    later = sitk.Flip(sitk.PermuteAxes(moved(image, (10.0, 0.0, -50.0)), [1, 2, 0]), [True] * 3)
    assert align(image, later).translation_mm == pytest.approx((-10.0, 0.0, 50.0), abs=0.5)


def test_scans_without_anything_in_common_do_not_correlate() -> None:
    rng = np.random.default_rng(0)
    other = rng.choice([-150, 100], size=(8, 16, 16)).repeat(3, 0).repeat(4, 1).repeat(4, 2)
    found = align(faults.on_grid(faults.voxels(0)), faults.on_grid(other.astype(np.int16)))
    assert found.correlation < 0.35


def test_empty_images_are_no_error() -> None:
    air = sitk.Image(20, 20, 10, sitk.sitkInt16) - 1000
    assert align(air, air).correlation <= 0


def test_overlap_and_gap_of_boxes() -> None:
    one = sitk.Image(20, 20, 20, sitk.sitkUInt8)
    one[2:6, 2:6, 2:6] = 1
    other = sitk.Image(20, 20, 20, sitk.sitkUInt8)
    other[4:14, 2:6, 2:6] = 1  # holds half of the smaller one
    assert overlap(one, other, (0.0, 0.0, 0.0)) == 0.5
    assert overlap(other, one, (0.0, 0.0, 0.0)) == 0.5
    assert overlap(one, other, (10.0, 0.0, 0.0)) == 0.0
    assert gap_mm(one, other, (10.0, 0.0, 0.0)) == 9.0  # from voxel centre 5 to 14
