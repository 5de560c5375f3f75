"""The mixed model against published numbers, closed forms of balanced designs, and statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tumor_response.outcomes import mixed
from tumor_response.outcomes.mixed import fit_lines
from tumor_response.outcomes.slopes import slopes

# Distance (mm) from pituitary to pterygomaxillary fissure at 8, 10, 12 and 14 years of 11 girls
# and 16 boys: Potthoff and Roy, Biometrika 1964; 51: 313
AGES = np.array([8.0, 10.0, 12.0, 14.0])
GIRLS = """
21 20 21.5 23, 21 21.5 24 25.5, 20.5 24 24.5 26, 23.5 24.5 25 26.5, 21.5 23 22.5 23.5,
20 21 21 22.5, 21.5 22.5 23 25, 23 23 23.5 24, 20 21 22 21.5, 16.5 19 19 19.5, 24.5 25 28 28
"""
BOYS = """
26 25 29 31, 21.5 22.5 23 26.5, 23 22.5 24 27.5, 25.5 27.5 26.5 27, 20 23.5 22.5 26,
24.5 25.5 27 28.5, 22 22 24.5 26.5, 24 21.5 24.5 25.5, 23 20.5 31 26, 27.5 28 31 31.5,
23 23 23.5 25, 21.5 23.5 24 28, 17 24.5 26 29.5, 22.5 25.5 25.5 26, 23 24.5 26 30, 22 21.5 23.5 25
"""
DISTANCES = np.array(
    [[float(v) for v in child.split()] for child in (GIRLS + "," + BOYS).split(",")]
)


def nested(
    n_patients: int, n_lesions: int, sd_patient: float, sd_lesion: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Days, and log volumes of shape (patients, lesions, visits)."""
    rng = np.random.default_rng(seed)
    x = np.array([0.0, 7, 14, 21, 30])
    shape = (n_patients, n_lesions, 1)
    slope = rng.normal(-0.012, sd_patient, (n_patients, 1, 1)) + rng.normal(0, sd_lesion, shape)
    level = rng.normal(2.5, 0.7, (n_patients, 1, 1)) + rng.normal(0, 0.5, shape)
    return x, level + slope * x + rng.normal(0, 0.05, (n_patients, n_lesions, len(x)))


