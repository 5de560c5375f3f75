"""save_state and load_state: the same predictions, the same bytes, and what is not written."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import tumor_response as tr
from tests.unit.predictor import small
from tumor_response.exceptions import BundleError
from tumor_response.models import BestOfInner, RidgeLogistic, model_names
from tumor_response.predictor.codec import models_from, models_to
from tumor_response.predictor.saving import load_state, save_state, state_bytes, state_from
from tumor_response.transformers import BlockSelector, CorrelationClusters, StableColumns

ROWS = ("gaussian_process", "tabular_foundation")
SAVED = [
    (name, task) for task in ("response", "rate") for name in model_names(task) if name not in ROWS
]


def again(model):
    return models_from(models_to({"model": model}))["model"]


@pytest.mark.parametrize(("name", "task"), SAVED)
def test_every_named_model_predicts_the_same_to_the_last_bit(name, task):
    model = small.fitted(name, task)
    np.testing.assert_array_equal(small.said(again(model), task), small.said(model, task))


@pytest.mark.parametrize("harmonise", ["combat", "site_zscore", "site_quantile"])
def test_pipelines_that_bring_sites_together(harmonise):
    model = small.fitted("logistic", harmonise=harmonise)
    np.testing.assert_array_equal(small.said(again(model)), small.said(model))


def test_columns_that_repeat_lose_their_folder_and_nothing_else(tmp_path):
    icc = {name: 0.5 + 0.02 * i for i, name in enumerate(small.frame().columns[4:])}
    stable = StableColumns(0.75, icc=icc, store=tmp_path / "secret_project")
    model = small.fitted("xgboost", stable=stable)
    content = state_bytes(small.state_of(model, small.fitted("volume_only")))
    loaded = state_from(content).model
    np.testing.assert_array_equal(small.said(loaded), small.said(model))
    before, after = (m.named_steps["stable"].stability_ for m in (model, loaded))
    pd.testing.assert_frame_equal(before, after)
    assert loaded.named_steps["stable"].store == "views"


def test_choices_among_models_and_scikit_learns_own():
    X, y = small.frame().iloc[:, 4:].fillna(0.0), small.outcome("response")
    plain = make_pipeline(StandardScaler(), LogisticRegression())
    for model in (
        BestOfInner({"plain": plain, "ridge": make_pipeline(StandardScaler(), RidgeLogistic())}),
        make_pipeline(BlockSelector(), CorrelationClusters(0.2), RidgeLogistic()),
    ):
        fitted = model.fit(X, y)
        loaded = again(fitted)
        np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    forest = ExtraTreesRegressor(7, random_state=0, n_jobs=2).fit(X.to_numpy(), y.astype(float))
    loaded = again(forest)
    np.testing.assert_array_equal(loaded.predict(X.to_numpy()), forest.predict(X.to_numpy()))
    assert loaded.n_jobs is None


@pytest.mark.parametrize("name", ["logistic", "xgboost", "random_forest"])
def test_everything_comes_back_and_saving_twice_gives_the_same_bytes(name):
    state = small.state(name)
    content = state_bytes(state)
    loaded = state_from(content)
    assert state_bytes(state) == content
    assert state_bytes(loaded) == content
    pd.testing.assert_frame_equal(loaded.dictionary, state.dictionary)
    for attribute in ("end_point", "provenance", "threshold", "record", "task", "parents"):
        assert getattr(loaded, attribute) == getattr(state, attribute)
    for attribute in ("calibration", "volume_calibration", "conformal", "domain"):
        assert getattr(loaded, attribute).to_json() == getattr(state, attribute).to_json()
    for one, other in zip(loaded.resample_models, state.resample_models, strict=True):
        np.testing.assert_array_equal(small.said(one), small.said(other))


@pytest.mark.parametrize("name", ROWS)
def test_models_that_are_their_training_rows_are_not_written(name, tmp_path):
    state = small.state_of(small.fitted(name), small.fitted("volume_only"))
    with pytest.raises(BundleError, match="training patients' rows") as caught:
        save_state(state, tmp_path / "model.trz")
    assert caught.value.code == "training_rows"
    assert not list(tmp_path.iterdir())


class Mine(RidgeLogistic):
    """A subclass: it could do anything."""


def test_what_is_not_listed_is_not_written():
    volume = small.fitted("volume_only")
    X, y = small.frame().iloc[:, 5:6].to_numpy(), small.outcome("response")
    noted = RidgeLogistic().fit(X, y)
    noted.training_patients_ = ["P1"]
    for model, code, words in (
        (Mine().fit(X, y), "not_storable", "test_saving.Mine"),
        (noted, "not_storable", "'training_patients_'"),
        (SVC().fit(X, y), "training_rows", "SVC"),
        (RidgeLogistic(class_weight=lambda: None), "not_storable", "model.class_weight"),
    ):
        with pytest.raises(BundleError, match=words) as caught:
            state_bytes(small.state_of(model, volume))
        assert caught.value.code == code


def test_a_file_has_a_sha256_and_is_whole_or_not_there(tmp_path):
    path = tmp_path / "new" / "model.trz"
    sha256 = save_state(small.tiny(), path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    assert [one.name for one in path.parent.iterdir()] == ["model.trz"]
    load_state(path, sha256=sha256.upper())
    for wanted, code in (
        ({"sha256": "0" * 64}, "other_file"),
        ({"max_bytes": 99}, "file_too_large"),
    ):
        with pytest.raises(BundleError) as caught:
            load_state(path, **wanted)
        assert caught.value.code == code
    with pytest.raises(BundleError) as caught:
        load_state(tmp_path / "none.trz")
    assert caught.value.code == "file_missing"


LOADER = """
import sys
import numpy as np
from tests.unit.predictor import small
from tumor_response.predictor.saving import load_state
state = load_state("model.trz")
loaded = sorted({"torch", "shap"} & set(sys.modules))
np.save("said.npy", [small.said(model) for model in (state.model, *state.resample_models)])
print(loaded)
"""


def test_another_process_with_more_threads_says_the_same(tmp_path):
    state = small.state("average", n_resamples=1)
    save_state(state, tmp_path / "model.trz")
    ran = subprocess.run(
        [sys.executable, "-c", LOADER],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(tr.__file__).parents[1]), "OMP_NUM_THREADS": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "[]", "no network and no SHAP is needed to load"
    here = [small.said(model) for model in (state.model, *state.resample_models)]
    np.testing.assert_array_equal(np.load(tmp_path / "said.npy"), here)
