"""Which structure of the follow-up is which lesion of the baseline."""

from __future__ import annotations

import pytest

from tumor_response.cohort.lesions import checked_roi, lesion_names, match_lesions
from tumor_response.exceptions import ManifestError


def pairs(baseline: list[str], follow_up: list[str]) -> dict[str, str | None]:
    return {name: match.follow_up for name, match in match_lesions(baseline, follow_up).items()}


def codes(baseline: list[str], follow_up: list[str]) -> dict[str, list[str]]:
    found = match_lesions(baseline, follow_up).items()
    return {name: [finding.code for finding in match.findings] for name, match in found}


def test_equal_names() -> None:
    assert pairs(["GTVp", "GTVn"], ["GTVn", "GTVp"]) == {"GTVp": "GTVp", "GTVn": "GTVn"}
    assert codes(["GTVp", "GTVn"], ["GTVn", "GTVp"]) == {"GTVp": [], "GTVn": []}


def test_names_that_differ_in_writing_alone() -> None:
    assert pairs(["GTVp", "GTVn 1"], ["gtv_N1", "GTV P"]) == {"GTVp": "GTV P", "GTVn 1": "gtv_N1"}
    assert codes(["GTVp"], ["GTV P"]) == {"GTVp": ["roi_name_differs"]}


def test_names_alike_in_writing_are_not_guessed_between() -> None:
    assert pairs(["GTV 1", "GTV_1"], ["GTV-1", "GTVn"]) == {"GTV 1": None, "GTV_1": None}


def test_one_of_each_left_is_a_pair_to_be_looked_at() -> None:
    assert pairs(["GTVp", "GTVn"], ["GTVn", "GTV boost"]) == {"GTVp": "GTV boost", "GTVn": "GTVn"}
    [match] = match_lesions(["GTVp"], ["GTV boost"]).values()
    assert [(f.code, f.severity) for f in match.findings] == [("roi_name_differs", "warning")]


def test_two_of_each_are_not_paired_by_order() -> None:
    assert pairs(["a", "b"], ["c", "d"]) == {"a": None, "b": None}
    assert codes(["a", "b"], ["c", "d"]) == {
        name: ["roi_unmatched", "follow_up_roi_unmatched"] for name in "ab"
    }


def test_new_lesion_of_the_follow_up_is_told_and_not_used() -> None:
    assert pairs(["GTVp"], ["GTVp", "GTVn"]) == {"GTVp": "GTVp"}
    assert codes(["GTVp"], ["GTVp", "GTVn"]) == {"GTVp": ["follow_up_roi_unmatched"]}


def test_structures_of_one_name_are_told_apart_by_number() -> None:
    assert lesion_names([(3, "GTV"), (4, "GTV"), (9, "CTV")]) == {
        3: "GTV (3)",
        4: "GTV (4)",
        9: "CTV",
    }


def test_expression_that_is_none() -> None:
    with pytest.raises(ManifestError, match="is no regular expression") as caught:
        checked_roi("GTV(")
    assert caught.value.code == "roi_pattern"
