"""The sentences on page one: a null reads as a null, and no claim goes beyond an interval."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumor_response.reporting.wording import Interval, brake, conclude

ABSENT = "because tumour volume alone was not evaluated beside it"
share = st.floats(0, 1, allow_nan=False)
change = st.floats(-1, 1, allow_nan=False)
auc_intervals = st.tuples(share, share, share).map(sorted).map(lambda v: Interval(v[1], v[0], v[2]))
differences = (
    st.tuples(change, change, change).map(sorted).map(lambda v: Interval(v[1], v[0], v[2]))
)


def text_of(auc: Interval, over_volume: Interval | str = ABSENT) -> str:
    said = conclude("m", auc, 96, over_volume)
    return f"{said.may} {said.may_not}"


@given(auc_intervals, differences)
def test_separation_is_claimed_only_above_chance(auc: Interval, over_volume: Interval) -> None:
    said = conclude("m", auc, 96, over_volume)
    claims = "better than chance" in said.may
    assert claims == (auc.low > 0.5)
    assert (said.verdict == "null") == (auc.low <= 0.5 <= auc.high)


@given(auc_intervals, differences)
def test_an_advantage_over_volume_is_claimed_only_where_its_interval_excludes_zero(
    auc: Interval, over_volume: Interval
) -> None:
    claims = "better than by tumour volume alone" in text_of(auc, over_volume)
    assert claims == (auc.low > 0.5 and over_volume.low > 0)


@given(auc_intervals, differences)
def test_every_sentence_carries_the_estimate_and_its_interval(
    auc: Interval, over_volume: Interval
) -> None:
    may = conclude("m", auc, 96, over_volume).may
    assert f"{auc.value:.2f}" in may
    assert f"{auc.low:.2f} to {auc.high:.2f}" in may


def test_a_null_reads_as_a_null_even_with_a_flattering_estimate() -> None:
    said = conclude("logistic_all", Interval(0.63, 0.49, 0.76), 60, Interval(0.09, 0.01, 0.2))
    assert said.verdict == "null"
    assert "does not show that the response can be predicted" in said.may
    assert "which reaches 0.5" in said.may
    assert "nor that they cannot" in said.may_not
    assert "an AUC of up to 0.76 is not excluded" in said.may_not
    assert "better" not in said.may + said.may_not


def test_a_signal_that_does_not_beat_volume_says_so() -> None:
    said = conclude("logistic_all", Interval(0.72, 0.6, 0.82), 96, Interval(0.03, -0.05, 0.1))
    assert said.verdict == "separates"
    assert "adds anything to tumour volume" in said.may_not
    assert "+0.03 (−0.05 to +0.10)" in said.may_not


def test_a_signal_that_loses_to_volume_says_so() -> None:
    said = conclude("m", Interval(0.62, 0.52, 0.7), 96, Interval(-0.1, -0.18, -0.02))
    assert "volume alone does better" in said.may_not


def test_volume_that_was_not_evaluated_is_named_as_the_gap() -> None:
    assert ABSENT in conclude("m", Interval(0.8, 0.7, 0.9), 96, ABSENT).may_not


def test_a_signal_beyond_volume_still_does_not_travel() -> None:
    said = conclude("m", Interval(0.8, 0.7, 0.9), 96, Interval(0.1, 0.02, 0.2))
    assert said.verdict == "beyond volume"
    assert "another hospital" in said.may_not
    assert "cause the response" in said.may_not


def test_worse_than_chance_is_a_fault_and_no_finding() -> None:
    said = conclude("m", Interval(0.3, 0.2, 0.4), 96, Interval(-0.2, -0.3, -0.1))
    assert said.verdict == "inverted"
    assert "Something is wrong" in said.may


@pytest.mark.parametrize("value", [0.9, 0.5])
def test_no_interval_is_a_null(value: float) -> None:
    said = conclude("m", Interval(value, math.nan, math.nan), 10, ABSENT)
    assert said.verdict == "null"
    assert "no interval to tell it from chance" in said.may
    assert "do not settle it" in said.may_not


@pytest.mark.parametrize(
    ("auc", "n_smaller_class", "n_resamples", "reason"),
    [
        (Interval(1.0, 1.0, 1.0), 6, 10, "6 patients in the smaller class"),
        (Interval(0.8, 0.6, 0.9), 30, 50, "50 resamples"),
        (Interval(1.0, 1.0, 1.0), 30, 1000, "no width"),
    ],
)
def test_nothing_positive_from_a_handful_of_patients_or_resamples(
    auc, n_smaller_class, n_resamples, reason
):
    too_small = brake(auc, n_smaller_class, n_resamples)
    said = conclude("m", auc, 2 * n_smaller_class, Interval(0.2, 0.1, 0.3), too_small=too_small)
    assert said.verdict == "too small"
    assert reason in said.may
    assert "better than chance" not in said.may
    # a null result stays one
    null = conclude("m", Interval(0.5, 0.4, 0.6), 12, "because", too_small=too_small)
    assert null.verdict == "null"
