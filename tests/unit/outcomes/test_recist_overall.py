"""Overall and best response: Tables 1 to 3 of the guideline, row by row."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.unit.outcomes.recist_cases import lesion, table
from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.recist import (
    overall_response,
    recist_best_response,
    recist_response,
)

ANY_NON_TARGET = ("CR", "non-CR/non-PD", "PD", "NE", "none", "unknown")
NON_PD = ("CR", "non-CR/non-PD", "NE", "none")


@pytest.mark.parametrize(
    ("targets", "non_targets", "new", "expected"),
    [
        # Table 1, in its order
        (["CR"], ["CR", "none"], ["no"], "CR"),
        (["CR"], ["non-CR/non-PD"], ["no"], "PR"),
        (["CR"], ["NE"], ["no"], "PR"),
        (["PR"], NON_PD, ["no"], "PR"),
        (["SD"], NON_PD, ["no"], "SD"),
        (["NE"], NON_PD, ["no"], "NE"),
        (["PD"], ANY_NON_TARGET, ["yes", "no", "unknown"], "PD"),
        (["CR", "PR", "SD", "NE", "none"], ["PD"], ["yes", "no", "unknown"], "PD"),
        (["CR", "PR", "SD", "PD", "NE"], ANY_NON_TARGET, ["yes"], "PD"),
        # Table 2: non-target disease alone
        (["none"], ["CR"], ["no"], "CR"),
        (["none"], ["non-CR/non-PD"], ["no"], "non-CR/non-PD"),
        (["none"], ["NE"], ["no"], "NE"),
        (["none"], ["CR", "non-CR/non-PD", "NE"], ["yes"], "PD"),
        # nobody says
        (["CR", "PR", "SD", "NE"], ["unknown"], ["no", "unknown"], "not derivable"),
        (["CR", "PR", "SD", "NE"], NON_PD, ["unknown"], "not derivable"),
    ],
)
def test_tables_1_and_2(targets, non_targets, new, expected: str) -> None:
    for target in targets:
        for non_target in non_targets:
            for new_lesions in new:
                found = overall_response(target, non_target, new_lesions)
                assert found == expected, (target, non_target, new_lesions)


@pytest.mark.parametrize("words", [("X", "CR", "no"), ("CR", "SD", "no"), ("CR", "CR", "maybe")])
def test_other_words_are_refused(words: tuple[str, str, str]) -> None:
    with pytest.raises(OutcomeError, match="expected one of"):
        overall_response(*words)


def test_a_patient_without_disease_is_refused() -> None:
    with pytest.raises(OutcomeError, match="no disease"):
        overall_response("none", "none", "no")


def overall(course: list[float | str], non_target: list[object], new: list[object]) -> list[str]:
    told = pd.DataFrame(
        {
            "patient_id": "P",
            "visit": range(1, len(course)),
            "non_target": non_target,
            "new_lesions": new,
        }
    )
    found = recist_response(lesion("lung", *course), assessments=told)
    return found["overall_response"].tolist()[1:]


def test_without_assessments_nothing_is_derived_not_even_progression() -> None:
    found = recist_response(lesion("lung", 50, 80))
    assert found["target_response"].iloc[1] == "PD"
    assert found["overall_response"].iloc[1] == "not derivable"


def test_with_assessments_each_visit_has_its_own() -> None:
    assert overall(
        [50, 30, 30, 30, 30, "-"],
        ["none", "non-CR/non-PD", "PD", None, "CR"],
        ["no", False, "no", "no", "no"],
    ) == ["PR", "PR", "PD", "not derivable", "NE"]
    assert overall([50, 45, 45], ["CR", "CR"], [True, None]) == ["PD", "not derivable"]


def test_visits_that_the_assessments_leave_out_are_unknown() -> None:
    told = pd.DataFrame(
        {"patient_id": ["P"], "visit": [2], "non_target": ["CR"], "new_lesions": ["no"]}
    )
    found = recist_response(lesion("lung", 50, 30, 30), assessments=told)
    assert found["overall_response"].tolist() == ["baseline", "not derivable", "PR"]


def test_after_an_overall_cr_disease_anywhere_is_progression() -> None:
    # a small lung lesion comes back; and a non-target lesion does, with the target still gone
    assert overall([50, "gone", 3], ["CR", "CR"], ["no", "no"]) == ["CR", "PD"]
    assert overall([50, "gone", "gone"], ["CR", "non-CR/non-PD"], ["no", "no"]) == ["CR", "PD"]
    # not evaluated is not seen: Table 1 stands
    assert overall([50, "gone", "gone"], ["CR", "NE"], ["no", "no"]) == ["CR", "PR"]


def test_a_small_lesion_that_comes_back_outside_of_cr_counts_by_its_size() -> None:
    # the patient was in PR, since non-target disease was there all the time
    rest = ["non-CR/non-PD", "non-CR/non-PD"]
    assert overall([50, "gone", 3], rest, ["no", "no"]) == ["PR", "PR"]
    assert overall([50, "gone", 6], rest, ["no", "no"]) == ["PR", "PD"]
    # whether it was CR nobody says
    assert overall([50, "gone", 3], [None, "CR"], ["no", "no"]) == ["not derivable"] * 2


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"visit": [1, 1]}, "assessed_twice"),
        ({"visit": [1, 7]}, "assessment_without_visit"),
        ({"non_target": ["CR", "better"]}, "assessment_unknown"),
        ({"new_lesions": ["no", "perhaps"]}, "assessment_unknown"),
    ],
)
def test_assessments_that_do_not_fit_are_refused(told: dict[str, list], code: str) -> None:
    frame = pd.DataFrame(
        {"patient_id": "P", "visit": [0, 1], "non_target": "CR", "new_lesions": "no"}
    ).assign(**told)
    with pytest.raises(OutcomeError) as error:
        recist_response(lesion("lung", 50, 30), assessments=frame)
    assert error.value.code == code


def course(*words: str, every: float = 35.0) -> pd.DataFrame:
    """Responses of one patient: a baseline on day 0, then one visit each ``every`` days."""
    visits = range(len(words) + 1)
    return pd.DataFrame(
        {
            "patient_id": "P",
            "visit": visits,
            "days": [every * visit for visit in visits],
            "target_response": ["baseline", *words],
            "overall_response": ["baseline", *words],
        }
    )


@pytest.mark.parametrize(
    ("words", "long_enough", "too_short"),
    [
        # Table 3: first and next visit, with the minimum for SD met and not met
        (("CR", "CR"), "CR", "CR"),
        (("CR", "SD"), "SD", "NE"),
        (("CR", "PD"), "SD", "PD"),
        (("CR", "NE"), "SD", "NE"),
        (("PR", "CR"), "PR", "PR"),
        (("PR", "PR"), "PR", "PR"),
        (("PR", "PD"), "SD", "PD"),
        (("PR", "NE"), "SD", "NE"),
        (("NE", "NE"), "NE", "NE"),
        # a gap between the two readings of one response
        (("PR", "NE", "PR"), "PR", "PR"),
        (("SD", "PD"), "SD", "PD"),
        (("SD",), "SD", "NE"),
        (("PD", "CR", "CR"), "PD", "PD"),
    ],
)
def test_table_3_with_confirmation(words, long_enough: str, too_short: str) -> None:
    for minimum, expected in ((30.0, long_enough), (200.0, too_short)):
        found = recist_best_response(
            course(*words), confirmation_days=28, minimum_stable_days=minimum
        )
        assert found.loc["P", "best_response"] == expected


def test_table_3_pr_then_sd_is_sd() -> None:
    found = recist_best_response(
        course("PR", "SD"), confirmation_days=28, minimum_stable_days=30
    ).loc["P"]
    assert (found["best_response"], found["visit"]) == ("SD", 1)


def test_a_confirmation_may_come_later_but_not_sooner() -> None:
    assert best(course("PR", "PR", every=20), confirmation_days=28) == "SD"
    assert best(course("PR", "PR", "PR", every=20), confirmation_days=28) == "PR"
    assert best(course("PR", "SD", "PR", "PR"), confirmation_days=28) == "PR"
    assert best(course("PR", "SD", "PR"), confirmation_days=28) == "SD"


def best(responses: pd.DataFrame, **options) -> str:
    return recist_best_response(responses, **options).loc["P", "best_response"]


def test_4_4_3_the_best_until_progression() -> None:
    found = recist_best_response(course("SD", "PR", "NE", "CR", "PD", "CR")).loc["P"]
    assert found["best_response"] == "CR"
    assert found["visit"] == 4
    assert found["first_progression"] == 5
    assert (found["n_visits"], found["n_not_evaluable"]) == (6, 1)
    assert best(course("PD", "PR")) == "PD"
    assert best(course("NE")) == "NE"


def test_best_overall_response_is_not_derivable_where_a_better_one_may_hide() -> None:
    of = {"of": "overall_response"}
    assert best(course("PR", "not derivable"), **of) == "not derivable"
    assert best(course("CR", "not derivable"), **of) == "CR"
    assert best(course("PR", "PD", "not derivable"), **of) == "PR"
    assert best(course("non-CR/non-PD"), **of) == "non-CR/non-PD"


def test_durations_need_days() -> None:
    with pytest.raises(OutcomeError) as error:
        recist_best_response(course("PR").assign(days=float("nan")), confirmation_days=28)
    assert error.value.code == "days_missing"
    with pytest.raises(OutcomeError, match="expected target_response"):
        recist_best_response(course("PR"), of="response")


def test_best_response_of_what_the_engine_returns() -> None:
    found = recist_response(table(lesion("lung", 50, 30, 30, 50)))
    assert recist_best_response(found)["best_response"].to_dict() == {"P": "PR"}
