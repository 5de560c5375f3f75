"""evaluate(): the estimates, who is in, who is out, and what a model may see."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import tumor_response as tr
from tumor_response.exceptions import EvaluationError, SettingsError
from tumor_response.models import RidgeLogistic


def scheme(n: int = 12, seed: int = 0) -> tr.Bootstrap632Plus:
    return tr.Bootstrap632Plus(n_resamples=n, seed=seed)


def test_summary_counts_and_orders(table):
    X, rate = table(lesions=2)
    y = (rate > rate.median()).astype(float)
    models = {"b": tr.make_model("volume_only"), "a": tr.make_model("dummy")}
    result = tr.evaluate(models, X, y, scheme())
    summary = result.summary()
    assert list(summary.index) == ["b", "a"]
    row = summary.loc["b"]
    assert (row["n_patients"], row["n_lesions"], row["n_responders"]) == (40, 80, int(y.sum()))
    assert row["ci_low"] <= row["auc_oob"] <= row["ci_high"]
    assert row["ci_method"] == result.interval("b").method
    assert row["cut"] == "cut fixed beforehand"
    assert row["n_resamples"] == 12
    constant = summary.loc["a", ["auc_apparent", "auc_oob", "ci_low", "ci_high"]].tolist()
    assert constant == pytest.approx([0.5] * 4, abs=1e-12)


def test_a_signal_is_found_and_a_model_without_it_does_not_find_it(table):
    X, rate = table(80, signal=3.0)
    models = {
        "all": tr.make_model("logistic"),
        "clinical": tr.make_model("clinical_only"),
    }
    result = tr.evaluate(models, X, rate, scheme(30), label=tr.ResponderCut("median"))
    assert result.summary().loc["all", "auc_oob"] > 0.85
    difference = result.compare("all", "clinical")
    assert difference["ci_low"] > 0
    assert difference["share_above_zero"] == 1
    swapped = result.compare("clinical", "all")
    assert swapped["difference"] == -difference["difference"]
    with pytest.raises(EvaluationError, match="No model 'typo'"):
        result.compare("all", "typo")


def test_all_models_meet_the_same_resamples_whatever_else_is_evaluated(table):
    X, rate = table()
    y = (rate > 0).astype(float)
    alone = tr.evaluate({"v": tr.make_model("volume_only")}, X, y, scheme())
    together = tr.evaluate(
        {"x": tr.make_model("dummy"), "v": tr.make_model("volume_only")}, X, y, scheme()
    )
    np.testing.assert_array_equal(alone.oob_aucs("v"), together.oob_aucs("v"))


def test_the_order_of_y_does_not_matter_but_its_index_does(table):
    X, rate = table()
    y = (rate > 0).astype(float)
    models = {"v": tr.make_model("volume_only")}
    straight = tr.evaluate(models, X, y, scheme()).summary()
    shuffled = tr.evaluate(models, X, y.sample(frac=1, random_state=0), scheme()).summary()
    pd.testing.assert_frame_equal(straight, shuffled)


def test_the_cut_is_fitted_on_training_rows_copies_included(table):
    X, rate = table(30)
    result = tr.evaluate(tr.make_model("dummy"), X, rate, scheme(), label=tr.ResponderCut("median"))
    for resample, one in zip(result.resamples, result.out_of_bag, strict=True):
        cut = np.median(rate.to_numpy()[resample.train])
        assert one.cut == cut
        np.testing.assert_array_equal(one.y_test, rate.to_numpy()[resample.test] > cut)
    assert len({one.cut for one in result.out_of_bag}) > 1
    text = result.summary()["cut"].iloc[0]
    assert "median of rate_percent_per_day" in text
    assert f"{rate.median():.4g} on all rows" in text


def test_any_scikit_learn_classifier_may_come(table):
    X, rate = table()
    y = (rate > 0).astype(bool)
    models = {
        "probability": make_pipeline(StandardScaler(), LogisticRegression()),
        "decision": make_pipeline(StandardScaler(), SVC()),
    }
    result = tr.evaluate(models, X, y, scheme(5))
    assert set(result.scores["model"]) == {"probability", "decision"}
    single = tr.evaluate(LogisticRegression(max_iter=1000), X, y, scheme(5))
    assert single.models == ["model"]


class Remembers(TransformerMixin, BaseEstimator):
    """Fails if it is asked to transform a patient it was not meant to see."""

    seen: list[tuple[frozenset[str], frozenset[str]]] = []

    def fit(self, X, y=None):
        self.patients_ = frozenset(X.index.get_level_values("patient_id"))
        self.columns_ = list(X.columns)
        return self

    def transform(self, X):
        now = frozenset(X.index.get_level_values("patient_id"))
        if now != self.patients_:
            Remembers.seen.append((self.patients_, now))
        return X

    def get_feature_names_out(self, input_features=None):
        return np.asarray(self.columns_)


def test_no_out_of_bag_patient_is_ever_in_a_fit(table):
    X, rate = table(20, lesions=2)
    Remembers.seen = []
    model = make_pipeline(Remembers(), RidgeLogistic())
    result = tr.evaluate(model, X, (rate > 0).astype(float), scheme(15))
    assert len(Remembers.seen) == 15
    patients = X.index.get_level_values("patient_id").to_numpy()
    for (fitted, scored), resample in zip(Remembers.seen, result.resamples, strict=True):
        assert not fitted & scored
        assert scored == frozenset(patients[resample.test])


class ShownColumns(ClassifierMixin, BaseEstimator):
    """Keeps the columns it is given."""

    columns: list[str] = []

    def fit(self, X, y):
        ShownColumns.columns = list(X.columns)
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X):
        half = np.linspace(0.2, 0.8, len(X))
        return np.column_stack([1 - half, half])


def test_a_plain_estimator_never_sees_meta_columns(table):
    X, rate = table()
    tr.evaluate(ShownColumns(), X, (rate > 0).astype(float), scheme(2))
    assert "clinical__age" in ShownColumns.columns
    assert not [c for c in ShownColumns.columns if c.startswith("meta__")]


def test_bare_frames_go_by_a_mapping(table):
    X, rate = table()
    bare = X.drop(columns="meta__site").rename(columns=lambda c: c.rpartition("__")[2])
    blocks = {"clinical": ["age", "volume_cc"], "deep": [str(i) for i in range(6)]}
    models = {
        "all": tr.make_model("logistic"),
        "clinical": tr.make_model("clinical_only"),
        "plain": LogisticRegression(max_iter=1000),
    }
    y = (rate > 0).astype(float)
    mapped = tr.evaluate(models, bare, y, scheme(4), blocks=blocks)
    prefixed = tr.evaluate({name: models[name] for name in ("all", "clinical")}, X, y, scheme(4))
    for name in ("all", "clinical"):
        np.testing.assert_allclose(mapped.oob_aucs(name), prefixed.oob_aucs(name))
    with pytest.raises(EvaluationError, match="No columns for block 'clinical'"):
        tr.evaluate(models, bare, y, scheme(4), blocks={"deep": blocks["deep"]})


def test_one_level_of_index_is_enough_for_one_lesion_per_patient(table):
    X, rate = table()
    y = (rate > 0).astype(float)
    models = {"m": tr.make_model("volume_only")}
    full = tr.evaluate(models, X, y, scheme()).oob_aucs("m")
    short = tr.evaluate(models, X.droplevel(1), y.droplevel(1), scheme()).oob_aucs("m")
    np.testing.assert_array_equal(full, short)


# -- who is left out ------------------------------------------------------------------------


def test_missing_outcomes_are_left_out_and_counted_by_reason(table):
    X, rate = table(40)
    rate.iloc[[1, 5, 7]] = np.nan
    rate.attrs["reasons"] = {X.index[1]: "follow_up_missing", X.index[5]: "follow_up_missing"}
    result = tr.evaluate(
        tr.make_model("volume_only"), X, rate, scheme(), label=tr.ResponderCut("median")
    )
    flow = result.cohort_flow
    assert flow.loc["evaluated", "n_lesions"] == 37
    assert flow.loc["left out, outcome: follow_up_missing", "n_patients"] == 2
    assert flow.loc["left out, outcome: missing", "n_unknown"] == 1
    assert flow.loc["all left out", "n_lesions"] == 3
    volume = X["clinical__volume_cc"].iloc[[1, 5, 7]]
    assert flow.loc["all left out", "volume_cc_median"] == volume.median()
    assert flow.loc["all left out", "age_q1"] == X["clinical__age"].iloc[[1, 5, 7]].quantile(0.25)
    assert result.summary()["n_lesions"].iloc[0] == 37
    dropped = tr.evaluate(
        tr.make_model("volume_only"),
        X[rate.notna()],
        rate.dropna(),
        scheme(),
        label=tr.ResponderCut("median"),
    )
    np.testing.assert_array_equal(result.oob_aucs("model"), dropped.oob_aucs("model"))


def as_feature_table(X: pd.DataFrame, failures: list[dict[str, object]]) -> tr.FeatureTable:
    blocks = [c.partition("__")[0] for c in X.columns]
    dictionary = pd.DataFrame(
        {
            "block": blocks,
            "family": "f",
            "role": "predictor",
            "ibsi_code": "",
            "unit": "",
            "description": "d",
            "settings_sha256": "",
        },
        index=pd.Index(X.columns, name="column"),
    )
    columns = ["patient_id", "lesion_id", "block", "reason", "n_columns_missing", "message"]
    return tr.FeatureTable(X, dictionary, pd.DataFrame(failures, columns=columns), {})


@pytest.fixture
def broken(table):
    X, rate = table(40)
    deep = [c for c in X.columns if c.startswith("deep__")]
    X.loc[X.index[[2, 9]], deep] = np.nan
    X.loc[X.index[4], deep[0]] = np.nan  # one value is no whole block
    failures = [
        {
            "patient_id": X.index[2][0],
            "lesion_id": "1",
            "block": "deep",
            "reason": "mask_empty",
            "n_columns_missing": 6,
            "message": "",
        }
    ]
    return as_feature_table(X, failures), (rate > rate.median()).astype(float)


def test_a_lesion_without_a_block_stops_the_evaluation_by_default(broken):
    table, y = broken
    with pytest.raises(EvaluationError, match=r"2 lesion.*deep: mask_empty.*all values") as caught:
        tr.evaluate(tr.make_model("logistic"), table, y, scheme())
    assert caught.value.code == "block_failed"
    # a model that does not use the block does not mind
    tr.evaluate(tr.make_model("clinical_only"), table, y, scheme(2))


def test_dropping_counts_by_reason_and_class(broken):
    table, y = broken
    result = tr.evaluate(tr.make_model("logistic"), table, y, scheme(), failed="drop")
    flow = result.cohort_flow
    assert flow.loc["evaluated", "n_lesions"] == 38
    assert flow.loc["left out, deep: mask_empty", "n_responders"] == int(y.iloc[2])
    assert flow.loc["left out, deep: all values missing", "n_responders"] == int(y.iloc[9])


def test_imputing_keeps_everybody(broken):
    table, y = broken
    result = tr.evaluate(tr.make_model("logistic"), table, y, scheme(), failed="impute")
    assert result.summary()["n_lesions"].iloc[0] == 40


# -- results --------------------------------------------------------------------------------


def test_scores_and_frame_carry_every_out_of_bag_prediction(table):
    X, rate = table(lesions=2)
    result = tr.evaluate(
        {"v": tr.make_model("volume_only"), "d": tr.make_model("dummy")},
        X,
        (rate > 0).astype(float),
        scheme(6),
    )
    scores = result.scores
    assert list(scores.columns) == ["model", "resample", "patient_id", "lesion_id", "y", "score"]
    assert len(scores) == 2 * sum(len(r.test) for r in result.resamples)
    frame = result.by_resample().set_index(["model", "resample"])
    for (model, number), part in scores.groupby(["model", "resample"]):
        low, high = part.loc[part["y"] == 0, "score"], part.loc[part["y"] == 1, "score"]
        won = (high.to_numpy()[:, None] > low.to_numpy()).mean()
        tied = (high.to_numpy()[:, None] == low.to_numpy()).mean()
        assert frame.loc[(model, number), "value"] == pytest.approx(won + tied / 2)
    bagged = scores[scores["model"] == "v"].groupby(["patient_id", "lesion_id"])["score"].mean()
    expected = result.bagged_scores["v"].dropna()
    np.testing.assert_allclose(bagged.reindex(expected.index), expected)


def test_lesions_never_out_of_bag_are_counted(table):
    X, rate = table(60)
    result = tr.evaluate(tr.make_model("dummy"), X, (rate > 0).astype(float), scheme(2))
    out = set(np.concatenate([r.test for r in result.resamples]).tolist())
    assert result.summary()["n_never_out"].iloc[0] == 60 - len(out) > 0


def test_the_roc_figure_says_what_it_shows_and_leaves_globals_alone(table):
    X, rate = table()
    result = tr.evaluate(
        {"v": tr.make_model("volume_only"), "d": tr.make_model("dummy")},
        X,
        (rate > 0).astype(float),
        scheme(6),
    )
    before = dict(plt.rcParams)
    ax = result.plot_roc(models=["v"])
    assert dict(plt.rcParams) == before
    assert "has not seen" in ax.get_title(loc="left")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0].startswith(f"v: {result.summary().loc['v', 'auc_oob']:.2f} (")
    assert result.plot_roc(ax=ax) is ax
    plt.close(ax.figure)
    with pytest.raises(EvaluationError, match="No model"):
        result.plot_roc(models=["typo"])


def test_results_show_themselves(table):
    X, rate = table()
    result = tr.evaluate(tr.make_model("dummy"), X, (rate > 0).astype(float), scheme(2))
    assert "40 patients, 40 lesions, 2 resamples" in repr(result)
    assert "AUC out of bag" in result._repr_html_()


def test_bytes_do_not_depend_on_n_jobs(table):
    X, rate = table(40, p=30)
    models = {"ridge": tr.make_model("logistic"), "trees": tr.make_model("xgboost")}
    label = tr.ResponderCut("median")
    results = [
        tr.evaluate(models, X, rate, scheme(8), label=label, n_jobs=n_jobs) for n_jobs in (1, 2)
    ]
    one, two = (
        [score.tobytes() for part in result.out_of_bag for score in part.scores.values()]
        for result in results
    )
    assert one == two
    pd.testing.assert_frame_equal(results[0].summary(), results[1].summary(), check_exact=True)


# -- what is refused ------------------------------------------------------------------------


class FailsOnSome(ClassifierMixin, BaseEstimator):
    def __init__(self, how: str = "fit"):
        self.how = how

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if self.how == "fit" and len(set(X.index)) < len(X):  # copies: a resample, not the cohort
            raise RuntimeError("cannot fit this")
        return self

    def predict_proba(self, X):
        filler = np.nan if self.how == "nan" else 0.5
        return np.full((len(X), 2), filler)


def test_a_model_that_fails_is_named_with_its_resample(table):
    X, rate = table()
    y = (rate > 0).astype(float)
    with pytest.raises(EvaluationError, match="'bad' failed to fit on resample 0: RuntimeError"):
        tr.evaluate({"bad": FailsOnSome()}, X, y, scheme(3))
    with pytest.raises(EvaluationError, match=r"'bad' failed to fit on resample \d"):
        tr.evaluate({"bad": FailsOnSome()}, X, y, scheme(3), n_jobs=2)
    with pytest.raises(EvaluationError, match=r"full cohort.*finite"):
        tr.evaluate({"bad": FailsOnSome("nan")}, X, y, scheme(3))


def refused(message: str, X, y, models=None, **settings):
    with pytest.raises(EvaluationError, match=message):
        tr.evaluate(
            tr.make_model("logistic") if models is None else models, X, y, scheme(2), **settings
        )


def test_bad_outcomes_are_refused(table):
    X, rate = table()
    y = (rate > 0).astype(float)
    refused("besides 0 and 1.*ResponderCut", X, rate)
    refused("1 rows of the table are not in y", X, y.iloc[1:])
    refused("1 of y are not in the table", X.iloc[1:], y)
    refused("40 rows of the table", X, y.reset_index(drop=True))
    refused("expected a pandas Series", X, y.to_numpy())
    refused("str", X, y.map({0.0: "no", 1.0: "yes"}))
    refused("more than once", X, pd.concat([y, y.iloc[:1]]))
    refused("All 40 lesions are of class 1", X, y * 0 + 1)
    refused(r"No lesion is left.*outcome: missing \(40\)", X, y * np.nan)
    few = y * 0
    few.iloc[3] = 1
    refused("Class 1 has lesions of 1 patient", X, few)
    refused("is no end point", X, rate.rename("x"), label=tr.ResponderCut("median"))
    refused("label: expected", X, rate, label="median")


def test_two_lesions_of_one_patient_are_no_two_responders(table):
    X, rate = table(10, lesions=2)
    y = rate * 0
    y.iloc[[0, 1]] = 1
    refused("1 patient", X, y)


class GivesUpWithout(ClassifierMixin, BaseEstimator):
    """Gives everybody one score where P007 was not drawn, and the volume where it was."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.knows_ = "P007" in X.index.get_level_values("patient_id")
        return self

    def predict_proba(self, X):
        volume = X["clinical__volume_cc"].to_numpy()
        score = volume / (1 + volume) if self.knows_ else np.full(len(X), 0.3)
        return np.column_stack([1 - score, score])


