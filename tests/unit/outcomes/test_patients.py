from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.end_points import SHRANK_SIGN, changes
from tumor_response.outcomes.shrinkage import OUTCOME_COLUMNS

LESIONS = {  # V0, V1
    ("P1", "a"): (30.0, 15.0),
    ("P1", "b"): (10.0, 9.0),
    ("P2", "a"): (8.0, 2.0),
    ("P3", "a"): (20.0, None),
    ("P3", "b"): (5.0, 4.0),
    ("P4", "a"): (6.0, 0.0),
    ("P4", "b"): (2.0, 1.0),
}


def outcomes() -> pd.DataFrame:
    rows = {}
    for key, (v0, v1) in LESIONS.items():
        row = {"volume_baseline_cc": v0, "interval_days": 20.0, "fractions": 15.0, "reason": ""}
        if v1 is None:
            row["reason"] = "follow_up_missing"
        else:
            row |= {"volume_follow_up_cc": v1, **changes(v0, v1, {"day": 20.0, "fraction": 15.0})}
            row["reason"] = "" if v1 else "complete_response"
        rows[key] = row
    index = pd.MultiIndex.from_tuples(rows, names=["patient_id", "lesion_id"])
    columns = [*OUTCOME_COLUMNS, "dose_source", "reason"]
    table = pd.DataFrame(list(rows.values()), index=index, columns=columns)
    table["dose_source"] = ""
    table.attrs = {"days": "interval_days", "reasons": {}}
    return table


def test_the_sum_of_volumes_shrinks_and_not_the_mean_of_rates() -> None:
    table = tr.per_patient(outcomes(), "sum")
    assert table.index.tolist() == [(p, "sum") for p in ("P1", "P2", "P3", "P4")]
    one = table.loc[("P1", "sum")]
    assert one["shrinkage_percent"] == pytest.approx(100 * 16 / 40)
    assert one["rate_percent_per_day"] == pytest.approx(2.0)
    assert one["rate_cc_per_fraction"] == pytest.approx(16 / 15)
    assert one["equivalent_diameter_baseline_mm"] == pytest.approx((6000 * 40 / math.pi) ** (1 / 3))
    assert table.attrs["how"] == "sum"
    # one lesion: the sum is the lesion
    own = outcomes().loc[("P2", "a")]
    for name in ("log_volume_ratio", "sgr_per_day", "rate_cc_per_day"):
        assert table.loc[("P2", "sum"), name] == pytest.approx(own[name])


def test_a_missing_lesion_has_no_sum_and_no_worst() -> None:
    total = tr.per_patient(outcomes(), "sum").loc[("P3", "sum")]
    assert total["reason"] == "lesion_missing"
    assert math.isnan(total["shrinkage_percent"])
    assert total["volume_baseline_cc"] == 25
    worst = tr.per_patient(outcomes(), "worst").xs("P3").iloc[0]
    assert worst["reason"] == "lesion_missing"
    assert math.isnan(worst["rate_percent_per_day"])


@pytest.mark.parametrize("how", ["sum", "worst"])
def test_a_reason_that_all_lesions_share_is_the_patients(how: str) -> None:
    table = outcomes()
    ends = [name for name in SHRANK_SIGN if name in table]
    table.loc["P1", [*ends, "volume_follow_up_cc"]] = np.nan
    table.loc["P1", "reason"] = "follow_up_death"
    row = tr.per_patient(table, how).xs("P1").iloc[0]
    assert row["reason"] == "follow_up_death"
    assert math.isnan(row["shrinkage_percent"])


def test_a_lesion_that_is_gone_counts_with_volume_zero() -> None:
    assert tr.per_patient(outcomes(), "sum").loc[("P4", "sum"), "shrinkage_percent"] == 87.5
    worst = tr.per_patient(outcomes(), "worst")
    assert ("P4", "b") in worst.index


def test_largest_index_and_worst_take_one_lesion() -> None:
    table = outcomes()
    largest = tr.per_patient(table, "largest")
    assert largest.index.tolist() == [("P1", "a"), ("P2", "a"), ("P3", "a"), ("P4", "a")]
    named = {"P1": "b", "P2": "a", "P3": "b", "P4": "b"}
    assert tr.per_patient(table, "index", index_lesions=named).index.tolist() == list(named.items())
    assert tr.per_patient(table, "worst").index.tolist()[0] == ("P1", "b")
    by_cc = tr.per_patient(table.drop(index=("P3", "a")), "worst", by="volume_change_cc")
    assert by_cc.index.tolist() == [("P1", "b"), ("P2", "a"), ("P3", "b"), ("P4", "b")]
    pd.testing.assert_series_equal(largest.loc[("P1", "a")], table.loc[("P1", "a")])


def test_reasons_travel() -> None:
    table = tr.per_patient(outcomes(), "largest")
    assert table.attrs["reasons"] == {
        ("P3", "a"): "follow_up_missing",
        ("P4", "a"): "complete_response",
    }
    assert table.attrs["days"] == "interval_days"


def test_lesions_seen_on_different_days_have_no_sum() -> None:
    table = outcomes()
    table.loc[("P1", "b"), "interval_days"] = 25.0
    with pytest.raises(OutcomeError, match="interval_days differ") as caught:
        tr.per_patient(table, "sum")
    assert caught.value.code == "days_differ"


def test_what_is_refused() -> None:
    table = outcomes()
    with pytest.raises(OutcomeError, match="how='mean'"):
        tr.per_patient(table, "mean")
    with pytest.raises(OutcomeError, match="patient 'P3' has none; expected one of 'a', 'b'"):
        tr.per_patient(table, "index", index_lesions={"P1": "a", "P2": "a"})
    with pytest.raises(OutcomeError, match="patient 'P1' has 'z'"):
        tr.per_patient(table, "index", index_lesions={"P1": "z"})
    with pytest.raises(OutcomeError, match="no column 'reason'"):
        tr.per_patient(table.drop(columns="reason"), "sum")
    table.loc[("P1", "b"), "volume_baseline_cc"] = np.nan
    with pytest.raises(OutcomeError, match="no baseline volume"):
        tr.per_patient(table, "largest")
