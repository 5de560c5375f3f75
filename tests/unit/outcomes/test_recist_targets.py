"""Which lesions are targets: sections 3.1 and 4.2."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.unit.outcomes.recist_cases import lesion, node, table
from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.recist import not_measurable, recist_response, recist_targets


@pytest.mark.parametrize(
    ("diameter", "kind", "thickness", "expected"),
    [
        (9.9, "non-nodal", 2.0, "below_10_mm"),
        (10.0, "non-nodal", 5.0, ""),
        (11.9, "non-nodal", 6.0, "below_twice_slice_thickness"),
        (12.0, "non-nodal", 6.0, ""),
        (10.0, "non-nodal", float("nan"), ""),
        (9.9, "node", 2.0, "node_normal"),
        (10.0, "node", 2.0, "node_non_target"),
        (14.9, "node", 2.0, "node_non_target"),
        (15.0, "node", 2.0, ""),
    ],
)
def test_3_1_measurability(diameter: float, kind: str, thickness: float, expected: str) -> None:
    assert not_measurable(diameter, kind, thickness) == expected


def reasons(*lesions: pd.DataFrame) -> dict[str, str]:
    found = recist_targets(table(*lesions))
    assert found.attrs["targets"] == "chosen_by_rule"
    assert (found["target"] == found["reason"].eq("")).all()
    return {name: reason for (_, name), reason in found["reason"].items()}


def test_4_2_two_per_organ_and_the_largest() -> None:
    found = reasons(
        lesion("l1", 30, organ="Liver "),
        lesion("l2", 50, organ="liver"),
        lesion("l3", 40, organ="liver"),
        lesion("lung", 12),
    )
    assert found == {"l1": "organ_has_two_larger", "l2": "", "l3": "", "lung": ""}


def test_4_2_at_most_five() -> None:
    found = reasons(*(lesion(f"organ {n}", 20 + n) for n in range(7)))
    assert [name for name, reason in found.items() if reason == "five_larger"] == [
        "organ 0",
        "organ 1",
    ]


def test_all_nodes_are_one_organ() -> None:
    found = reasons(node("neck", 25), node("axilla", 20), node("groin", 16), lesion("lung", 12))
    assert found["groin"] == "organ_has_two_larger"


def test_every_lesion_has_its_reason() -> None:
    found = reasons(
        lesion("lung", 30, 20),
        lesion("liver", 8, 8),
        node("neck", 12, 11),
        node("axilla", 7, 7),
        lesion("thick", 13, 13, slice_thickness_mm=8.0),
        lesion("bone", "NE", 20),
        lesion("late", 20, 20).iloc[1:],
    )
    assert found == {
        "lung": "",
        "liver": "below_10_mm",
        "neck": "node_non_target",
        "axilla": "node_normal",
        "thick": "below_twice_slice_thickness",
        "bone": "baseline_not_evaluable",
        "late": "not_at_baseline",
    }


def test_3_1_3_an_irradiated_lesion_is_no_target_unless_it_progressed_or_is_declared() -> None:
    other = lesion("liver", 20, previously_irradiated="no")
    lung = lesion("lung", 40, previously_irradiated="yes")
    assert reasons(lung, other)["lung"] == "previously_irradiated"
    regrown = [
        lung.assign(progressed_since_irradiation=1),
        other.assign(progressed_since_irradiation=0),
    ]
    assert reasons(*regrown)["lung"] == ""
    declared = recist_targets(table(lung.assign(target="yes"), other.assign(target="no")))
    assert declared.attrs["targets"] == "declared"
    assert declared["target"].tolist() == [True, False]
    assert declared["measurable"].tolist() == [False, True]
    assert "outside_recist_intent:previously_irradiated" in declared["flags"].iloc[0]


def test_the_choice_does_not_depend_on_the_order_of_rows() -> None:
    lesions = table(*(lesion(f"l{n}", 20, organ="liver") for n in range(4)))
    ahead = recist_targets(lesions)
    backwards = recist_targets(lesions.iloc[::-1])
    assert ahead["target"].to_dict() == backwards["target"].to_dict()


def test_responses_say_who_chose() -> None:
    chosen = recist_response(lesion("lung", 30, 20))
    declared = recist_response(lesion("lung", 30, 20, target=True))
    assert chosen.attrs["targets"] == "chosen_by_rule"
    assert "targets_chosen_by_rule" in chosen["flags"].iloc[0]
    assert declared.attrs["targets"] == "declared"
    assert "targets_chosen_by_rule" not in declared["flags"].iloc[0]


def test_what_size_depends_on_and_is_not_known_is_flagged() -> None:
    found = recist_response(lesion("lung", 30, 20))
    assert "slice_thickness_unknown" in found["flags"].iloc[0]
    known = recist_response(lesion("lung", 30, 20, slice_thickness_mm=3.0))
    assert "slice_thickness_unknown" not in known["flags"].iloc[0]
    three = table(*(lesion(f"l{n}", 20, organ=None, target=True) for n in range(3)))
    assert "organ_unknown" in recist_response(three)["flags"].iloc[0]


@pytest.mark.parametrize(
    ("lesions", "code"),
    [
        (
            [lesion("lung", 9, target=True), lesion("liver", 30, target=True)],
            "target_not_measurable",
        ),
        ([node("neck", 14, target=True)], "target_not_measurable"),
        (
            [lesion("lung", "-", target=True), lesion("liver", 30, target=True)],
            "baseline_not_measured",
        ),
        ([lesion(f"o{n}", 30, target=True) for n in range(6)], "too_many_targets"),
        ([lesion(f"o{n}", 30, target=True, organ="liver") for n in range(3)], "too_many_targets"),
        ([lesion("lung", 30, target=False)], "no_target_at_baseline"),
        ([node("neck", 12)], "no_target_at_baseline"),
        ([lesion(f"o{n}", 30, organ=None) for n in range(3)], "organ_missing"),
    ],
)
def test_targets_against_the_rules_are_refused(lesions: list[pd.DataFrame], code: str) -> None:
    with pytest.raises(OutcomeError) as error:
        recist_response(table(*lesions))
    assert error.value.code == code
    assert "'P'" in str(error.value) or " P " in str(error.value)


def test_two_lesions_need_no_organ() -> None:
    found = recist_targets(table(*(lesion(f"o{n}", 30) for n in range(2))).drop(columns="organ"))
    assert found["target"].all()
