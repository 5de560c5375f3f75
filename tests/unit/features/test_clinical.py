from __future__ import annotations

import pytest

import tumor_response as tr
from tests.unit import cases
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError
from tumor_response.imaging import volume_cc


def test_volume_comes_from_the_mask_unless_the_manifest_has_it() -> None:
    factors = tr.ClinicalFactors(["age", "volume_cc"])
    derived = factors.extract(cases.baseline(age=61.0))
    assert derived.values == {
        "clinical__age": 61.0,
        "clinical__volume_cc": volume_cc(cases.mask()),
    }
    assert derived.shortfalls == []
    given = factors.extract(cases.baseline(age=61.0, volume_cc=12.5))
    assert given.values["clinical__volume_cc"] == 12.5


@pytest.mark.parametrize(
    ("share", "differs"), [(0.94, True), (0.96, False), (1.0, False), (1.04, False), (1.06, True)]
)
def test_a_volume_more_than_5_percent_off_the_contours_is_told(share: float, differs: bool) -> None:
    stated = share * volume_cc(cases.mask())
    got = tr.ClinicalFactors(["volume_cc"]).extract(cases.baseline(volume_cc=stated))
    assert got.values == {"clinical__volume_cc": stated}
    told = [(s.code, s.n_columns_missing) for s in got.shortfalls]
    assert told == ([("volume_differs", 0)] if differs else [])


@pytest.mark.parametrize(("factor", "unit"), [(1000.0, "mm³"), (0.001, "litres"), (10.0, None)])
def test_a_volume_in_another_unit_is_named(factor: float, unit: str | None) -> None:
    stated = factor * volume_cc(cases.mask())
    (told,) = tr.ClinicalFactors(["volume_cc"]).extract(cases.baseline(volume_cc=stated)).shortfalls
    assert told.code == "volume_differs"
    assert ("is the column in" in told.message) == (unit is not None)
    assert unit is None or unit in told.message


def test_a_stated_volume_beside_a_bad_contour_is_not_compared() -> None:
    case = BaselineCase("P", "1", cases.image(), cases.empty_mask(), variables={"volume_cc": 9.0})
    got = tr.ClinicalFactors(["volume_cc"]).extract(case)
    assert (got.values, got.shortfalls) == ({"clinical__volume_cc": 9.0}, [])


def test_volume_left_open_in_the_manifest_is_not_replaced_in_silence() -> None:
    got = tr.ClinicalFactors(["volume_cc"]).extract(cases.baseline(volume_cc=None))
    assert got.values == {}
    assert [s.code for s in got.shortfalls] == ["clinical_missing"]


def test_text_in_a_numeric_variable_is_a_reason_not_a_number() -> None:
    got = tr.ClinicalFactors(["age", "volume_cc"]).extract(cases.baseline(age="sixty-one"))
    assert list(got.values) == ["clinical__volume_cc"]
    [shortfall] = got.shortfalls
    assert shortfall.code == "clinical_not_numeric"
    assert "'sixty-one'" in shortfall.message
    assert shortfall.n_columns_missing == 1


def test_age_is_known_though_the_mask_is_bad() -> None:
    case = BaselineCase("P", "1", cases.image(), cases.empty_mask(), variables={"age": 50.0})
    got = tr.ClinicalFactors(["age", "volume_cc"]).extract(case)
    assert got.values == {"clinical__age": 50.0}
    assert [(s.code, s.n_columns_missing) for s in got.shortfalls] == [("mask_empty", 1)]


def test_levels_are_declared() -> None:
    factors = tr.ClinicalFactors([], categories={"sex": ["f", "m"], "stage": ["1", "2"]})
    got = factors.extract(cases.baseline(sex="m", stage=2.0))
    assert got.values == {"clinical__sex": "m", "clinical__stage": "2"}
    other = factors.extract(cases.baseline(sex="x", stage=None))
    assert [s.code for s in other.shortfalls] == ["clinical_unknown_level", "clinical_missing"]


@pytest.mark.parametrize(
    ("numeric", "categories"),
    [([], None), (["age", "age"], None), (["sex"], {"sex": ["f", "m"]}), ([], {"sex": ["f"]})],
)
def test_declarations_that_mean_nothing(numeric: list, categories: dict | None) -> None:
    with pytest.raises(FeatureError):
        tr.ClinicalFactors(numeric, categories=categories)


def test_a_name_instead_of_a_list() -> None:
    with pytest.raises(FeatureError, match=r"expected a list of names, for example \['age'\]"):
        tr.ClinicalFactors("age")


@pytest.mark.parametrize("block", ["Clinical", "a__b", "meta", "1x", ""])
def test_block_names(block: str) -> None:
    with pytest.raises(FeatureError):
        tr.ClinicalFactors(["age"], block=block)
