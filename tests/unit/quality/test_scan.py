"""Every check of one scan: a planted fault that it finds, a clean scan that it passes."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from tests.unit.quality import faults
from tumor_response.cohort import BaselineCase
from tumor_response.imaging import Finding
from tumor_response.quality import QualitySettings, check_baseline


def found(scan: faults.Scan, settings: QualitySettings | None = None) -> dict[str, Finding]:
    findings = check_baseline(BaselineCase("P1", "1", *scan.images()), settings)
    assert len({f.code for f in findings}) == len(findings)
    return {finding.code: finding for finding in findings}


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_found_where_nothing_is_wrong(seed: int) -> None:
    assert found(faults.clean(seed)) == {}


@pytest.mark.parametrize("code", faults.OF_A_SCAN)
def test_planted_fault_is_found(code: str) -> None:
    plant, severity = faults.OF_A_SCAN[code]
    scan = faults.clean()
    plant(scan)
    findings = found(scan)
    assert code in findings
    assert findings[code].severity == severity
    assert findings[code].message
    assert findings[code].remedy


def test_two_parts_are_counted_and_may_be_allowed() -> None:
    scan = faults.clean()
    faults.second_part(scan)
    assert found(scan)["mask_components"].measured == "2 parts"
    assert "mask_components" not in found(scan, QualitySettings(max_components=2))


def test_parts_that_touch_at_a_corner_are_one() -> None:
    scan = faults.clean()
    z, y, x = np.argwhere(scan.mask)[0]  # nothing of the tumour lies before its first voxel
    scan.mask[z - 1, y - 1, x - 1] = True
    assert "mask_components" not in found(scan)


def test_size_of_the_largest_hole_in_a_slice() -> None:
    scan = faults.clean()
    scan.mask[12, 28:30, 33:36] = False  # six voxels
    scan.mask[11, 24, 33] = False
    finding = found(scan)["mask_holes"]
    assert finding.measured == "6 voxels"
    assert "7 voxels in all" in finding.message
    assert found(scan, QualitySettings(max_hole_voxels=6)) == {}


def test_a_notch_is_no_hole() -> None:
    scan = faults.clean()
    scan.mask[12, 28, :34] = False
    assert "mask_holes" not in found(scan)


def test_volume_is_compared_with_the_limit_in_cc() -> None:
    scan = faults.clean()
    volume = scan.mask.sum() * 2 * 2 * 3 / 1000
    assert found(scan, QualitySettings(min_volume_cc=volume)) == {}
    assert set(found(scan, QualitySettings(min_volume_cc=volume * 1.001))) == {"volume_small"}


def test_truncation_by_padding_around_the_field_of_view() -> None:
    scan = faults.clean()
    faults.beside_padding(scan)
    assert "padding" in found(scan)["mask_touches_border"].message


def test_nominal_slice_thickness_counts_where_it_is_larger() -> None:
    image, mask = faults.clean().images()
    source = _WithAcquisition(image, {"slice_thickness_mm": 6.0})
    findings = check_baseline(BaselineCase("P1", "1", source, mask))
    assert [f.code for f in findings] == ["slice_thickness"]


def test_a_second_rescale_is_told_by_the_median() -> None:
    scan = faults.clean()
    faults.rescaled_twice(scan)
    assert "median" in found(scan)["not_hu"].measured


def test_shares_of_air_are_those_of_the_voxels() -> None:
    scan = faults.clean()
    faults.air_inside(scan)
    share = 100 * (scan.hu[scan.mask] < -500).mean()
    assert found(scan)["air_in_mask"].measured == f"{share:.3g} %"
    assert "air_in_mask" not in found(scan, QualitySettings(max_air_percent=share + 0.01))


@pytest.mark.parametrize("how", ["settings", "modality"])
def test_other_intensities_are_not_held_to_hounsfield_units(how: str) -> None:
    scan = faults.clean()
    faults.no_rescale(scan)
    image, mask = scan.images()
    if how == "settings":
        findings = found(scan, QualitySettings(intensities="other"))
    else:
        source = _WithAcquisition(image, {"modality": "MR"})
        findings = check_baseline(BaselineCase("P1", "1", source, mask))
    assert not findings


def test_the_order_of_axes_in_the_file_changes_nothing() -> None:
    scan = faults.clean()
    faults.streaks(scan)
    faults.hole(scan)
    image, mask = scan.images()
    turned = [sitk.PermuteAxes(one, [2, 0, 1]) for one in (image, mask)]
    assert turned[0].GetSize() != image.GetSize()
    expected = check_baseline(BaselineCase("P1", "1", image, mask))
    assert {f.code for f in expected} >= {"metal_at_tumour", "mask_holes"}
    assert check_baseline(BaselineCase("P1", "1", *turned)) == expected


def test_an_unreadable_case_is_a_finding_with_its_code() -> None:
    image, mask = faults.clean().images()
    other = sitk.Image(mask)
    other.SetOrigin((0.0, 0.0, 0.0))
    (finding,) = check_baseline(BaselineCase("P1", "1", image, other))
    assert (finding.code, finding.severity) == ("geometry_mismatch", "error")
    (finding,) = check_baseline(BaselineCase("P1", "1", image, mask * 0))
    assert (finding.code, finding.severity) == ("mask_empty", "error")


def test_what_the_reader_noticed_comes_first() -> None:
    scan = faults.clean()
    faults.hole(scan)
    noticed = Finding("slice_missing", "warning", "Slice 12 is missing.")
    case = BaselineCase("P1", "1", *scan.images(), noticed=(noticed,))
    assert [f.code for f in check_baseline(case)] == ["slice_missing", "mask_holes"]


class _WithAcquisition:
    """An image source in memory that says how it was made."""

    def __init__(self, image: sitk.Image, acquisition: dict[str, str | float]) -> None:
        self._image, self._acquisition = image, acquisition

    def load(self):
        return self._image, ()

    def geometry(self):
        from tumor_response.imaging import Geometry

        return Geometry.of(self._image)

    def acquisition(self):
        return self._acquisition
