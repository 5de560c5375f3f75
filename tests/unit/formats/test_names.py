from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumor_response.formats import names as rules
from tumor_response.formats.names import NameRule, legal_names

RULES = [rules.STATA, rules.SPSS, rules.SAS, rules.R, rules.EXCEL, rules.ANY_TEXT]
UGLY = st.one_of(
    st.text(max_size=12),
    st.text("aA_é 1.", max_size=6),
    st.text("xyzäöü_", min_size=30, max_size=90),
    st.sampled_from(
        ["if", "IF", "_all", "WITH", "NULL", "age", "Age", "AGE", "str7", "é", "e", ""]
    ),
)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=40)
@given(names=st.lists(UGLY, unique=True, max_size=30), seed=st.integers(0, 99))
def test_legal_names_are_legal_different_without_capitals_and_know_no_order(
    rule: NameRule, names: list[str], seed: int
) -> None:
    found = legal_names(names, rule)
    assert list(found) == names
    assert all(rule.holds(legal) for legal in found.values())
    assert len({legal.lower() for legal in found.values()}) == len(names)
    shuffled = random.Random(seed).sample(names, len(names))
    assert legal_names(shuffled, rule) == found


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=40)
@given(names=st.lists(UGLY, unique=True, max_size=30))
def test_a_legal_name_without_a_rival_stays(rule: NameRule, names: list[str]) -> None:
    found = legal_names(names, rule)
    lower = [name.lower() for name in names]
    for name in names:
        if rule.holds(name) and lower.count(name.lower()) == 1:
            assert found[name] == name


def test_rules_are_those_of_the_programs() -> None:
    long = "x" * 33
    assert not rules.STATA.holds(long)
    assert rules.STATA.holds(long[:32])
    assert not rules.STATA.holds("1st")
    assert not rules.STATA.holds("strL")
    assert not rules.STATA.holds("_n")
    assert not rules.SPSS.holds("_x")
    assert rules.SPSS.holds("x" * 64)
    assert not rules.SPSS.holds("x" * 65)
    assert not rules.SPSS.holds("By")
    assert not rules.SAS.holds("a.b")
    assert rules.R.holds("a.b")
    assert not rules.R.holds("TRUE")
    assert not rules.EXCEL.holds("a\nb")


def test_names_stay_readable() -> None:
    name = "radiomics__wavelet_LLH__glszm_SmallAreaHighGrayLevelEmphasis"
    other = "radiomics__wavelet_HLH__glszm_SmallAreaHighGrayLevelEmphasis"
    found = legal_names([name, other], rules.STATA)
    assert found[name].startswith("radiom")
    assert "GrayLevelEmphasis" in found[name]
    assert found[name] != found[other]
    assert legal_names(["Alter (Jahre)", "café"], rules.STATA) == {
        "Alter (Jahre)": "Alter__Jahre_",
        "café": "cafe",
    }


def test_a_rival_that_looks_like_a_hash_gets_another_one() -> None:
    first = legal_names(["a b", "a_b"], rules.STATA)["a b"]
    found = legal_names(["a b", "a_b", first], rules.STATA)
    assert found["a_b"] == "a_b"
    assert found[first] == first
    assert found["a b"] not in (first, "a_b")


def test_names_shorter_than_a_hash_and_a_letter_begin_with_a_letter() -> None:
    short = NameRule(8, "bytes", starts="[A-Za-z]")
    found = legal_names([f"radiomics_{i}" for i in range(1000)], short)
    assert all(short.holds(legal) for legal in found.values())


def test_five_thousand_names_of_one_stem() -> None:
    names = [f"{'deep__tf_efficientnet_lite0__axial_' * 3}{i:05d}" for i in range(5000)]
    assert len(set(legal_names(names, rules.STATA).values())) == 5000
