"""Every scan measured: volumes are the truth's, days are right, and no row gets lost."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import ManifestError, OutcomeError
from tumor_response.imaging import volume_cc
from tumor_response.imaging.diameter import axial_diameters
from tumor_response.imaging.mesh import mesh_volume_cc
from tumor_response.imaging.partial_volume import partial_volume_cc
from tumor_response.outcomes.visits import MEASURES, VISIT_COLUMNS, measure_lesions


def cohort_of(folder: Path, n: int = 1, **changes) -> tr.Cohort:
    return tr.Cohort.from_frame(cases.cohort_folder(folder, n).assign(**changes), base=folder)


def between(folder: Path, **columns) -> pd.DataFrame:
    """One scan of P0 after 11 days, with a lesion of 8 mm; files are absolute."""
    mask, image = folder / "p0_mid.nii.gz", folder / "p0_mid_ct.nii.gz"
    cases.write(folder, mask.name, cases.mask(8.0))
    cases.write(folder, image.name, cases.image(55))
    row = {"patient_id": "P0", "lesion_id": "1", "date": "2024-01-21", "mask": str(mask)}
    return pd.DataFrame([row | {"image": str(image)} | columns])


def test_baseline_between_and_follow_up_by_hand(tmp_path: Path) -> None:
    visits = measure_lesions(cohort_of(tmp_path), between(tmp_path), partial_volume=True)
    assert visits.index.tolist() == [("P0", "1", 0), ("P0", "1", 1), ("P0", "1", 2)]
    assert visits["days"].tolist() == [0, 11, 30]
    assert visits["treatment_days"].tolist() == [-10, 1, 20]
    assert visits["slice_thickness_mm"].tolist() == [3, 3, 3]
    assert set(visits["status"]) == {"measured"}
    assert set(visits["reason"]) == {""}
    scans = [(9.0, 0), (8.0, 55), (7.0, 100)]
    for (radius, seed), (_, row) in zip(scans, visits.iterrows(), strict=True):
        mask = cases.mask(radius)
        assert row["volume_cc"] == volume_cc(mask)
        assert row["volume_mesh_cc"] == mesh_volume_cc(mask)
        assert row["volume_partial_cc"] == partial_volume_cc(cases.image(seed), mask).volume_cc
        assert math.pi / 6000 * row["equivalent_diameter_mm"] ** 3 == pytest.approx(volume_cc(mask))
        assert row["longest_diameter_mm"] == axial_diameters(mask).longest_mm
        assert row["short_axis_mm"] == axial_diameters(mask).short_axis_mm


def test_first_and_last_visit_are_those_of_shrinkage(tmp_path: Path) -> None:
    cohort = cohort_of(tmp_path, 3)
    pair, visits = tr.shrinkage(cohort), measure_lesions(cohort)
    first, last = (visits.xs(k, level="visit") for k in (0, 1))
    np.testing.assert_array_equal(first["volume_cc"], pair["volume_baseline_cc"])
    np.testing.assert_array_equal(last["volume_cc"], pair["volume_follow_up_cc"])
    np.testing.assert_array_equal(last["days"], pair["interval_days"])
    np.testing.assert_array_equal(last["treatment_days"], pair["treatment_days"])


def test_simulated_cohort_has_the_volumes_and_days_of_its_truth(tmp_path: Path) -> None:
    cohort = tr.simulate_cohort(
        4, seed=11, directory=tmp_path, time_points=5, lesions_per_patient=(1, 2)
    )
    path = tmp_path / "time_points.csv"
    visits = measure_lesions(cohort, path, quality=None)
    truth = pd.read_csv(tmp_path / "truth.csv", dtype={"lesion_id": str}).set_index(
        ["patient_id", "lesion_id"]
    )
    assert visits.groupby(level=["patient_id", "lesion_id"]).size().tolist() == [5] * len(truth)
    first, last = (visits.xs(k, level="visit") for k in (0, 4))
    np.testing.assert_allclose(first["volume_cc"], truth["volume_baseline_cc"], rtol=1e-9)
    np.testing.assert_allclose(last["volume_cc"], truth["volume_follow_up_cc"], rtol=1e-9)
    # the simulator removes whole voxels so as to meet V0 (1 - rate days / 100)
    rate = truth["rate_latent_percent_per_day"].reindex(visits.index.droplevel("visit"))
    v0 = truth["volume_baseline_cc"].reindex(visits.index.droplevel("visit")).to_numpy()
    expected = v0 * (1 - rate.to_numpy() * visits["treatment_days"].to_numpy() / 100)
    voxel_cc = 0.00675  # 1.5 x 1.5 x 3 mm
    assert np.abs(visits["volume_cc"].to_numpy() - expected).max() <= voxel_cc
    two = measure_lesions(cohort, path, quality=None, n_jobs=2)
    pd.testing.assert_frame_equal(visits, two)


def test_days_may_be_given_and_order_the_visits_even_after_the_follow_up(tmp_path: Path) -> None:
    first = between(tmp_path, days=41.5, date="", treatment_days=33)
    second = between(tmp_path, days=3, date="", mask=str(tmp_path / "p0_gtv2.nii.gz"))
    visits = measure_lesions(cohort_of(tmp_path), pd.concat([first, second]), quality=None)
    assert visits["days"].tolist() == [0, 3, 30, 41.5]
    assert visits["treatment_days"].tolist() == [-10, -7, 20, 33]
    assert visits["volume_cc"].iloc[3] == volume_cc(cases.mask(8.0))


def test_follow_up_without_a_date_stays_last(tmp_path: Path) -> None:
    cohort = cohort_of(tmp_path, follow_up_date=None, follow_up_status="missing")
    visits = measure_lesions(cohort, between(tmp_path))
    assert visits["reason"].tolist() == ["", "", "follow_up_missing"]
    assert math.isnan(visits["days"].iloc[2])
    assert visits["treatment_days"].isna().all()  # the manifest tells it by the follow-up alone


def test_manifest_without_a_follow_up_has_rows_of_the_time_points_only(tmp_path: Path) -> None:
    nothing = dict.fromkeys(["follow_up_image", "follow_up_mask", "follow_up_date"])
    cohort = cohort_of(tmp_path, 2, **nothing)
    visits = measure_lesions(cohort, between(tmp_path))
    assert visits.index.tolist() == [("P0", "1", 0), ("P0", "1", 1), ("P1", "1", 0), ("P1", "1", 1)]
    assert visits["reason"].tolist() == ["", "", "", "follow_up_missing"]


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    table = between(tmp_path / "later", mask="p0_mid.nii.gz", image="p0_mid_ct.nii.gz")
    table.to_csv(tmp_path / "later" / "points.csv", index=False, sep=";")
    visits = measure_lesions(cohort_of(tmp_path), str(tmp_path / "later" / "points.csv"))
    assert visits["days"].tolist() == [0, 11, 30]


def test_the_baselines_label_holds_unless_another_is_given(tmp_path: Path) -> None:
    both = cases.mask(6.0)
    both[2, 2, 2] = 2
    cases.write(tmp_path, "both.nii.gz", both)
    cohort = cohort_of(tmp_path, mask="both.nii.gz", mask_label=1, follow_up_mask_label=1)
    points = between(tmp_path, mask=str(tmp_path / "both.nii.gz"))
    visits = measure_lesions(cohort, points, truncated="keep", quality=None)
    assert visits["volume_cc"].iloc[1] == volume_cc(cases.mask(6.0)) - 0.0  # label 1
    other = measure_lesions(cohort, points.assign(mask_label=2), truncated="keep", quality=None)
    assert other["volume_cc"].iloc[1] == pytest.approx(0.00675)


@pytest.mark.parametrize("status", ["missing", "death", "surgery", "not_evaluable", "too_small"])
def test_declared_status_is_a_row_with_its_reason(tmp_path: Path, status: str) -> None:
    points = between(tmp_path, status=status, mask="")
    row = measure_lesions(cohort_of(tmp_path), points).iloc[1]
    prefixed = status in ("missing", "death", "surgery")
    assert row["reason"] == (f"follow_up_{status}" if prefixed else status)
    assert row["status"] == status
    assert row["days"] == 11
    assert row[list(MEASURES)].isna().all()


def test_too_small_lesion_with_a_contour_is_measured(tmp_path: Path) -> None:
    row = measure_lesions(cohort_of(tmp_path), between(tmp_path, status="too_small")).iloc[1]
    assert (row["status"], row["reason"]) == ("too_small", "")
    assert row["volume_cc"] == volume_cc(cases.mask(8.0))


def test_declared_complete_response_measures_zero(tmp_path: Path) -> None:
    cases.write(tmp_path, "gone.nii.gz", cases.empty_mask())
    for mask in (str(tmp_path / "gone.nii.gz"), ""):
        points = between(tmp_path, status="complete_response", mask=mask)
        row = measure_lesions(cohort_of(tmp_path), points).iloc[1]
        assert (row["status"], row["reason"]) == ("complete_response", "")
        assert row[list(MEASURES)].tolist() == [0] * len(MEASURES)


def test_undeclared_empty_contours_are_all_named(tmp_path: Path) -> None:
    cases.write(tmp_path, "gone.nii.gz", cases.empty_mask())
    cohort = cohort_of(tmp_path, 2, follow_up_mask=["p0_gtv2.nii.gz", "gone.nii.gz"])
    points = between(tmp_path, mask=str(tmp_path / "gone.nii.gz"))
    with pytest.raises(OutcomeError, match="complete_response") as caught:
        measure_lesions(cohort, points)
    assert caught.value.code == "follow_up_empty"
    assert "2 visit(s): patient 'P0' lesion '1' visit 1 (11 days), patient 'P1'" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"mask": "bad.nii.gz"}, "follow_up_not_an_image"),
        ({"mask": "other.nii.gz"}, "follow_up_geometry_mismatch"),
        ({"mask": "p0_gtv.nii.gz"}, "follow_up_mask_identical"),
        ({"mask": "cut.nii.gz"}, "truncated"),
        ({"status": "complete_response"}, "complete_response_not_empty"),
        ({"mask": ""}, "follow_up_missing"),
    ],
)
def test_unusable_visit_is_a_row_with_its_code(tmp_path: Path, columns: dict, reason: str) -> None:
    cohort = cohort_of(tmp_path)
    (tmp_path / "bad.nii.gz").write_bytes(b"no")
    cases.write(tmp_path, "other.nii.gz", cases.mask(size=(24, 22, 11)))
    cases.write(tmp_path, "cut.nii.gz", cases.mask(20.0))
    if columns.get("mask"):
        columns = {"mask": str(tmp_path / columns["mask"])}
    visits = measure_lesions(cohort, between(tmp_path, **columns))
    row = visits.iloc[1]
    assert row["reason"] == reason
    assert row[list(MEASURES)].isna().all()
    assert visits.attrs["reasons"] == {("P0", "1", 1): reason}
    assert visits["reason"].iloc[[0, 2]].tolist() == ["", ""]


def test_baseline_that_cannot_be_read_leaves_the_other_visits(tmp_path: Path) -> None:
    cases.write(tmp_path, "empty.nii.gz", cases.empty_mask())
    visits = measure_lesions(cohort_of(tmp_path, mask="empty.nii.gz"), between(tmp_path))
    assert visits["reason"].tolist() == ["baseline_mask_empty", "", ""]
    assert visits["volume_cc"].isna().tolist() == [True, False, False]


def test_partial_volume_without_an_image_says_so(tmp_path: Path) -> None:
    points = between(tmp_path, image="")
    row = measure_lesions(cohort_of(tmp_path), points, partial_volume=True).iloc[1]
    assert row["reason"] == "image_missing"
    assert math.isnan(row["volume_partial_cc"])
    assert row["volume_cc"] == volume_cc(cases.mask(8.0))


@pytest.mark.parametrize(
    ("columns", "code", "told"),
    [
        ({"patient_id": "P9"}, "visit_unknown_lesion", "no such patient"),
        ({"lesion_id": "2"}, "visit_unknown_lesion", "its lesions are 1"),
        ({"date": "2024-01-10"}, "visit_duplicate", "it is the baseline"),
        ({"date": "2024-02-09"}, "visit_duplicate", "it is the follow-up"),
        ({"date": "", "days": 30}, "visit_duplicate", "it is the follow-up"),
        ({"date": "2024-01-09"}, "visit_before_baseline", "2024-01-09"),
        ({"date": "", "days": -3}, "visit_before_baseline", "swapped"),
        ({"date": ""}, "visit_days_unknown", "neither days nor date"),
        ({"days": 12}, "visit_days_contradict", "days says 12"),
        ({"date": "", "days": "soon"}, "visit_faulty", "'soon' is not a number"),
        ({"date": "11/13/2024"}, "visit_faulty", "date '11/13/2024' is not a date"),
        ({"status": "better"}, "visit_faulty", "'better' is none of measured"),
        ({"mask": "nowhere.nii.gz"}, "visit_faulty", "mask 'nowhere.nii.gz' does not exist"),
        ({"mask_label": "x"}, "visit_faulty", "mask_label 'x' is not a whole number"),
        ({"mask_lable": 1}, "time_points", "is it 'mask_label'?"),
    ],
)
def test_faults_of_the_table(tmp_path: Path, columns: dict, code: str, told: str) -> None:
    with pytest.raises(ManifestError) as caught:
        measure_lesions(cohort_of(tmp_path), between(tmp_path, **columns))
    assert caught.value.code == code
    assert told in str(caught.value)
    assert "follow_up_" not in str(caught.value)  # the table's columns have other names


def test_two_scans_of_a_lesion_on_one_day_name_both_rows(tmp_path: Path) -> None:
    points = pd.concat([between(tmp_path), between(tmp_path, date="", days=11)])
    with pytest.raises(ManifestError, match=r"row 1: .*after 11 days already, in row 0") as caught:
        measure_lesions(cohort_of(tmp_path), points)
    assert caught.value.code == "visit_duplicate"


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    points = pd.concat([between(tmp_path, patient_id="P9"), between(tmp_path, date="2024-01-10")])
    with pytest.raises(ManifestError, match="2 faults") as caught:
        measure_lesions(cohort_of(tmp_path), points)
    assert caught.value.code == "time_points"
    assert "row 0: patient_id 'P9'" in str(caught.value)
    assert "row 1: case 'P0'" in str(caught.value)


@pytest.mark.parametrize("column", ["patient_id", "date", "mask"])
def test_missing_columns_are_named(tmp_path: Path, column: str) -> None:
    with pytest.raises(ManifestError, match=f"column .*{column}.* is missing"):
        measure_lesions(cohort_of(tmp_path), between(tmp_path).drop(columns=column))


def test_without_a_baseline_date_days_are_asked_for(tmp_path: Path) -> None:
    cohort = cohort_of(tmp_path, date=None)
    with pytest.raises(ManifestError, match="give days") as caught:
        measure_lesions(cohort, between(tmp_path))
    assert caught.value.code == "visit_days_unknown"
    visits = measure_lesions(cohort, between(tmp_path, date="", days=11))
    assert visits["days"].iloc[:2].tolist() == [0, 11]


def test_columns_are_as_promised(tmp_path: Path) -> None:
    visits = measure_lesions(cohort_of(tmp_path), quality=None)
    assert list(visits.columns) == [*VISIT_COLUMNS, "status", "reason", "findings"]
    assert (visits[list(VISIT_COLUMNS)].dtypes == "float64").all()
