"""Roles: what is known only after treatment has begun is no predictor."""

from __future__ import annotations

from pathlib import Path

import pytest

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import FeatureError, ManifestError

ROLES = {"crp_week_3": "post_baseline", "chemo_cycles": "planned"}


@pytest.fixture
def cohort(tmp_path: Path) -> tr.Cohort:
    frame = cases.cohort_folder(tmp_path).assign(
        chemo_cycles=3, planned_fractions=35, delivered_fractions=33, crp_week_3=7.5
    )
    return tr.Cohort.from_frame(frame, base=tmp_path, roles=ROLES)


def test_roles_are_declared_or_follow_the_name(cohort: tr.Cohort) -> None:
    assert cohort.roles == {
        "age": "baseline",
        "chemo_cycles": "planned",
        "planned_fractions": "planned",
        "delivered_fractions": "delivered",
        "crp_week_3": "post_baseline",
    }
    assert cohort.variables == ["age", "chemo_cycles", "planned_fractions"]


def test_extractor_never_sees_a_late_variable(cohort: tr.Cohort) -> None:
    case = cohort["P0", "1"]
    assert dict(case.baseline.variables) == {
        "age": 50.0,
        "chemo_cycles": 3.0,
        "planned_fractions": 35.0,
    }
    assert case.follow_up.variables == {"delivered_fractions": 33.0, "crp_week_3": 7.5}


@pytest.mark.parametrize(
    ("name", "role"), [("delivered_fractions", "delivered"), ("crp_week_3", "post_baseline")]
)
def test_late_variable_as_a_predictor_is_an_error(cohort: tr.Cohort, name: str, role: str) -> None:
    with pytest.raises(FeatureError, match=rf"no predictors: {name} \({role}\)") as caught:
        tr.extract(cohort, [tr.ClinicalFactors(["age", name])])
    assert caught.value.code == "not_a_predictor"


def test_role_is_in_the_dictionary(cohort: tr.Cohort) -> None:
    table = tr.extract(cohort, [tr.ClinicalFactors(["age", "planned_fractions"])])
    roles = table.dictionary["role"]
    assert roles[["clinical__age", "clinical__planned_fractions"]].tolist() == [
        "baseline",
        "planned",
    ]


@pytest.mark.parametrize(
    ("roles", "said"),
    [({"aeg": "baseline"}, "'aeg' is no clinical variable"), ({"age": "before"}, "'before'")],
)
def test_role_of_nothing_or_of_no_kind(tmp_path: Path, roles: dict[str, str], said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        tr.Cohort.from_frame(cases.cohort_folder(tmp_path), base=tmp_path, roles=roles)
