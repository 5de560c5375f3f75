"""What a runtime that knows nothing of us makes of the exported graph."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from scipy.special import expit, logit

import tumor_response as tr
from tumor_response.exceptions import BundleError
from tumor_response.predictor import Calibration
from tumor_response.predictor.onnx_model import onnx_model


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng, n = np.random.default_rng(0), 70
    frame = pd.DataFrame(
        {
            "clinical__volume_cc": np.exp(rng.normal(2, 1, n)),
            "clinical__sex": pd.Categorical(rng.choice(["f", "m"], n)),
            "clinical__age": rng.normal(60, 8, n),
            "clinical__subsite": pd.Categorical(rng.choice(["larynx", "tongue", "tonsil"], n)),
        }
    )
    for place in range(20):
        frame[f"radiomics__original__f{place}"] = rng.normal(size=n) * 10.0 ** (place % 5)
    frame.iloc[3, 2] = frame.iloc[7, 10] = np.nan
    frame.iloc[5, 1] = frame.iloc[6, 3] = np.nan
    frame.iloc[9, 11] = 1e6  # far out: the scaler holds it
    frame.index = pd.MultiIndex.from_product(
        [[f"p{i}" for i in range(n)], ["1"]], names=["patient_id", "lesion_id"]
    )
    return frame


def outputs(graph: object, rows: pd.DataFrame) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    said = {entry.key: entry.value for entry in graph.metadata_props}
    assert "not a medical device" in said["warning"]
    feed = {"numbers": rows[json.loads(said["numbers"])].to_numpy(dtype=np.float64)}
    for place, name in enumerate(json.loads(said["categories"])):
        texts = rows[name].astype(object).where(rows[name].notna(), "")
        feed[f"category_{place}"] = texts.to_numpy(dtype=object)[:, None]
    return [found[:, 0] for found in session.run(None, feed)]


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("logistic", 1e-12),
        ("clinical_first", 1e-12),
        ("svm", 1e-12),
        ("volume_only", 1e-12),
        ("xgboost", 1e-5),
        ("random_forest", 1e-5),
    ],
)
def test_classifiers(rows: pd.DataFrame, name: str, tolerance: float) -> None:
    rng = np.random.default_rng(1)
    y = (rows["clinical__volume_cc"].rank() + 30 * rng.normal(size=len(rows)) > 35).astype(int)
    fitted = tr.make_model(name).fit(rows, y)
    log_odds, probability = outputs(onnx_model(fitted, Calibration(0.3, 0.8)), rows)
    raw = logit(np.clip(fitted.predict_proba(rows)[:, 1], 1e-15, 1 - 1e-15))
    np.testing.assert_allclose(log_odds, 0.3 + 0.8 * raw, rtol=0, atol=tolerance)
    np.testing.assert_allclose(probability, expit(log_odds), rtol=1e-12)


@pytest.mark.parametrize(("name", "tolerance"), [("linear", 1e-11), ("xgboost", 1e-5)])
def test_rates(rows: pd.DataFrame, name: str, tolerance: float) -> None:
    rate = rows["clinical__age"].fillna(60) / 30 + np.random.default_rng(2).normal(size=len(rows))
    fitted = tr.make_model(name, outcome="rate").fit(rows, rate)
    (found,) = outputs(onnx_model(fitted), rows)
    np.testing.assert_allclose(found, fitted.predict(rows), rtol=0, atol=tolerance)


def test_an_unseen_level_counts_as_missing(rows: pd.DataFrame) -> None:
    y = (rows["clinical__age"].fillna(60) > 60).astype(int)
    fitted = tr.make_model("logistic", Cs=[0.1]).fit(rows, y)
    other, unknown = rows.copy(), rows.copy()
    other["clinical__subsite"] = other["clinical__subsite"].cat.add_categories("palate")
    other["clinical__subsite"] = "palate"
    unknown["clinical__subsite"] = np.nan
    graph = onnx_model(fitted)
    np.testing.assert_array_equal(outputs(graph, other), outputs(graph, unknown))


def test_a_model_without_a_form_is_refused_by_name(rows: pd.DataFrame) -> None:
    y = (rows["clinical__age"].fillna(60) > 60).astype(int)
    fitted = tr.make_model("dummy").fit(rows, y)
    with pytest.raises(BundleError, match="DummyClassifier has no ONNX form") as caught:
        onnx_model(fitted)
    assert caught.value.code == "no_onnx"
