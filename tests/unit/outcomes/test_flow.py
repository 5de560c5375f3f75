from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

import tumor_response as tr
from tests.unit import cases
from tests.unit.quality import faults
from tumor_response.exceptions import OutcomeError


def cohort_with_losses(folder: Path) -> tr.Cohort:
    frame = cases.cohort_folder(folder, 6)
    frame["follow_up_status"] = ["measured"] * 3 + ["death", "death", "missing"]
    frame["age"] = [50.0, 60.0, 70.0, 80.0, 60.0, 40.0]
    return tr.Cohort.from_frame(frame, base=folder)


def test_who_is_left_out_and_why(tmp_path: Path) -> None:
    cohort = cohort_with_losses(tmp_path)
    flow = tr.outcome_flow(tr.shrinkage(cohort, quality=None), cohort)
    assert flow["n_lesions"].to_dict() == {
        "all": 6,
        "with rate_percent_per_day": 3,
        "without, follow_up_death": 2,
        "without, follow_up_missing": 1,
        "all without": 3,
    }
    assert flow.loc["without, follow_up_death", "age_median"] == 70
    # of the six pairs, 80 is above all three, 60 above one and equal to one
    assert flow.loc["without, follow_up_death", "age_higher"] == pytest.approx(4.5 / 6)


def test_difference_is_the_mann_whitney_statistic(tmp_path: Path) -> None:
    cohort = cohort_with_losses(tmp_path)
    outcomes = tr.shrinkage(cohort, quality=None)
    flow = tr.outcome_flow(outcomes, cohort)
    volume = outcomes["volume_baseline_cc"].to_numpy()
    u = mannwhitneyu(volume[3:], volume[:3]).statistic
    assert flow.loc["all without", "volume_cc_higher"] == pytest.approx(u / 9)
    assert flow.loc["with rate_percent_per_day", "volume_cc_higher"] == 0.5


def test_complete_responses_have_a_rate_and_no_logarithm(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path, 3)
    frame["follow_up_status"] = ["complete_response", "measured", "measured"]
    frame.loc[0, "follow_up_mask"] = cases.write(tmp_path, "gone.nii.gz", cases.empty_mask())
    cohort = tr.Cohort.from_frame(frame, base=tmp_path)
    outcomes = tr.shrinkage(cohort, quality=None)
    assert tr.outcome_flow(outcomes, cohort)["n_complete_response"].tolist() == [1, 1]
    by_log = tr.outcome_flow(outcomes, cohort, by="log_volume_ratio")
    assert by_log.loc["without, complete_response", "n_lesions"] == 1


def test_what_is_refused(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path, 2).assign(sex=["f", "m"])
    cohort = tr.Cohort.from_frame(frame, base=tmp_path)
    outcomes = tr.shrinkage(cohort, quality=None)
    with pytest.raises(OutcomeError, match="holds text"):
        tr.outcome_flow(outcomes, cohort, variables=["sex"])
    with pytest.raises(OutcomeError, match="has no 'aeg'"):
        tr.outcome_flow(outcomes, cohort, variables=["aeg"])
    with pytest.raises(OutcomeError, match="no column 'rate'"):
        tr.outcome_flow(outcomes, cohort, by="rate")
    with pytest.raises(OutcomeError, match="same lesions"):
        tr.outcome_flow(outcomes.iloc[::-1], cohort)


def test_follow_ups_that_may_be_anothers_are_counted(tmp_path: Path) -> None:
    sure = faults.row(tmp_path, "P1")
    doubtful = faults.row(tmp_path, "P2", 1) | faults.another_body(tmp_path, (0.0, 0.0, 0.0))
    cohort = faults.cohort([sure, doubtful])
    flow = tr.outcome_flow(tr.shrinkage(cohort), cohort)
    assert flow["n_lesions"].tolist() == [2, 2]
    assert flow["n_place_in_doubt"].tolist() == [1, 1]


def test_nobody_with_an_outcome_has_nobody_to_compare_with(tmp_path: Path) -> None:
    frame = cases.cohort_folder(tmp_path, 2).assign(follow_up_status="missing")
    cohort = tr.Cohort.from_frame(frame, base=tmp_path)
    flow = tr.outcome_flow(tr.shrinkage(cohort, quality=None), cohort)
    assert np.isnan(flow.loc["all", "volume_cc_higher"])
    assert isinstance(flow, pd.DataFrame)
