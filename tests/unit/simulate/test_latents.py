"""The population of simulated patients, at sizes no image could be made for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from tumor_response.exceptions import SettingsError
from tumor_response.simulate import SimulationSettings, simulate_latents
from tumor_response.simulate.latents import (
    AGE,
    FIELD,
    LN_VOLUME,
    NOISE,
    TruncatedNormal,
    _rates,
    population_quantile,
)

N = 20_000


@pytest.fixture(scope="module")
def null() -> pd.DataFrame:
    return simulate_latents(N, seed=11, settings=SimulationSettings(signal=0.0))


def many_rates(options: SimulationSettings, n: int = 400_000) -> pd.DataFrame:
    """The equations alone, with plain uniform numbers in place of one stream per patient."""
    rng = np.random.default_rng(5)
    age = AGE.from_uniform(rng.random(n))
    days = rng.integers(21, 36, n)
    return pd.DataFrame(_rates(options, age, days, rng.random((n, 3)))).assign(age=age, days=days)


@pytest.mark.parametrize("distribution", [LN_VOLUME, AGE, FIELD, NOISE])
def test_truncated_normal_agrees_with_scipy(distribution: TruncatedNormal) -> None:
    d = distribution
    a, b = (d.low - d.centre) / d.scale, (d.high - d.centre) / d.scale
    truth = stats.truncnorm(a, b, d.centre, d.scale)
    u = np.array([0.0, 0.02, 0.5, 0.9, 0.999])
    np.testing.assert_allclose(d.from_uniform(u), truth.ppf(u), rtol=1e-9, atol=1e-12)
    x = np.array([d.low, d.centre, d.high])
    np.testing.assert_allclose(
        d.standardise(x), (x - truth.mean()) / truth.std(), rtol=1e-7, atol=1e-9
    )
    z = np.array([-1.3, 0.0, 0.8])
    np.testing.assert_allclose(
        d.standardised_density(z), truth.pdf(truth.mean() + z * truth.std()) * truth.std()
    )


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("options", [{}, {"signal": 0.0}, {"image_signal": 2.0}])
def test_population_quantile_matches_a_large_sample(
    options: dict[str, float], probability: float
) -> None:
    chosen = SimulationSettings(**options)
    below = (
        many_rates(chosen)["rate_latent_percent_per_day"] < population_quantile(chosen, probability)
    ).mean()
    assert below == pytest.approx(probability, abs=4 * np.sqrt(0.25 / 400_000))


def test_oracles_reach_their_auc() -> None:
    rows = many_rates(SimulationSettings())
    assert roc_auc_score(rows.label, rows.oracle_volume_age) == pytest.approx(0.64, abs=0.004)
    assert roc_auc_score(rows.label, rows.oracle_full) == pytest.approx(0.85, abs=0.004)


def test_image_signal_scales_the_image_alone() -> None:
    without = many_rates(SimulationSettings(image_signal=0.0))
    with_image = many_rates(SimulationSettings())
    pd.testing.assert_series_equal(
        without.oracle_full, without.oracle_volume_age, check_names=False
    )
    pd.testing.assert_series_equal(without.oracle_volume_age, with_image.oracle_volume_age)
    assert roc_auc_score(without.label, without.field_mean) == pytest.approx(0.5, abs=0.004)


def test_without_signal_rate_and_label_are_independent_of_all_that_is_known(
    null: pd.DataFrame,
) -> None:
    # under independence a Spearman correlation and an AUC have these standard errors
    for known in ("target_volume_baseline_cc", "age_years", "field_mean", "treatment_days"):
        rho = stats.spearmanr(null[known], null.rate_latent_percent_per_day).statistic
        assert abs(rho) < 3.5 / np.sqrt(N), known
        auc = roc_auc_score(null.label, null[known])
        assert abs(auc - 0.5) < 3.5 * np.sqrt(1 / (3 * N)), known
    # not only the mean but the spread is the same for small and large tumours, short and long
    for known in ("target_volume_baseline_cc", "treatment_days"):
        above = null[known] > null[known].median()
        rate = null.rate_latent_percent_per_day
        assert stats.ks_2samp(rate[above], rate[~above]).pvalue > 1e-3


def test_without_signal_the_measured_percent_label_is_independent_of_volume_but_not_in_cc(
    null: pd.DataFrame,
) -> None:
    """Whole voxels and the measured label, as the image path counts them."""
    voxel_cc = 1.5 * 1.5 * 3 / 1000
    before = np.rint(null.target_volume_baseline_cc / voxel_cc)
    rate = null.rate_latent_percent_per_day
    after = np.rint(before * (1 - rate * null.treatment_days / 100))
    percent = 100 * (before - after) / before / null.treatment_days
    cc = (before - after) * voxel_cc / null.treatment_days
    assert (percent - rate).abs().max() < 100 * 0.51 / 148 / 21  # within one voxel of 1 cc
    auc = roc_auc_score(percent > percent.median(), before)
    assert abs(auc - 0.5) < 3.5 * np.sqrt(1 / (3 * N))
    assert roc_auc_score(cc > cc.median(), before) > 0.8  # the coupling that DEFINITIONS warns of


def test_volumes_stay_within_their_range_and_nothing_is_clipped() -> None:
    rows = many_rates(SimulationSettings())
    assert rows.target_volume_baseline_cc.between(1.0, 60.0).all()
    expected = rows.target_volume_baseline_cc * (
        1 - rows.rate_latent_percent_per_day * rows.days / 100
    )
    np.testing.assert_allclose(rows.target_volume_follow_up_cc, expected)
    # the support is bounded: the fastest rate that exists leaves something after the longest course
    worst = _rates(
        SimulationSettings(),
        np.array([40.0]),
        np.array([35]),
        np.array([[0.0, 1.0 - 1e-16, 1.0 - 1e-16]]),
    )
    remainder = worst["target_volume_follow_up_cc"] / worst["target_volume_baseline_cc"]
    assert remainder == pytest.approx(1 - worst["rate_latent_percent_per_day"] * 0.35)


def test_growth_happens_where_the_mean_rate_allows_it() -> None:
    rows = simulate_latents(400, 1, SimulationSettings(mean_rate_percent_per_day=0.0))
    grew = (rows.target_volume_follow_up_cc > rows.target_volume_baseline_cc).mean()
    assert 0.4 < grew < 0.6
    assert rows.label.mean() == pytest.approx(0.5, abs=0.1)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), small=st.integers(1, 5), more=st.integers(1, 10))
def test_a_patient_does_not_depend_on_the_size_of_the_cohort(
    seed: int, small: int, more: int
) -> None:
    options = SimulationSettings(lesions_per_patient=(1, 3), n_sites=3)
    part = simulate_latents(small, seed, options)
    whole = simulate_latents(small + more, seed, options)
    pd.testing.assert_frame_equal(part, whole.iloc[: len(part)])
    assert not np.intersect1d(
        part.rate_latent_percent_per_day,
        simulate_latents(small, seed + 1, options).rate_latent_percent_per_day,
    ).size


def test_fractions_are_what_was_asked_for_on_average() -> None:
    options = SimulationSettings(
        complete_responders=0.1,
        missing_follow_up=0.2,
        lesions_per_patient=(1, 3),
        n_sites=4,
        planning_days=(5, 14),
    )
    rows = simulate_latents(4000, 2, options)
    patients = rows.groupby(level="patient_id").first()
    assert rows.complete_response.mean() == pytest.approx(0.1, abs=0.015)
    assert patients.missing_follow_up.mean() == pytest.approx(0.2, abs=0.03)
    assert patients.n_lesions.value_counts(normalize=True).to_numpy() == pytest.approx(
        1 / 3, abs=0.03
    )
    assert patients.site.value_counts(normalize=True).to_numpy() == pytest.approx(0.25, abs=0.03)
    assert set(patients.planning_days) == set(range(5, 15))
    assert set(patients.treatment_days) == set(range(21, 36))
    assert (rows.interval_days == rows.planning_days + rows.treatment_days).all()
    gone, left = rows[rows.complete_response], rows[~rows.complete_response]
    assert (gone.target_volume_follow_up_cc == 0).all()
    assert (
        gone.rate_latent_percent_per_day.min() > left.rate_latent_percent_per_day.max()
    )  # the fastest vanish


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "shrinking"}, "erosion"),
        ({"signl": 1.0}, "did you mean 'signal'"),
        ({"signal": -1.0}, "signal"),
        ({"lesions_per_patient": 5}, "<= 4"),
        ({"lesions_per_patient": (3, 2)}, "lowest"),
        ({"time_points": 1}, "time_points"),
        ({"missing_follow_up": 1.0}, "missing_follow_up"),
        ({"planning_days": (9, 3)}, "lowest"),
        ({"mode": "deformation", "lesions_per_patient": 2}, "mode='erosion'"),
        ({"mode": "deformation", "complete_responders": 0.1}, "mode='erosion'"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        SimulationSettings(**options)


@pytest.mark.parametrize(("n_patients", "seed"), [(0, 0), (5, -1)])
def test_impossible_sizes_are_refused(n_patients: int, seed: int) -> None:
    with pytest.raises(SettingsError, match=f"n_patients={n_patients}, seed={seed}"):
        simulate_latents(n_patients, seed)
