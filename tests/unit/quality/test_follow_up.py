from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from tests.unit.quality import faults
from tumor_response.exceptions import CaseError
from tumor_response.imaging import Finding
from tumor_response.quality import QualitySettings, check_follow_up


def found(row: dict, settings: QualitySettings | None = None) -> dict[str, Finding]:
    return {f.code: f for f in check_follow_up(faults.case(row), settings)}


def mask_file(folder: Path, voxels: np.ndarray, name: str = "other") -> str:
    return faults.write(folder, name, faults.on_grid(voxels.astype(np.uint8)))


def test_nothing_is_found_where_nothing_is_wrong(tmp_path: Path) -> None:
    assert found(faults.row(tmp_path)) == {}


def test_the_same_scan_once_more(tmp_path: Path) -> None:
    row = faults.row(tmp_path)
    findings = found(row | {"follow_up_image": row["image"]})
    assert findings["follow_up_image_identical"].severity == "error"
    assert "follow_up_mask_identical" not in findings


def test_a_contour_that_was_copied(tmp_path: Path) -> None:
    row = faults.row(tmp_path)
    findings = found(row | {"follow_up_mask": row["mask"]})
    assert findings["follow_up_mask_identical"].severity == "error"
    row["follow_up_image"] = None  # the contour alone is enough
    assert "follow_up_mask_identical" in found(row | {"follow_up_mask": row["mask"]})


def test_one_voxel_makes_them_differ(tmp_path: Path) -> None:
    mask = faults.ball()
    mask[tuple(np.argwhere(mask)[0])] = False
    findings = found(faults.row(tmp_path, follow_up_mask=mask_file(tmp_path, mask)))
    assert "follow_up_mask_identical" not in findings


def test_another_place_is_a_warning_near_by_and_an_error_far_off(tmp_path: Path) -> None:
    near = faults.ball(4.0, (4.0, 14.0, 36.0))
    findings = found(faults.row(tmp_path, follow_up_mask=mask_file(tmp_path, near)))
    assert findings["follow_up_apart"].severity == "warning"
    far = faults.ball(4.0, (4.0, 36.0, 12.0))
    findings = found(faults.row(tmp_path, follow_up_mask=mask_file(tmp_path, far, "far")))
    assert findings["follow_up_apart"].severity == "error"
    assert findings["follow_up_apart"].measured.endswith("mm apart")


def test_scans_in_other_coordinates_are_aligned_first(tmp_path: Path) -> None:
    row = faults.row(tmp_path)
    for column in ("follow_up_image", "follow_up_mask"):
        image = sitk.ReadImage(row[column])
        image.SetOrigin((300.0, -80.0, -900.0))
        row[column] = faults.write(tmp_path, f"moved_{column}", image)
    assert found(row) == {}


def test_another_body_is_said_not_to_align(tmp_path: Path) -> None:
    findings = found(faults.row(tmp_path) | faults.another_body(tmp_path, (0.0, 0.0, 0.0)))
    assert findings["follow_up_not_aligned"].severity == "warning"
    assert "follow_up_apart" not in findings


def test_what_neither_image_nor_coordinates_place_is_an_error_unless_allowed(
    tmp_path: Path,
) -> None:
    row = faults.row(tmp_path) | faults.another_body(tmp_path, (0.0, 0.0, 900.0))
    finding = found(row)["follow_up_not_aligned"]
    assert finding.severity == "error"
    assert finding.measured.endswith(" mm apart")
    assert "unplaced='warning'" in finding.remedy
    allowed = found(row, QualitySettings(unplaced="warning"))["follow_up_not_aligned"]
    assert allowed.severity == "warning"


@pytest.mark.parametrize(
    ("asked", "code"),
    [((14, 30), None), ((31, 60), "follow_up_early"), ((7, 29), "follow_up_late")],
)
def test_days_from_scan_to_scan(tmp_path: Path, asked: tuple[int, int], code: str | None) -> None:
    findings = found(faults.row(tmp_path), QualitySettings(follow_up_days=asked))  # 30 days
    assert set(findings) == ({code} if code else set())
    if code:
        assert findings[code].severity == "error"
        assert findings[code].measured == "30 days"


def test_days_of_treatment(tmp_path: Path) -> None:
    settings = QualitySettings(follow_up_days=(18, 22), follow_up_days_count="treatment_days")
    assert found(faults.row(tmp_path), settings) == {}  # 20 days


