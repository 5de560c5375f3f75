"""How sure outcomes and labels are: properties, planted lesions, and two observers who did it."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.outcomes.lesions import drawn_cohort, outcome_table
from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.contour_error import ContourError
from tumor_response.outcomes.end_points import SHRANK_SIGN, changes, sign_of
from tumor_response.outcomes.measured import end_point
from tumor_response.outcomes.responder import label_responders
from tumor_response.outcomes.true_values import true_spread
from tumor_response.outcomes.uncertainty import outcome_uncertainty

WHOLE = ContourError(smooth_over_mm=None)


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    return drawn_cohort(60, 0.5, signal=1.0)[0]


@given(v0=st.floats(0.1, 300.0), v1=st.floats(0.01, 300.0), amount=st.floats(0.5, 100.0))
@settings(max_examples=50)
def test_formulas_for_arrays_are_those_for_one_lesion(v0, v1, amount) -> None:
    one = changes(v0, v1, dict.fromkeys(("day", "fraction", "gy"), amount))
    for by in SHRANK_SIGN:
        many = end_point(by, np.array([v0]), np.array([v1]), np.array([amount]))
        assert many[0] == pytest.approx(one[by], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("by", list(SHRANK_SIGN))
def test_without_error_nothing_is_uncertain(cohort, by) -> None:
    found = outcome_uncertainty(cohort, by=by, observer_sd_mm=0.0, n_draws=20)
    assert (found[f"{by}_sd"] == 0).all()
    # through logarithms and back: a few units in the last place
    np.testing.assert_allclose(found[f"{by}_low"], cohort[by], rtol=1e-12)
    np.testing.assert_allclose(found[f"{by}_high"], cohort[by], rtol=1e-12)
    assert (found["p_flip"] == 0).all()
    assert (found["p_responder"] == found["label"]).all()
    assert not found["uncertain"].any()
    assert found.attrs["flip_share"] == found.attrs["wrong_share"] == 0.0


@pytest.mark.parametrize("by", list(SHRANK_SIGN))
def test_signs(by) -> None:
    """One lesion shrank much, one grew, whichever sign the end point gives them."""
    table = outcome_table([20.0] * 5, [6.0, 14.0, 15.0, 16.0, 30.0])
    found = outcome_uncertainty(table, by=by, observer_sd_mm=0.2, prior="flat", n_draws=300)
    assert found["label"].tolist() == label_responders(table, by=by).tolist()
    assert found["label"].iloc[[0, -1]].tolist() == [1.0, 0.0]
    assert found["p_responder"].iloc[0] == 1.0
    assert found["p_responder"].iloc[-1] == 0.0
    below = found[f"{by}_low"] < table[by]
    assert (below & (table[by] < found[f"{by}_high"])).all()


def test_far_from_the_cut_is_sure_and_at_the_cut_is_not() -> None:
    v1 = np.r_[np.full(10, 10.0), np.full(10, 26.0), 18.0]
    table = outcome_table(np.full(21, 30.0), v1)
    at_cut = float(table["shrinkage_percent"].iloc[-1])
    found = outcome_uncertainty(
        table, by="shrinkage_percent", cut=at_cut, observer_sd_mm=0.3, n_draws=4000
    )
    assert not found["uncertain"].iloc[:20].any()
    assert bool(found["uncertain"].iloc[20])
    # 0.5 less what the cohort's mean and the curvature pull; Monte Carlo error .008
    assert found["p_flip"].iloc[20] == pytest.approx(0.5, abs=0.05)
    assert found["p_responder"].iloc[20] == pytest.approx(0.5, abs=0.05)


def test_a_shared_shift_flips_nobody_when_the_cut_is_taken_anew() -> None:
    """Lesions that differ by less than the error all move, and so does their median."""
    table = outcome_table([20.0] * 9, np.linspace(8.0, 18.0, 9))
    options = {"by": "log_volume_ratio", "observer_sd_mm": 1.0, "prior": "flat", "n_draws": 500}
    fixed = outcome_uncertainty(table, refit_cut=False, **options)
    again = outcome_uncertainty(table, refit_cut=True, **options)
    assert again.attrs["cut"] == fixed.attrs["cut"]
    per_draw_responders = again["p_responder"].sum()
    assert per_draw_responders == pytest.approx(4.0)  # of nine, four lie beyond any median
    assert fixed["p_responder"].sum() != pytest.approx(4.0, abs=1e-6)


def test_small_errors_follow_the_delta_method() -> None:
    """d ln(V1 / V0) = 3 (e1 / r1 - e0 / r0), and two observers differ by the root of 2 times it."""
    v0, v1, sd = 20.0, 12.0, 0.05
    r0, r1 = (3000 * np.array([v0, v1]) / (4 * np.pi)) ** (1 / 3)
    expected = 3 * sd * np.hypot(1 / r0, 1 / r1)
    table = outcome_table([v0] * 3, [v1] * 3)
    ratio = float(table["log_volume_ratio"].iloc[0])
    found = outcome_uncertainty(
        table,
        by="log_volume_ratio",
        cut=ratio - 1.5 * expected,
        observer_sd_mm=sd,
        contour_error=WHOLE,
        prior="flat",
        n_draws=20_000,
    )
    np.testing.assert_allclose(found["log_volume_ratio_sd"], expected, rtol=0.03)
    width = found["log_volume_ratio_high"] - found["log_volume_ratio_low"]
    np.testing.assert_allclose(width, 2 * 1.96 * expected, rtol=0.03)
    # normal tails at 1.5 and 1.5 / sqrt(2) standard deviations
    np.testing.assert_allclose(found["p_responder"], 0.0668, atol=0.008)
    np.testing.assert_allclose(found["p_flip"], 0.1444, atol=0.01)


def test_more_error_is_less_certain(cohort) -> None:
    found = [outcome_uncertainty(cohort, observer_sd_mm=sd, n_draws=400) for sd in (0.2, 0.5, 1.0)]
    for less, more in itertools.pairwise(found):
        assert (less["rate_percent_per_day_sd"] < more["rate_percent_per_day_sd"]).all()
        assert less.attrs["flip_share"] < more.attrs["flip_share"]
        assert less.attrs["wrong_share"] < more.attrs["wrong_share"]


def test_same_seed_same_bytes_and_another_seed_agrees_within_its_error(cohort) -> None:
    one, again = (
        outcome_uncertainty(cohort, observer_sd_mm=0.5, seed=3, n_draws=500) for _ in range(2)
    )
    pd.testing.assert_frame_equal(one, again, check_exact=True)
    assert one.attrs == again.attrs
    other = outcome_uncertainty(cohort, observer_sd_mm=0.5, seed=4, n_draws=500)
    assert not one["p_flip"].equals(other["p_flip"])
    # the spread of the truth is estimated from drawn errors, which is small beside the rest
    gap = abs(one.attrs["flip_share"] - other.attrs["flip_share"])
    assert gap < 6 * one.attrs["flip_share_se"]
    assert np.abs(one["p_flip"] - other["p_flip"]).max() < 5 * 0.5 * np.sqrt(2 / 500)


def test_monte_carlo_error_falls_as_it_says(cohort) -> None:
    few, many = (
        outcome_uncertainty(cohort, observer_sd_mm=0.5, n_draws=n).attrs for n in (100, 1600)
    )
    assert few["flip_share_se"] / many["flip_share_se"] == pytest.approx(4.0, rel=0.2)


@pytest.mark.parametrize("by", ["rate_percent_per_day", "rate_cc_per_day"])
@pytest.mark.parametrize("sd", [0.25, 1.0])
def test_flips_that_are_expected_are_flips_that_happen(by, sd) -> None:
    """Two observers draw the same 3,000 lesions: .026 is three standard errors of their share.

    The flat prior takes measured values for true ones and is too sure; that is shown as well.
    """
    one, truth = drawn_cohort(3000, sd, signal=1.0, seed=1)
    two, _ = drawn_cohort(3000, sd, signal=1.0, seed=2)
    first, second, true = (label_responders(t, by=by) for t in (one, two, truth))
    flipped, wrong = (first != second).mean(), (first != true).mean()
    options = {"by": by, "observer_sd_mm": sd, "n_draws": 100}
    found = outcome_uncertainty(one, **options)
    assert found.attrs["flip_share"] == pytest.approx(flipped, abs=0.026)
    assert found.attrs["wrong_share"] == pytest.approx(wrong, abs=0.035)
    flat = outcome_uncertainty(one, prior="flat", **options)
    assert flat.attrs["flip_share"] < found.attrs["flip_share"]
    sure = ~found["uncertain"].to_numpy(dtype=bool)
    if sure.sum() > 100:
        assert (first != second)[sure].mean() < 0.05


def test_missing_outcomes_and_complete_responses() -> None:
    table = outcome_table([20.0] * 6, [12.0, np.nan, 0.0, 15.0, 17.0, 10.0])
    percent = outcome_uncertainty(table, by="shrinkage_percent", n_draws=200)
    assert percent.iloc[1].isna().all()
    assert percent["uncertain"].dtype == "boolean"
    gone = percent.iloc[2]
    assert gone["shrinkage_percent_sd"] == 0.0
    assert gone["label"] == 1.0
    assert gone["p_flip"] == 0.0
    assert percent.attrs["n_lesions"] == 5
    in_cc = outcome_uncertainty(table, by="rate_cc_per_day", n_draws=200)
    assert in_cc["rate_cc_per_day_sd"].iloc[2] > 0.0  # how much is gone depends on V0
    logarithm = outcome_uncertainty(table, by="log_volume_ratio", n_draws=200)
    assert logarithm.iloc[[1, 2]].isna().all(axis=None)
    assert logarithm.index.equals(table.index)


def test_error_that_explains_everything_leaves_coins() -> None:
    """Measured values lie less far apart than the stated error would put equal lesions.

    A hundredth of the error's variance is left to the truth, so that a lesion 2 standard errors off
    is pulled 0.1 x 2 true standard deviations to its side: a probability of .58.
    """
    one, _ = drawn_cohort(80, 0.0)
    found = outcome_uncertainty(one, by="sgr_per_day", observer_sd_mm=1.5, n_draws=500)
    assert found.attrs["true_sd"] == 0.0
    assert found["uncertain"].all()
    np.testing.assert_allclose(found["p_responder"], 0.5, atol=0.15)
    np.testing.assert_allclose(found["p_flip"], 0.5, atol=0.15)


def test_observer_sd_by_lesion(cohort) -> None:
    sds = pd.Series(np.linspace(0.1, 1.5, 60), index=cohort.index, name="sd")
    by_series = outcome_uncertainty(cohort, observer_sd_mm=sds[::-1], n_draws=200)
    by_column = outcome_uncertainty(cohort.assign(sd=sds), observer_sd_mm="sd", n_draws=200)
    pd.testing.assert_frame_equal(by_series, by_column)
    same = outcome_uncertainty(cohort, observer_sd_mm=float(sds.iloc[0]), n_draws=200)
    name = "rate_percent_per_day_sd"
    assert by_series[name].iloc[0] == pytest.approx(same[name].iloc[0], rel=1e-12)
    assert by_series[name].iloc[-1] > 3 * same[name].iloc[-1]


def test_voxels_add_to_the_error(cohort) -> None:
    plain, coarse = (
        outcome_uncertainty(
            cohort,
            observer_sd_mm=0.0,
            contour_error=ContourError(spacing_mm=spacing),
            n_draws=300,
        )
        for spacing in (None, (1.0, 1.0, 5.0))
    )
    name = "rate_percent_per_day_sd"
    assert (plain[name] == 0).all()
    assert (coarse[name] > 0).all()


@pytest.mark.parametrize(
    ("change", "options", "code", "match"),
    [
        ({}, {"by": "roundness"}, "outcome", "no end point"),
        ({}, {"observer_sd_mm": -1.0}, "observer_sd", "0 to 10"),
        ({}, {"observer_sd_mm": 100.0}, "observer_sd", "above 10 mm"),
        ({}, {"observer_sd_mm": "iod"}, "observer_sd", "not a column"),
        ({}, {"observer_sd_mm": pd.Series([1.0])}, "observer_sd", "have none"),
        ({"rate_percent_per_day": -1.0}, {}, "outcome_inconsistent", "does not follow"),
        ({"volume_baseline_cc": np.nan}, {}, "outcome_inconsistent", "baseline volume"),
        ({"rate_percent_per_day": np.nan}, {}, "no_outcome", "No lesion"),
        ({}, {"prior": "informative"}, "outcome", "'cohort' or 'flat'"),
        ({}, {"n_draws": 1}, "outcome", "at least 2"),
        ({}, {"cut": "mode"}, "outcome", "expected"),
    ],
)
def test_what_cannot_be_answered(cohort, change, options, code, match) -> None:
    with pytest.raises(OutcomeError, match=match) as caught:
        outcome_uncertainty(cohort.assign(**change), **options)
    assert caught.value.code == code


def test_columns_that_are_not_there_are_named(cohort) -> None:
    with pytest.raises(OutcomeError, match="volume_follow_up_cc"):
        outcome_uncertainty(cohort.drop(columns="volume_follow_up_cc"))
    with pytest.raises(OutcomeError, match="dose_gy"):
        outcome_uncertainty(cohort.drop(columns="dose_gy"), by="sgr_per_gy")
    with pytest.raises(OutcomeError, match="twice"):
        outcome_uncertainty(pd.concat([cohort, cohort]))


def test_two_lesions_are_no_cohort() -> None:
    table = outcome_table([20.0, 30.0], [12.0, 25.0])
    with pytest.raises(OutcomeError) as caught:
        outcome_uncertainty(table)
    assert caught.value.code == "too_few_lesions"
    alone = outcome_uncertainty(table.iloc[:1], cut=1.0, prior="flat", n_draws=50)
    assert alone["p_responder"].between(0.0, 1.0).all()


def test_which_days_is_found_again_after_a_csv(cohort) -> None:
    table = cohort.assign(
        interval_days=cohort["interval_days"] + 9.0
    )  # rates are per treatment day
    table.attrs = {}
    found = outcome_uncertainty(table, observer_sd_mm=0.5, n_draws=100)
    expected = outcome_uncertainty(cohort, observer_sd_mm=0.5, n_draws=100)
    pd.testing.assert_series_equal(found["p_flip"], expected["p_flip"])


@pytest.mark.parametrize("sd", [0.0, 0.5, 2.0])
def test_spread_of_the_truth_is_found_behind_unequal_errors(sd) -> None:
    rng = np.random.default_rng(8)
    errors = rng.uniform(0.2, 1.5, 20_000)
    found = true_spread(rng.normal(3.0, sd, 20_000) + errors * rng.normal(size=20_000), errors)
    assert found.mean == pytest.approx(3.0, abs=0.06)
    assert found.sd == pytest.approx(sd, abs=0.07)


def test_spread_without_error_is_the_sample_s_own() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    found = true_spread(values, np.zeros(4))
    assert found.mean == pytest.approx(4.0)
    assert found.sd == pytest.approx(np.std(values, ddof=1))


@pytest.mark.parametrize("by", ["rate_percent_per_day", "volume_change_cc"])
def test_sign_of_is_respected_in_flat_probabilities(by) -> None:
    table = outcome_table([20.0] * 3, [19.0, 15.0, 8.0])
    found = outcome_uncertainty(table, by=by, observer_sd_mm=0.3, prior="flat", n_draws=200)
    order = (sign_of(by) * table[by]).argsort()
    assert found["p_responder"].iloc[order.to_numpy()].is_monotonic_increasing
