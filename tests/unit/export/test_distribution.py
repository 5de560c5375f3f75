"""Distributions: against plain counting, and nothing in them about fewer patients than asked."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumor_response.exceptions import SettingsError
from tumor_response.export.codebook.distribution import distribution_of, levels_of

numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(0, 3).map(float),
    st.floats(0, 1),
)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(numbers, st.integers(0, 30)), max_size=80),
    st.integers(1, 6),
)
def test_no_number_is_about_fewer_patients_than_asked(
    rows: list[tuple[float, int]], fewest: int
) -> None:
    values = np.array([value for value, _ in rows], dtype=float)
    patients = np.array([patient for _, patient in rows], dtype=np.int64)
    told = distribution_of(values, patients, fewest=fewest)
    there = np.isfinite(values)
    assert told.n == there.sum()
    assert told.n_patients == len(set(patients[there].tolist()))
    assert sum(told.bar_counts) in (0, told.n)
    if told.shown == "withheld":
        assert math.isnan(told.median)
        assert (told.bar_counts, told.levels) == ((), "")
        return
    # a bar that is not empty holds so many lesions at least, for one of each patient
    assert all(count == 0 or count >= fewest for count in told.bar_counts)
    assert list(told.bar_edges) == sorted(told.bar_edges)
    assert len(told.bar_edges) in (0, len(told.bar_counts) + 1)
    assert told.minimum <= told.maximum


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
def test_ends_are_those_that_enough_patients_reach(seed: int, fewest: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.lognormal(0, 2, 60)
    patients = rng.integers(0, 25, 60)
    told = distribution_of(values, patients, fewest=fewest)
    if told.shown == "withheld":
        assert told.n_patients < 2 * fewest
        return
    # plainly: the lowest value of each patient, sorted; the fewest-th of them, rounded
    lowest = sorted(min(values[patients == p]) for p in set(patients.tolist()))
    highest = sorted(max(values[patients == p]) for p in set(patients.tolist()))
    spread = highest[-fewest] - lowest[fewest - 1]
    assert told.minimum == pytest.approx(lowest[fewest - 1], abs=spread / 100)
    assert told.maximum == pytest.approx(highest[-fewest], abs=spread / 100)
    assert told.shown == "coarsened"


def test_exactly_everything_if_one_patient_is_enough() -> None:
    values = np.random.default_rng(1).normal(size=100)
    told = distribution_of(values, np.arange(100), fewest=1)
    assert (told.minimum, told.maximum, told.shown) == (values.min(), values.max(), "exact")
    assert (told.q1, told.median, told.q3) == tuple(np.quantile(values, [0.25, 0.5, 0.75]))
    counts, _ = np.histogram(values, bins=np.array(told.bar_edges))
    assert tuple(counts) == told.bar_counts


def test_one_patient_with_many_lesions_is_one_patient() -> None:
    values = np.array([*np.full(40, 9.0), *np.linspace(0, 1, 12)])
    patients = np.array([*np.zeros(40, int), *range(1, 13)])
    told = distribution_of(values, patients)
    assert told.maximum < 1.01  # the forty are of one
    assert told.n_patients == 13


def test_too_few_patients_are_not_described() -> None:
    assert distribution_of(np.arange(9.0), np.arange(9)).shown == "withheld"
    assert distribution_of(np.arange(10.0), np.arange(10)).shown == "coarsened"
    nothing = distribution_of(np.array([np.nan, np.inf]), np.arange(2))
    assert (nothing.n, nothing.shown) == (0, "withheld")
    with pytest.raises(SettingsError, match="1 or more"):
        distribution_of(np.arange(9.0), np.arange(9), fewest=0)


def test_whole_numbers_are_counted_and_rare_ones_joined() -> None:
    values = np.array([0.0] * 20 + [1.0] * 30 + [2.0] * 6 + [7.0] * 3)
    told = distribution_of(values, np.arange(59))
    assert told.levels == "0: 20; 1: 30; 2 or more: 9"
    assert told.bar_counts == (20, 30, 9)
    between = np.array([-9.0] * 2 + [0.0] * 4 + [2.0] * 3 + [3.0] * 2 + [5.0] * 8)
    assert distribution_of(between, np.arange(19)).levels == "0 or less: 6; 2 to 3: 5; 5: 8"
    lone = distribution_of(np.array([0.0] * 19 + [104.0]), np.arange(20))
    assert (lone.levels, lone.bar_edges, lone.maximum) == ("", (), 0.0)


@settings(max_examples=40)
@given(st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_what_only_few_patients_reach_is_nowhere_to_be_read(fewest: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5, 40).astype(float)
    values[: fewest - 1] = 104.0  # one patient fewer than may be told of
    values[fewest - 1 : 2 * (fewest - 1)] = -77.0
    told = distribution_of(values, np.arange(40), fewest=fewest)
    words = " ".join(map(str, vars(told).values()))
    assert "104" not in words
    assert "77" not in words


@pytest.mark.parametrize(
    "values",
    [
        [1e308, -1e308] * 10,
        [1e308, -1e308, 0.3] * 10,
        [5e-324, 0.0] * 10,
        [5e-324 * i for i in range(20)],
        [1e15 + i for i in range(20)],
        [-0.0] * 20,
    ],
)
def test_extreme_values_are_no_error(values: list[float]) -> None:
    told = distribution_of(np.array(values), np.arange(len(values)))
    assert told.minimum >= min(values)
    assert told.maximum <= max(values)


@settings(max_examples=40)
@given(st.lists(st.sampled_from("aabbbcde"), max_size=60), st.integers(1, 6))
def test_no_level_is_counted_for_few(texts: list[str], fewest: int) -> None:
    told = levels_of(pd.Series(texts, dtype="object"), np.arange(len(texts)), fewest=fewest)
    counts = {level: texts.count(level) for level in set(texts)}
    shown = {}
    for part in told.levels.split("; ") if told.levels else []:
        names, number = re.fullmatch(r"(.+): (\d+|few)", part).groups()
        shown[tuple(names.split(", "))] = number
    assert sorted(name for names in shown for name in names) == sorted(counts)
    for names, number in shown.items():
        if number != "few":
            assert int(number) == sum(counts[name] for name in names)
            assert int(number) >= fewest
    # whoever knows the total must not find out the one that is kept back
    kept_back = [names for names, number in shown.items() if number == "few"]
    assert len(texts) == 0 or not kept_back or len(shown) == len(kept_back) == 1


def test_levels_that_nobody_has_are_told_and_rare_names_can_be_kept_back() -> None:
    sex = pd.Series(pd.Categorical(["f"] * 9, categories=["f", "m", "x"]))
    assert levels_of(sex, np.arange(9)).levels == "f: 9; m: 0; x: 0"
    days = pd.Series([f"2020-01-{day:02d}" for day in range(1, 10)])
    assert levels_of(days, np.arange(9), name_rare=False).levels == "9 others: 9"
