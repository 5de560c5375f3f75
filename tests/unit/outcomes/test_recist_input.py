"""Tables with faults: each is an error that names the rows and the way out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.unit.outcomes.recist_cases import lesion, node, table
from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.recist import recist_response, visits_from_wide


def refused(measurements: pd.DataFrame, **options) -> OutcomeError:
    with pytest.raises(OutcomeError) as error:
        recist_response(measurements, **options)
    return error.value


LUNG = lesion("lung", 50, 40, 30)
NECK = node("neck", 20, 18)


@pytest.mark.parametrize(
    ("measurements", "code", "shown"),
    [
        (LUNG.assign(longest_diameter_mm=[50, -4, 30]), "diameter_negative", "-4"),
        (LUNG.assign(longest_diameter_mm=[50, 4000, 30]), "units_suspected", "4000"),
        (LUNG.assign(longest_diameter_mm=[5.0, 4.0, 3.0]), "units_suspected", "5"),
        (LUNG.assign(longest_diameter_mm=[0.05, 0.04, 0.03]), "units_suspected", "0.05"),
        (LUNG.assign(longest_diameter_mm=[50, np.inf, 30]), "not_a_number", "inf"),
        (
            LUNG.assign(longest_diameter_mm=[50, "NOT EVALUABLE", 30]),
            "not_a_number",
            "NOT EVALUABLE",
        ),
        (NECK.assign(longest_diameter_mm=[15, 30]), "short_axis_above_longest", "20"),
        (LUNG.assign(longest_diameter_mm=[50, 0, 30]), "zero_undeclared", "0"),
        (
            LUNG.assign(status=["measured", "absent", "measured"]),
            "status_contradicts_diameter",
            "40",
        ),
        (
            LUNG.assign(status=["measured", "missing", "measured"]),
            "status_contradicts_diameter",
            "40",
        ),
        (LUNG.assign(status=["measured", "vanished", "measured"]), "status_unknown", "vanished"),
        (
            LUNG.assign(longest_diameter_mm=[50, None, 30]),
            "diameter_missing",
            "lung",
        ),
        (
            NECK.drop(columns=["short_axis_mm", "status"]).assign(longest_diameter_mm=30.0),
            "diameter_missing",
            "neck",
        ),
        (LUNG.assign(kind="lymph"), "kind_unknown", "lymph"),
        (LUNG.assign(kind=None), "kind_missing", "lung"),
        (LUNG.assign(kind=["node", "non-nodal", "non-nodal"]), "lesion_inconsistent", "node"),
        (LUNG.assign(target=["yes", "no", "yes"]), "lesion_inconsistent", "no"),
        (LUNG.assign(target="perhaps"), "yes_no_expected", "perhaps"),
        (LUNG.assign(on_treatment=[None, True, False]), "yes_no_expected", "None"),
        (LUNG.assign(slice_thickness_mm=0.0), "slice_thickness_wrong", "0.0"),
        (LUNG.assign(slice_thickness_mm=500.0), "slice_thickness_wrong", "500"),
        (table(LUNG, LUNG.iloc[1:2]), "measured_twice", "visit 1"),
        (LUNG.assign(days=[0, 90, 45]), "visits_contradict_days", "45"),
        (LUNG.assign(days=[0, 45, 45]), "visits_contradict_days", "45"),
        (LUNG.assign(days=[-20, -5, 45]), "baseline_ambiguous", "-5"),
        (LUNG.assign(days=[10, 45, 90]), "baseline_missing", "10"),
        (table(LUNG, lesion("liver", 20, 20).assign(days=[0, 9])), "visit_days_differ", "9"),
        (
            table(LUNG, lesion("liver", 20, 20, 20).assign(patient_id="Q").iloc[1:]),
            "baseline_missing",
            "Q",
        ),
        (LUNG.assign(patient_id=[1e18, 1e18, 1e18]), "ids_not_exact", "1e+18"),
        (LUNG.assign(lesion_id=[None, "lung", "lung"]), "id_missing", "row 0"),
        (LUNG.assign(visit=[0, None, 2]), "visit_missing", "lung"),
        (LUNG.drop(columns="visit"), "column_missing", "visit"),
        (LUNG.iloc[:0], "no_rows", "RECIST"),
        (LUNG.assign(visit=["pre", "mid", "post"]), "visit_order_unknown", "mid"),
        (
            LUNG.assign(visit=["pre", "mid", "post"], days=[0, None, 90]),
            "visit_order_unknown",
            "mid",
        ),
    ],
)
def test_faults_are_refused_with_what_was_received(
    measurements: pd.DataFrame, code: str, shown: str
) -> None:
    if code == "visit_days_differ":
        measurements = measurements.assign(days=measurements["days"].fillna(0))
    error = refused(measurements)
    assert error.code == code
    assert shown in str(error)


def test_kind_is_declared_and_never_assumed() -> None:
    bare = LUNG.drop(columns="kind")
    assert refused(bare).code == "kind_missing"
    assert recist_response(bare, kind="non-nodal")["target_response"].iloc[2] == "PR"
    assert refused(LUNG, kind="non-nodal").code == "kind_twice"
    assert refused(bare, kind="lymph").code == "kind_unknown"


def test_all_rows_of_a_fault_are_named_up_to_a_few() -> None:
    many = table(*(lesion("lung", 50, -1).assign(patient_id=f"P{number}") for number in range(20)))
    message = str(refused(many))
    assert "'P0'" in message
    assert "'P7'" in message
    assert "and 12 more" in message


def test_small_lesions_in_mm_beside_a_target_are_no_unit_fault() -> None:
    found = recist_response(table(lesion("lung", 12, 8), lesion("small", 5, 4)))
    assert found["target_response"].iloc[1] == "PR"


def test_a_cohort_in_cm_is_refused_although_some_tumours_exceed_10() -> None:
    sizes = [3.0, 4.5, 11.0, 6.0, 12.0]
    cohort = table(*(lesion("lung", size).assign(patient_id=f"P{size}") for size in sizes))
    error = refused(cohort)
    assert error.code == "units_suspected"
    assert "3 of 5 patients" in str(error)


# the order of visits ------------------------------------------------------------------------------
def test_days_order_visits_that_are_names() -> None:
    visits = LUNG.assign(visit=["pre", "post", "mid"], days=[-3, 90, 45])
    found = recist_response(visits)
    assert found.index.get_level_values("visit").tolist() == ["pre", "mid", "post"]
    assert found["sum_diameters_mm"].tolist() == [50.0, 30.0, 40.0]
    assert found["target_response"].tolist() == ["baseline", "PR", "PD"]


def test_numbers_and_ordered_categories_are_an_order() -> None:
    assert recist_response(LUNG.iloc[::-1])["sum_diameters_mm"].tolist() == [50.0, 40.0, 30.0]
    names = pd.Categorical(["z", "m", "a"], categories=["z", "m", "a"], ordered=True)
    found = recist_response(LUNG.assign(visit=names))
    assert found["sum_diameters_mm"].tolist() == [50.0, 40.0, 30.0]


def test_visits_of_visit_order_that_a_patient_misses_are_ne() -> None:
    visits = LUNG.assign(visit=["pre", "mid", "post"])
    other = visits.iloc[[0, 2]].assign(patient_id="Q")
    found = recist_response(table(visits, other), visit_order=["pre", "mid", "post", "late"])
    assert found.loc["P", "target_response"].tolist() == ["baseline", "SD", "PR", "NE"]
    assert found.loc["Q", "target_response"].tolist() == ["baseline", "NE", "PR", "NE"]
    assert found.loc[("Q", "mid"), "not_evaluated"] == "lung"


def test_visit_order_has_to_name_all_of_them_once() -> None:
    visits = LUNG.assign(visit=["pre", "mid", "post"])
    assert refused(visits, visit_order=["pre", "post"]).code == "visit_unknown"
    assert refused(visits, visit_order=["pre", "mid", "mid", "post"]).code == "visit_order_unknown"
    # a baseline that is not there is not made up
    assert (
        refused(visits, visit_order=["screening", "pre", "mid", "post"]).code == "baseline_missing"
    )


def test_a_baseline_may_be_named() -> None:
    late = LUNG.assign(days=[10, 45, 90])
    assert recist_response(late, baseline=0)["target_response"].tolist()[0] == "baseline"
    assert refused(LUNG, baseline=1).code == "visit_before_baseline"
    assert refused(LUNG, baseline="pre").code == "baseline_missing"
    from_second = recist_response(LUNG.iloc[1:], baseline=1)
    assert from_second["baseline_mm"].tolist() == [40.0, 40.0]


# split and merged lesions -------------------------------------------------------------------------
def test_fragments_that_the_guideline_has_no_rule_for_are_refused() -> None:
    part = NECK.iloc[1:]
    nodes = table(NECK.iloc[:1], part.assign(fragment=1), part.assign(fragment=2))
    assert refused(nodes).code == "fragments_of_node"
    part = lesion("lung", 50, "-").iloc[1:]
    lost = table(LUNG.iloc[:1], LUNG.iloc[1:2].assign(fragment=1), part.assign(fragment=2))
    assert refused(lost).code == "fragment_not_measured"
    same = table(LUNG.iloc[:1], *[LUNG.iloc[1:2].assign(fragment=1)] * 2)
    assert refused(same).code == "measured_twice"


def test_a_merged_lesion_names_one_that_was_measured_and_is_a_target() -> None:
    gone = lesion("liver", 20, "-", "-").assign(status=["measured", "merged", "merged"])
    assert refused(table(LUNG, gone)).code == "merged_into_missing"
    nowhere = table(LUNG, gone.assign(merged_into="kidney"))
    assert refused(nowhere).code == "merged_into_missing"
    other = table(
        LUNG.assign(target="no"),
        gone.assign(target="yes", merged_into="lung"),
    )
    assert refused(other).code == "merged_into_non_target"
    both = recist_response(table(LUNG, gone.assign(merged_into="lung")))
    assert both["sum_diameters_mm"].tolist() == [70.0, 40.0, 30.0]


def test_index_levels_and_columns_are_read_alike() -> None:
    indexed = LUNG.set_index(["patient_id", "lesion_id", "visit"])
    pd.testing.assert_frame_equal(recist_response(indexed), recist_response(LUNG))


def test_the_table_given_is_not_changed() -> None:
    before = LUNG.copy(deep=True)
    recist_response(LUNG)
    pd.testing.assert_frame_equal(LUNG, before)


# wide tables --------------------------------------------------------------------------------------
WIDE = pd.DataFrame({"id": [7, 8], "pre": [40.0, 30.0], "mid": [None, 20.0], "post": [0.0, 8.0]})
VISITS = {"pre": "baseline", "mid": "after 4 weeks", "post": "surgery"}


def test_wide_to_long_keeps_every_cell() -> None:
    long = visits_from_wide(WIDE, patient="id", visits=VISITS, zero="absent")
    assert long["patient_id"].tolist() == ["7"] * 3 + ["8"] * 3
    assert long["visit"].tolist() == list(VISITS.values()) * 2
    assert long["status"].tolist() == ["measured", "missing", "absent", *["measured"] * 3]
    found = recist_response(long, kind="non-nodal")
    assert found["target_response"].tolist() == ["baseline", "NE", "CR", "baseline", "PR", "PR"]


def test_wide_zeros_mean_what_is_declared() -> None:
    with pytest.raises(OutcomeError) as error:
        visits_from_wide(WIDE, patient="id", visits=VISITS)
    assert error.value.code == "zero_undeclared"
    long = visits_from_wide(WIDE, patient="id", visits=VISITS, zero="missing")
    assert long["status"].tolist()[:3] == ["measured", "missing", "missing"]
    assert recist_response(long, kind="non-nodal")["target_response"].tolist()[2] == "NE"


@pytest.mark.parametrize(
    ("wide", "code"),
    [
        (WIDE.assign(id=7), "measured_twice"),
        (WIDE.assign(post=["gone", 8.0]), "not_a_number"),
        (WIDE.rename(columns={"mid": "middle"}), "column_missing"),
        (WIDE.assign(id=[7.5, 8.0]), "ids_not_exact"),
    ],
)
def test_wide_tables_with_faults_are_refused(wide: pd.DataFrame, code: str) -> None:
    with pytest.raises(OutcomeError) as error:
        visits_from_wide(wide, patient="id", visits=VISITS, zero="absent")
    assert error.value.code == code


def test_wide_lesions_are_told_apart_if_asked() -> None:
    two = WIDE.assign(id=7, organ=["lung", "liver"])
    long = visits_from_wide(two, patient="id", lesion="organ", visits=VISITS, zero="absent")
    found = recist_response(long, kind="non-nodal")
    assert found["sum_diameters_mm"].iloc[[0, 2]].tolist() == [70.0, 8.0]
    with pytest.raises(OutcomeError, match="one name to two columns"):
        visits_from_wide(WIDE, patient="id", visits=dict.fromkeys(VISITS, "x"), zero="absent")