def test_unknown_days_are_told_only_when_days_were_asked_for(tmp_path: Path) -> None:
    row = faults.row(tmp_path, date=None, follow_up_date=None, rt_start_date=None)
    assert found(row) == {}
    (finding,) = found(row, QualitySettings(follow_up_days=(7, 60))).values()
    assert (finding.code, finding.severity) == ("follow_up_days_unknown", "warning")


@pytest.mark.parametrize(
    ("fractions", "dose", "told"),
    [(30, 15, True), (15, 30, False), (68, 81.6, False), (0, 0, False)],
)
def test_fractions_and_dose_that_may_be_swapped(
    tmp_path: Path, fractions: int, dose: float, told: bool
) -> None:
    row = faults.row(tmp_path, fractions_at_follow_up=fractions, dose_gy_at_follow_up=dose)
    findings = found(row)
    assert set(findings) == ({"fraction_dose_small"} if told else set())
    assert all(finding.severity == "warning" for finding in findings.values())


def test_empty_contours_have_to_be_declared(tmp_path: Path) -> None:
    empty = mask_file(tmp_path, np.zeros(faults.SIZE[::-1]))
    row = faults.row(tmp_path, follow_up_mask=empty)
    assert found(row)["follow_up_empty"].severity == "error"
    assert found(row | {"follow_up_status": "complete_response"}) == {}


class _WithoutContours:
    """A structure that is there and has no contour."""

    def load(self, grid):
        raise CaseError("the structure has no contour.", code="roi_empty")


def test_a_structure_without_contours_is_an_empty_contour(tmp_path: Path) -> None:
    case = faults.case(faults.row(tmp_path))
    for status, expected in (("measured", ["follow_up_empty"]), ("complete_response", [])):
        later = dataclasses.replace(case.follow_up, mask=_WithoutContours(), status=status)
        findings = check_follow_up(dataclasses.replace(case, follow_up=later))
        assert [finding.code for finding in findings] == expected


def test_a_declared_complete_response_with_voxels(tmp_path: Path) -> None:
    row = faults.row(tmp_path, follow_up_status="complete_response")
    assert found(row)["complete_response_not_empty"].severity == "error"


@pytest.mark.parametrize("status", ["missing", "death", "surgery"])
def test_what_was_declared_missing_is_not_looked_for(tmp_path: Path, status: str) -> None:
    row = faults.row(tmp_path, follow_up_status=status, follow_up_mask=None, follow_up_image=None)
    assert found(row, QualitySettings(follow_up_days=(7, 8))) == {}


def test_an_image_without_a_contour_is_a_note(tmp_path: Path) -> None:
    (finding,) = found(faults.row(tmp_path, follow_up_mask=None)).values()
    assert (finding.code, finding.severity) == ("follow_up_missing", "info")


def test_no_follow_up_at_all_is_no_finding(tmp_path: Path) -> None:
    assert found(faults.row(tmp_path, follow_up_mask=None, follow_up_image=None)) == {}


def test_a_follow_up_on_another_grid(tmp_path: Path) -> None:
    mask = sitk.ReadImage(faults.row(tmp_path)["follow_up_mask"])
    other = faults.write(tmp_path, "cut", mask[:, :, :20])
    (finding,) = found(faults.row(tmp_path, follow_up_mask=other)).values()
    assert (finding.code, finding.severity) == ("follow_up_geometry_mismatch", "error")


def test_faults_of_the_scan_itself_but_not_its_size(tmp_path: Path) -> None:
    parts = faults.ball(4.0, (4.0, -12.0, 36.0)) | faults.ball(3.0, (4.0, 2.0, 36.0))
    findings = found(faults.row(tmp_path, follow_up_mask=mask_file(tmp_path, parts)))
    assert "mask_components" in findings
    assert "volume_small" not in findings  # what is left of a tumour may be small


def test_an_unreadable_baseline_leaves_the_follow_up_to_be_checked(tmp_path: Path) -> None:
    (tmp_path / "bad.nii.gz").write_bytes(b"no image")
    row = faults.row(tmp_path)
    row |= {"image": str(tmp_path / "bad.nii.gz"), "follow_up_mask": row["mask"]}
    assert "follow_up_mask_identical" not in found(row)
