"""Tertiles, clinical cuts and the baseline-adjusted cut; the median is in test_shrinkage."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tumor_response as tr
from tumor_response.exceptions import EvaluationError, OutcomeError
from tumor_response.outcomes import SHRANK_SIGN


@pytest.mark.parametrize("by", sorted(SHRANK_SIGN))
def test_a_third_of_the_lesions_lies_beyond_the_upper_tertile(by: str) -> None:
    y = pd.Series(np.random.default_rng(3).normal(size=90), name=by)
    for cut, share in {"upper_tertile": 30, "median": 45, "lower_tertile": 60}.items():
        rule = tr.ResponderCut(cut)
        assert rule.label(y, rule.fit(y)).sum() == share
        most = (SHRANK_SIGN[by] * y).nlargest(share).index
        assert (rule.label(y, rule.fit(y))[most] == 1).all()


def test_tertiles_are_numbered_from_least_to_most_shrinkage() -> None:
    change = pd.DataFrame({"volume_change_percent": [10.0, -10, -30, -50, -70, np.nan]})
    thirds = tr.label_tertiles(change, "volume_change_percent")
    assert thirds.tolist()[:5] == [0, 0, 1, 2, 2]
    assert math.isnan(thirds.iloc[5])
    lower, upper = thirds.attrs["cuts"]
    assert lower > upper  # in the end point's own unit, where more shrinkage is lower


@pytest.mark.parametrize(
    ("by", "partial", "progression"),
    [
        ("volume_change_percent", -65.7, 72.8),
        ("shrinkage_percent", 65.7, -72.8),
        ("log_volume_ratio", math.log(0.343), math.log(1.728)),
    ],
)
def test_clinical_cuts_in_the_unit_of_the_end_point(
    by: str, partial: float, progression: float
) -> None:
    y = pd.Series([0.0], name=by)
    assert tr.ResponderCut("volumetric_partial_response").fit(y) == pytest.approx(partial)
    assert tr.ResponderCut("volumetric_progression").fit(y) == pytest.approx(progression)
    assert not tr.ResponderCut("volumetric_progression").is_fitted


def test_a_clinical_cut_of_a_rate_does_not_exist() -> None:
    with pytest.raises(OutcomeError, match="relative to the baseline"):
        tr.ResponderCut("volumetric_partial_response", by="rate_percent_per_day")
    with pytest.raises(OutcomeError, match="relative to the baseline"):
        tr.ResponderCut("volumetric_partial_response").fit(pd.Series([1.0], name="rate_cc_per_day"))


def study(n: int = 60, seed: int = 0) -> tuple[pd.Series, pd.Series]:
    rng = np.random.default_rng(seed)
    v0 = pd.Series(rng.lognormal(3, 0.7, n), index=[f"L{i}" for i in range(n)])
    ratio = np.exp(-0.2 * np.log(v0) + rng.normal(0, 0.2, n))
    return v0, (100 * (ratio - 1)).rename("volume_change_percent")


def test_the_adjusted_score_is_the_residual_of_least_squares() -> None:
    v0, change = study()
    rule = tr.BaselineAdjustedCut(v0)
    fitted = rule.fit(change)
    log_v1 = np.log(v0 * (1 + change / 100))
    slope, intercept = np.polyfit(np.log(v0), log_v1, 1)
    expected = log_v1 - intercept - slope * np.log(v0)
    np.testing.assert_allclose(rule.scores(change, fitted), expected, atol=1e-12)
    assert fitted.cut == pytest.approx(np.median(expected))
    # ln V0 tells nothing about it any more
    assert np.corrcoef(np.log(v0), rule.scores(change, fitted))[0, 1] == pytest.approx(0, abs=1e-9)
    assert rule.label(change, fitted).sum() == 30


@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_the_unit_of_volume_and_the_form_of_the_change_do_not_matter(
    seed: int, factor: float
) -> None:
    v0, change = study(30, seed)
    rule, other = tr.BaselineAdjustedCut(v0), tr.BaselineAdjustedCut(v0 * factor)
    label = rule.label(change, rule.fit(change))
    shrinkage = (-change).rename("shrinkage_percent")
    assert label.equals(rule.label(shrinkage, rule.fit(shrinkage)))
    assert (label != other.label(change, other.fit(change))).sum() <= 1  # a tie within rounding


def test_line_and_cut_come_from_the_training_rows_alone() -> None:
    v0, change = study()
    rule = tr.BaselineAdjustedCut(v0)
    spoilt = change.copy()
    spoilt.iloc[40:] = 500.0
    assert rule.fit(change.iloc[:40]) == rule.fit(spoilt.iloc[:40])
    assert rule.fit(change) != rule.fit(spoilt)


def test_copies_in_a_bootstrap_sample_count_as_often_as_they_are_there() -> None:
    v0, change = study()
    copies = change.iloc[[0, 0, 0, 1, 2, 2, 3, 4]]
    slope, intercept = np.polyfit(
        np.log(v0[copies.index]), np.log(v0[copies.index] * (1 + copies / 100)), 1
    )
    fitted = tr.BaselineAdjustedCut(v0).fit(copies)
    assert (fitted.slope, fitted.intercept) == pytest.approx((slope, intercept))


def test_complete_responses_are_responders_and_do_not_bend_the_line() -> None:
    v0, change = study()
    gone = change.copy()
    gone.iloc[:5] = -100.0
    rule = tr.BaselineAdjustedCut(v0)
    fitted = rule.fit(gone)
    assert (rule.label(gone, fitted).iloc[:5] == 1).all()
    assert rule.label(gone, fitted).sum() == 30  # they count among the half that shrank more
    assert fitted.slope == pytest.approx(rule.fit(change.iloc[5:]).slope)
    gone.iloc[:40] = -100.0
    with pytest.raises(OutcomeError, match="so many lesions are gone"):
        rule.fit(gone)


def test_what_the_adjusted_cut_refuses() -> None:
    v0, change = study(5)
    with pytest.raises(OutcomeError, match="no fixed meaning"):
        tr.BaselineAdjustedCut(v0, -30.0)
    with pytest.raises(OutcomeError, match="expected a Series"):
        tr.BaselineAdjustedCut([1.0, 2.0])
    with pytest.raises(OutcomeError, match="not positive"):
        tr.BaselineAdjustedCut(-v0)
    with pytest.raises(OutcomeError, match="there twice"):
        tr.BaselineAdjustedCut(pd.concat([v0, v0]))
    with pytest.raises(OutcomeError, match="was given 'rate_percent_per_day'"):
        tr.BaselineAdjustedCut(v0).fit(change.rename("rate_percent_per_day"))
    with pytest.raises(OutcomeError, match="no value for 1 of 5"):
        tr.BaselineAdjustedCut(v0.iloc[1:]).fit(change)
    with pytest.raises(OutcomeError, match="at least two lesions"):
        tr.BaselineAdjustedCut(v0).fit(change.iloc[:1])


def test_the_adjusted_target_through_evaluate() -> None:
    """A model that knows V0 alone predicts the change and not the adjusted target."""
    rng = np.random.default_rng(5)
    n = 120
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(n)], ["1"]], names=["patient_id", "lesion_id"]
    )
    v0 = pd.Series(rng.lognormal(3, 0.7, n), index=index, name="volume_baseline_cc")
    ratio = np.exp(-0.4 * np.log(v0) + rng.normal(0, 0.2, n))
    change = (100 * (ratio - 1)).rename("volume_change_percent")
    table = pd.DataFrame({"clinical__volume_cc": v0})
    models = {"volume_only": tr.make_model("volume_only")}
    scheme = tr.Bootstrap632Plus(n_resamples=30, seed=1)
    plain = tr.evaluate(models, table, change, scheme, label=tr.ResponderCut())
    adjusted = tr.evaluate(models, table, change, scheme, label=tr.BaselineAdjustedCut(v0))
    assert plain.summary()["auc_oob"].iloc[0] > 0.85
    assert adjusted.summary()["auc_oob"].iloc[0] < 0.6
    assert "log_volume_residual, fitted in each resample" in adjusted.summary()["cut"].iloc[0]
    assert adjusted.by_resample()["cut"].nunique() > 20
    with pytest.raises(EvaluationError, match="BaselineAdjustedCut"):
        tr.evaluate(models, table, change, scheme, label="median")
