"""Fine-tuning and learned pooling as classifiers: what they learn, refuse, keep and repeat."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

import tumor_response as tr
from tests.unit.models.learned.studies import KEY, study, texture
from tumor_response.evaluation.metrics import auc
from tumor_response.exceptions import (
    BundleError,
    FeatureError,
    ModelError,
    SettingsError,
    WeightsError,
)
from tumor_response.models import AttentionPooling, FineTuned, RidgeLogistic

Study = tuple[tr.ViewStore, pd.DataFrame, np.ndarray]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Shared by the tests that change nothing in it: activations are computed once."""
    return study(tmp_path_factory.mktemp("small"), n=20)


def quick(store: tr.ViewStore, unfreeze: str = "last_stage", **more: object) -> FineTuned:
    return FineTuned(unfreeze=unfreeze, store=store, **({"epochs": 2, "device": "cpu"} | more))


def fitted_bytes(model: FineTuned, X: pd.DataFrame, y: np.ndarray) -> bytes:
    return model.fit(X, y).state_bytes()


@pytest.mark.parametrize("unfreeze", ["head", "last_stage", "adapters"])
def test_a_texture_is_learned_and_told_in_others(unfreeze: str, tmp_path: Path) -> None:
    store, X, y = study(tmp_path, n=36)
    model = quick(store, unfreeze, epochs=5, head_learning_rate=0.01).fit(X[:24], y[:24])
    scores = model.predict_proba(X[24:])
    assert scores.shape == (12, 2)
    assert np.allclose(scores.sum(axis=1), 1.0)
    assert auc(y[24:], scores[:, 1]) > 0.9
    assert (model.predict(X[24:]) == (scores[:, 1] > 0.5)).all()


def test_attention_finds_the_view_that_knows(tmp_path: Path) -> None:
    store, rng = tr.ViewStore(tmp_path / "views"), np.random.default_rng(0)
    keys, y, telling = [], np.arange(80) % 2, rng.integers(0, 4, 80)
    for i in range(80):
        # three bright views of a texture that has nothing to do with the label
        other = [texture(rng, int(label), 1) for label in rng.integers(0, 2, 4)]
        views = 0.7 + 0.3 * np.concatenate(other)
        views[telling[i]] = texture(rng, int(y[i]), 1)[0]
        keys.append(f"{i:064x}")
        store.put(keys[-1], views)
    X = pd.DataFrame({KEY: keys}, index=pd.Index([f"P{i}" for i in range(80)], name="patient_id"))
    model = AttentionPooling(store=store, device="cpu", learning_rate=0.01, epochs=30, patience=30)
    model.fit(X[:60], y[:60])
    attention = model.attention(X[60:]).to_numpy().reshape(20, 4)
    assert np.allclose(attention.sum(axis=1), 1.0)
    on_telling = attention[np.arange(20), telling[60:]]
    assert model.n_epochs_ > 0
    assert (on_telling > 0.26).mean() > 0.8
    assert auc(y[60:], model.predict_proba(X[60:])[:, 1]) > 0.9
    pooled = model.transform(X[60:])
    assert pooled.shape == (20, 1280)
    assert pooled.columns[3] == "attention__tf_efficientnet_lite0__0003"


def test_without_training_it_is_the_ridge_classifier_of_the_frozen_mean(small: Study) -> None:
    store, X, y = small
    model = quick(store, epochs=1, learning_rate=1e-9, head_learning_rate=1e-9).fit(X, y)
    embeddings = quick(store, "head", epochs=1).fit(X, y).transform(X).add_prefix("deep__")
    frozen = tr.make_model("logistic").fit(embeddings, y)
    expected = frozen.decision_function(embeddings)
    assert np.allclose(model.decision_function(X), expected, atol=1e-3)


@pytest.mark.parametrize("kind", ["last_stage", "adapters", "attention"])
def test_the_same_bytes_in_workers_after_pickling_and_in_any_order(kind: str, small: Study) -> None:
    store, X, y = small
    if kind == "attention":
        model = AttentionPooling(store=store, device="cpu", epochs=2)
    else:
        model = quick(store, kind)
    here = fitted_bytes(clone(model), X, y)
    order = np.random.default_rng(1).permutation(len(X))
    assert fitted_bytes(clone(model), X.iloc[order], y[order]) == here
    if kind == "last_stage":
        there = Parallel(n_jobs=2)(delayed(fitted_bytes)(model, X, y) for _ in range(2))
        assert there == [here, here]
    again = fitted_bytes(clone(model).set_params(random_state=1), X, y)
    assert again != here


