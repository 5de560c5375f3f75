"""Net benefit against its definition, one lesion at a time, and against the package dcurves."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumor_response.evaluation.performance import decision_curves as ours
from tumor_response.exceptions import EvaluationError

BENCHMARKS = Path(__file__).parents[4] / "benchmarks"


def slow_net_benefit(y, p, threshold):
    """Vickers and Elkin 2006: true positives less false ones at the odds of the threshold."""
    true = false = 0
    for outcome, predicted in zip(y, p, strict=True):
        if predicted >= threshold:
            if outcome == 1:
                true += 1
            else:
                false += 1
    return true / len(y) - false / len(y) * threshold / (1 - threshold)


@pytest.mark.parametrize("seed", range(6))
def test_definition_ties_with_thresholds_included(seed):
    rng = np.random.default_rng(seed)
    p = rng.integers(0, 21, 50) / 20
    y = (rng.random(50) < p).astype(int)
    thresholds = np.arange(20) / 20
    table = ours.decision_curve(y, p, thresholds)
    for t in thresholds:
        assert table.loc[t, "model"] == pytest.approx(slow_net_benefit(y, p, t), abs=1e-14)
        everybody = slow_net_benefit(y, np.ones(50), t)
        assert table.loc[t, "treat_all"] == pytest.approx(everybody, abs=1e-14)
    assert (table["treat_none"] == 0).all()
    np.testing.assert_allclose(table["standardised"] * y.mean(), table["model"])


def test_perfect_predictions_have_the_prevalence_and_nobody_standardises():
    y = np.array([0, 1, 1, 0, 0])
    table = ours.decision_curve(y, y)
    np.testing.assert_allclose(table["model"], 0.4)
    np.testing.assert_allclose(table["standardised"], 1.0)
    assert ours.decision_curve([0, 0], [0.2, 0.9])["standardised"].isna().all()


def test_equals_dcurves():
    spec = importlib.util.spec_from_file_location("peer", BENCHMARKS / "decision_curve_peer.py")
    peer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peer)
    theirs = pd.read_csv(BENCHMARKS / "results" / "decision_curve_dcurves.csv")
    for name, (y, p) in peer.predictions().items():
        table = ours.decision_curve(y, p, peer.THRESHOLDS)
        curves = {
            model: part.set_index("threshold")["net_benefit"]
            for model, part in theirs[theirs["data"] == name].groupby("model")
        }
        assert [len(curve) for curve in curves.values()] == [99, 99, 99]
        for column, model in (("model", "p"), ("treat_all", "all"), ("treat_none", "none")):
            np.testing.assert_allclose(table[column], curves[model], atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize(
    ("y", "p", "thresholds", "code"),
    [
        ([0, 1], [0.2, 0.5], [1.0], "threshold"),
        ([0, 1], [0.2, 0.5], [-0.1], "threshold"),
        ([0, 1], [0.2, 0.5], [], "shape"),
        ([0, 1], [0.2, 5.0], [0.5], "not_probability"),
        ([0, 7], [0.2, 0.5], [0.5], "y"),
    ],
)
def test_refused(y, p, thresholds, code):
    with pytest.raises(EvaluationError) as raised:
        ours.decision_curve(y, p, thresholds)
    assert raised.value.code == code
    with pytest.raises(EvaluationError):
        ours.net_benefit_of_all(1.2, [0.5])
