"""Target response, case by case from the guideline's text (sections of Eisenhauer et al. 2009).

The figures are ours; the expectations come from reading the section that each test names.
"""

from __future__ import annotations

import math

import pandas as pd
import pytest

from tests.unit.outcomes.recist_cases import lesion, node, table, target
from tumor_response.outcomes.recist import RESPONSE_COLUMNS, recist_response


# 4.3.1 --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("follow_up", "expected"),
    [
        (70.1, "SD"),
        (70.0, "PR"),  # at least 30 % below the baseline: the limit itself counts
        (50.0, "PR"),
        (100.0, "SD"),
        (119.9, "SD"),
        (120.0, "PD"),  # at least 20 % above, and 20 mm
    ],
)
def test_4_3_1_limits_of_response_and_progression(follow_up: float, expected: str) -> None:
    assert target(lesion("liver", 100, follow_up)) == [expected]


@pytest.mark.parametrize(
    ("baseline", "follow_up", "expected"),
    [
        (20, 24, "SD"),  # +20 %, and 4 mm only
        (20, 24.9, "SD"),
        (20, 25, "PD"),  # +25 % and 5 mm
        (30, 35, "SD"),  # 5 mm, and +16.7 % only
        (25, 30, "PD"),  # both limits exactly
    ],
)
def test_4_3_1_progression_needs_20_percent_and_5_mm(
    baseline: float, follow_up: float, expected: str
) -> None:
    assert target(lesion("lung", baseline, follow_up)) == [expected]


def test_4_3_1_response_refers_to_baseline_and_progression_to_the_smallest_sum() -> None:
    # 50 is half of the baseline and 66.7 % above the smallest sum: progression
    assert target(lesion("lung", 100, 30, 50)) == ["PR", "PD"]
    # the smallest sum is the baseline where everything grew
    assert target(lesion("lung", 50, 58, 62)) == ["SD", "PD"]


def test_4_3_1_small_regrowth_in_response_is_still_a_response() -> None:
    # 165, 63 and 65 mm: the example in the answers that the RECIST group published
    assert target(lesion("lung", 165, 63, 65)) == ["PR", "PR"]


def test_4_3_1_the_sum_decides_and_not_one_lesion() -> None:
    # the first lesion grows by 50 %, the sum by 10 %
    assert target(lesion("lung", 20, 30), lesion("liver", 80, 80)) == ["SD"]


def test_4_3_1_complete_response_needs_every_non_nodal_target_gone() -> None:
    assert target(lesion("lung", 20, "gone"), lesion("liver", 15, "gone")) == ["CR"]
    assert target(lesion("lung", 20, "gone"), lesion("liver", 15, 2)) == ["PR"]


def test_4_3_1_nodes_are_normal_below_10_mm() -> None:
    assert target(lesion("lung", 20, "gone"), node("neck", 18, 9.9)) == ["CR"]
    assert target(lesion("lung", 20, "gone"), node("neck", 18, 10.0)) == ["PR"]


def test_4_3_1_a_non_target_node_above_10_mm_prevents_complete_response() -> None:
    others = node("axilla", 12, 11, target="no")
    normal = node("axilla", 12, 9, target="no")
    lung = lesion("lung", 20, "gone", target="yes")
    assert target(lung, others) == ["PR"]
    assert target(lung, normal) == ["CR"]
    # one that was not looked at is told of by the non-target status, and no reason against CR here
    assert target(lung, node("axilla", 12, "-", target="no")) == ["CR"]
    # one that never was pathological is no disease
    assert target(lung, node("axilla", 9, 11, target="no")) == ["CR"]


# 4.3.2 --------------------------------------------------------------------------------------------
def test_4_3_2_nodes_keep_their_short_axis_so_that_the_sum_of_a_cr_is_not_zero() -> None:
    found = recist_response(table(lesion("lung", 20, "gone"), node("neck", 18, 8)))
    assert found["target_response"].tolist() == ["baseline", "CR"]
    assert found["sum_diameters_mm"].tolist() == [38.0, 8.0]


def test_4_3_2_nodes_count_by_short_axis_whatever_their_longest_diameter() -> None:
    neck = node("neck", 20, 13).assign(longest_diameter_mm=[40.0, 39.0])
    found = recist_response(neck)
    assert found["sum_diameters_mm"].tolist() == [20.0, 13.0]
    assert found["target_response"].iloc[1] == "PR"