def test_resamples_in_which_a_model_tells_nobody_apart_are_counted(table):
    X, rate = table(30)
    models = {"dummy": tr.make_model("dummy"), "volume_only": tr.make_model("volume_only")}
    models["sometimes"] = GivesUpWithout()
    y = (rate > rate.median()).astype(float)
    result = tr.evaluate(models, X, y, scheme(20))
    not_drawn = sum(7 in one.test for one in result.resamples)
    assert 0 < not_drawn < 20
    counts = result.summary()["n_constant"].to_dict()
    assert counts == {"dummy": 20, "volume_only": 0, "sometimes": not_drawn}


def test_two_patients_in_a_class_are_the_least_that_works(table):
    X, rate = table(12)
    y = rate * 0
    y.iloc[[2, 5]] = 1
    models = {name: tr.make_model(name) for name in ("logistic", "volume_only", "dummy")}
    summary = tr.evaluate(models, X, y, scheme(5)).summary()
    assert summary["n_redrawn"].iloc[0] > 0
    # one responder is in every training side, so there is nobody to tune on; nothing to tune
    # is no failure to do so
    assert summary["n_untuned"].to_dict() == {"logistic": 5, "volume_only": 0, "dummy": 0}


def test_bad_tables_are_refused(table):
    X, rate = table()
    y = (rate > 0).astype(float)
    twice = pd.concat([X, X.iloc[:1]])
    refused("occur more than once", twice, pd.Series(0.0, index=twice.index))
    refused("index is named", X.reset_index(drop=True), y)
    refused("expected a FeatureTable", X.to_numpy(), y)
    refused("columns of the same name", pd.concat([X, X.iloc[:, :1]], axis=1), y)
    refused("names must be text", X.rename(columns={"clinical__age": 3}), y)
    refused("'clinical__note'", X.assign(clinical__note="text"), y)
    infinite = X.copy()
    infinite.iloc[7, 1] = np.inf
    refused("'clinical__age' at .'P007'", infinite, y)
    refused("no predictor columns", X[["meta__site"]], y)
    # what no model uses is nobody's business
    clinical = tr.make_model("logistic", blocks=["clinical"])
    tr.evaluate(clinical, X.assign(deep__n__note="text"), y, scheme(2))


