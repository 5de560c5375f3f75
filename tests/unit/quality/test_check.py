"""The table of a cohort: comparisons, order, determinism, and no exception for a bad case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from tests.unit.quality import faults
from tumor_response.exceptions import SettingsError
from tumor_response.quality import CHECK_COLUMNS, CaseFacts, QualitySettings, check, check_cohort
from tumor_response.quality.edges import Shift
from tumor_response.quality.scan import ScanFacts


def codes(table: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    rows = table[["patient_id", "lesion_id", "time_point", "code"]]
    return [tuple(row) for row in rows.itertuples(index=False)]


@pytest.fixture
def faulty(tmp_path: Path) -> list[dict]:
    """Five patients: clean, two lesions with one mask, unreadable, elsewhere, same as the first."""
    first = faults.row(tmp_path, "P1", 1)
    twice = faults.row(tmp_path, "P2", 2)
    (tmp_path / "bad.nii.gz").write_bytes(b"no image")
    away = sitk.ReadImage(faults.row(tmp_path, "P4", 4)["mask"])
    away.SetOrigin((500.0, 0.0, 0.0))
    return [
        first,
        twice,
        twice | {"lesion_id": "2", "follow_up_mask": None, "follow_up_image": None},
        faults.row(tmp_path, "P3", 3, image=str(tmp_path / "bad.nii.gz")),
        faults.row(tmp_path, "P4", 4, mask=faults.write(tmp_path, "away", away)),
        first | {"patient_id": "P5"},
    ]


def test_a_clean_cohort_gives_an_empty_table_with_its_columns(tmp_path: Path) -> None:
    rows = [faults.row(tmp_path, f"P{k}", k) for k in range(3)]
    table = check(faults.cohort(rows))
    assert table.empty
    assert list(table.columns) == list(CHECK_COLUMNS)


def test_findings_of_all_kinds_in_cohort_order(faulty: list[dict]) -> None:
    table = check(faults.cohort(faulty))
    assert codes(table) == [
        ("P1", "1", "baseline", "image_shared"),
        ("P1", "1", "follow_up", "image_shared"),
        ("P2", "1", "baseline", "equal_masks"),
        ("P2", "2", "baseline", "equal_masks"),
        ("P3", "1", "baseline", "not_an_image"),
        ("P4", "1", "baseline", "geometry_mismatch"),
        ("P4", "1", "baseline", "mask_outside_image"),
        ("P5", "1", "baseline", "image_shared"),
        ("P5", "1", "follow_up", "image_shared"),
    ]
    assert set(table["severity"]) == {"error"}
    assert table.iloc[6]["measured"] == "100 %"


def test_the_table_is_the_same_for_any_number_of_processes(
    faulty: list[dict], tmp_path: Path
) -> None:
    cohort = faults.cohort(faulty)
    one, two = tmp_path / "one.html", tmp_path / "two.html"
    pd.testing.assert_frame_equal(check(cohort, html=one), check(cohort, html=two, n_jobs=2))
    assert one.read_bytes() == two.read_bytes()


def test_a_fault_of_ours_is_a_row_of_that_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("no such thing")

    monkeypatch.setattr("tumor_response.quality.baseline.check_scan", broken)
    table = check(faults.cohort([faults.row(tmp_path)]))
    assert codes(table) == [("P1", "1", "baseline", "unexpected_error")]
    assert "ZeroDivisionError" in table.iloc[0]["message"]


@pytest.mark.parametrize("settings", [{"min_volume_cc": 1}, "strict"])
def test_settings_of_another_kind_are_refused(tmp_path: Path, settings: object) -> None:
    with pytest.raises(SettingsError, match="QualitySettings"):
        check(faults.cohort([faults.row(tmp_path)]), settings)


def test_a_page_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    cohort = faults.cohort([faults.row(tmp_path)])
    with pytest.raises(SettingsError, match="is a folder"):
        check(cohort, html=tmp_path)
    with pytest.raises(SettingsError, match="n_jobs"):
        check(cohort, n_jobs=0)


def facts(
    patient: str,
    site: str | None = None,
    mask: str = "",
    shifts: tuple[Shift, ...] = (),
    **of: object,
) -> CaseFacts:
    scan = ScanFacts(f"image {patient}", mask or f"mask {patient}", 3.0, of, shifts)
    return CaseFacts(patient, "1", site, scan, None)


def test_acquisition_that_differs_between_sites() -> None:
    cases = [
        *(facts(f"A{k}", "A", kernel="B30f", kvp_kv=120.0, contrast="yes") for k in range(3)),
        *(facts(f"B{k}", "B", kernel="FC13", kvp_kv=120.0, contrast="no") for k in range(2)),
        facts("B9", "B"),
    ]
    found = {one.finding.code: one for one in check_cohort(cases, QualitySettings())}
    assert set(found) == {"kernel_differs", "contrast_differs"}
    assert {one.time_point for one in found.values()} == {"cohort"}
    message = found["kernel_differs"].finding.message
    assert "site 'A': B30f (3); site 'B': FC13 (2), not recorded (1)." in message


def test_what_is_recorded_for_some_alone_is_no_difference() -> None:
    cases = [facts("A", "A", kvp_kv=120.0), facts("B", "B")]
    assert check_cohort(cases, QualitySettings()) == ()


def test_equal_masks_of_different_patients_are_chance() -> None:
    cases = [facts("A", mask="same"), facts("B", mask="same")]
    assert check_cohort(cases, QualitySettings()) == ()


def test_a_shift_that_all_contours_share() -> None:
    rng = np.random.default_rng(0)

    def cohort(shift: float) -> list[CaseFacts]:
        return [
            facts(f"P{k}", shifts=(Shift("z", 3.0, 0.5 * shift + e, 0.0, 0.0, 0.5),))
            for k, e in enumerate(rng.normal(0, 0.15, 20))
        ]

    (found,) = check_cohort(cohort(1.0), QualitySettings())
    assert (found.finding.code, found.time_point) == ("contours_shifted", "cohort")
    assert "along z" in found.finding.measured
    assert check_cohort(cohort(0.0), QualitySettings()) == ()