def numbers(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n_patients, n_lesions, n_visits = y.shape
    patient = np.repeat(np.arange(n_patients), n_lesions * n_visits)
    return patient, np.repeat(np.arange(n_patients * n_lesions), n_visits)


def test_growth_of_children_as_nlme_prints_it() -> None:
    """``lme(distance ~ age, Orthodont)`` of nlme; Pinheiro and Bates 2000, section 4.2."""
    child = np.repeat(np.arange(27), 4)
    lines = fit_lines(child, child, np.tile(AGES, 27), DISTANCES.ravel())
    assert lines.population == pytest.approx(0.6601852, abs=5e-8)
    assert lines.slope_sd_patient == pytest.approx(0.2264276, rel=1e-5)
    assert lines.residual_sd == pytest.approx(1.3100399, rel=1e-6)
    assert np.isnan(lines.slope_sd_lesion)


def test_one_lesion_per_patient_balanced_is_the_anova_estimate() -> None:
    child = np.repeat(np.arange(27), 4)
    lines = fit_lines(child, child, np.tile(AGES, 27), DISTANCES.ravel())
    slope, level = np.polyfit(AGES - 11, DISTANCES.T, 1)
    left = DISTANCES - level[:, None] - slope[:, None] * (AGES - 11)
    residual = (left**2).sum() / (27 * 2)
    assert lines.population == pytest.approx(slope.mean(), rel=1e-10)
    assert lines.population_se == pytest.approx(slope.std(ddof=1) / np.sqrt(27), rel=1e-5)
    assert lines.residual_sd**2 == pytest.approx(residual, rel=1e-5)
    between = slope.var(ddof=1) - residual / 20  # 20: squares of the centred ages
    assert lines.slope_sd_patient**2 == pytest.approx(between, rel=1e-4)


@pytest.mark.parametrize("seed", [0, 3, 8])
def test_lesions_within_patients_balanced_are_the_anova_estimates(seed: int) -> None:
    x, y = nested(30, 2, 0.008, 0.006 if seed != 8 else 0.003, seed)
    patient, lesion = numbers(y)
    lines = fit_lines(patient, lesion, np.tile(x, 60), y.ravel())
    centred = x - x.mean()
    squares = centred @ centred
    slope = y @ centred / squares
    left = y - y.mean(axis=-1, keepdims=True) - slope[..., None] * centred
    residual = (left**2).sum() / (60 * 3)
    within = ((slope - slope.mean(axis=1, keepdims=True)) ** 2).sum() / 30
    between = 2 * slope.mean(axis=1).var(ddof=1)
    assert within > residual / squares
    assert between > within  # inside the space of parameters, where the closed form holds
    assert lines.population == pytest.approx(slope.mean(), rel=1e-9)
    assert lines.population_se == pytest.approx(np.sqrt(between / 60), rel=1e-4)
    assert lines.slope_sd_lesion**2 == pytest.approx(within - residual / squares, rel=1e-3)
    assert lines.slope_sd_patient**2 == pytest.approx((between - within) / 2, rel=1e-3)
    assert lines.residual_sd**2 == pytest.approx(residual, rel=1e-4)


def test_unbalanced_lines_are_those_of_statsmodels() -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    rng = np.random.default_rng(4)
    patient = np.repeat(np.arange(25), 5)
    x = np.tile(np.arange(-2.0, 3.0), 25) + rng.uniform(-0.3, 0.3, 125)
    y = rng.normal(0, 1, 25)[patient] + rng.normal(-1, 0.7, 25)[patient] * x
    y += rng.normal(0, 0.5, 125)
    kept = rng.random(125) < 0.8
    patient, x, y = patient[kept], x[kept], y[kept]
    lines = fit_lines(patient, patient, x, y)
    fixed = np.column_stack([np.ones_like(x), x])
    theirs = MixedLM(y, fixed, patient, exog_re=fixed).fit()
    assert theirs.converged
    assert lines.population == pytest.approx(theirs.fe_params[1], rel=1e-5)
    assert lines.population_se == pytest.approx(theirs.bse_fe[1], rel=1e-3)
    assert lines.slope_sd_patient**2 == pytest.approx(theirs.cov_re[1, 1], rel=1e-3)
    assert lines.residual_sd**2 == pytest.approx(theirs.scale, rel=1e-3)
    blups = [theirs.fe_params[1] + theirs.random_effects[k].iloc[1] for k in range(25)]
    np.testing.assert_allclose(lines.slope, blups, rtol=1e-3, atol=1e-4)
    # the same likelihood, and a place at least as high on it
    data = mixed._stacked(mixed._patients(patient, patient, x, y))
    relative = np.linalg.cholesky(theirs.cov_re / theirs.scale)
    at_theirs, _ = mixed._deviance(relative[[0, 1, 1], [0, 0, 1]], data)
    assert at_theirs == pytest.approx(-2 * theirs.llf, rel=1e-10)
    spread, residual = mixed._variances(mixed._patients(patient, patient, x, y), False)
    ours = np.linalg.cholesky(spread[:2, :2] / residual)
    assert mixed._deviance(ours[[0, 1, 1], [0, 0, 1]], data)[0] <= at_theirs


def test_errors_of_the_slopes_are_those_of_a_dense_solution() -> None:
    """Henderson's equations solved at once for all patients, with the model's own variances."""
    x, y = nested(8, 2, 0.008, 0.006, 12)
    patient, lesion = numbers(y)
    days = np.tile(x, 16)
    lines = fit_lines(patient, lesion, days, y.ravel())
    t = (days - days.mean()) / days.std()
    fixed = np.column_stack([np.ones_like(t), t])
    # not all variances show in the result, so they are fitted once more
    sd = float(y.std())
    patients = mixed._patients(patient, lesion, t, (y.ravel() - y.mean()) / sd)
    spread, residual = mixed._variances(patients, True)
    columns, inverse = [], []
    for number, block, of in ((patient, spread[:2, :2], 8), (lesion, spread[2:, 2:], 16)):
        for k in range(of):
            columns += [fixed * (number == k)[:, None]]
            inverse += [np.linalg.inv(block)]
    random = np.hstack(columns)
    penalty = np.zeros((random.shape[1],) * 2)
    for k, block in enumerate(inverse):
        penalty[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = block
    both = np.hstack([fixed, random])
    left = both.T @ both / residual
    left[2:, 2:] += penalty
    covariance = np.linalg.inv(left)
    solution = covariance @ both.T @ ((y.ravel() - y.mean()) / sd) / residual
    unit = sd / days.std()
    for k in range(16):
        pick = np.zeros(both.shape[1])
        pick[[1, 2 + 2 * (k // 2) + 1, 2 + 16 + 2 * k + 1]] = 1.0
        assert lines.slope[k] == pytest.approx(pick @ solution * unit, rel=1e-6)
        assert lines.slope_se[k] == pytest.approx(
            np.sqrt(pick @ covariance @ pick) * unit, rel=1e-6
        )


def test_the_public_function_gives_these_numbers_on_days() -> None:
    index = pd.MultiIndex.from_tuples(
        [(f"P{i}", "1", k) for i in range(27) for k in range(4)],
        names=["patient_id", "lesion_id", "visit"],
    )
    visits = pd.DataFrame(
        {"days": np.tile(AGES, 27), "longest_diameter_mm": DISTANCES.ravel()}, index=index
    )
    population = slopes(visits, of="longest_diameter_mm", method="mixed").attrs["population"]
    assert population["slope"] == pytest.approx(0.6601852, abs=5e-8)
    assert population["slope_se"] == pytest.approx(0.0712533, abs=1e-6)
    assert (population["n_patients"], population["n_lesions"]) == (27, 27)
