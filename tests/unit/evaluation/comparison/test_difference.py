"""Paired differences: intervals and p values against plain scripts, schemes, increments."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats import rankdata

import tumor_response as tr
from tumor_response.evaluation.comparison import compare_models, compared_pairs, increments
from tumor_response.evaluation.comparison.out_of_sample import OutOfSample, ScoredFit
from tumor_response.evaluation.comparison.permutation import paired_permutation
from tumor_response.exceptions import EvaluationError


def plain_auc(y, score):
    if len(np.unique(y)) < 2:
        return np.nan
    above, below = score[y == 1][:, None], score[y == 0][None, :]
    return float(np.mean((above > below) + 0.5 * (above == below)))


def bootstrapped(n_patients=16, lesions=1, n_fits=60, seed=0, measure="auc") -> OutOfSample:
    """Two noisy scores on bootstrap samples of patients, without any model."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), lesions)
    n = len(patients)
    y = (np.arange(n) % 2).astype(float) if measure == "auc" else rng.normal(size=n)
    steady = rng.normal(size=(2, n)) + [[1.0], [0.4]] * y
    fits = []
    while len(fits) < n_fits:
        drawn = rng.integers(0, n_patients, n_patients)
        rows = np.flatnonzero(~np.isin(patients, drawn))
        if len(np.unique(y[rows])) > 1:
            scores = np.round(steady[:, rows] + 0.5 * rng.normal(size=(2, len(rows))), 1)
            fits.append(ScoredFit(rows, y[rows], scores, float(y.mean())))
    return OutOfSample(("a", "b"), patients, measure, tuple(fits))


@pytest.mark.parametrize(("lesions", "measure"), [(1, "auc"), (2, "auc"), (1, "r2")])
def test_the_permutation_is_exchanging_scores_within_patients(lesions, measure):
    """All 2^8 exchanges by hand: ranks within a fit change places, the measure is recomputed."""
    sample = bootstrapped(8, lesions, n_fits=12, measure=measure)
    if measure == "auc":
        fits = [
            ScoredFit(f.rows, f.y, np.array([rankdata(s) for s in f.scores])) for f in sample.fits
        ]
    else:
        fits = list(sample.fits)

    def pooled(exchanged):
        upper = lower = 0.0
        for fit in fits:
            swap = exchanged[sample.patients[fit.rows]]
            a, b = np.where(swap, fit.scores[::-1], fit.scores)
            if measure == "auc":
                pairs = fit.y.sum() * (1 - fit.y).sum()
                upper += pairs * (plain_auc(fit.y, a) - plain_auc(fit.y, b))
                lower += pairs
            else:
                upper += ((fit.y - b) ** 2).sum() - ((fit.y - a) ** 2).sum()
                lower += ((fit.y - fit.reference) ** 2).sum()
        return upper / lower

    every = np.array([pooled(np.array(e)) for e in product([False, True], repeat=8)])
    found = paired_permutation(sample, n_permutations=20_000, seed=1)
    assert found.difference == pytest.approx(every[0], abs=1e-12)
    exact = np.mean(np.abs(every) >= abs(every[0]) - 1e-9)
    assert found.p_value == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 20_000) ** 0.5)


def test_a_p_value_is_never_zero_and_rejects_as_often_as_it_should_on_one_test_set():
    y = np.repeat([0.0, 1.0], 30)
    rng = np.random.default_rng(4)
    p = []
    for _ in range(150):
        scores = rng.normal(size=(2, 60)) + 0.7 * y
        fit = ScoredFit(np.arange(60), y, scores)
        p.append(paired_permutation(OutOfSample(("a", "b"), np.arange(60), "auc", (fit,)), 199)[1])
    assert min(p) >= 1 / 200
    assert 0.005 < np.mean(np.array(p) <= 0.05) < 0.10


@pytest.fixture(scope="module")
def evaluated():
    from tests.unit.evaluation.conftest import make_table

    X, rate = make_table(50, signal=2.0)
    models = {
        "volume_only": tr.make_model("volume_only"),
        "clinical_only": tr.make_model("clinical_only", Cs=(0.1,)),
        "deep": tr.make_model("logistic", blocks=["deep"], Cs=(0.1,)),
        "again": tr.make_model("logistic", blocks=["deep"], Cs=(0.1,)),
    }
    return X, rate, models


def evaluate(evaluated, scheme):
    X, rate, models = evaluated
    return tr.evaluate(models, X, rate, scheme, label=tr.ResponderCut("median"))


@pytest.fixture(scope="module")
def by_bootstrap(evaluated):
    return evaluate(evaluated, tr.Bootstrap632Plus(n_resamples=30))