def test_a_fitted_one_travels_and_scores_the_same(small: Study) -> None:
    store, X, y = small
    model = quick(store).fit(X, y)
    travelled = pickle.loads(pickle.dumps(model))
    assert not hasattr(travelled, "_ready")
    expected = model.predict_proba(X)
    assert np.array_equal(travelled.predict_proba(X), expected)
    # whoever is scored beside makes no difference
    alone = np.vstack([model.predict_proba(X.iloc[[i]]) for i in range(4)])
    assert np.array_equal(alone, expected[:4])


def test_saved_without_pickle(small: Study) -> None:
    store, X, y = small
    labels = np.where(y == 1, "shrank", "stayed")
    weights = {"shrank": 2.0, "stayed": 1.0}
    model = quick(store, "adapters", class_weight=weights).fit(X, labels)
    content = model.state_bytes()
    loaded = FineTuned.from_state_bytes(content, store=store)
    assert loaded.classes_.tolist() == ["shrank", "stayed"]
    assert loaded.class_weight == weights
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.state_bytes() == content
    for harmed in (content[:-1] + bytes([content[-1] ^ 1]), content[:-20], b""):
        with pytest.raises(BundleError):
            FineTuned.from_state_bytes(harmed, store=store)
    with pytest.raises(BundleError, match="FineTuned"):
        AttentionPooling.from_state_bytes(content, store=store)
    loaded.weights_sha256_ = "0" * 64
    del loaded._ready
    with pytest.raises(WeightsError, match="was trained on weights"):
        loaded.predict(X)


def test_a_killed_fit_goes_on_and_ends_in_the_same_bytes(
    small: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tumor_response.models.learned.training import Trainer

    store, X, y = small
    model = quick(store, epochs=3, patience=3)
    whole = fitted_bytes(clone(model), X, y)
    model.set_params(checkpoint_dir=tmp_path / "fits")
    original, done, limit = Trainer._epoch, [], [0]

    def counted(self: Trainer, *args: object) -> float:
        if len(done) == limit[0]:
            raise KeyboardInterrupt
        done.append(args[2:])
        return original(self, *args)

    monkeypatch.setattr(Trainer, "_epoch", counted)
    for epochs in (2, 4):
        limit[0] = epochs
        with pytest.raises(KeyboardInterrupt):
            clone(model).fit(X, y)
    limit[0] = -1
    assert fitted_bytes(clone(model), X, y) == whole
    assert len(done) == len(set(done))  # nothing was trained twice
    limit[0] = len(done)
    assert fitted_bytes(clone(model), X, y) == whole  # a finished one is read
    (path,) = (tmp_path / "fits").rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-1000])
    limit[0] = -1
    assert fitted_bytes(clone(model), X, y) == whole  # a damaged one starts anew


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({KEY: None}, "view_key_missing", "have no views"),
        ({KEY: "no key"}, "view_key", "64 hexadecimal"),
        ({KEY: "f" * 64}, "view_missing", "is not there"),
    ],
)
def test_keys_that_lead_nowhere(
    change: dict[str, object], code: str, message: str, small: Study
) -> None:
    store, X, y = small
    faulty = X.copy()
    faulty.iloc[3, 0] = change[KEY]
    for use in (quick(store).fit, quick(store, "head").fit(X, y).predict_proba):
        with pytest.raises((ModelError, FeatureError), match=message) as error:
            use(faulty, y) if use.__name__ == "fit" else use(faulty)
        assert error.value.code == code


@pytest.mark.parametrize(
    "views",
    [
        np.zeros((2, 2, 32, 32), np.float32),
        np.zeros((0, 1, 32, 32), np.float32),
        np.zeros((2, 1, 32, 30), np.float32),
        np.zeros((2, 1, 32, 32), np.uint8),
        np.full((1, 1, 32, 32), np.nan, np.float32),
        np.zeros(7, np.float32),
    ],
)
def test_arrays_that_are_no_views(views: np.ndarray, tmp_path: Path) -> None:
    store, X, y = study(tmp_path, n=8)
    store.put(X[KEY].iloc[5], views)
    with pytest.raises(ModelError, match="expected finite float32") as error:
        quick(store, "head").fit(X, y)
    assert error.value.code == "view_values"


def test_a_damaged_view_is_never_shown(tmp_path: Path) -> None:
    store, X, y = study(tmp_path, n=8)
    path = store.directory / X[KEY].iloc[2][:2] / f"{X[KEY].iloc[2]}.npy"
    path.write_bytes(path.read_bytes()[:-40] + b"x" * 40)
    with pytest.raises(FeatureError, match="damaged") as error:
        quick(tr.ViewStore(store.directory), "head").fit(X, y)
    assert error.value.code == "view_damaged"


