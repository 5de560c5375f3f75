"""The table, the curves and the figures of an evaluation, against plain loops over its scores."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    cohen_kappa_score,
    log_loss,
    mean_absolute_error,
    r2_score,
    recall_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import tumor_response as tr
from tumor_response.evaluation import ExternalSet, RepeatedKFold, performance
from tumor_response.exceptions import EvaluationError


def draw(n: int = 70, lesions: int = 1, seed: int = 1):
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(n)], [str(k) for k in range(lesions)]],
        names=["patient_id", "lesion_id"],
    )
    X = pd.DataFrame(
        rng.normal(size=(len(index), 4)), index=index, columns=[f"deep__n__{i}" for i in range(4)]
    )
    X["meta__site"] = np.repeat(np.where(np.arange(n) % 2, "a", "b"), lesions)
    rate = X["deep__n__0"] + X["deep__n__1"] + rng.normal(size=len(index))
    return X, rate.rename("rate_percent_per_day")


MODELS = {
    "ridge": make_pipeline(StandardScaler(), LogisticRegression(C=1.0)),
    "svm": make_pipeline(StandardScaler(), LinearSVC(C=0.1)),
}
BOOTSTRAP = tr.Bootstrap632Plus(n_resamples=12, seed=3)


@pytest.fixture(scope="module")
def response():
    X, rate = draw()
    return tr.evaluate(MODELS, X, rate, BOOTSTRAP, label=tr.ResponderCut("median"))


@pytest.fixture(scope="module")
def rates():
    X, rate = draw()
    return tr.evaluate({"ridge": make_pipeline(StandardScaler(), Ridge())}, X, rate, BOOTSTRAP)


def test_mean_over_resamples_by_hand(response):
    table = performance.performance_table(response, thresholds=(0.4,)).loc["ridge"]
    pairs = [(one.y_test, one.scores["ridge"]) for one in response.out_of_bag]
    expected = {
        "average_precision": [average_precision_score(y, p) for y, p in pairs],
        "brier": [brier_score_loss(y, p) for y, p in pairs],
        "log_loss": [log_loss(y, p) for y, p in pairs],
        "sensitivity at 0.4": [recall_score(y, p >= 0.4) for y, p in pairs],
        "specificity at 0.4": [recall_score(y, p >= 0.4, pos_label=0) for y, p in pairs],
        "prevalence": [y.mean() for y, _ in pairs],
        "scaled_brier": [
            1
            - np.sum((y - p) ** 2)
            / np.sum((y - response.rows.labels(resample.train, resample.test)[0].mean()) ** 2)
            for (y, p), resample in zip(pairs, response.resamples, strict=True)
        ],
    }
    for measure, values in expected.items():
        row = table.loc[measure]
        assert row["oob"] == pytest.approx(np.mean(values), rel=1e-10), measure
        assert row["low"] == pytest.approx(np.percentile(values, 2.5), rel=1e-9, abs=1e-12)
        assert row["high"] == pytest.approx(np.percentile(values, 97.5), rel=1e-9)
        assert row["over"] == "resamples"
    # the calibration of all resamples' predictions together, not a mean of slopes
    y, p = (np.concatenate(part) for part in zip(*pairs, strict=True))
    assert table.loc["calibration_slope", "oob"] == performance.recalibration(y, p).slope
    assert table.loc["ici", "oob"] == performance.calibration_errors(y, p).ici
    assert table.loc["ici", "over"] == "predictions"


def test_apparent_bagged_and_the_632_family(response):
    table = performance.performance_table(response).loc["ridge"]
    y, p = response.rows.y, response.apparent_scores["ridge"]
    assert table.loc["brier", "apparent"] == pytest.approx(brier_score_loss(y, p))
    bagged = response.bagged_scores["ridge"].dropna()
    labels = pd.Series(y, index=response.rows.X.index)[bagged.index]
    assert table.loc["brier", "bagged"] == pytest.approx(brier_score_loss(labels, bagged))
    gamma = performance.no_information_brier(y, p)
    apparent, oob = table.loc["brier", "apparent"], table.loc["brier", "oob"]
    assert table.loc["brier", "no_information"] == gamma
    assert table.loc["brier", "632plus"] == performance.estimate_632plus(
        apparent, oob, gamma, "low"
    )
    assert table.loc["brier", "632"] == pytest.approx(0.368 * apparent + 0.632 * oob)
    assert np.isnan(table.loc["calibration_slope", "632plus"])


def test_the_auc_of_the_table_is_that_of_the_summary(response):
    table = performance.performance_table(response)
    summary = response.summary()
    for name in response.models:
        row = table.loc[(name, "auc")]
        for ours, theirs in (
            ("apparent", "auc_apparent"),
            ("oob", "auc_oob"),
            ("632", "auc_632"),
            ("632plus", "auc_632plus"),
            ("bagged", "auc_oob_bagged"),
        ):
            assert row[ours] == pytest.approx(summary.loc[name, theirs], abs=1e-12)


def test_the_terms_of_the_brier_score_add_up_to_that_of_the_same_predictions(response):
    table = performance.performance_table(response).loc["ridge"]
    sign = {"brier_reliability": 1, "brier_resolution": -1, "brier_uncertainty": 1}
    values = table[["apparent", "oob", "bagged"]]
    total = sum(sign.get(name, 1) * values.loc[name] for name in (*sign, "brier_within_bins"))
    assert total["apparent"] == pytest.approx(table.loc["brier", "apparent"])
    assert total["bagged"] == pytest.approx(table.loc["brier", "bagged"])
    y, p = performance.single_fit_predictions(response, "ridge")
    assert total["oob"] == pytest.approx(brier_score_loss(y, p))


def test_decision_values_are_never_taken_for_probabilities(response):
    table = performance.performance_table(response).loc["svm"]
    defined = {"auc", "average_precision", "prevalence"}
    for measure, row in table.iterrows():
        values = row[["apparent", "oob", "low", "high", "bagged"]].astype(float)
        if measure in defined:
            assert values.notna().all()
            assert row["reason"] == ""
        else:
            assert values.isna().all()
            assert row["reason"] == "not_probability"
            assert row["n_undefined"] == 12
    for figure in (performance.draw_calibration, performance.draw_decision_curve):
        with pytest.raises(EvaluationError) as raised:
            figure(response, ["svm"], None)
        assert raised.value.code == "not_probability"
    with pytest.raises(EvaluationError) as raised:
        performance.calibration_curve(response, "svm")
    assert raised.value.code == "not_probability"


def test_undefined_resamples_are_counted_with_their_reason():
    rng = np.random.default_rng(5)
    index = pd.Index([f"P{i}" for i in range(30)], name="patient_id")
    y = pd.Series(np.arange(30) % 2 * 1.0, index=index)
    X = pd.DataFrame({"deep__a": y * 9 + rng.random(30)}, index=index)
    result = tr.evaluate({"m": LogisticRegression()}, X, y, BOOTSTRAP)
    table = performance.performance_table(result, thresholds=(0.0, 0.999)).loc["m"]
    row = table.loc["calibration_slope"]
    assert np.isnan(row["oob"])
    assert row["n_undefined"] == 12
    assert row["reason"] == "separated (15)"  # the resamples, apparent, all together, bagged
    nobody = table.loc["ppv at 0.999"]
    assert nobody["n_undefined"] > 0
    assert nobody["reason"].startswith("nobody")
    assert table.loc["auc", "oob"] == 1


def test_rates_by_hand(rates):
    table = performance.performance_table(rates).loc["ridge"]
    y, p = rates.rows.y, rates.apparent_scores["ridge"]
    assert table.loc["r2", "apparent"] == pytest.approx(r2_score(y, p))
    errors = [mean_absolute_error(one.y_test, one.scores["ridge"]) for one in rates.out_of_bag]
    assert table.loc["mean_absolute_error", "oob"] == pytest.approx(np.mean(errors))
    values = [
        1
        - np.sum((one.y_test - one.scores["ridge"]) ** 2)
        / np.sum((one.y_test - y[resample.train].mean()) ** 2)
        for one, resample in zip(rates.out_of_bag, rates.resamples, strict=True)
    ]
    assert table.loc["r2", "oob"] == pytest.approx(np.mean(values))
    assert table.loc["r2", "oob"] == pytest.approx(rates.summary().loc["ridge", "r2_oob"])
    assert table.loc["r2", "no_information"] == performance.no_information_r2(y, p)
    with pytest.raises(EvaluationError) as raised:
        performance.draw_precision_recall(rates, ["ridge"], None)
    assert raised.value.code == "task"


def test_tertiles_by_hand():
    X, rate = draw()
    y = pd.qcut(rate, 3, labels=False).astype(float).rename("third")
    result = tr.evaluate({"m": MODELS["ridge"]}, X, y, BOOTSTRAP)
    assert result.task == "tertiles"
    table = performance.performance_table(result).loc["m"]
    kappas = [
        cohen_kappa_score(one.y_test, np.floor(one.scores["m"] + 0.5), weights="quadratic")
        for one in result.out_of_bag
    ]
    assert table.loc["quadratic_weighted_kappa", "oob"] == pytest.approx(np.mean(kappas))
    assert table.loc["c_index", "oob"] == pytest.approx(result.summary().loc["m", "c_index_oob"])


def test_folds_have_no_632_and_one_test_set_has_wilson():
    X, rate = draw()
    y = (rate > 0).astype(float)
    folds = tr.evaluate({"m": MODELS["ridge"]}, X, y, RepeatedKFold(n_folds=3, n_repeats=1))
    table = performance.performance_table(folds).loc["m"]
    assert "cv" in table
    assert not {"632", "632plus", "no_information", "oob"} & set(table)
    for lesions, known in ((1, True), (2, False)):
        X, rate = draw(lesions=lesions)
        y = (rate > 0).astype(float)
        external = ExternalSet(values=("a",))
        result = tr.evaluate({"m": MODELS["ridge"]}, X, y, external)
        row = performance.performance_table(result).loc[("m", "sensitivity at 0.5")]
        one = result.out_of_bag[0]
        hits = int(((one.scores["m"] >= 0.5) & (one.y_test == 1)).sum())
        assert row["test"] == hits / one.y_test.sum()
        limits = performance.wilson_interval(hits, int(one.y_test.sum()))
        if known:
            assert (row["low"], row["high"]) == pytest.approx(limits)
        else:
            assert np.isnan(row["low"])
            assert np.isnan(row["high"])
        curve = performance.calibration_curve(result, "m")
        assert np.isnan(curve.low).all()


def test_calibration_curve_is_the_smooth_of_single_fits(response):
    curve = performance.calibration_curve(response, "ridge")
    y, p = performance.single_fit_predictions(response, "ridge")
    assert y.size == sum(resample.test.size for resample in response.resamples)
    at, smooth = performance.lowess(p, y)
    inside = (curve.grid >= p.min()) & (curve.grid <= p.max())
    np.testing.assert_allclose(
        curve.line[inside], np.clip(np.interp(curve.grid[inside], at, smooth), 0, 1), atol=1e-12
    )
    assert np.isnan(curve.line[~inside]).all()
    drawn = np.isfinite(curve.low)
    assert drawn.any()
    assert (curve.low[drawn] <= curve.high[drawn]).all()


@pytest.mark.parametrize(
    ("figure", "names"),
    [
        (performance.draw_calibration, ["ridge"]),
        (performance.draw_decision_curve, ["ridge"]),
        (performance.draw_precision_recall, ["ridge", "svm"]),
    ],
)
def test_figures_say_which_predictions_and_leave_settings_alone(response, figure, names, tmp_path):
    before = dict(mpl.rcParams)
    ax = figure(response, names, None)
    assert "out of bag, each resample's own fit" in ax.get_title(loc="left")
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert all(any(text.startswith(name) for text in texts) for name in names)
    ax.figure.savefig(tmp_path / "figure.png")
    assert figure(response, names, ax) is ax
    assert dict(mpl.rcParams) == before
    plt.close(ax.figure)
    with pytest.raises(EvaluationError) as raised:
        figure(response, ["nobody"], None)
    assert raised.value.code == "unknown_model"


def test_line_of_the_decision_curve_is_the_mean_net_benefit(response):
    ax = performance.draw_decision_curve(response, ["ridge"], None)
    line = ax.get_lines()[0]
    at = int(np.argmin(np.abs(line.get_xdata() - 0.5)))
    table = performance.performance_table(response).loc["ridge"]
    assert line.get_ydata()[at] == pytest.approx(table.loc["net_benefit at 0.5", "oob"])
    plt.close(ax.figure)


def test_area_under_the_precision_line_is_the_number_beside_the_name(response):
    ax = performance.draw_precision_recall(response, ["ridge"], None)
    line = next(one for one in ax.get_lines() if one.get_label().startswith("ridge"))
    expected = performance.performance_table(response).loc[("ridge", "average_precision"), "oob"]
    assert line.get_ydata().mean() == pytest.approx(expected, abs=0.01)
    plt.close(ax.figure)


def test_optimism_by_hand(response):
    table = performance.optimism_table(response)
    gained = [one.train_values["ridge"] - one.all_values["ridge"] for one in response.out_of_bag]
    row = table.loc["ridge"]
    assert row["measure"] == "auc"
    assert row["optimism"] == pytest.approx(np.mean(gained))
    assert row["corrected"] == pytest.approx(response.apparent["ridge"] - np.mean(gained))
    X, rate = draw()
    folds = tr.evaluate(MODELS["ridge"], X, (rate > 0) * 1.0, RepeatedKFold(n_repeats=1))
    with pytest.raises(EvaluationError) as raised:
        performance.optimism_table(folds)
    assert raised.value.code == "scheme"
    with pytest.raises(EvaluationError) as raised:
        performance.optimism(0.9, [0.9, 0.8], [0.7])
    assert raised.value.code == "shape"


def test_bad_questions(response):
    with pytest.raises(EvaluationError) as raised:
        performance.performance_table(response, ["nobody"])
    assert raised.value.code == "unknown_model"
    with pytest.raises(EvaluationError) as raised:
        performance.performance_table(response, thresholds=(0.5, 1.0))
    assert raised.value.code == "threshold"