def test_intervals_and_p_of_a_bootstrap(by_bootstrap):
    paired = by_bootstrap.oob_values("deep") - by_bootstrap.oob_values("volume_only")
    found = compare_models(by_bootstrap, "deep", "volume_only")
    assert found["difference"] == pytest.approx(paired.mean())
    assert found["auc_oob_a"] == pytest.approx(by_bootstrap.oob_values("deep").mean())
    assert found["ci_method"] == "delta_after_bootstrap, paired"
    assert found["p_method"] == "delta_after_bootstrap"
    refitted = compare_models(by_bootstrap, "deep", "volume_only", method="oob_influence")
    assert refitted["ci_low"] != found["ci_low"]
    error = (found["ci_high"] - found["difference"]) / 1.959963984540054
    assert found["p_value"] == pytest.approx(2 * stats.norm.sf(abs(paired.mean()) / error))
    # interval and p value say the same
    assert (found["p_value"] < 0.05) == (not found["ci_low"] <= 0 <= found["ci_high"])
    swapped = compare_models(by_bootstrap, "volume_only", "deep")
    assert swapped["difference"] == -found["difference"]
    assert swapped["p_value"] == pytest.approx(found["p_value"])
    percentile = compare_models(by_bootstrap, "deep", "volume_only", method="oob_percentile")
    assert percentile["ci_low"] == pytest.approx(np.percentile(paired, 2.5))
    assert np.isnan(percentile["p_value"])
    with pytest.raises(EvaluationError, match="'oob_percentile'") as caught:
        compare_models(by_bootstrap, "deep", "volume_only", method="obuchowski")
    assert caught.value.code == "interval_method"
    with pytest.raises(EvaluationError, match="No model 'typo'"):
        compare_models(by_bootstrap, "deep", "typo")


def test_the_same_model_twice_differs_by_nothing(by_bootstrap):
    found = compare_models(by_bootstrap, "deep", "again")
    assert (found["difference"], found["ci_low"], found["ci_high"], found["p_value"]) == (
        0,
        0,
        0,
        1,
    )


def plain_without(result, name, patient):
    """Every resample's AUC without a patient, by loops; NaN where the patient was drawn."""
    values = []
    for resample, one in zip(result.resamples, result.out_of_bag, strict=True):
        tested = result.rows.patients[resample.test]
        keep = tested != patient
        seen = patient in tested
        values.append(plain_auc(one.y_test[keep], one.scores[name][keep]) if seen else np.nan)
    return np.array(values)


def test_the_jackknife_is_what_leaving_patients_out_gives(by_bootstrap):
    found = compare_models(by_bootstrap, "deep", "volume_only", method="jackknife_after_bootstrap")
    means = np.array(
        [
            np.nanmean(
                plain_without(by_bootstrap, "deep", patient)
                - plain_without(by_bootstrap, "volume_only", patient)
            )
            for patient in np.unique(by_bootstrap.rows.patients)
        ]
    )
    n, n_resamples = len(means), len(by_bootstrap.resamples)
    paired = by_bootstrap.oob_values("deep") - by_bootstrap.oob_values("volume_only")
    variance = (n - 1) / n * ((means - means.mean()) ** 2).sum()
    variance -= (np.e - 1) * n * paired.var() / n_resamples
    if variance > 0:
        reach = stats.norm.isf(0.025) * variance**0.5
        assert found["ci_high"] - found["difference"] == pytest.approx(reach)
    else:
        assert "too few resamples" in found["note"]
        assert np.isnan(found["ci_low"])


def test_the_influence_on_a_difference_with_steady_scores_is_that_of_delong(evaluated):
    """Where fits do not differ, testing is all there is: the variance of DeLong's paired test."""
    from tumor_response.evaluation.comparison.difference import difference_of_influences
    from tumor_response.evaluation.intervals import delong_test
    from tumor_response.evaluation.intervals.influence import pair_influence, times_drawn

    rng = np.random.default_rng(3)
    n, y = 40, np.arange(40) % 2
    scores = rng.normal(size=(2, n)) + y
    drawn = [rng.integers(0, n, n) for _ in range(4000)]
    out = [np.setdiff1d(np.arange(n), one) for one in drawn]
    a, b = (
        pair_influence(
            [y[rows] for rows in out], [s[rows] for rows in out], out,
            times_drawn(drawn, np.arange(n)), np.arange(n),
        )
        for s in scores
    )  # fmt: skip
    test = delong_test(y, *scores, np.arange(n))
    both = difference_of_influences(a, b, 0.5)
    assert both.estimate == pytest.approx(test.difference)
    # sums of squares, where DeLong divides by one less
    assert both.variance_about_target == pytest.approx(test.variance * 19 / 20, rel=0.02)


