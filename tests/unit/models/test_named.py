"""make_model: what the names stand for, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

import tumor_response as tr
from tumor_response.exceptions import ModelError, SettingsError
from tumor_response.models import (
    MODEL_NAMES,
    OUTCOMES,
    PenalisedLogistic,
    PenalisedRegression,
    model_names,
)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 50
    index = pd.MultiIndex.from_arrays(
        [[f"P{i}" for i in range(n)], ["1"] * n], names=["patient_id", "lesion_id"]
    )
    frame = pd.DataFrame(
        rng.normal(size=(n, 40)), index=index, columns=[f"deep__net__{i}" for i in range(40)]
    )
    frame.insert(0, "clinical__volume_cc", rng.lognormal(2, 1, n))
    frame.insert(1, "clinical__age", rng.normal(60, 9, n))
    frame.insert(2, "clinical__site", pd.Categorical(rng.choice(["larynx", "tongue", "tonsil"], n)))
    frame.insert(3, "meta__site", "A")
    frame.iloc[3, 5] = np.nan
    frame.iloc[4, 2] = np.nan
    return frame.assign(deep__net__constant=1.0, deep__net__empty=np.nan)


@pytest.fixture(scope="module")
def y(frame) -> np.ndarray:
    return (np.arange(len(frame)) % 2).astype(int)


LINEAR = ("logistic", "linear", "ordinal", "volume_only", "clinical_only", "dummy")
EVERY = [(name, outcome) for outcome in OUTCOMES for name in model_names(outcome)]


def output(model: Pipeline, frame: pd.DataFrame) -> np.ndarray:
    return model.predict_proba(frame) if is_classifier(model) else model.predict(frame)


@pytest.mark.parametrize(("name", "outcome"), EVERY)
def test_named_models_are_pipelines_that_fit_clone_and_repeat_themselves(name, outcome, frame, y):
    target = {"response": y, "rate": np.sin(np.arange(50.0)), "tertiles": np.arange(50) % 3}
    model = tr.make_model(name, random_state=3, outcome=outcome)
    assert isinstance(model, Pipeline)
    assert model.steps[-1][0] == ("regress" if outcome == "rate" else "classify")
    assert is_regressor(model) is (outcome == "rate")
    first = output(model.fit(frame, target[outcome]), frame)
    second = output(clone(model).fit(frame, target[outcome]), frame)
    assert first.shape == {"response": (50, 2), "rate": (50,), "tertiles": (50, 3)}[outcome]
    np.testing.assert_array_equal(first, second)
    if outcome != "rate":
        np.testing.assert_allclose(first.sum(axis=1), 1, rtol=1e-6)
    if name in LINEAR:  # others draw rows by weight, or have tests of their own
        step = f"{model.steps[-1][0]}__sample_weight"
        weighted = clone(model).fit(frame, target[outcome], **{step: np.ones(50)})
        np.testing.assert_allclose(output(weighted, frame), first, atol=1e-6)


@pytest.mark.parametrize(("name", "outcome"), EVERY)
def test_what_travels_along_is_never_a_predictor(name, outcome, frame, y):
    target = {"response": y, "rate": np.sin(np.arange(50.0)), "tertiles": np.arange(50) % 3}
    model = tr.make_model(name, outcome=outcome).fit(frame, target[outcome])
    other = frame.assign(meta__site="B")
    np.testing.assert_array_equal(output(model, frame), output(model, other))
    output(model, frame.drop(columns="meta__site"))


@pytest.mark.parametrize("penalty", ["lasso", "elastic_net"])
def test_penalties_choose_other_estimators(penalty, frame, y):
    logistic = tr.make_model("logistic", penalty=penalty, class_weight="balanced", rule="one_se")
    linear = tr.make_model("linear", outcome="rate", penalty=penalty, random_state=2)
    share = 1.0 if penalty == "lasso" else 0.5
    assert repr(logistic[-1]) == repr(
        PenalisedLogistic(share, class_weight="balanced", rule="one_se")
    )
    assert repr(linear[-1]) == repr(PenalisedRegression(share, random_state=2))
    strong = tr.make_model("logistic", penalty=penalty, Cs=(0.01,)).fit(frame, y)
    assert strong[-1].n_selected_ == 0
    quarter = tr.make_model("clinical_only", penalty="elastic_net", l1_ratio=0.25)
    assert quarter[-1].l1_ratio == 0.25


def test_volume_only_of_a_rate_and_of_tertiles(frame):
    z = np.log(frame["clinical__volume_cc"].to_numpy())
    z = ((z - z.mean()) / z.std())[:, None]
    rate = z[:, 0] + np.sin(np.arange(50.0))
    model = tr.make_model("volume_only", outcome="rate", C=0.5).fit(frame, rate)
    np.testing.assert_allclose(model.predict(frame), Ridge(2.0).fit(z, rate).predict(z))
    thirds = np.digitize(rate, np.quantile(rate, [1 / 3, 2 / 3]))
    ordinal = tr.make_model("volume_only", outcome="tertiles").fit(frame, thirds)
    expected = ordinal.predict_proba(frame) @ [0, 1, 2]
    assert np.all(np.diff(expected[np.argsort(z[:, 0])]) > 0)


def test_an_evaluation_of_the_lasso_is_the_same_whatever_n_jobs(frame, y):
    outcome, scheme = pd.Series(y, frame.index), tr.Bootstrap632Plus(n_resamples=2)
    model = tr.make_model("logistic", penalty="lasso")
    table = frame.drop(columns=["deep__net__constant", "deep__net__empty"])
    one, two = (tr.evaluate(model, table, outcome, scheme, n_jobs=n) for n in (1, 2))
    pd.testing.assert_frame_equal(one.scores, two.scores, check_exact=True)


def test_blocks_restrict_what_is_looked_at(frame, y):
    changed = frame.copy()
    changed.loc[:, changed.columns.str.startswith("deep__")] = 0.0
    clinical = tr.make_model("logistic", blocks=["clinical"]).fit(frame, y)
    np.testing.assert_array_equal(clinical.predict_proba(frame), clinical.predict_proba(changed))
    both = tr.make_model("logistic", Cs=(1.0,)).fit(frame, y)
    assert not np.allclose(both.predict_proba(frame), both.predict_proba(changed))


def test_volume_only_is_ridge_on_the_standardised_log_volume(frame, y):
    log_volume = np.log(frame[["clinical__volume_cc"]].to_numpy())
    z = (log_volume - log_volume.mean()) / log_volume.std()
    expected = LogisticRegression(C=1.0, tol=1e-10).fit(z, y).predict_proba(z)
    volume = tr.make_model("volume_only").fit(frame, y).predict_proba(frame)
    np.testing.assert_allclose(volume, expected, atol=1e-6)


def test_a_frame_without_prefixes_goes_by_a_mapping(y):
    rng = np.random.default_rng(0)
    bare = pd.DataFrame({"age": rng.normal(size=50), "entropy": rng.normal(size=50)})
    model = tr.make_model("logistic", blocks={"clinical": ["age"], "image": ["entropy"]})
    names = model.fit(bare, y)[:-1].get_feature_names_out()
    assert list(names) == ["clinical__age", "image__entropy"]


def test_xgboost_takes_names_that_xgboost_itself_refuses(y):
    bare = pd.DataFrame({"age<60": np.arange(50.0), "z[1]": np.arange(50.0)[::-1]})
    assert tr.make_model("xgboost").fit(bare, y).predict_proba(bare).shape == (50, 2)


def test_unknown_names_blocks_and_settings_are_refused_before_any_fit(frame, y):
    with pytest.raises(ModelError, match=r"known are logistic, .*Did you mean 'logistic'") as error:
        tr.make_model("logistics")
    assert error.value.code == "unknown_model"
    with pytest.raises(ModelError, match=r"known are linear, .*there for outcome='response'"):
        tr.make_model("logistic", outcome="rate")
    with pytest.raises(ModelError, match="'response', 'rate', 'tertiles'") as error:
        tr.make_model("logistic", outcome="rates")
    assert error.value.code == "unknown_outcome"
    with pytest.raises(SettingsError, match="did you mean 'max_depth'"):
        tr.make_model("xgboost", max_dept=3)
    with pytest.raises(SettingsError, match="Cs"):
        tr.make_model("logistic", Cs=(-1.0,))
    with pytest.raises(SettingsError, match="not a setting"):
        tr.make_model("dummy", C=1.0)
    with pytest.raises(SettingsError, match="l1_ratio has no effect with penalty='lasso'"):
        tr.make_model("logistic", penalty="lasso", l1_ratio=0.3)
    with pytest.raises(SettingsError, match="goes with penalty='ridge'"):
        tr.make_model("logistic", penalty="lasso", reduction="pca")
    with pytest.raises(SettingsError, match="l1_ratio"):
        tr.make_model("linear", outcome="rate", penalty="elastic_net", l1_ratio=1.0)
    for name in ("volume_only", "clinical_only"):
        with pytest.raises(ModelError, match="brings its own columns"):
            tr.make_model(name, blocks=["deep"])
    with pytest.raises(ModelError, match="no columns of block 'radiomics'"):
        tr.make_model("logistic", blocks=["radiomics"]).fit(frame, y)
    with pytest.raises(ModelError, match="does not have"):
        tr.make_model("volume_only", volume_column="clinical__gtv").fit(frame, y)


def test_the_names_of_a_response_are_the_default():
    assert MODEL_NAMES == model_names() == model_names("response")
    for outcome, own in (("response", "logistic"), ("rate", "linear"), ("tertiles", "ordinal")):
        assert {own, "volume_only", "clinical_only", "dummy"} <= set(model_names(outcome))
