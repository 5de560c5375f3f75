"""The rules of the patient page: what each set of numbers allows to say."""

from __future__ import annotations

import dataclasses
import math

import pandas as pd
import pytest

import tumor_response as tr
from tumor_response.reporting.patient.end_point import EndPoint
from tumor_response.reporting.patient.marks import marks_of
from tumor_response.reporting.patient.neighbours import neighbours_of
from tumor_response.reporting.patient.wording import Prediction, refused, said_of

RATE = EndPoint("rate_percent_per_day", 1.2, "median")
SOME = Prediction(
    0.62, spread_low=0.48, spread_high=0.75, n_fits=50, label_set="{1}", volume_only=0.5
)
ADVICE = ("should", "recommend", "advise", "dose", "surgery", "escalat", "boost", "candidate")


@pytest.mark.parametrize(
    ("label_set", "expected"),
    [("{1}", "response"), ("{0}", "no_response"), ("{0, 1}", "undecided"), ("{}", "undecided")],
)
@pytest.mark.parametrize("value", [0.02, 0.5, 0.98])
def test_the_label_set_decides_and_not_the_probability(label_set, expected, value) -> None:
    said = said_of(dataclasses.replace(SOME, label_set=label_set, value=value), RATE, "")
    assert said.verdict == expected
    cannot = "cannot tell" in said.headline and any("cannot tell" in s for s in said.sentences)
    assert cannot == (expected == "undecided")
    assert ("not expect" in said.headline) == (expected == "no_response")


def test_outside_comes_before_a_doubtful_model_and_both_before_a_side() -> None:
    doubt = "it was not shown"
    assert said_of(SOME, RATE, doubt).verdict == "not_shown"
    outside = dataclasses.replace(SOME, in_domain=False, outside="age 250; trained on 40 to 80")
    said = said_of(outside, RATE, doubt)
    assert said.verdict == "outside"
    assert "age 250" in said.headline
    assert said.sentences[0].startswith("If it were like them: ")
    assert any(doubt in sentence for sentence in said.sentences)
    unjudged = dataclasses.replace(SOME, in_domain=False, outside="not judged: 4 patients")
    assert said_of(unjudged, RATE, "").headline.startswith("Nobody can say")


def test_numbers_are_frequencies_and_never_certain() -> None:
    said = said_of(SOME, RATE, "").sentences[0]
    assert "Of 100 such tumours about 62 (48 to 75) are expected to shrink by more than" in said
    for value, words in ((1e-4, "fewer than 1"), (1 - 1e-4, "more than 99")):
        assert words in said_of(dataclasses.replace(SOME, value=value), RATE, "").sentences[0]
    none = dataclasses.replace(SOME, n_fits=0, spread_low=math.nan, spread_high=math.nan)
    told = said_of(none, RATE, "").sentences
    assert "(" not in told[0]
    assert any("is not known" in sentence for sentence in told)


@pytest.mark.parametrize(
    ("low", "high", "verdict", "words"),
    [
        (0.4, 1.8, "rate", "to shrink by about 1.10 % of the baseline volume per day (0.40 to"),
        (-1.8, -0.4, "rate", "to grow by about"),
        (-0.2, 1.8, "undecided", "shrinks or grows"),
        (-math.inf, math.inf, "undecided", "too few patients"),
    ],
)
def test_a_rate_whose_interval_holds_nothing_takes_no_side(low, high, verdict, words) -> None:
    value = -1.1 if high < 0 else 1.1
    found = Prediction(value, interval_low=low, interval_high=high, is_rate=True)
    said = said_of(found, EndPoint("rate_percent_per_day"), "")
    assert (said.verdict, words in said.headline) == (verdict, True)


def test_a_specific_growth_rate_below_zero_is_shrinkage() -> None:
    found = Prediction(-0.02, interval_low=-0.03, interval_high=-0.01, is_rate=True)
    assert said_of(found, EndPoint("sgr_per_day"), "").headline.endswith("which is shrinkage.")


@pytest.mark.parametrize(
    ("name", "cut", "words"),
    [
        ("rate_percent_per_day", 1.2, "shrink by more than 1.20 % of the baseline volume per day"),
        ("volume_change_percent", -30.0, "shrink by more than 30.0 % of the baseline volume"),
        ("log_volume_ratio", math.log(0.5), "shrink to less than 50 % of the baseline volume"),
        ("rate_cc_per_fraction", -0.5, "shrink, or grow by less than 0.50 cc per fraction"),
        ("unheard_of", 3.0, "shrink by more than the cut of 3"),
    ],
)
def test_the_cut_is_said_by_the_end_points_sign(name: str, cut: float, words: str) -> None:
    assert EndPoint(name, cut, "fixed").more("shrink") == words


def test_every_end_point_of_the_library_has_words() -> None:
    from tumor_response.outcomes.end_points import SHRANK_SIGN

    for name in SHRANK_SIGN:
        for cut in (-0.4, 0.4):
            assert "cut of" not in EndPoint(name, cut).more("shrink")


def test_no_treatment_is_ever_advised() -> None:
    told = [refused("mask_empty"), refused("something_new"), refused("out_of_domain", "age 250")]
    for label_set in ("{}", "{0}", "{1}", "{0, 1}"):
        for inside in (True, False):
            found = dataclasses.replace(SOME, label_set=label_set, in_domain=inside)
            told += [said_of(found, RATE, ""), said_of(found, RATE, "it was not shown")]
    for said in told:
        words = " ".join([said.headline, *said.sentences]).lower()
        assert not [word for word in ADVICE if word in words]


def test_a_similar_patients_class_is_the_rules_own() -> None:
    outcome = pd.Series([0.5, 1.2, 1.21, float("nan")], name="rate_percent_per_day")
    labels = tr.ResponderCut(1.2).label(outcome, 1.2)
    found = pd.DataFrame(
        {"similar_patient_id": list("abcd"), "outcome": outcome, "share_nearer": 0.3}
    )
    told = neighbours_of(found, {one: one.upper() for one in "abcd"}, RATE, is_rate=False)
    expected = {0.0: ": not more", 1.0: ": more"}
    for (who, became), label in zip(told.rows[:3], labels[:3], strict=True):
        assert who in "ABC"
        assert became.endswith(expected[label])
    assert told.rows[3] == ("D", "not known")
    assert "Of these 3, 1 shrank" in told.sentences[1]
    far = neighbours_of(
        found.assign(share_nearer=0.99), dict.fromkeys("abcd", "X"), RATE, is_rate=False
    )
    assert far.sentences[0].startswith("Nobody in the training cohort is similar")
    assert far.rows == ()


def test_marks_stand_in_the_order_of_the_numbers() -> None:
    marks = marks_of(SOME, {"share_of_responders": 0.55})
    model, volume, usual = marks.rows
    assert volume.at < usual.at < model.at
    assert model.thick is not None
    assert model.thick[0] < model.at < model.thick[1]
    rate = Prediction(1.0, interval_low=0.2, interval_high=1.8, volume_only=2.5, is_rate=True)
    marks = marks_of(rate, {"mean": 0.0})
    places = [x for x, _ in marks.ticks]
    assert places[0] <= min(row.at for row in marks.rows)
    assert max(row.at for row in marks.rows) <= places[-1]
