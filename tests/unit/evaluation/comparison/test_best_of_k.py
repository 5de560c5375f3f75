"""Best of K: against a plain script of the paper, under the null, ties, gaps, lesions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score, roc_auc_score

import tumor_response as tr
from tumor_response.evaluation.comparison import best_of_k, best_of_k_from_scores
from tumor_response.evaluation.comparison.out_of_sample import (
    OutOfSample,
    ScoredFit,
    out_of_sample,
    weighted_values,
)
from tumor_response.exceptions import EvaluationError


def plain_auc(y, score):
    above, below = score[y == 1][:, None], score[y == 0][None, :]
    return np.mean((above > below) + 0.5 * (above == below))


def plain_bbc(scores, y, patients, n_resamples, seed, measure):
    """Algorithm 4 of Tsamardinos and others (2018), patients instead of samples, in plain loops.

    Draws whose drawn or other rows lack a class are passed over, as they have no AUC. The paper
    says nothing of equals; here they share.
    """
    names = np.unique(patients)
    rng = np.random.default_rng(seed)
    values = []
    while len(values) < n_resamples:
        for drawn in rng.integers(0, len(names), size=(n_resamples - len(values), len(names))):
            inside = np.concatenate([np.flatnonzero(patients == names[p]) for p in drawn])
            outside = np.flatnonzero(~np.isin(patients, names[drawn]))
            if len(np.unique(y[inside])) < 2 or len(np.unique(y[outside])) < 2:
                continue
            in_bag = np.array([measure(y[inside], score[inside]) for score in scores.T])
            winners = np.flatnonzero(in_bag >= in_bag.max() - 1e-12)
            values.append(np.mean([measure(y[outside], scores[outside, k]) for k in winners]))
    return np.array(values)


@pytest.mark.parametrize("lesions", [1, 3])
def test_as_the_plain_script(lesions):
    rng = np.random.default_rng(5)
    patients = np.repeat(np.arange(14), lesions)
    y = rng.permutation(np.arange(len(patients)) % 3 == 0).astype(float)
    scores = rng.normal(size=(len(y), 4)) + y[:, None] * [0.0, 0.3, 0.6, 0.9]
    expected = plain_bbc(scores, y, patients, 60, 11, plain_auc)
    found = best_of_k_from_scores(scores, y, patients, n_resamples=60, seed=11)
    assert found.corrected == pytest.approx(expected.mean(), abs=1e-12)
    limits = np.percentile(expected, (2.5, 97.5))
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(limits), abs=1e-12)
    on_all = [roc_auc_score(y, score) for score in scores.T]
    assert found.value == pytest.approx(max(on_all), abs=1e-12)
    assert found.name == f"configuration {int(np.argmax(on_all)) + 1}"
    assert sum(found.chosen.values()) == pytest.approx(1)


def test_rates_as_the_plain_script():
    rng = np.random.default_rng(6)
    y = rng.normal(size=40)
    scores = y[:, None] * [0.2, 0.5, 0.4] + rng.normal(size=(40, 3))

    def measure(outcome, prediction):
        about_all = ((outcome - y.mean()) ** 2).sum()
        return 1 - ((outcome - prediction) ** 2).sum() / about_all

    assert measure(y, scores[:, 0]) == pytest.approx(r2_score(y, scores[:, 0]))
    expected = plain_bbc(scores, y, np.arange(40), 100, 2, measure)
    found = best_of_k_from_scores(scores, y, measure="r2", n_resamples=100, seed=2)
    assert found.corrected == pytest.approx(expected.mean(), abs=1e-12)


def test_fifteen_null_configurations_come_out_near_one_half():
    """Ten studies of 96 patients: the best of 15 looks like 0.6, corrected it is 0.5."""
    best, corrected = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        y = rng.permutation(np.repeat([0.0, 1.0], 48))
        shared = rng.normal(size=(96, 1))
        found = best_of_k_from_scores(
            0.5 * shared + rng.normal(size=(96, 15)), y, n_resamples=200, seed=seed
        )
        best.append(found.value)
        corrected.append(found.corrected)
    assert 0.57 < np.mean(best) < 0.64
    assert 0.47 < np.mean(corrected) < 0.52


def test_a_winner_that_is_truly_better_keeps_its_value():
    rng = np.random.default_rng(0)
    y = np.repeat([0.0, 1.0], 100)
    scores = rng.normal(size=(200, 8))
    scores[:, 3] += 3 * y
    found = best_of_k_from_scores(scores, y, n_resamples=200)
    assert found.chosen["configuration 4"] == 1
    assert found.corrected == pytest.approx(found.value, abs=0.01)


def test_equals_share_the_choice_and_their_order_does_not_matter():
    rng = np.random.default_rng(1)
    y = np.repeat([0.0, 1.0], 20)
    score = rng.normal(size=40)
    scores = pd.DataFrame({"a": score, "b": 2 * score + 1, "c": rng.normal(size=40)})
    one, other = (
        best_of_k_from_scores(scores[order], y, n_resamples=100)
        for order in (list("abc"), list("bca"))
    )
    assert one.corrected == pytest.approx(other.corrected, abs=1e-12)
    assert one.chosen["a"] == one.chosen["b"]
    constant = best_of_k_from_scores(np.zeros((40, 3)), y, n_resamples=20)
    assert (constant.value, constant.corrected) == (0.5, 0.5)
    assert list(constant.chosen.values()) == pytest.approx([1 / 3] * 3)


def test_rows_that_a_configuration_has_no_score_for_are_left_to_the_others():
    rng = np.random.default_rng(2)
    y = rng.permutation(np.repeat([0.0, 1.0], 30))
    scores = rng.normal(size=(60, 2))
    scores[::5, 0] = np.nan
    found = best_of_k_from_scores(scores, y, n_resamples=50)
    known = ~np.isnan(scores[:, 0])
    assert found.values["configuration 1"] == pytest.approx(
        roc_auc_score(y[known], scores[known, 0])
    )
    with pytest.raises(EvaluationError, match="'configuration 1' has no two scored rows"):
        best_of_k_from_scores(np.column_stack([np.full(60, np.nan), scores[:, 1]]), y)


def test_bad_input_is_refused():
    y = np.repeat([0.0, 1.0], 5)
    for wrong in (np.zeros(10), np.zeros((9, 2)), np.full((10, 2), np.inf), np.zeros((10, 0))):
        with pytest.raises(EvaluationError) as caught:
            best_of_k_from_scores(wrong, y)
        assert caught.value.code == "configurations"
    with pytest.raises(EvaluationError, match="expected one of auc"):
        best_of_k_from_scores(np.zeros((10, 2)), y, measure="acc")
    with pytest.raises(EvaluationError, match="too few patients") as caught:
        best_of_k_from_scores(np.eye(3)[:, :2], [0.0, 1.0, 1.0], n_resamples=20)
    assert caught.value.code == "too_few_patients"
    with pytest.raises(EvaluationError, match="at least 2 resamples"):
        best_of_k_from_scores(np.zeros((10, 2)), y, n_resamples=1)


def test_of_an_evaluation_lesions_are_compared_within_a_fit(table):
    X, rate = table(40, lesions=2)
    models = {
        "volume_only": tr.make_model("volume_only"),
        "all": tr.make_model("logistic", Cs=(0.1,)),
    }
    result = tr.evaluate(
        models, X, rate, tr.Bootstrap632Plus(n_resamples=30), label=tr.ResponderCut("median")
    )
    found = best_of_k(result, n_resamples=100)
    assert found.name == "all"
    # by the definition: all pairs of a responder and another that were out of bag together
    right = n_pairs = 0.0
    for one in result.out_of_bag:
        pairs = int(one.y_test.sum()) * int((1 - one.y_test).sum())
        right += one.values["all"] * pairs
        n_pairs += pairs
    assert found.value == pytest.approx(right / n_pairs, abs=1e-12)
    assert found.value == pytest.approx(result.oob_values("all").mean(), abs=0.02)
    assert "best of 2: 0." in str(found)
    assert "corrected for the choice: 0." in str(found)
    assert best_of_k(result, ["volume_only"], n_resamples=20).n_configurations == 1
    with pytest.raises(EvaluationError, match="No model 'typo'"):
        best_of_k(result, ["typo"])


def test_weights_are_copies(table):
    """A row counted twice is the row there twice."""
    X, rate = table(30)
    result = tr.evaluate(
        {"v": tr.make_model("volume_only")}, X, rate > 0, tr.Bootstrap632Plus(n_resamples=5)
    )
    sample = out_of_sample(result)
    times = np.random.default_rng(0).integers(0, 3, 30)
    right = n_pairs = 0.0
    for fit in sample.fits:
        again = np.repeat(np.arange(len(fit.rows)), times[fit.rows])
        y, score = fit.y[again], fit.scores[0][again]
        if len(np.unique(y)) == 2:
            pairs = y.sum() * (1 - y).sum()
            right += roc_auc_score(y, score) * pairs
            n_pairs += pairs
    found = weighted_values(sample, times[None, :].astype(float))
    assert found[0, 0] == pytest.approx(right / n_pairs, abs=1e-12)


def test_samples_of_other_patients_or_measures_have_no_common_best():
    from tumor_response.evaluation.comparison.best_of_k import corrected_best

    fit = ScoredFit(np.arange(4), np.array([0.0, 1, 0, 1]), np.array([[0.1, 0.4, 0.4, 0.8]]))
    one = OutOfSample(("a",), np.arange(4), "auc", (fit,))
    other = OutOfSample(("b",), np.array([0, 0, 1, 2]), "auc", (fit,))
    ranked = OutOfSample(("b",), np.arange(4), "c_index", (fit,))
    with pytest.raises(EvaluationError, match="other patients"):
        corrected_best(one, other)
    with pytest.raises(EvaluationError, match="c_index"):
        corrected_best(one, ranked)