def test_what_cannot_be_fitted(small: Study, tmp_path: Path) -> None:
    store, X, y = small

    def refused(model: FineTuned, X: object, y: np.ndarray, **more: object) -> str:
        with pytest.raises((ModelError, FeatureError)) as error:
            model.fit(X, y, **more)
        return str(error.value.code)

    assert refused(quick(store), X, np.ones(20)) == "one_class"
    assert refused(quick(store), X, np.arange(20) % 3) == "one_class"
    one = (np.arange(20) == 0).astype(int)
    assert refused(quick(store), X, one) == "too_few_patients"
    assert refused(quick(store), X.to_numpy(), y) == "not_a_frame"
    assert refused(quick(store), X.rename(columns={KEY: "clinical__age"}), y) == "key_column"
    two = X.assign(views__wide__key=X[KEY])
    assert refused(quick(store), two, y) == "key_column"
    assert refused(quick(tmp_path / "nowhere"), X, y) == "view_store"
    assert refused(quick(store), X, y, sample_weight=-np.ones(20)) == "sample_weight"
    assert refused(quick(store, class_weight={0: 1.0}), X, y) == "class_weight"
    assert refused(quick(store, backbone="tf_efficientnet_lite00"), X, y) == "unknown_backbone"
    assert refused(quick(store, device="quantum"), X, y) == "device"
    assert refused(quick(store, n_stages=7), X, y) == "not_a_chain"
    assert refused(quick(store, head_learning_rate=1e30, epochs=9), X, y) == "diverged"
    (tmp_path / "file").write_text("")
    assert refused(quick(store, checkpoint_dir=tmp_path / "file"), X, y) == "checkpoint_unusable"
    assert quick(store, "head", column="views__wide__key").fit(two, y).key_column_ != KEY
    for wrong in ({"epochs": 0}, {"unfreeze": "all"}, {"stopping_fraction": 0.9}):
        with pytest.raises(SettingsError):
            quick(store).set_params(**wrong).fit(X, y)
    with pytest.raises(NotFittedError):
        quick(store).predict_proba(X)
    with pytest.raises(NotFittedError):
        quick(store).get_feature_names_out()
    fitted = quick(store, "head").fit(X, y)
    with pytest.raises(ModelError, match="does not have"):
        fitted.predict(two.drop(columns=KEY))


def test_peft_is_named_where_it_is_missing(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    store, X, y = small
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(ModelError, match=r"pip install 'tumor-response\[adapters\]'") as error:
        quick(store, "adapters").fit(X, y)
    assert error.value.code == "peft_missing"


def test_one_view_and_many_views_stand_side_by_side(tmp_path: Path) -> None:
    store, X, y = study(tmp_path, n=12, n_views=None)
    for model in (quick(store, views_per_case=2), AttentionPooling(store=store, epochs=2)):
        fitted = model.fit(X, y)
        assert np.isfinite(fitted.predict_proba(X)).all()
    attention = fitted.attention(X)
    assert attention.groupby(["patient_id", "lesion_id"]).size().tolist() == [1, 2, 3] * 4
    assert attention.loc[("P000", "1", 0)] == 1.0


def test_weights_are_repeats(small: Study) -> None:
    store, X, y = small
    rows = np.r_[np.arange(18), 4, 4, 7]
    weight = np.bincount(rows, minlength=20)
    repeated = quick(store, "head").fit(X.iloc[rows], y[rows])
    weighted = quick(store, "head").fit(X, y, sample_weight=weight)
    assert repeated.state_bytes() == weighted.state_bytes()
    assert not weighted.stopping_rows_[18:].any()
    lopsided = np.r_[np.arange(0, 20, 2), np.arange(1, 7, 2)]
    X_few, y_few = X.iloc[lopsided], y[lopsided]
    plain = quick(store, "head", epochs=1, head_learning_rate=1e-9).fit(X_few, y_few)
    balanced = clone(plain).set_params(class_weight="balanced").fit(X_few, y_few)
    assert plain.decision_function(X)[0] == pytest.approx(np.log(3 / 10), abs=1e-4)
    assert balanced.decision_function(X)[0] == pytest.approx(0.0, abs=1e-4)


def test_it_is_a_step_of_a_pipeline(small: Study) -> None:
    store, X, y = small
    line = Pipeline([("image", quick(store, "head")), ("classify", RidgeLogistic())]).fit(X, y)
    assert line.predict_proba(X).shape == (20, 2)
    names = line[:-1].get_feature_names_out()
    assert names[7] == "finetuned__tf_efficientnet_lite0__0007"


def test_the_time_is_estimated_before(tmp_path: Path) -> None:
    store, X, y = study(tmp_path, n=12)
    estimate = quick(store).estimate(X, y)
    assert (estimate.n_cases, estimate.n_to_compute) == (12, 12)
    assert estimate.activations_seconds > 0
    assert estimate.fit_seconds_at_most > 0
    assert "12 cases" in str(estimate)
    quick(store).fit(X, y)
    assert quick(store).estimate(X, y).n_to_compute < 12  # mirrored ones are drawn