def test_constant_and_empty_columns_have_a_defined_meaning(table):
    X, rate = table()
    y = (rate > 0).astype(float)
    dull = X.assign(deep__n__constant=1.0, deep__n__empty=np.nan)
    for name in ("logistic", "xgboost"):
        a = tr.evaluate(tr.make_model(name), X, y, scheme(3)).oob_aucs("model")
        b = tr.evaluate(tr.make_model(name), dull, y, scheme(3)).oob_aucs("model")
        np.testing.assert_allclose(a, b, err_msg=name)


def test_bad_models_and_settings_are_refused(table):
    X, rate = table()
    y = (rate > 0).astype(float)
    refused("no models", X, y, models={})
    refused("needs fit and predict_proba", X, y, models={"scaler": StandardScaler()})
    refused("needs fit", X, y, models={"class": LogisticRegression})
    refused("must be text", X, y, models={1: tr.make_model("dummy")})
    refused("'m': .*no columns of block 'ct'", X, y, {"m": tr.make_model("logistic", ["ct"])})
    refused("expected 'error', 'drop' or 'impute'", X, y, failed="ignore")
    refused("blocks: expected a mapping", X, y, blocks=["clinical"])
    with pytest.raises(EvaluationError, match="scheme"):
        tr.evaluate(tr.make_model("dummy"), X, y, "bootstrap")
    for n_jobs in (0, None, 1.5, True):
        with pytest.raises(SettingsError, match="n_jobs"):
            tr.evaluate(tr.make_model("dummy"), X, y, scheme(2), n_jobs=n_jobs)
    tr.evaluate(tr.make_model("dummy"), X, y, scheme(2), n_jobs=np.int64(1))
    for bad in ({"n_resamples": 1}, {"seed": -1}, {"n_resample": 5}):
        with pytest.raises(SettingsError):
            tr.Bootstrap632Plus(**bad)


