"""Nogueira's measure against the paper's formulas, Fleiss' kappa, Kuncheva's index, and chance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from statsmodels.stats.inter_rater import fleiss_kappa

from tests.unit.explanation.synthetic import explanation_of
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.stability import nogueira, top_k_overlap
from tumor_response.explanation.stability.overlap import overlap_of_sets


def random_sets(rng, n_sets=12, n_candidates=15) -> np.ndarray:
    chance = rng.beta(0.6, 0.8, n_candidates)
    return rng.random((n_sets, n_candidates)) < chance


def by_the_paper(sets: np.ndarray, z: float = 1.959963984540054) -> tuple[float, float, float]:
    """Nogueira, Sechidis and Brown (2018), written down term by term."""
    n_sets, d = sets.shape
    sizes = [sum(bool(one) for one in row) for row in sets]
    k_mean = sum(sizes) / n_sets
    share = [sum(bool(row[f]) for row in sets) / n_sets for f in range(d)]
    variance = [n_sets / (n_sets - 1) * p * (1 - p) for p in share]
    below = (k_mean / d) * (1 - k_mean / d)
    value = 1 - (sum(variance) / d) / below
    phi = []
    for row, k in zip(sets, sizes, strict=True):
        agreement = sum(p for one, p in zip(row, share, strict=True) if one) / d
        correction = 2 * k_mean * k / d**2 - k / d - k_mean / d + 1
        phi.append((agreement - k * k_mean / d**2 + value / 2 * correction) / below)
    mean = sum(phi) / n_sets
    v = 4 / n_sets**2 * sum((one - mean) ** 2 for one in phi)
    return value, value - z * v**0.5, value + z * v**0.5


@pytest.mark.parametrize("seed", range(5))
def test_value_and_interval_are_those_of_the_papers_formulas(seed):
    sets = random_sets(np.random.default_rng(seed))
    value, low, high = by_the_paper(sets)
    np.testing.assert_allclose(nogueira(sets), (value, low, min(high, 1)), rtol=1e-12)


def test_it_is_fleiss_kappa_of_sets_that_judge_candidates():
    sets = random_sets(np.random.default_rng(7))
    yes = sets.sum(axis=0)
    kappa = fleiss_kappa(np.column_stack([yes, len(sets) - yes]))
    assert nogueira(sets)[0] == pytest.approx(kappa, abs=1e-12)


def test_of_one_size_it_is_the_mean_of_kunchevas_index():
    rng = np.random.default_rng(1)
    d, k = 20, 6
    chosen = [frozenset(rng.permutation(10 + 2 * i)[:k].tolist()) for i in range(5)]
    index = [
        (len(one & other) - k * k / d) / (k - k * k / d)
        for one, other in itertools.combinations(chosen, 2)
    ]
    sets = [[f in one for f in range(d)] for one in chosen]
    assert nogueira(sets)[0] == pytest.approx(np.mean(index), abs=1e-12)


def test_equal_sets_are_one_and_random_ones_zero():
    assert nogueira([[1, 0, 0]] * 4) == (1, 1, 1)
    rng = np.random.default_rng(3)
    drawn = [nogueira(np.array([rng.permutation(40) < 8 for _ in range(6)]))[0] for _ in range(400)]
    assert abs(np.mean(drawn)) < 4 * np.std(drawn) / 20


def test_the_interval_covers_independent_draws():
    rng = np.random.default_rng(5)
    chance = rng.beta(0.4, 1.2, 30)
    mean = chance.mean()
    truth = 1 - (chance * (1 - chance)).mean() / (mean * (1 - mean))
    limits = np.array([nogueira(rng.random((50, 30)) < chance)[1:] for _ in range(400)])
    covered = ((limits[:, 0] <= truth) & (truth <= limits[:, 1])).mean()
    assert 0.91 < covered < 0.985
    narrow = np.array([nogueira(rng.random((50, 30)) < chance, 0.5)[1:] for _ in range(400)])
    assert 0.4 < ((narrow[:, 0] <= truth) & (truth <= narrow[:, 1])).mean() < 0.6


def test_shared_entries_are_counted_over_pairs():
    sets = random_sets(np.random.default_rng(11), 7, 9)
    one = overlap_of_sets(sets, "column", 4)
    pairs = list(itertools.combinations(sets, 2))
    assert one.mean_shared == pytest.approx(np.mean([(a & b).sum() for a, b in pairs]))
    by_chance = np.mean([a.sum() * b.sum() / 9 for a, b in pairs])
    assert one.shared_by_chance == pytest.approx(by_chance)


@pytest.mark.parametrize(("value", "reason"), [(True, "all_listed"), (False, "none_listed")])
def test_lists_that_say_nothing_have_no_agreement(value, reason):
    one = overlap_of_sets(np.full((4, 3), value), "block", 3)
    assert np.isnan([one.nogueira, one.ci_low, one.ci_high]).all()
    assert one.reason == reason
    assert "means nothing" in str(one)


def test_what_cannot_be_asked():
    explanation = explanation_of(["a__x", "a__y"])
    for fault, code in (
        ({"k": 0}, "k"),
        ({"level": "colour"}, "level"),
        ({"confidence": 95}, "level"),
    ):
        with pytest.raises(ExplanationError) as caught:
            top_k_overlap(explanation, **fault)
        assert caught.value.code == code
    with pytest.raises(ExplanationError, match="two or more") as caught:
        nogueira([[1, 0]])
    assert caught.value.code == "no_resamples"