def test_of_folds_the_variance_is_corrected_for_shared_patients(evaluated):
    result = evaluate(evaluated, tr.evaluation.RepeatedKFold(n_folds=5, n_repeats=2))
    found = compare_models(result, "deep", "volume_only")
    paired = result.oob_values("deep") - result.oob_values("volume_only")
    error = ((1 / 10 + 1 / 4) * paired.var(ddof=1)) ** 0.5
    low, high = stats.t.interval(0.95, 9, paired.mean(), error)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((low, high))
    assert found["p_value"] == pytest.approx(2 * stats.t.sf(abs(paired.mean()) / error, 9))
    assert "auc_cv_a" in found


def test_of_one_test_set_its_patients_are_drawn(evaluated):
    X, rate, models = evaluated
    held_out = X.assign(meta__set=np.where(np.arange(len(X)) < 28, "train", "test"))
    scheme = tr.evaluation.ExternalSet(values=("test",), column="meta__set")
    found = compare_models(evaluate((held_out, rate, models), scheme), "deep", "volume_only")
    assert found["ci_method"] == "obuchowski, paired"
    assert found["ci_low"] < found["difference"] < found["ci_high"]


def test_of_one_test_set_it_is_delongs_test(evaluated):
    X, rate, models = evaluated
    held_out = X.assign(meta__set=np.where(np.arange(len(X)) < 28, "train", "test"))
    scheme = tr.evaluation.ExternalSet(values=("test",), column="meta__set")
    result = evaluate((held_out, rate, models), scheme)
    one = result.out_of_bag[0]
    from tumor_response.evaluation.intervals import delong_test

    test = delong_test(one.y_test, one.scores["deep"], one.scores["volume_only"], range(22))
    found = compare_models(result, "deep", "volume_only")
    assert found["p_value"] == test.p_value
    other = compare_models(result, "deep", "volume_only", method="jackknife")
    assert other["p_method"] == "paired_permutation"
    width, expected = other["ci_high"] - other["ci_low"], found["ci_high"] - found["ci_low"]
    assert width == pytest.approx(expected, rel=0.15)


def test_increments_are_over_both_baselines_and_one_family(by_bootstrap):
    from tumor_response.evaluation.comparison import adjusted_p_values

    frame = increments(by_bootstrap)
    assert list(zip(frame["model_a"], frame["model_b"], strict=True)) == [
        ("clinical_only", "volume_only"),
        ("deep", "volume_only"),
        ("again", "volume_only"),
        ("volume_only", "clinical_only"),
        ("deep", "clinical_only"),
        ("again", "clinical_only"),
    ]
    np.testing.assert_array_equal(frame["p_holm"], adjusted_p_values(frame["p_value"]))
    one = compare_models(by_bootstrap, "deep", "volume_only")
    pd.testing.assert_series_equal(frame.loc[1, one.index], one, check_names=False)
    with pytest.raises(EvaluationError, match="nothing to compare") as caught:
        increments(by_bootstrap, [])
    assert caught.value.code == "no_baseline"
    only = compared_pairs(by_bootstrap, [("deep", "volume_only")])
    assert only.loc[0, "p_holm"] == only.loc[0, "p_value"]


def test_volume_only_stands_beside_what_contour_error_alone_gives(by_bootstrap):
    coupled = tr.Coupling(
        auc=0.57, auc_se=0.001, auc_low=0.45, auc_high=0.69, by="rate_percent_per_day",
        cut="median", observer_sd_mm=1.0, n_lesions=50, n_simulations=100, n_one_class=0,
        true_sd=1.0, warning="",
    )  # fmt: skip
    frame = increments(by_bootstrap, coupling=coupled)
    of_volume = frame["model_b"] == "volume_only"
    assert (frame.loc[of_volume, "coupling_auc"] == 0.57).all()
    assert (frame.loc[of_volume, "coupling_high"] == 0.69).all()
    assert frame.loc[~of_volume, "coupling_auc"].isna().all()
    other = tr.Coupling(**{**vars(coupled), "by": "rate_cc_per_day"})
    with pytest.raises(EvaluationError) as caught:
        increments(by_bootstrap, coupling=other)
    assert caught.value.code == "other_end_point"


def test_rates_are_compared_by_r2():
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    from tests.unit.evaluation.conftest import make_table
    from tumor_response.transformers import BlockSelector

    X, rate = make_table(50, signal=2.0)
    models = {
        "deep": make_pipeline(BlockSelector(["deep"]), Ridge(1.0)),
        "clinical": make_pipeline(BlockSelector(["clinical"]), Ridge(1.0)),
    }
    result = tr.evaluate(models, X, rate, tr.Bootstrap632Plus(n_resamples=30))
    found = compare_models(result, "deep", "clinical")
    assert found["r2_oob_a"] > 0.5
    assert found["ci_low"] > 0
