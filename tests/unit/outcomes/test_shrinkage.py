from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import OutcomeError
from tumor_response.imaging import volume_cc
from tumor_response.outcomes import SHRANK_SIGN


def outcomes(folder: Path, n: int = 1, changes: dict | None = None, **options) -> pd.DataFrame:
    frame = cases.cohort_folder(folder, n).assign(**(changes or {}))
    return tr.shrinkage(tr.Cohort.from_frame(frame, base=folder), **options)


def test_every_quantity_by_hand(tmp_path: Path) -> None:
    row = outcomes(tmp_path).iloc[0]
    v0, v1 = volume_cc(cases.mask(9.0)), volume_cc(cases.mask(7.0))
    assert 0 < v1 < v0
    expected = {
        "volume_baseline_cc": v0,
        "volume_follow_up_cc": v1,
        "interval_days": 30,
        "treatment_days": 20,
        "volume_change_cc": v1 - v0,
        "volume_change_percent": 100 * (v1 - v0) / v0,
        "log_volume_ratio": math.log(v1 / v0),
        "sgr_per_day": math.log(v1 / v0) / 30,
        "shrinkage_percent": 100 * (v0 - v1) / v0,
        "rate_percent_per_day": 100 * (v0 - v1) / v0 / 30,
        "rate_cc_per_day": (v0 - v1) / 30,
    }
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-12), name
    assert row["reason"] == ""


def test_signs_of_a_lesion_that_shrank(tmp_path: Path) -> None:
    row = outcomes(tmp_path).iloc[0]
    known = {
        name: sign for name, sign in SHRANK_SIGN.items() if not name.endswith(("_fraction", "_gy"))
    }
    for name, sign in known.items():
        assert sign * row[name] > 0, name


def test_per_treatment_day_uses_the_first_fraction_and_says_so(tmp_path: Path) -> None:
    per_interval = outcomes(tmp_path)
    per_treatment = outcomes(tmp_path, per="treatment_days")
    assert per_treatment.attrs["days"] == "treatment_days"
    ratio = per_treatment["rate_percent_per_day"] / per_interval["rate_percent_per_day"]
    assert ratio.iloc[0] == pytest.approx(30 / 20)


def test_undeclared_empty_follow_up_asks_and_names_all(tmp_path: Path) -> None:
    cases.write(tmp_path, "gone.nii.gz", cases.empty_mask())
    names = ["gone.nii.gz", "p1_gtv2.nii.gz", "gone.nii.gz"]
    with pytest.raises(OutcomeError, match="complete_response") as caught:
        outcomes(tmp_path, 3, {"follow_up_mask": names})
    assert caught.value.code == "follow_up_empty"
    assert "2 lesion(s): case 'P0' lesion '1', case 'P2' lesion '1'" in str(caught.value)


def test_declared_complete_response(tmp_path: Path) -> None:
    cases.write(tmp_path, "gone.nii.gz", cases.empty_mask())
    for follow_up_mask in ("gone.nii.gz", None):
        changes = {"follow_up_mask": follow_up_mask, "follow_up_status": "complete_response"}
        row = outcomes(tmp_path, 1, changes).iloc[0]
        assert row["shrinkage_percent"] == 100
        assert row["volume_follow_up_cc"] == 0
        assert row["rate_percent_per_day"] == pytest.approx(100 / 30)
        assert math.isnan(row["log_volume_ratio"])
        assert math.isnan(row["sgr_per_day"])
        assert row["reason"] == "complete_response"


def test_complete_response_with_a_contour_is_a_contradiction(tmp_path: Path) -> None:
    row = outcomes(tmp_path, 1, {"follow_up_status": "complete_response"}).iloc[0]
    assert row["reason"] == "complete_response_not_empty"
    assert math.isnan(row["shrinkage_percent"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"follow_up_mask": None}, "follow_up_missing"),
        ({"follow_up_status": "death"}, "follow_up_death"),
        ({"date": None}, "interval_days_unknown"),
        ({"follow_up_date": "2024-01-10", "rt_start_date": None}, "interval_days_zero"),
        ({"follow_up_mask": "bad.nii.gz"}, "follow_up_not_an_image"),
        ({"follow_up_mask": "other.nii.gz"}, "follow_up_geometry_mismatch"),
        ({"mask": "empty.nii.gz"}, "baseline_mask_empty"),
    ],
)
def test_missing_outcomes_have_a_reason_and_stay_in_the_table(
    tmp_path: Path, changes: dict, reason: str
) -> None:
    (tmp_path / "bad.nii.gz").write_bytes(b"no")
    cases.write(tmp_path, "empty.nii.gz", cases.empty_mask())
    cases.write(tmp_path, "other.nii.gz", cases.mask(size=(24, 22, 11)))
    table = outcomes(tmp_path, 2, changes)
    assert list(table["reason"]) == [reason, reason]
    assert table["rate_percent_per_day"].isna().all()
    assert table.attrs["reasons"] == {("P0", "1"): reason, ("P1", "1"): reason}
    # without dates the percentages are still known
    assert table["shrinkage_percent"].notna().all() == reason.startswith("interval_days")


