"""explain(): sums, columns, blocks, out of bag, figures and refusals."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tumor_response.exceptions import ExplanationError, SettingsError
from tumor_response.style import NEUTRAL

MODELS = ("logistic", "xgboost")


def make_table(n: int = 50, p: int = 12, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"P{i:02d}" for i in range(n)], ["1"]], names=["patient_id", "lesion_id"]
    )
    X = pd.DataFrame(
        rng.normal(size=(n, p)), index=index, columns=[f"deep__n__{i}" for i in range(p)]
    )
    X.insert(0, "clinical__age", rng.normal(60, 9, n))
    X.insert(1, "clinical__site", pd.Categorical(rng.choice(["a", "b", "c"], n)))
    X.insert(2, "meta__site", "A")
    rate = 2 * X["deep__n__0"] + (X["clinical__site"] == "b") + rng.normal(size=n)
    X.iloc[3, 5] = np.nan
    return X, rate.rename("rate_percent_per_day")


@pytest.fixture(scope="module")
def result() -> tr.EvaluationResult:
    X, rate = make_table()
    models = {
        "logistic": tr.make_model("logistic"),
        "xgboost": tr.make_model("xgboost", n_estimators=40, early_stopping="none"),
        "clinical": tr.make_model("clinical_only"),
    }
    scheme = tr.Bootstrap632Plus(n_resamples=12, seed=1)
    return tr.evaluate(models, X, rate, scheme, label=tr.ResponderCut("median"))


@pytest.fixture(scope="module")
def explanations(result) -> dict[str, object]:
    return {name: tr.explain(result, name) for name in MODELS}


def out_of_bag_log_odds(result, name) -> pd.Series:
    scores = result.scores.query("model == @name")
    log_odds = np.log(scores["score"] / (1 - scores["score"]))
    return log_odds.groupby([scores["patient_id"], scores["lesion_id"]]).mean()


@pytest.mark.parametrize("name", MODELS)
def test_base_and_values_sum_to_the_mean_out_of_bag_output(name, result, explanations):
    one = explanations[name]
    total = one.base_values + one.values.sum(axis=1)
    # against the evaluation's own scores, not against what explain() says the outputs are
    expected = out_of_bag_log_odds(result, name).reindex(total.index)
    np.testing.assert_allclose(total, expected, atol=1e-6)
    np.testing.assert_allclose(one.base_values + one.block_values.sum(axis=1), expected, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_values_are_on_the_tables_own_columns(name, explanations, result):
    one = explanations[name]
    predictors = [c for c in result.rows.X.columns if not c.startswith("meta__")]
    assert list(one.values.columns) == predictors
    assert one.table().index[0] == "deep__n__0"
    assert one.values["clinical__site"].abs().sum() > 0


def test_blocks_of_an_additive_model_are_sums_of_columns(explanations):
    one = explanations["logistic"]
    for block in ("clinical", "deep"):
        columns = [c for c in one.values if c.startswith(f"{block}__")]
        np.testing.assert_allclose(
            one.block_values[block], one.values[columns].sum(axis=1), atol=1e-12
        )


def test_tables_say_rank_stability_and_spread(explanations, result):
    one = explanations["xgboost"]
    table = one.table()
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    assert table["mean_abs"].is_monotonic_decreasing
    assert table["top_ten_share"].between(0, 1).all()
    assert table.loc["deep__n__0", "top_ten_share"] == 1
    assert table["top_ten_share"].sum() <= 10 + 1e-9
    np.testing.assert_allclose(table["mean_abs"], one.values.abs().mean()[table.index])
    blocks = one.by_block()
    assert blocks.index[0] == "deep"
    assert blocks["share"].sum() == pytest.approx(1)
    assert (blocks["spread_low"] <= blocks["mean_abs_resample"]).all()
    assert (blocks["mean_abs_resample"] <= blocks["spread_high"]).all()
    # averaging over resamples can only cancel
    assert (blocks["mean_abs"] <= blocks["mean_abs_resample"] * 1.2).all()
    assert one.n_out_of_bag.sum() == sum(len(r.test) for r in result.resamples)


def test_a_model_of_one_block_has_that_block_alone(result):
    one = tr.explain(result, "clinical")
    assert list(one.by_block().index) == ["clinical"]
    assert list(one.values.columns) == ["clinical__age", "clinical__site"]


def test_bytes_do_not_depend_on_n_jobs(result):
    """Of values that are sampled: exact ones have nothing that could differ."""
    one, two = (tr.explain(result, "clinical", output="probability", n_jobs=n) for n in (1, 2))
    assert one.method == "sampled"
    assert one.values.to_numpy().tobytes() == two.values.to_numpy().tobytes()
    assert one.block_mean_abs.to_numpy().tobytes() == two.block_mean_abs.to_numpy().tobytes()


@pytest.mark.parametrize("name", MODELS)
def test_a_fitted_model_in_sample(name):
    X, rate = make_table()
    y = (rate > rate.median()).astype(int)
    fitted = tr.make_model(name).fit(X, y)
    one = tr.explain(fitted, X, in_sample=True)
    chance = fitted.predict_proba(X)[:, 1].astype(float)
    np.testing.assert_allclose(
        one.base_values + one.values.sum(axis=1), np.log(chance / (1 - chance)), atol=2e-6
    )
    assert len(set(one.base_values)) == 1
    # over its own background a column's interventional values average to zero
    assert one.values.mean().abs().max() < 1e-6
    assert one.table()["top_ten_share"].isna().all()
    assert "spread_low" not in one.by_block()


def test_new_rows_take_the_training_rows_as_background():
    X, rate = make_table()
    y = (rate > rate.median()).astype(int)
    fitted = tr.make_model("logistic").fit(X.iloc[:40], y.iloc[:40])
    one = tr.explain(fitted, X.iloc[40:], in_sample=False, background=X.iloc[:40])
    log_odds = fitted.decision_function(X.iloc[:40])
    np.testing.assert_allclose(one.base_values, log_odds.mean(), atol=1e-12)


def test_a_background_of_more_than_a_hundred_rows_is_used_whole():
    """shap draws 100 rows of a background unless told otherwise."""
    X, rate = make_table(120)
    model = tr.make_model("xgboost", n_estimators=40, early_stopping="none")
    fitted = model.fit(X, (rate > rate.median()).astype(int))
    one = tr.explain(fitted, X, in_sample=True)
    chance = fitted.predict_proba(X)[:, 1].astype(float)
    expected = np.log(chance / (1 - chance)).mean()
    assert one.base_values.iloc[0] == pytest.approx(expected, abs=1e-6)


def test_plain_scikit_learn_pipelines_are_explained_too():
    X, rate = make_table()
    numbers = X.drop(columns=["meta__site", "clinical__site"]).fillna(0)
    y = (rate > 0).astype(float)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    result = tr.evaluate({"m": model}, numbers, y, tr.Bootstrap632Plus(n_resamples=4))
    one = tr.explain(result, "m")
    np.testing.assert_allclose(
        one.base_values + one.values.sum(axis=1),
        out_of_bag_log_odds(result, "m").reindex(one.values.index),
        atol=1e-9,
    )


def test_bare_frames_keep_their_bare_names():
    X, rate = make_table()
    bare = X.drop(columns="meta__site").rename(columns=lambda c: c.rpartition("__")[2])
    blocks = {"clinical": ["age", "site"], "deep": [str(i) for i in range(12)]}
    result = tr.evaluate(
        {"m": tr.make_model("logistic")},
        bare,
        (rate > 0).astype(float),
        tr.Bootstrap632Plus(n_resamples=4),
        blocks=blocks,
    )
    one = tr.explain(result, "m")
    assert set(one.values.columns) == set(bare.columns)
    assert set(one.by_block().index) == {"clinical", "deep"}


def test_the_dictionary_rides_along():
    X, rate = make_table()
    dictionary = pd.DataFrame(
        {
            "block": [c.partition("__")[0] for c in X.columns],
            "family": "some family",
            "role": "predictor",
            "ibsi_code": "",
            "unit": "HU",
            "description": [f"about {c}" for c in X.columns],
            "settings_sha256": "",
        },
        index=pd.Index(X.columns, name="column"),
    )
    failures = pd.DataFrame(
        columns=["patient_id", "lesion_id", "block", "reason", "n_columns_missing", "message"]
    )
    table = tr.FeatureTable(X, dictionary, failures, {})
    result = tr.evaluate(
        {"m": tr.make_model("logistic")},
        table,
        (rate > 0).astype(float),
        tr.Bootstrap632Plus(n_resamples=3),
    )
    shown = tr.explain(result, "m").table()
    assert list(shown.columns[:4]) == ["block", "family", "unit", "description"]
    assert shown.loc["clinical__age", "description"] == "about clinical__age"


def test_figures_show_what_they_are_about_and_leave_globals_alone(explanations):
    before = dict(plt.rcParams)
    one = explanations["logistic"]
    summary = one.plot_summary(n_columns=5)
    assert "out of bag" in summary.get_title(loc="left")
    assert [t.get_text() for t in summary.get_yticklabels()] == list(one.table().index[:5][::-1])
    shares = [t.get_text() for t in summary.texts]
    assert f"{one.table()['top_ten_share'].iloc[0]:.0%}" in shares
    key = one.values.index[0]
    patient = one.plot_patient(key, n_columns=3)
    assert len(patient.patches) == 4  # three columns and the rest
    widths = sum(bar.get_width() for bar in patient.patches)
    assert widths == pytest.approx(one.outputs[key] - one.base_values[key], abs=1e-6)
    assert dict(plt.rcParams) == before
    plt.close(summary.figure)
    plt.close(patient.figure)
    with pytest.raises(ExplanationError, match="No SHAP values for"):
        one.plot_patient(("P99", "1"))
    with pytest.raises(ExplanationError, match="n_columns"):
        one.plot_summary(n_columns=0)


def test_in_sample_has_to_be_said(result):
    X, rate = make_table()
    fitted = tr.make_model("logistic").fit(X, (rate > 0).astype(int))
    with pytest.raises(ExplanationError, match="memorised") as caught:
        tr.explain(fitted, X)
    assert caught.value.code == "in_sample_not_said"
    with pytest.raises(ExplanationError, match="needs background"):
        tr.explain(fitted, X, in_sample=False)
    with pytest.raises(ExplanationError, match="belong to explain"):
        tr.explain(result, "logistic", in_sample=True)


def test_the_number_of_processes_is_checked(result, explanations):
    for n_jobs in (0, None, 1.5):
        with pytest.raises(SettingsError, match="n_jobs"):
            tr.explain(result, "logistic", n_jobs=n_jobs)
    again = tr.explain(result, "logistic", n_jobs=np.int64(1))
    pd.testing.assert_frame_equal(again.values, explanations["logistic"].values)


def in_sample(X: pd.DataFrame, rate: pd.Series) -> tr.Explanation:
    fitted = tr.make_model("logistic").fit(X, (rate > 0).astype(int))
    return tr.explain(fitted, X, in_sample=True)


def test_a_patient_is_enough_where_there_is_one_lesion_and_several_are_named():
    X, rate = make_table()
    alone = in_sample(X, rate)
    by_patient, by_lesion = (alone.plot_patient(key, names=True) for key in ("P07", ("P07", "1")))
    assert by_patient.get_title(loc="right") == by_lesion.get_title(loc="right")
    assert "P07 1" in by_patient.get_title(loc="right")
    for ax in (by_patient, by_lesion):
        plt.close(ax.figure)
    with pytest.raises(ExplanationError, match="No SHAP values for 'P99'"):
        alone.plot_patient("P99")
    X.index = rate.index = pd.MultiIndex.from_tuples(
        [("P00" if p == "P01" else p, p) for p, _ in X.index], names=X.index.names
    )
    with pytest.raises(ExplanationError, match=r"2 lesions.*\('P00', 'P00'\), \('P00', 'P01'\)"):
        in_sample(X, rate).plot_patient("P00")


def test_patients_of_one_level_are_drawn_by_their_name():
    X, rate = make_table()
    explanation = in_sample(X.droplevel(1), rate.droplevel(1))
    named, anonymous = (explanation.plot_patient("P07", names=names) for names in (True, False))
    assert "P07" in named.get_title(loc="right")
    assert "P07" not in anonymous.get_title(loc="right")
    plt.close(named.figure)
    plt.close(anonymous.figure)


def test_a_column_without_any_value_is_drawn_in_grey():
    X, rate = make_table()
    X["deep__n__3"] = np.nan
    one = in_sample(X, rate)
    n_columns = len(one.values.columns)
    ax = one.plot_summary(n_columns=n_columns)
    ax.figure.canvas.draw()
    points = dict(zip(one.table().index, ax.collections, strict=False))
    for column in ("deep__n__3", "deep__n__2"):  # the latter lacks one value
        cloud = points[column]
        missing = X[column].isna().to_numpy()
        assert missing.any()
        assert np.ma.getmaskarray(cloud.get_offsets()).sum() == 0
        grey = (cloud.get_facecolors() == to_rgba(NEUTRAL)).all(axis=1)
        np.testing.assert_array_equal(grey, missing)
    plt.close(ax.figure)


def test_what_cannot_be_explained_says_why(result):
    X, rate = make_table()
    y = (rate > 0).astype(int)
    numbers = X.drop(columns=["meta__site", "clinical__site"]).fillna(0)
    with pytest.raises(ExplanationError, match=r"No model 'typo'.*'logistic'"):
        tr.explain(result, "typo")
    with pytest.raises(ExplanationError, match="expected a model's name"):
        tr.explain(result, X)
    forest = RandomForestClassifier(3, random_state=0).fit(numbers, y)
    with pytest.raises(ExplanationError, match=r"no log-odds.*output='probability'") as caught:
        tr.explain(forest, numbers, in_sample=True)
    assert caught.value.code == "infinite_log_odds"
    with pytest.raises(ExplanationError, match="not fitted"):
        tr.explain(tr.make_model("logistic"), X, in_sample=True)
    fitted = tr.make_model("logistic").fit(X, y)
    with pytest.raises(ExplanationError, match=r"does not fit the model.*deep__n__3"):
        tr.explain(fitted, X.drop(columns="deep__n__3"), in_sample=True)
    with pytest.raises(ExplanationError, match="expected a table"):
        tr.explain(fitted, "logistic", in_sample=True)
    with pytest.raises(ExplanationError, match="FeatureTable or a pandas"):
        tr.explain(fitted, X.to_numpy(), in_sample=True)
    two_and_three = tr.make_model("logistic").fit(X, y + 2)
    with pytest.raises(ExplanationError, match="0 and 1"):
        tr.explain(two_and_three, X, in_sample=True)


def test_another_order_of_columns_changes_nothing():
    X, rate = make_table()
    fitted = tr.make_model("logistic").fit(X, (rate > 0).astype(int))
    straight = tr.explain(fitted, X, in_sample=True)
    turned = tr.explain(fitted, X[X.columns[::-1]], in_sample=True)
    np.testing.assert_allclose(turned.values[straight.values.columns], straight.values)


class Moody(LogisticRegression):
    """Fits other coefficients every time."""

    count = 0

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y)
        Moody.count += 1
        self.coef_ = self.coef_ * (1 + Moody.count / 10)
        return self


def test_a_model_that_does_not_repeat_itself_is_refused():
    X, rate = make_table()
    numbers = X[["clinical__age", "deep__n__0"]]
    result = tr.evaluate(
        {"moody": Moody()}, numbers, (rate > 0).astype(float), tr.Bootstrap632Plus(n_resamples=2)
    )
    with pytest.raises(ExplanationError, match="resample 0: fitted again"):
        tr.explain(result, "moody")


def test_values_that_do_not_add_up_are_refused(explanations):
    one = explanations["logistic"]
    fields = {f: getattr(one, f) for f in one.__dataclass_fields__}
    with pytest.raises(ExplanationError, match="miss the output"):
        tr.explanation.Explanation(**fields | {"values": one.values * 1.01})
    with pytest.raises(ExplanationError, match="of blocks miss"):
        tr.explanation.Explanation(**fields | {"block_values": one.block_values + 0.01})
    with pytest.raises(ExplanationError, match="miss the output"):
        tr.explanation.Explanation(**fields | {"outputs": one.outputs * np.nan})
