"""The permutation null: exact, whole pipeline refitted, and it accuses what sees outcomes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.base import BaseEstimator, ClassifierMixin

import tumor_response as tr
from tests.unit.evaluation.conftest import make_table
from tests.unit.evaluation.controls.quick import Covariance, MeanDifference, ThirdsByMean
from tumor_response.evaluation.controls import (
    ControlsSettings,
    PermutationNull,
    permutation_null,
    table_controls,
)
from tumor_response.evaluation.controls.permuting import permuted_rows
from tumor_response.exceptions import EvaluationError, SettingsError

FEW = ControlsSettings(n_permutations=19, n_resamples_permuted=3, n_resamples=12)


def _evaluated(signal=1.0, lesions=1, n_resamples=4, label=None, **drawn):
    X, rate = make_table(signal=signal, lesions=lesions, **drawn)
    y = rate if label is not None else (rate > rate.median()).astype(float)
    scheme = tr.Bootstrap632Plus(n_resamples=n_resamples, seed=2)
    return tr.evaluate({"m": MeanDifference()}, X, y, scheme, label=label), X, y


class RemembersOutcomes(ClassifierMixin, BaseEstimator):
    """The planted fault: what was fitted once, on all rows, is still known when rows are judged."""

    seen: dict = {}

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if len(X.index.unique()) == 40:
            type(self).seen = dict(zip(X.index, y, strict=True))
        return self

    def decision_function(self, X):
        return np.array([self.seen[key] for key in X.index], dtype=float)


def test_permuted_values_are_those_of_evaluations_of_permuted_outcomes():
    """Against a plain loop: permute, evaluate, write down."""
    result, X, y = _evaluated(lesions=2, n_patients=24)
    null = permutation_null(result, "m", n_permutations=19, n_resamples=3, seed=9)
    scheme = tr.Bootstrap632Plus(n_resamples=3, seed=2)
    seeds = np.random.SeedSequence(9).spawn(19)
    for number in (0, 7, 18):
        source = permuted_rows(result.rows.patients, np.random.default_rng(seeds[number]))
        permuted = pd.Series(y.to_numpy()[source], y.index)
        row = tr.evaluate({"m": MeanDifference()}, X, permuted, scheme).summary().loc["m"]
        for column in ("auc_oob", "auc_apparent", "auc_632", "auc_632plus"):
            assert null.values.loc[number, column] == pytest.approx(row[column], abs=1e-12)
    observed = tr.evaluate({"m": MeanDifference()}, X, y, scheme).summary().loc["m"]
    assert null.observed["auc_oob"] == pytest.approx(observed["auc_oob"], abs=1e-12)


def test_a_cut_is_fitted_to_the_permuted_end_point():
    label = tr.ResponderCut("median")
    result, X, rate = _evaluated(label=label, n_patients=30)
    null = permutation_null(result, "m", n_permutations=19, n_resamples=3, seed=1)
    source = permuted_rows(
        result.rows.patients, np.random.default_rng(np.random.SeedSequence(1).spawn(19)[4])
    )
    permuted = pd.Series(rate.to_numpy()[source], rate.index, name=rate.name)
    scheme = tr.Bootstrap632Plus(n_resamples=3, seed=2)
    row = tr.evaluate({"m": MeanDifference()}, X, permuted, scheme, label=label)
    assert null.values.loc[4, "auc_oob"] == pytest.approx(row.summary().loc["m", "auc_oob"])


def _null(values, observed):
    frame = pd.DataFrame({"auc_oob": values})
    return PermutationNull("m", "auc", "auc_oob", {"auc_oob": observed}, frame, 20, 0, 0, 0)


@pytest.mark.parametrize("n_above", [0, 7, 200])
def test_p_and_its_interval_are_those_of_the_binomial(n_above):
    values = np.r_[np.full(n_above, 0.8), np.full(200 - n_above, 0.4)]
    null = _null(values, 0.6)
    assert null.p_value == (1 + n_above) / 201
    exact = binomtest(n_above, 200).proportion_ci(0.95, "exact")
    assert null.p_interval == pytest.approx((exact.low, exact.high), abs=1e-12)


def test_equal_counts_as_as_high():
    assert _null([0.6, 0.5, 0.4], 0.6).p_value == 0.5


def test_a_model_that_sees_outcomes_is_told_by_its_permuted_labels():
    X, rate = make_table()
    y = (rate > rate.median()).astype(float)
    controls = table_controls(RemembersOutcomes(), X, y, settings=FEW)
    assert controls.null.mean > 0.95
    assert controls.null.sees_outcomes
    told = controls.verdicts()[0]
    assert "1.00, expected 0.5" in told
    assert "sees outcomes" in told
    # and against chance it would have passed: that is why its own null is asked for
    assert controls.summary().loc["random_columns", "auc_oob"] > 0.95


def test_an_honest_model_of_many_columns_does_not_see_outcomes():
    X, rate = make_table(p=120, signal=0.0)
    y = (rate > rate.median()).astype(float)
    result = tr.evaluate(
        MeanDifference(), X.filter(like="deep"), y, tr.Bootstrap632Plus(n_resamples=4)
    )
    null = permutation_null(result, "model", n_permutations=60, n_resamples=4)
    assert null.values["auc_apparent"].mean() > 0.99
    assert not null.sees_outcomes
    assert abs(null.mean - 0.5) < 0.05
    # Efron and Tibshirani's estimate is biased upward where there is nothing to find
    assert null.values["auc_632plus"].mean() > 0.52


def test_the_summary_takes_the_null_means():
    X, rate = make_table()
    y = (rate > rate.median()).astype(float)
    models = {"a": MeanDifference(), "b": MeanDifference()}
    result = tr.evaluate(models, X, y, tr.Bootstrap632Plus(n_resamples=4))
    null = permutation_null(result, "b", n_permutations=19, n_resamples=2)
    row = result.summary(nulls=[null]).loc["b"]
    assert row["auc_oob_null"] == null.mean
    assert row["auc_632plus_null"] == null.values["auc_632plus"].mean()
    assert row["p_permutation"] == null.p_value
    assert np.isnan(result.summary(nulls=[null]).loc["a", "auc_oob_null"])
    assert "auc_oob_null" not in result.summary()


@pytest.mark.parametrize(
    "scheme",
    [
        tr.RepeatedKFold(n_folds=3, n_repeats=4),
        tr.NestedCV(n_folds=3),
        tr.TemporalSplit(train_share=0.6),
        tr.LeaveOneSiteOut(),
    ],
    ids=lambda s: type(s).__name__,
)
def test_every_scheme_is_permuted(scheme):
    X, rate = make_table(n_patients=45, signal=3.0)
    X["meta__site"] = np.tile(["A", "B", "C"], 15)
    X["meta__date"] = pd.date_range("2020-01-01", periods=45).strftime("%Y-%m-%d")
    y = (rate > rate.median()).astype(float)
    settings = ControlsSettings(n_permutations=19, n_resamples_permuted=3, n_resamples=6)
    controls = table_controls(MeanDifference(), X, y, scheme, settings=settings)
    assert controls.p_value == 0.05
    assert controls.summary()["verdict"].iloc[0] == "beaten"
    assert abs(controls.null.mean - 0.5) < 0.15


@pytest.mark.parametrize("task", ["rate", "tertiles"])
def test_rates_and_tertiles_have_their_own_chance(task):
    X, rate = make_table(n_patients=60, signal=3.0)
    y = rate if task == "rate" else tr.label_tertiles(pd.DataFrame({rate.name: rate}), by=rate.name)
    model = Covariance() if task == "rate" else ThirdsByMean()
    controls = table_controls(model, X.filter(like="deep"), y, settings=FEW)
    chance = 0.0 if task == "rate" else 0.5
    assert (controls.summary()["expectation"] == chance).all()
    assert controls.p_value == 0.05
    assert controls.null.mean < chance + 0.1


def test_the_numbers_do_not_hang_on_the_processes():
    X, rate = make_table(lesions=2, n_patients=24)
    y = (rate > rate.median()).astype(float)
    one, two = (table_controls(MeanDifference(), X, y, settings=FEW, n_jobs=n) for n in (1, 2))
    pd.testing.assert_frame_equal(one.summary(), two.summary(), check_exact=True)
    pd.testing.assert_frame_equal(one.null.values, two.null.values, check_exact=True)


def test_random_columns_are_drawn_anew_and_foretell_nothing():
    X, rate = make_table(n_patients=60, signal=3.0)
    y = (rate > rate.median()).astype(float)
    settings = ControlsSettings(n_permutations=19, n_resamples_permuted=8, n_resamples=60)
    controls = table_controls({"ridge": MeanDifference()}, X, y, settings=settings)
    row = controls.summary().loc["random_columns"]
    assert abs(row["auc_oob"] - 0.5) < 0.05
    assert row["verdict"] == "beaten"
    assert controls.verdicts() == ()
    # it is a different draw in every resample, so that no draw's luck is in the mean
    assert controls.result.oob_values("random_columns").std() > 0.03
    assert set(controls.skipped) == set(ControlsSettings().controls)


def test_what_shows_nothing_is_told_so():
    X, rate = make_table(signal=0.0, seed=5)
    y = (rate > rate.median()).astype(float)
    controls = table_controls({"ridge": MeanDifference()}, X, y, settings=FEW)
    told = " ".join(controls.verdicts())
    assert f"p = {controls.p_value:.3f}" in told
    assert "19 permutations" in told
    assert "does not beat random columns" in told
    assert str(controls).endswith(controls.verdicts()[-1])


def test_bad_input_is_refused():
    result, X, y = _evaluated()
    with pytest.raises(EvaluationError) as told:
        permutation_null(result, "nobody")
    assert told.value.code == "unknown_model"
    with pytest.raises(SettingsError):
        permutation_null(result, "m", n_permutations=5)
    with pytest.raises(SettingsError, match="always made"):
        ControlsSettings(controls=("permuted_labels",))
    with pytest.raises(EvaluationError) as told:
        table_controls({"a": MeanDifference(), "b": MeanDifference()}, X, y)
    assert told.value.code == "one_model"
    with pytest.raises(EvaluationError, match="Bootstrap632Plus"):
        table_controls(MeanDifference(), X, y, "bootstrap")