def test_4_3_2_too_small_to_measure_is_5_mm_and_a_given_figure_counts() -> None:
    found = recist_response(table(lesion("lung", 20, "small"), lesion("liver", 10, 10)))
    assert found["sum_diameters_mm"].tolist() == [30.0, 15.0]
    assert found["flags"].iloc[1] == "too_small_taken_as_5_mm"
    measured = lesion("lung", 20, 3).assign(status=["measured", "too_small"])
    assert recist_response(measured)["sum_diameters_mm"].tolist() == [20.0, 3.0]
    # seen, even if too small: not gone
    assert target(lesion("lung", 20, "small")) == ["PR"]


def test_4_3_2_a_node_too_small_to_measure_is_5_mm_and_normal() -> None:
    found = recist_response(node("neck", 20, "small"))
    assert found["sum_diameters_mm"].iloc[1] == 5.0
    assert found["target_response"].iloc[1] == "CR"


def test_4_3_2_fragments_are_added() -> None:
    parts = table(
        lesion("lung", 40),
        lesion("lung", 40, 12, fragment=1).iloc[1:],
        lesion("lung", 40, 13, fragment=2).iloc[1:],
    )
    found = recist_response(parts)
    assert found["sum_diameters_mm"].tolist() == [40.0, 25.0]
    assert found["flags"].iloc[1] == "fragments_summed"


def test_4_3_2_merged_lesions_count_by_one_diameter() -> None:
    first = lesion("lung a", 20, 34, organ="lung")
    second = lesion("lung b", 15, "-", organ="lung")
    second["merged_into"] = [None, "lung a"]
    second["status"] = ["measured", "merged"]
    found = recist_response(table(first, second))
    assert found["sum_diameters_mm"].tolist() == [35.0, 34.0]
    assert found["n_evaluated"].tolist() == [2, 2]
    assert found["flags"].iloc[1] == "merged_lesions"
    assert found["target_response"].iloc[1] == "SD"


# 4.4.2 --------------------------------------------------------------------------------------------
def test_4_4_2_a_visit_without_measurements_is_not_evaluable() -> None:
    found = recist_response(lesion("lung", 50, "-", 30))
    assert found["target_response"].tolist() == ["baseline", "NE", "PR"]
    assert found["reason"].tolist() == ["", "no_target_evaluated", ""]


def test_4_4_2_progression_stands_without_the_missing_lesion() -> None:
    # three lesions of 50 mm in all; the two that were seen later make 80 mm
    found = recist_response(
        table(lesion("lung", 20, 45), lesion("liver", 15, 35), lesion("bone", 15, "NE"))
    )
    assert found["target_response"].iloc[1] == "PD"
    assert math.isnan(found["sum_diameters_mm"].iloc[1])
    assert found["sum_evaluated_mm"].iloc[1] == 80.0
    assert found["not_evaluated"].iloc[1] == "bone"
    assert found["flags"].iloc[1] == "progression_by_evaluated_targets_alone"


def test_4_4_2_nothing_less_than_progression_stands_without_it() -> None:
    found = recist_response(table(lesion("lung", 20, "gone"), lesion("liver", 15, "NE")))
    assert found["target_response"].iloc[1] == "NE"
    assert found["reason"].iloc[1] == "targets_not_all_evaluated"


def test_4_4_2_an_incomplete_sum_is_no_nadir() -> None:
    # at the second visit only 20 of 60 mm were seen; 60 mm are no progression over that
    lung, liver = lesion("lung", 30, 20, 30), lesion("liver", 30, "NE", 30)
    found = recist_response(table(lung, liver))
    assert found["nadir_mm"].tolist() == [60.0, 60.0, 60.0]
    assert found["target_response"].tolist() == ["baseline", "NE", "SD"]


def test_a_lesion_without_a_row_is_a_lesion_that_was_not_evaluated() -> None:
    found = recist_response(table(lesion("lung", 30, 10), lesion("liver", 30)))
    assert found["target_response"].iloc[1] == "NE"
    assert found["not_evaluated"].iloc[1] == "liver"