@pytest.mark.parametrize("name", ["rate_percent_per_day", "shrinkage_percent", "responder"])
@pytest.mark.parametrize("column", ["volume_follow_up_cc", "clinical__treatment_days"])
def test_what_is_known_afterwards_is_no_predictor(table, name, column):
    X, rate = table()
    y = (rate > 0).astype(float).rename(name)
    leaky = X.assign(**{column: rate + 1.0})
    with pytest.raises(EvaluationError, match=f"named as an outcome: '{column}'") as caught:
        tr.evaluate(tr.make_model("logistic"), leaky, y, scheme(2))
    assert caught.value.code == "outcome_as_predictor"
    # unused, or known beforehand, it may stay
    tr.evaluate(tr.make_model("volume_only"), leaky, y, scheme(2))
    tr.evaluate(tr.make_model("logistic"), X.assign(volume_baseline_cc=rate), y, scheme(2))


def test_a_copy_of_the_outcome_is_no_predictor(table):
    X, rate = table()
    y = (rate > 0).astype(float)
    label = tr.ResponderCut("median", by="rate_percent_per_day")
    # what is computed from a column inherits its name: that alone is no leak
    tr.evaluate(tr.make_model("dummy"), X, y.rename("clinical__age"), scheme(2))
    refused("equal the outcome.*'deep__n__copy'", X.assign(deep__n__copy=y), y)
    refused("equal the outcome.*'deep__n__copy'", X.assign(deep__n__copy=rate), rate, label=label)
    by_cut = label.label(rate, rate.median()).astype(int)
    refused("equal the outcome", X.assign(deep__n__copy=by_cut), rate, label=label)
    text = y.astype(int).astype(str).astype("category")
    refused("equal the outcome", X.assign(deep__n__copy=text), y)
    # rows without an outcome hide nothing
    part = y.where(np.arange(len(y)) % 5 > 0)
    refused("equal the outcome", X.assign(deep__n__copy=part.fillna(7)), part)
    bare = X[["clinical__age"]].assign(shrinkage_percent=rate)
    blocks = {"scan": ["shrinkage_percent"], "clinical": ["clinical__age"]}
    refused("'shrinkage_percent'", bare, y, blocks=blocks)


