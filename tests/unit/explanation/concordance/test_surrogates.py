from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal
from sklearn.gaussian_process.kernels import Matern

from tests.unit.explanation.concordance.made import SPACING, grid_mm, smooth
from tumor_response.explanation.concordance import ConcordanceSettings
from tumor_response.explanation.concordance.agreement import agreement
from tumor_response.explanation.concordance.profile import DepthProfile, normal_scores
from tumor_response.explanation.concordance.surrogates import (
    Covariance,
    _log_likelihood,
    surrogates,
)

FEW = ConcordanceSettings(n_surrogates=59, max_voxels=150)


def ball(radius_mm: float = 13.0) -> tuple[np.ndarray, np.ndarray]:
    """The inside of a ball and the depth of its voxels."""
    distance = np.sqrt((grid_mm() ** 2).sum(axis=0))
    return distance <= radius_mm, radius_mm - distance


def points_of(inside: np.ndarray) -> np.ndarray:
    return (np.argwhere(inside) * SPACING[::-1])[:, ::-1].astype(float)


@pytest.mark.parametrize("smoothness", [0.5, 1.5, 2.5])
def test_the_covariance_is_scikit_learns_matern(smoothness: float) -> None:
    points = np.random.default_rng(0).uniform(0, 20, (15, 3))
    found = Covariance(6.0, smoothness, across=2.0, noise=0.1).matrix(points)
    stretched = points * [1, 1, 2]
    expected = Matern(6.0, nu=smoothness)(stretched)
    assert found == pytest.approx(0.9 * expected + 0.1 * np.eye(15), abs=1e-12)


def test_the_likelihood_is_that_of_contrasts_with_the_variance_integrated_out() -> None:
    rng = np.random.default_rng(1)
    points, field = rng.uniform(0, 20, (12, 3)), rng.standard_normal(12)
    basis = np.column_stack([np.ones(12), points[:, 0]])
    contrasts = null_space(basis.T)
    logs = np.linspace(-12, 12, 4801)  # of the standard deviation: the flat prior is on this scale

    def slow(covariance: np.ndarray) -> float:
        of_contrasts = contrasts.T @ covariance @ contrasts
        densities = np.array(
            [
                multivariate_normal.logpdf(contrasts.T @ field, cov=np.exp(2 * s) * of_contrasts)
                for s in logs[::8]
            ]
        )
        return float(np.log(np.exp(densities - densities.max()).sum()) + densities.max())

    several = [Covariance(r, 1.5, 1.0, 0.01).matrix(points) for r in (2.0, 5.0, 15.0)]
    # X'X does not depend on the covariance, so that both differ by a constant alone
    gaps = [_log_likelihood(c, field, basis) - slow(c) for c in several]
    assert gaps == pytest.approx([gaps[0]] * 3, abs=1e-6)


def test_surrogates_keep_profile_and_smoothness() -> None:
    inside, depth = ball()
    rng = np.random.default_rng(2)
    chosen = rng.permutation(int(inside.sum()))[:250]
    points, depths = points_of(inside)[chosen], depth[inside][chosen]
    profile = DepthProfile.of(depths)
    field = normal_scores((smooth(rng, 5.0) + depth / 6)[inside][chosen])
    drawn = surrogates(points, field, profile, 100, rng)
    assert profile.fitted(drawn) == pytest.approx(np.tile(profile.fitted(field), (100, 1)).T)
    assert drawn.std(axis=0) == pytest.approx(field.std())
    distance = cdist(points, points)
    near = np.nonzero((distance > 0) & (distance < 4))

    def roughness(one: np.ndarray) -> float:
        return float(((one[near[0]] - one[near[1]]) ** 2).mean())

    rest = profile.residual(field)
    mean = np.mean([roughness(profile.residual(one)) for one in drawn.T])
    assert mean == pytest.approx(roughness(rest), rel=0.4)
    # a permutation is rough: the test above could fail
    assert roughness(rng.permutation(rest)) > 2 * mean


def null_study(seed: int, planted: float = 0.0) -> tuple[float, float]:
    """p values of the surrogates and of a permutation of voxels, fields drawn apart."""
    rng = np.random.default_rng([seed, 11])
    inside, depth = ball()
    profile = 2 * depth / depth.max()
    attention, shrinkage = smooth(rng, 5.0), smooth(rng, 5.0)
    attention = (1 - planted) * attention + planted * shrinkage + profile
    shrinkage = shrinkage - profile
    a, b, d = attention[inside], shrinkage[inside], depth[inside]
    found = agreement(a, b, d, points_of(inside), FEW, rng)
    size = abs(np.corrcoef(a, b)[0, 1])
    null = [abs(np.corrcoef(rng.permutation(a), b)[0, 1]) for _ in range(59)]
    return found.row["p_value"], (1 + sum(n >= size for n in null)) / 60


def test_nothing_is_found_where_nothing_is_and_a_permutation_of_voxels_always_finds() -> None:
    ours, naive = np.array([null_study(seed) for seed in range(16)]).T
    # at 5 %, 4 or more of 16 have a probability of 0.7 %
    assert (ours <= 0.05).sum() <= 3
    assert (naive <= 0.05).mean() > 0.8


def test_a_planted_agreement_is_found_through_opposite_profiles() -> None:
    found = [null_study(seed, planted=0.6)[0] for seed in range(50, 56)]
    assert (np.array(found) <= 0.05).sum() >= 5


def test_a_lesion_without_an_answer_says_why() -> None:
    inside, depth = ball()
    points, d = points_of(inside), depth[inside]
    rng = np.random.default_rng(0)
    field, flat = rng.standard_normal(len(d)), np.ones(len(d))
    few = [v[:20] for v in (field, field, d, points)]
    assert agreement(*few, FEW, rng).reason == "too_few_voxels"
    assert agreement(flat, field, d, points, FEW, rng).reason == "attention_constant"
    assert agreement(field, flat, d, points, FEW, rng).reason == "shrinkage_constant"


def test_means_of_the_quarter_are_those_of_a_plain_script() -> None:
    inside, depth = ball(8.0)
    rng = np.random.default_rng(3)
    n = int(inside.sum())
    assert n <= 150 * 3
    settings = FEW.model_copy(update={"max_voxels": 1000})
    attention, shrinkage = rng.standard_normal(n), rng.standard_normal(n)
    row = agreement(attention, shrinkage, depth[inside], points_of(inside), settings, rng).row
    order = sorted(range(n), key=lambda i: -attention[i])
    top = order[: n // 4]
    attended = sum(shrinkage[i] for i in top) / len(top)
    rest = sum(shrinkage[i] for i in order[n // 4 :]) / (n - len(top))
    shrunk = set(sorted(range(n), key=lambda i: -shrinkage[i])[: n // 4])
    assert row["attended"] == pytest.approx(attended)
    assert row["rest"] == pytest.approx(rest)
    assert row["difference"] == pytest.approx(attended - rest)
    assert row["overlap"] == pytest.approx(len(shrunk & set(top)) / len(top))