# Table 3, note a; answers of the RECIST group ---------------------------------------------------
def test_any_disease_after_complete_response_is_progression() -> None:
    found = recist_response(lesion("lung", 20, "gone", 3))
    assert found["target_response"].tolist() == ["baseline", "CR", "PD"]
    assert found["flags"].iloc[2] == "reappeared_after_cr"


def test_a_lesion_that_comes_back_outside_of_cr_only_counts_by_its_size() -> None:
    lung, liver = lesion("lung", 20, "gone", 4), lesion("liver", 40, 30, 30)
    assert target(lung, liver) == ["PR", "PR"]


def test_a_normal_node_that_grows_and_stays_normal_is_no_progression() -> None:
    assert target(node("neck", 20, 3, 9)) == ["CR", "CR"]
    assert target(node("neck", 20, 3, 10)) == ["CR", "PD"]


def test_after_complete_response_one_lesion_seen_again_is_progression_without_the_other() -> None:
    assert target(lesion("lung", 20, "gone", 8), lesion("liver", 20, "gone", "NE")) == ["CR", "PD"]


# what goes with it --------------------------------------------------------------------------------
def test_the_nadir_is_that_of_the_visits_before() -> None:
    found = recist_response(lesion("lung", 100, 80, 60, 66, 40))
    assert found["nadir_mm"].tolist() == [100.0, 100.0, 80.0, 60.0, 60.0]
    assert found["change_from_nadir_mm"].tolist() == [0.0, -20.0, -20.0, 6.0, -20.0]
    assert found["change_from_nadir_percent"].tolist() == pytest.approx([0, -20, -25, 10, -100 / 3])
    assert found["change_from_baseline_percent"].tolist() == pytest.approx([0, -20, -40, -34, -60])


def test_there_is_no_percentage_of_nothing() -> None:
    found = recist_response(lesion("lung", 20, "gone", 10))
    assert math.isnan(found["change_from_nadir_percent"].iloc[2])
    assert found["change_from_nadir_mm"].iloc[2] == 10.0


def test_visits_after_a_progression_say_so() -> None:
    found = recist_response(lesion("lung", 50, 70, 30))
    assert found["target_response"].tolist() == ["baseline", "PD", "PR"]
    assert found["flags"].iloc[2] == "after_progression"


def test_what_recist_is_not_meant_for_is_flagged_and_computed() -> None:
    lung = lesion("lung", 50, 30, 20, previously_irradiated="yes", target=True)
    lung["on_treatment"] = [False, True, False]
    found = recist_response(lung)
    irradiated = "outside_recist_intent:previously_irradiated"
    assert [irradiated in cell for cell in found["flags"]] == [True] * 3
    mid = "outside_recist_intent:mid_treatment_scan"
    assert [mid in cell for cell in found["flags"]] == [False, True, False]
    assert found["target_response"].iloc[1] == "PR"


def test_a_scan_more_than_4_weeks_before_treatment_is_flagged() -> None:
    early = recist_response(lesion("lung", 50, 30).assign(days=[-29, 40]))
    in_time = recist_response(lesion("lung", 50, 30).assign(days=[-28, 40]))
    flag = "baseline_over_4_weeks_before_treatment"
    assert flag in early["flags"].iloc[0]
    assert flag not in in_time["flags"].iloc[0]


def test_a_lesion_that_was_not_there_at_baseline_is_pointed_at() -> None:
    new = lesion("bone", 0, "gone", 20, 22).iloc[2:]
    found = recist_response(table(lesion("lung", 50, 40, 40, 40), new))
    assert ["lesion_not_at_baseline" in cell for cell in found["flags"]] == [
        False,
        False,
        True,
        False,
    ]
    # it is not in the sum, and the overall response is not derived from it
    assert found["sum_diameters_mm"].tolist() == [50.0, 40.0, 40.0, 40.0]
    assert found["overall_response"].tolist() == ["baseline", *["not derivable"] * 3]


def test_the_columns_are_the_ones_that_are_named() -> None:
    found = recist_response(lesion("lung", 50, 40))
    assert tuple(found.columns) == RESPONSE_COLUMNS
    assert found.index.names == ["patient_id", "visit"]
    assert isinstance(found.index, pd.MultiIndex)