def test_lesion_that_is_gone_does_not_take_its_neighbours_volume(tmp_path: Path) -> None:
    both = cases.mask(6.0)
    both[2, 2, 2] = 2
    cases.write(tmp_path, "both.nii.gz", both)
    cases.write(tmp_path, "one.nii.gz", cases.mask(5.0))
    cases.write(tmp_path, "ct.nii.gz", cases.image())
    frame = pd.DataFrame(
        {
            "patient_id": "P",
            "lesion_id": ["1", "2"],
            "image": "ct.nii.gz",
            "mask": "both.nii.gz",
            "mask_label": [1, 2],
            "follow_up_mask": "one.nii.gz",
        }
    )
    with pytest.raises(OutcomeError, match=r"1 lesion\(s\): case 'P' lesion '2'"):
        tr.shrinkage(tr.Cohort.from_frame(frame, base=tmp_path))


def test_volume_needs_no_voxel_of_the_image(tmp_path: Path) -> None:
    voxels = sitk.Cast(cases.image(), sitk.sitkFloat32)
    voxels[0, 0, 0] = float("nan")
    cases.write(tmp_path, "nan.nii.gz", voxels)
    assert outcomes(tmp_path, 1, {"image": "nan.nii.gz"})["reason"].tolist() == [""]


def test_truncated_tumour_has_no_volume_change_unless_asked_for(tmp_path: Path) -> None:
    cases.write(tmp_path, "cut.nii.gz", cases.mask(20.0))
    changes = {"follow_up_mask": "cut.nii.gz"}
    row = outcomes(tmp_path, 1, changes).iloc[0]
    assert row["reason"] == "truncated"
    assert math.isnan(row["shrinkage_percent"])
    kept = outcomes(tmp_path, 1, changes, truncated="keep").iloc[0]
    assert kept["shrinkage_percent"] < 0


def test_options_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    cohort = tr.Cohort.from_frame(cases.cohort_folder(tmp_path), base=tmp_path)
    with pytest.raises(OutcomeError, match="per='days'"):
        tr.shrinkage(cohort, per="days")
    with pytest.raises(OutcomeError, match="truncated="):
        tr.shrinkage(cohort, truncated="drop")


numbers = st.lists(
    st.floats(-100, 100, allow_nan=False) | st.just(float("nan")), min_size=1, max_size=30
).filter(lambda values: not all(map(math.isnan, values)))


@given(numbers, st.sampled_from(sorted(SHRANK_SIGN)))
def test_label_is_strictly_more_shrinkage_whatever_the_sign(values: list, by: str) -> None:
    table = pd.DataFrame({by: values})
    label = tr.label_responders(table, by=by)
    known = [v for v in values if not math.isnan(v)]
    cut = float(np.median(known))
    assert label.attrs["cut"] == cut
    assert label.attrs["n_ties"] == sum(v == cut for v in known)
    for value, one in zip(values, label, strict=True):
        if math.isnan(value):
            assert math.isnan(one)
        else:
            assert one == (SHRANK_SIGN[by] * value > SHRANK_SIGN[by] * cut)


@given(st.lists(st.floats(-50, 90, allow_nan=False), min_size=2, max_size=30, unique=True))
def test_the_same_lesions_respond_by_change_and_by_shrinkage(shrinkage: list) -> None:
    table = pd.DataFrame({"shrinkage_percent": shrinkage})
    table["volume_change_percent"] = -table["shrinkage_percent"]
    a = tr.label_responders(table, by="shrinkage_percent")
    b = tr.label_responders(table, by="volume_change_percent")
    assert a.tolist() == b.tolist()


def test_cut_is_fitted_on_the_rows_given() -> None:
    y = pd.Series([1.0, 2, 3, 4, 100], name="rate_percent_per_day")
    rule = tr.ResponderCut("median")
    cut = rule.fit(y[:3])
    assert cut == 2
    assert rule.label(y, cut).tolist() == [0, 0, 1, 1, 1]


def test_fixed_cut_in_the_end_points_own_unit() -> None:
    y = pd.Series([-40.0, -30, -10], name="volume_change_percent")
    assert tr.ResponderCut(-30).label(y, -30).tolist() == [1, 0, 0]


@pytest.mark.parametrize("cut", ["mean", float("nan"), True, None])
def test_cuts_that_are_none(cut: object) -> None:
    with pytest.raises(OutcomeError, match="expected 'median' or a finite number"):
        tr.ResponderCut(cut)


def test_another_end_point_than_the_rule_was_made_for_is_refused() -> None:
    """Its labels would be turned round: more shrinkage is a smaller volume change."""
    rate = pd.Series([0.1, 1.0, 2.0], name="rate_percent_per_day")
    rule = tr.ResponderCut("median", by="volume_change_percent")
    for call in (rule.fit, lambda y: rule.label(y, 1.0)):
        with pytest.raises(OutcomeError, match="would turn the labels"):
            call(rate)
    assert rule.label(rate.rename("change"), 1.0).tolist() == [1, 0, 0]


def test_unknown_sign_is_refused() -> None:
    with pytest.raises(OutcomeError, match="is no end point"):
        tr.ResponderCut().label(pd.Series([1.0, 2.0], name="response"), 1.0)
    with pytest.raises(OutcomeError, match="is not a column"):
        tr.label_responders(pd.DataFrame({"a": [1.0]}), by="rate_cc_per_day")
    with pytest.raises(OutcomeError, match="every value is missing"):
        tr.label_responders(pd.DataFrame({"rate_cc_per_day": [float("nan")]}), by="rate_cc_per_day")
