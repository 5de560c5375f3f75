"""Slopes of three or more visits, against NumPy, SciPy and the rates that were simulated."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import tumor_response as tr
from tumor_response.exceptions import EvaluationError, OutcomeError
from tumor_response.outcomes.slopes import slopes
from tumor_response.outcomes.visits import measure_lesions

NAMES = ["patient_id", "lesion_id", "visit"]


def frame(courses: dict[tuple[str, str], list[tuple[float, float]]]) -> pd.DataFrame:
    """Visits from lists of (day, volume)."""
    rows = [
        (*key, number, day, volume)
        for key, course in courses.items()
        for number, (day, volume) in enumerate(course)
    ]
    return pd.DataFrame(rows, columns=[*NAMES, "days", "volume_cc"]).set_index(NAMES)


def many(n: int, lesions: int = 1, sd: float = 0.006, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    courses = {}
    for i in range(n):
        patient = rng.normal(-0.012, sd)
        for j in range(lesions):
            rate = patient + rng.normal(0, sd / 2) * (lesions > 1)
            days = np.array([0.0, 7, 14, 21, 30])
            log_volume = rng.normal(2.5, 0.8) + rate * days + rng.normal(0, 0.05, 5)
            pairs = zip(days, np.exp(log_volume), strict=True)
            courses[f"P{i}", str(j + 1)] = list(pairs)
    return frame(courses)


def test_least_squares_is_that_of_scipy() -> None:
    visits = many(6)
    table = slopes(visits)
    for key, own in visits.groupby(level=NAMES[:2]):
        expected = stats.linregress(own["days"], np.log(own["volume_cc"]))
        row = table.loc[key]
        assert row["slope"] == pytest.approx(expected.slope, rel=1e-10)
        assert row["slope_se"] == pytest.approx(expected.stderr, rel=1e-10)
        assert row["r2"] == pytest.approx(expected.rvalue**2, rel=1e-9)
        half = stats.t(3).ppf(0.975) * expected.stderr
        assert row["slope_high"] - row["slope"] == pytest.approx(half)
        assert row["slope"] - row["slope_low"] == pytest.approx(half)
        _, left, *_ = np.polyfit(own["days"], np.log(own["volume_cc"]), 1, full=True)
        assert row["residual_sd"] == pytest.approx(math.sqrt(left[0] / 3))
        assert (row["n_visits"], row["span_days"], row["reason"]) == (5, 30, "")


def test_signs_and_names_are_those_of_the_end_points() -> None:
    visits = frame({("P", "1"): [(0, 20.0), (10, 15.0), (20, 10.0)]})
    percent = slopes(visits, of="volume_percent").iloc[0]
    assert percent["slope"] == pytest.approx(-2.5)
    assert percent["rate_percent_per_day"] == pytest.approx(2.5)  # positive = shrank
    assert slopes(visits, of="volume_cc").iloc[0]["rate_cc_per_day"] == pytest.approx(0.5)
    log = slopes(visits).iloc[0]
    assert log["sgr_per_day"] == log["slope"] < 0  # negative = shrank


def test_two_visits_give_the_rate_of_shrinkage_and_no_error(tmp_path: Path) -> None:
    cohort = tr.simulate_cohort(2, seed=6, directory=tmp_path, planning_days=(4, 9))
    visits = measure_lesions(cohort, quality=None)
    for per, days in (("days", "interval_days"), ("treatment_days", "treatment_days")):
        pair = tr.shrinkage(cohort, per=days, quality=None)
        for of, name in (("log_volume", "sgr_per_day"), ("volume_percent", "rate_percent_per_day")):
            table = slopes(visits, of=of, per=per)
            np.testing.assert_allclose(table[name], pair[name], rtol=1e-9)
            assert table["slope_se"].isna().all()
            assert set(table["reason"]) == {"too_few_visits"}
            assert table.attrs["days"] == days


def test_slopes_find_the_simulated_rates(tmp_path: Path) -> None:
    cohort = tr.simulate_cohort(4, seed=3, directory=tmp_path, time_points=5)
    visits = measure_lesions(cohort, tmp_path / "time_points.csv", quality=None)
    table = slopes(visits, of="volume_percent", per="treatment_days")
    truth = pd.read_csv(tmp_path / "truth.csv")["rate_latent_percent_per_day"]
    # volumes are whole voxels of the line that the rate is the slope of
    np.testing.assert_allclose(table["rate_percent_per_day"], truth, atol=0.01)


def test_lesions_without_a_slope_say_why_and_stay() -> None:
    nan = math.nan
    visits = frame(
        {
            ("A", "1"): [(0, 9.0), (7, nan), (14, nan)],
            ("B", "1"): [(0, nan), (7, 8.0), (14, 7.0), (21, 6.5)],
            ("C", "1"): [(0, 9.0), (7, 6.0), (14, 3.0), (21, 0.0)],
            ("D", "1"): [(0, 9.0), (nan, 8.0), (nan, 7.0)],
        }
    )
    log, percent = slopes(visits), slopes(visits, of="volume_percent")
    assert log["reason"].tolist() == [
        "too_few_visits",
        "",
        "complete_response",
        "too_few_visits",
    ]
    assert log["n_visits"].tolist() == [1, 3, 3, 1]
    assert log["n_left_out"].tolist() == [2, 1, 1, 2]
    assert log["slope"].isna().tolist() == [True, False, False, True]
    assert percent["reason"].tolist() == [
        "too_few_visits",
        "baseline_volume_unknown",
        "",
        "too_few_visits",
    ]
    assert percent["n_visits"].tolist() == [1, 0, 4, 1]
    assert log.attrs["reasons"] == {
        ("A", "1"): "too_few_visits",
        ("C", "1"): "complete_response",
        ("D", "1"): "too_few_visits",
    }


def test_scans_before_the_first_fraction_stand_at_its_day() -> None:
    visits = frame({("P", "1"): [(0, 20.0), (10, 20.0), (20, 10.0)]})
    visits["treatment_days"] = [-10.0, 0.0, 10.0]
    row = slopes(visits, of="volume_cc", per="treatment_days").iloc[0]
    assert row["rate_cc_per_day"] == pytest.approx(1.0)
    visits["treatment_days"] = [-20.0, -10.0, 0.0]
    row = slopes(visits, of="volume_cc", per="treatment_days").iloc[0]
    assert row["reason"] == "no_time_between_visits"
    assert math.isnan(row["slope"])


def test_diameters_have_slopes_without_an_end_point() -> None:
    visits = many(2).rename(columns={"volume_cc": "longest_diameter_mm"})
    table = slopes(visits, of="longest_diameter_mm")
    assert not {"sgr_per_day", "rate_percent_per_day"} & set(table.columns)
    assert table["slope"].notna().all()


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (lambda v: v.reset_index(drop=True), "visits_columns", "set_index"),
        (lambda v: v.drop(columns="days"), "visits_columns", "no column days"),
        (lambda v: v.assign(volume_cc="big"), "visits_columns", "no number"),
        (lambda v: v.assign(volume_cc=-1.0), "visits_columns", "negative"),
        (lambda v: v.assign(volume_cc=30_000.0), "volume_too_large", "in mm³"),
        (lambda v: v.assign(days=np.inf), "visits_columns", "infinite"),
        (lambda v: pd.concat([v, v.iloc[:1]]), "visit_duplicate", "('P0', '1')"),
        (lambda v: v.assign(days=3.0), "visit_duplicate", "2 lesion(s)"),
    ],
)
def test_frames_that_are_no_visits(change, code: str, told: str) -> None:
    with pytest.raises(OutcomeError) as caught:
        slopes(change(many(2)))
    assert caught.value.code == code
    assert told in str(caught.value)


@pytest.mark.parametrize("wrong", [{"method": "gee"}, {"of": "mass"}, {"per": "weeks"}])
def test_unknown_options_name_the_known_ones(wrong: dict) -> None:
    with pytest.raises(OutcomeError, match="expected"):
        slopes(many(2), **wrong)


def test_mixed_slopes_lie_between_the_lesions_own_and_the_populations() -> None:
    visits = many(20, sd=0.004, seed=2)
    own, mixed = slopes(visits), slopes(visits, method="mixed")
    population = mixed.attrs["population"]["slope"]
    apart = own["slope"] - population
    shrunk = (mixed["slope"] - population) / apart
    assert ((shrunk > 0) & (shrunk < 1))[apart.abs() > 0.002].all()
    assert mixed["slope"].std() < own["slope"].std()
    assert (mixed["reason"] == "").all()


def test_mixed_slopes_are_marked_as_fitted_on_all_lesions() -> None:
    table = slopes(many(8), method="mixed")
    assert table["sgr_per_day"].attrs["fitted_on_all_lesions"] is True  # the label keeps it
    assert "fitted_on_all_lesions" not in slopes(many(8)).attrs
    changed = many(8)
    changed.loc["P7", "volume_cc"] = (changed.loc["P7", "volume_cc"] ** 3).to_numpy()
    moved = slopes(changed, method="mixed")["slope"] != table["slope"]
    assert moved.all()  # one lesion moves them all: that is the leak


def test_mixed_error_of_prediction_covers_the_true_slopes() -> None:
    rng = np.random.default_rng(5)
    hits, total = 0, 0
    for seed in range(6):
        true = rng.normal(-0.012, 0.006, 30)
        courses = {}
        for i, rate in enumerate(true):
            days = [0.0, 7, 14, 21, 30][: 3 + (i + seed) % 3]  # unequal numbers of visits
            volumes = np.exp(2.0 + rate * np.array(days) + rng.normal(0, 0.08, len(days)))
            courses[f"P{i}", "1"] = list(zip(days, volumes, strict=True))
        table = slopes(frame(courses), method="mixed")
        hits += int(((table["slope_low"] < true) & (true < table["slope_high"])).sum())
        total += len(true)
    # 180 intervals at 95 %: fewer than 160 or all would happen less than once in 1,000
    assert 160 <= hits < total


def test_mixed_without_spread_says_that_all_slopes_are_one() -> None:
    rng = np.random.default_rng(1)
    days = np.array([0.0, 7, 14, 21])
    # the scatter about the lines is made larger than any slope could explain, and alternates
    zigzag = 0.1 * np.array([1.0, -1, -1, 1])
    courses = {
        (f"P{i}", "1"): list(zip(days, np.exp(level - 0.01 * days + sign * zigzag), strict=True))
        for i, (level, sign) in enumerate(zip(rng.normal(2, 0.5, 12), [1, -1] * 6, strict=True))
    }
    table = slopes(frame(courses), method="mixed")
    assert set(table["reason"]) == {"slopes_without_spread"}
    assert table["slope"].to_numpy() == pytest.approx(np.full(12, -0.01), abs=1e-6)


def test_mixed_uses_a_single_visit_but_gives_it_no_slope() -> None:
    visits = many(10)
    one = visits.drop(index=[("P3", "1", k) for k in (1, 2, 3, 4)])
    row = slopes(one, method="mixed").loc[("P3", "1")]
    assert (row["reason"], row["n_visits"]) == ("too_few_visits", 1)
    assert math.isnan(row["slope"])
    two = visits.drop(index=[("P3", "1", k) for k in (1, 2, 3)])
    row = slopes(two, method="mixed").loc[("P3", "1")]
    assert row["reason"] == ""  # two are enough: the error comes from all lesions
    assert row["slope_se"] > 0


@pytest.mark.parametrize(
    "visits",
    [many(4), many(12).query("visit in (0, 4)")],
    ids=["four patients", "two visits each"],
)
def test_mixed_refuses_what_cannot_tell_lines_from_scatter(visits: pd.DataFrame) -> None:
    with pytest.raises(OutcomeError, match="method='ols'") as caught:
        slopes(visits, method="mixed")
    assert caught.value.code == "mixed_too_few"


def test_mixed_does_not_pretend_to_know_the_error_of_exact_lines() -> None:
    days = [0.0, 10, 20]
    courses = {
        (f"P{i}", "1"): [(d, math.exp(2 - 0.001 * (i + 1) * d)) for d in days] for i in range(8)
    }
    with pytest.raises(OutcomeError, match="did not converge") as caught:
        slopes(frame(courses), method="mixed")
    assert caught.value.code == "mixed_not_converged"


def test_a_slope_that_knows_the_other_lesions_is_no_outcome_of_an_evaluation() -> None:
    rng = np.random.default_rng(0)
    keys = [(f"P{i:02d}", "1", k) for i in range(12) for k in range(4)]
    index = pd.MultiIndex.from_tuples(keys, names=["patient_id", "lesion_id", "visit"])
    days = np.array([10.0 * k for *_, k in keys])
    rates = np.repeat(rng.normal(0.01, 0.004, 12), 4)
    volume = 20 * np.exp(-rates * days + rng.normal(0, 0.05, 48))
    visits = pd.DataFrame({"days": days, "volume_cc": volume}, index=index)
    found = {method: tr.slopes(visits, method=method) for method in ("ols", "mixed")}
    table = pd.DataFrame({"clinical__age": rng.normal(60, 9, 12)}, index=found["ols"].index)
    label, scheme = tr.ResponderCut(), tr.Bootstrap632Plus(n_resamples=5)
    model = tr.make_model("logistic")
    tr.evaluate(model, table, found["ols"]["sgr_per_day"], scheme, label=label)
    with pytest.raises(EvaluationError, match="fitted on all lesions") as caught:
        tr.evaluate(model, table, found["mixed"]["sgr_per_day"], scheme, label=label)
    assert caught.value.code == "outcome_fitted_on_all"
    with pytest.raises(EvaluationError, match="fitted on all lesions"):  # nor is its label
        tr.evaluate(model, table, tr.label_responders(found["mixed"], "sgr_per_day"), scheme)
