"""Nothing outside of the training rows decides anything, and copies stay on one side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

import tumor_response as tr
from tests.unit.models.learned.studies import KEY, study
from tumor_response.exceptions import EvaluationError
from tumor_response.models import AttentionPooling, FineTuned, RidgeLogistic


def models(store: tr.ViewStore) -> dict[str, FineTuned | AttentionPooling]:
    return {
        "head": FineTuned(unfreeze="head", store=store, epochs=2, device="cpu"),
        "last_stage": FineTuned(store=store, epochs=2, device="cpu"),
        "attention": AttentionPooling(store=store, epochs=2, device="cpu"),
    }


@pytest.mark.parametrize("name", ["head", "last_stage", "attention"])
def test_images_out_of_the_fold_decide_nothing(name: str, tmp_path: Path) -> None:
    store, X, y = study(tmp_path / "true", n=16)
    other, X_other, _ = study(tmp_path / "noise", n=16)
    rng = np.random.default_rng(9)
    for key in X_other[KEY].iloc[12:]:
        other.put(key, rng.random((2, 1, 32, 32)).astype(np.float32))
    states = [
        models(where)[name].fit(X.iloc[:12], y[:12]).state_bytes() for where in (store, other)
    ]
    assert states[0] == states[1]
    # and the images inside do decide
    other.put(X_other[KEY].iloc[3], rng.random((2, 1, 32, 32)).astype(np.float32))
    fresh = tr.ViewStore(tmp_path / "noise" / "views")
    changed = models(fresh)[name].set_params(activations_dir=tmp_path / "anew")
    assert changed.fit(X.iloc[:12], y[:12]).state_bytes() != states[0]


def test_copies_and_lesions_of_a_patient_share_a_side_of_early_stopping(tmp_path: Path) -> None:
    store, X, y = study(tmp_path, n=20)
    rng = np.random.default_rng(0)
    # ten patients of two lesions, drawn with replacement
    X.index = pd.MultiIndex.from_arrays(
        [[f"P{i // 2}" for i in range(20)], ["1", "2"] * 10], names=["patient_id", "lesion_id"]
    )
    rows = np.concatenate([[2 * p, 2 * p + 1] for p in rng.integers(0, 10, 30)])
    for model in (models(store)["head"], models(store)["attention"]):
        fitted = model.fit(X.iloc[rows], y[rows])
        patients = X.index[rows].get_level_values("patient_id")
        stopping, learning = patients[fitted.stopping_rows_], patients[~fitted.stopping_rows_]
        assert len(stopping)
        assert len(learning)
        assert not set(stopping) & set(learning)
        # an ungrouped fifth of the rows would hold copies of nearly everybody
        ungrouped = rng.permutation(len(rows)) < len(rows) // 5
        assert set(patients[ungrouped]) & set(patients[~ungrouped])


def test_copies_without_patient_names_are_told_by_their_key(tmp_path: Path) -> None:
    store, X, y = study(tmp_path, n=12)
    rows = np.r_[np.arange(12), np.arange(12)]
    fitted = models(store)["head"].fit(X.iloc[rows].reset_index(drop=True), y[rows])
    assert (fitted.stopping_rows_[:12] == fitted.stopping_rows_[12:]).all()


def test_an_evaluation_holds_it_beside_a_table_model(tmp_path: Path) -> None:
    store, X, y = study(tmp_path, n=20)
    rng = np.random.default_rng(0)
    meta = "a column of text that a model of images is not shown"
    table = X.assign(clinical__age=rng.normal(60, 9, 20), meta__site=meta)
    outcome = pd.Series(y.astype(float), index=table.index)
    compared = models(store) | {"table": tr.make_model("logistic", Cs=(1.0,))}
    del compared["last_stage"]
    compared["line"] = Pipeline([("image", compared["head"]), ("classify", RidgeLogistic())])
    scheme = tr.Bootstrap632Plus(n_resamples=2, seed=0)
    one = tr.evaluate(compared, table, outcome, scheme, n_jobs=1)
    two = tr.evaluate(compared, table, outcome, scheme, n_jobs=2)
    pd.testing.assert_frame_equal(one.summary(), two.summary(), check_exact=True)
    assert one.summary().loc["attention", "auc_oob"] > 0.8


def test_an_evaluation_names_the_lesion_without_views(tmp_path: Path) -> None:
    store, X, y = study(tmp_path, n=12)
    table = X.assign(clinical__age=60.0 + np.arange(12) % 5)
    table.iloc[4, 0] = np.nan
    outcome = pd.Series(y.astype(float), index=table.index)
    model = {"head": models(store)["head"]}
    scheme = tr.Bootstrap632Plus(n_resamples=2, seed=0)
    with pytest.raises(EvaluationError, match="P004") as error:
        tr.evaluate(model, table, outcome, scheme)
    assert error.value.code == "block_failed"
    result = tr.evaluate(model, table, outcome, scheme, failed="drop")
    assert result.summary().loc["head", "auc_apparent"] >= 0.5
    with pytest.raises(EvaluationError, match="views__") as error:
        tr.evaluate(model, table.drop(columns=KEY), outcome, scheme)
    assert error.value.code == "key_column"