def test_mixed_patients_are_tuned_in_every_resample(table):
    X, _ = table(30, lesions=4)
    y = pd.Series(np.tile([1.0, 0.0, 1.0, 0.0], 30), index=X.index)
    summary = tr.evaluate(tr.make_model("logistic"), X, y, scheme(4)).summary()
    assert summary["n_untuned"].iloc[0] == 0


def test_a_cut_that_is_a_number_is_not_reported_as_fitted(table):
    X, rate = table()
    rate.iloc[3] = 0.2
    label = tr.ResponderCut(0.2)
    result = tr.evaluate(tr.make_model("dummy"), X, rate, scheme(3), label=label)
    expected = "cut fixed beforehand at 0.2 of rate_percent_per_day; 1 lesion(s) equal to it are"
    assert result.summary()["cut"].iloc[0] == f"{expected} class 0"


def test_three_patients_end_in_a_clear_error(table):
    X, rate = table(3)
    refused("fewer than two patients", X, (rate > rate.median()).astype(float))


def test_a_hopeless_split_gives_up_with_a_reason():
    patients = np.arange(4)
    responder = np.array([1, 1, 0, 0])
    with pytest.raises(EvaluationError, match="in 1000 draws"):
        tr.Bootstrap632Plus(n_resamples=2).draw(patients, responder, lambda *_: False)
