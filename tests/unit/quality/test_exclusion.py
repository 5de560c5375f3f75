from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from tests.unit.quality import faults
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging import Geometry
from tumor_response.quality import ExclusionRule


def test_only_voxels_within_the_range_stay_bounds_included() -> None:
    scan = faults.clean()
    scan.hu[12, 28, 30:34] = [-151, -150, 200, 201]
    image, mask = scan.images()
    kept, share = ExclusionRule(hu_range=(-150, 200)).apply(image, mask)
    expected = scan.mask & (scan.hu >= -150) & (scan.hu <= 200)
    assert scan.mask[12, 28, 30:34].all()
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(kept), expected)
    assert share == pytest.approx(1 - expected.sum() / scan.mask.sum())
    assert Geometry.of(kept) == Geometry.of(mask)
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(mask), scan.mask)  # as drawn


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_slices_with_metal_go_whole(order: list[int]) -> None:
    scan = faults.clean()
    faults.metal(scan)  # in slices 12 and 13
    expected = scan.mask.copy()
    expected[12:14] = False
    image, mask = (sitk.PermuteAxes(one, order) for one in scan.images())
    kept, share = ExclusionRule(artefact_slices=True).apply(image, mask)
    back = sitk.PermuteAxes(kept, [order.index(k) for k in range(3)])
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(back), expected)
    assert share == pytest.approx(1 - expected.sum() / scan.mask.sum())


def test_nothing_is_removed_where_nothing_is_to_be_removed() -> None:
    image, mask = faults.clean().images()
    rule = ExclusionRule(hu_range=(-1024, 3071), artefact_slices=True)
    kept, share = rule.apply(image, mask)
    assert share == 0.0
    np.testing.assert_array_equal(
        sitk.GetArrayViewFromImage(kept), sitk.GetArrayViewFromImage(mask)
    )


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(CaseError, match="takes away all") as caught:
        ExclusionRule(hu_range=(1000, 2000)).apply(*faults.clean().images())
    assert caught.value.code == "all_voxels_excluded"


def test_a_rule_that_excludes_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match="excludes nothing"):
        ExclusionRule()
    with pytest.raises(SettingsError, match="lowest <= highest"):
        ExclusionRule(hu_range=(10, -10))
