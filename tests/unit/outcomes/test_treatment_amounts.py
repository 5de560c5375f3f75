"""Per fraction and per gray, other volumes, and follow-ups that cannot be what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tests.unit.quality import faults
from tumor_response.exceptions import ManifestError, OutcomeError
from tumor_response.imaging import volume_cc
from tumor_response.imaging.mesh import mesh_volume_cc
from tumor_response.imaging.partial_volume import partial_volume_cc

RATES = ("sgr", "rate_percent", "rate_cc")


def outcomes(folder: Path, n: int = 1, changes: dict | None = None, **options) -> pd.DataFrame:
    frame = cases.cohort_folder(folder, n).assign(**(changes or {}))
    return tr.shrinkage(tr.Cohort.from_frame(frame, base=folder), **options)


def test_per_fraction_and_per_gray_of_the_manifest(tmp_path: Path) -> None:
    given = {"fractions_at_follow_up": 12, "dose_gy_at_follow_up": 24.0}
    row = outcomes(tmp_path, 1, given).iloc[0]
    assert row["rate_percent_per_fraction"] == pytest.approx(row["shrinkage_percent"] / 12)
    assert row["rate_cc_per_gy"] == pytest.approx(-row["volume_change_cc"] / 24)
    assert row["sgr_per_gy"] == pytest.approx(row["log_volume_ratio"] / 24)
    assert row["dose_source"] == "manifest"


def test_dose_follows_from_the_plan_where_the_manifest_has_the_fractions(tmp_path: Path) -> None:
    given = {"fractions_at_follow_up": 12, "planned_fraction_dose_gy": 2.2}
    row = outcomes(tmp_path, 1, given).iloc[0]
    assert row["dose_gy"] == pytest.approx(26.4)
    assert row["dose_source"] == "plan"
    assert row["rate_percent_per_gy"] == pytest.approx(row["shrinkage_percent"] / 26.4)


def test_nothing_is_guessed_without_fractions(tmp_path: Path) -> None:
    row = outcomes(tmp_path, 1, {"planned_fraction_dose_gy": 2.2}).iloc[0]
    assert row[["fractions", "dose_gy", "rate_cc_per_gy", "sgr_per_fraction"]].isna().all()
    assert row["dose_source"] == ""
    assert row["reason"] == ""


@pytest.mark.parametrize("method", ["voxels", "mesh", "partial_volume"])
def test_volumes_are_those_of_the_method_asked_for(tmp_path: Path, method: str) -> None:
    table = outcomes(tmp_path, 1, volume=method)
    measure = {
        "voxels": lambda _, mask: volume_cc(mask),
        "mesh": lambda _, mask: mesh_volume_cc(mask),
        "partial_volume": lambda image, mask: partial_volume_cc(image, mask).volume_cc,
    }[method]
    assert table["volume_baseline_cc"].iloc[0] == measure(cases.image(0), cases.mask(9.0))
    assert table["volume_follow_up_cc"].iloc[0] == measure(cases.image(100), cases.mask(7.0))
    assert table.attrs["volume"] == method


def test_partial_volume_without_an_image_has_a_reason(tmp_path: Path) -> None:
    changes = {"follow_up_image": ""}
    row = outcomes(tmp_path, 1, changes, volume="partial_volume").iloc[0]
    assert row["reason"] == "follow_up_image_missing"
    assert outcomes(tmp_path, 1, changes).iloc[0]["reason"] == ""


def test_unknown_volume_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutcomeError, match="volume='counted'"):
        outcomes(tmp_path, volume="counted")


def codes(folder: Path, changes: dict) -> list[str]:
    frame = cases.cohort_folder(folder, 1).assign(**changes)
    return tr.check(tr.Cohort.from_frame(frame, base=folder))["code"].tolist()


def test_follow_up_on_the_same_day_has_a_change_and_no_rate(tmp_path: Path) -> None:
    changes = {"follow_up_date": "2024-01-10", "rt_start_date": ""}
    row = outcomes(tmp_path, 1, changes).iloc[0]
    assert row["reason"] == "interval_days_zero"
    assert pd.isna(row["rate_percent_per_day"])
    assert row["shrinkage_percent"] > 0
    assert "follow_up_same_day" in codes(tmp_path, changes)


def test_swapped_time_points_are_refused(tmp_path: Path) -> None:
    changes = {"follow_up_date": "2024-01-09", "rt_start_date": ""}
    with pytest.raises(ManifestError, match="are the two scans swapped"):
        outcomes(tmp_path, 1, changes)


def test_negative_treatment_days_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="is before rt_start_date"):
        outcomes(tmp_path, 1, {"rt_start_date": "2024-03-01"})


def test_treatment_that_began_before_the_baseline(tmp_path: Path) -> None:
    changes = {"rt_start_date": "2024-01-03"}
    assert "baseline_after_rt_start" in codes(tmp_path, changes)
    row = outcomes(tmp_path, 1, changes, per="treatment_days").iloc[0]
    assert row["reason"] == "baseline_after_rt_start"
    assert row[["rate_percent_per_day", "rate_cc_per_day", "sgr_per_day"]].isna().all()
    assert outcomes(tmp_path, 1, changes).iloc[0]["reason"] == ""  # from CT to CT there is a rate


def test_fractions_from_before_the_baseline_make_no_rate(tmp_path: Path) -> None:
    changes = {"rt_start_date": "2024-01-03", "fractions_at_follow_up": 20}
    changes |= {"dose_gy_at_follow_up": 40.0}
    table = outcomes(tmp_path, 1, changes)
    row = table.iloc[0]
    assert row["rate_percent_per_day"] == pytest.approx(row["shrinkage_percent"] / 30)
    of_treatment = [f"{name}_{unit}" for name in RATES for unit in ("per_fraction", "per_gy")]
    assert row[of_treatment].isna().all()
    assert row["fractions"] == 20
    assert row["reason"] == "baseline_after_rt_start"
    total = tr.per_patient(table, "sum").iloc[0]
    assert total["rate_percent_per_day"] == pytest.approx(row["rate_percent_per_day"])
    assert total[of_treatment].isna().all()
    assert total["reason"] == "baseline_after_rt_start"
    by_treatment_day = outcomes(tmp_path, 1, changes, per="treatment_days").iloc[0]
    assert by_treatment_day[[*of_treatment, *(f"{name}_per_day" for name in RATES)]].isna().all()


def test_two_follow_ups_of_one_lesion_are_refused(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path, 1)
    with pytest.raises(ManifestError, match="is already"):
        tr.Cohort.from_frame(pd.concat([frame, frame]), base=tmp_path)


def test_anothers_contour_on_the_same_grid_is_refused_without_any_image(tmp_path: Path) -> None:
    far = cases.mask(4.0, size=(80, 22, 12))
    moved = sitk.Image(far)
    moved[:, :, :] = sitk.Image(far.GetSize(), sitk.sitkUInt8)
    moved[70:76, 10:14, 4:8] = 1
    frame = cases.cohort_folder(tmp_path, 1)
    frame["image"] = cases.write(tmp_path, "wide.nii.gz", cases.image(size=(80, 22, 12)))
    frame["mask"] = cases.write(tmp_path, "here.nii.gz", far)
    frame["follow_up_mask"] = cases.write(tmp_path, "there.nii.gz", moved)
    frame["follow_up_image"] = ""
    cohort = tr.Cohort.from_frame(frame, base=tmp_path)
    assert tr.shrinkage(cohort)["reason"].tolist() == ["follow_up_apart"]
    assert tr.shrinkage(cohort, quality=None)["reason"].tolist() == [""]


def test_a_contour_on_another_grid_without_its_image_is_not_judged(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path, 1)
    other = cases.mask(6.0)
    other.SetOrigin((300.0, 300.0, 300.0))
    frame["follow_up_mask"] = cases.write(tmp_path, "other.nii.gz", other)
    frame["follow_up_image"] = ""
    cohort = tr.Cohort.from_frame(frame, base=tmp_path)
    assert "follow_up_place_unknown" in tr.check(cohort)["code"].tolist()
    row = tr.shrinkage(cohort).iloc[0]
    assert (row["reason"], row["findings"]) == ("", "follow_up_place_unknown")
    visits = tr.measure_lesions(cohort)
    assert visits["findings"].tolist() == ["", "follow_up_place_unknown"]
    assert tr.per_patient(tr.shrinkage(cohort), "sum")["findings"].tolist() == [row["findings"]]


def test_another_patients_follow_up_is_no_outcome(tmp_path: Path) -> None:
    row = faults.row(tmp_path) | faults.another_body(tmp_path, (0.0, 0.0, 900.0))
    cohort = faults.cohort([row])
    refused = tr.shrinkage(cohort).iloc[0]
    assert refused["reason"] == "follow_up_not_aligned"
    assert pd.isna(refused["rate_percent_per_day"])
    assert tr.measure_lesions(cohort)["reason"].tolist() == ["", "follow_up_not_aligned"]
    looked_at = tr.shrinkage(cohort, quality=tr.QualitySettings(unplaced="warning")).iloc[0]
    assert looked_at["rate_percent_per_day"] > 0
    assert looked_at["findings"] == "follow_up_not_aligned"
    unchecked = tr.shrinkage(cohort, quality=None).iloc[0]
    assert unchecked["rate_percent_per_day"] == looked_at["rate_percent_per_day"]
    assert unchecked["findings"] == ""


def test_follow_up_that_coordinates_alone_place_says_so_in_its_row(tmp_path: Path) -> None:
    row = faults.row(tmp_path) | faults.another_body(tmp_path, (0.0, 0.0, 0.0))
    kept = tr.shrinkage(faults.cohort([row])).iloc[0]
    assert kept["rate_percent_per_day"] > 0
    assert (kept["reason"], kept["findings"]) == ("", "follow_up_not_aligned")


def test_days_that_a_case_brings_itself_are_judged_too(tmp_path: Path) -> None:
    """Cases from DICOM carry intervals and no dates."""
    cohort = tr.Cohort.from_frame(cases.cohort_folder(tmp_path, 1), base=tmp_path)
    case = next(iter(cohort))
    changed = replace(case, follow_up=replace(case.follow_up, interval_days=-4.0))
    row = tr.shrinkage(tr.Cohort([changed])).iloc[0]
    assert row["reason"] == "interval_days_negative"
    assert pd.isna(row["rate_percent_per_day"])
