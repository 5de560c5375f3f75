"""make_model: what the names stand for, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

import tumor_response as tr
from tumor_response.exceptions import ModelError, SettingsError
from tumor_response.models import MODEL_NAMES


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


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_named_models_are_pipelines_that_fit_clone_and_repeat_themselves(name, frame, y):
    model = tr.make_model(name, random_state=3)
    assert isinstance(model, Pipeline)
    first = model.fit(frame, y).predict_proba(frame)
    second = clone(model).fit(frame, y).predict_proba(frame)
    assert first.shape == (len(frame), 2)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_what_travels_along_is_never_a_predictor(name, frame, y):
    model = tr.make_model(name).fit(frame, y)
    other = frame.assign(meta__site="B")
    np.testing.assert_array_equal(model.predict_proba(frame), model.predict_proba(other))
    model.predict_proba(frame.drop(columns="meta__site"))


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
    with pytest.raises(ModelError, match="known are logistic, xgboost"):
        tr.make_model("logistics")
    with pytest.raises(SettingsError, match="did you mean 'max_depth'"):
        tr.make_model("xgboost", max_dept=3)
    with pytest.raises(SettingsError, match="Cs"):
        tr.make_model("logistic", Cs=(-1.0,))
    with pytest.raises(SettingsError, match="not a setting"):
        tr.make_model("dummy", C=1.0)
    for name in ("volume_only", "clinical_only"):
        with pytest.raises(ModelError, match="brings its own columns"):
            tr.make_model(name, blocks=["deep"])
    with pytest.raises(ModelError, match="no columns of block 'radiomics'"):
        tr.make_model("logistic", blocks=["radiomics"]).fit(frame, y)
    with pytest.raises(ModelError, match="does not have"):
        tr.make_model("volume_only", volume_column="clinical__gtv").fit(frame, y)
