"""Scores on disk: resumed after a kill, never mixed with another evaluation's; fits kept."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from distributed import Client
from sklearn.base import BaseEstimator, ClassifierMixin

import tumor_response as tr
from tumor_response.evaluation.kept_fits import KeptFits
from tumor_response.exceptions import EvaluationError, SettingsError

SCHEME = tr.Bootstrap632Plus(n_resamples=12, seed=2)


class Counting(ClassifierMixin, BaseEstimator):
    """Counts its fits."""

    n_fits = 0

    def fit(self, X, y):
        Counting.n_fits += 1
        self.classes_ = np.array([0, 1])
        self.mean_ = float(np.mean(y))
        return self

    def predict_proba(self, X):
        score = 1 / (1 + np.exp(-X["deep__n__0"].to_numpy() - self.mean_))
        return np.column_stack([1 - score, score])


def test_a_second_call_finds_its_scores_and_fits_nothing_but_the_apparent_model(table, tmp_path):
    X, rate = table(30)
    y = (rate > 0).astype(float)
    Counting.n_fits = 0
    first = tr.evaluate({"m": Counting()}, X, y, SCHEME, directory=tmp_path / "run")
    assert Counting.n_fits == 13
    again = tr.evaluate({"m": Counting()}, X, y, SCHEME, directory=tmp_path / "run")
    assert Counting.n_fits == 14
    bare = tr.evaluate({"m": Counting()}, X, y, SCHEME)
    for other in (again, bare):
        pd.testing.assert_frame_equal(first.summary(), other.summary())
        pd.testing.assert_frame_equal(first.scores, other.scores)
        assert first.out_of_bag[3].train_values == other.out_of_bag[3].train_values


def test_a_torn_part_is_computed_again(table, tmp_path):
    X, rate = table(30)
    y = (rate > 0).astype(float)
    first = tr.evaluate({"m": Counting()}, X, y, SCHEME, directory=tmp_path)
    (part,) = (tmp_path / "scores").glob("*.npz")
    part.write_bytes(part.read_bytes()[:100])
    Counting.n_fits = 0
    again = tr.evaluate({"m": Counting()}, X, y, SCHEME, directory=tmp_path)
    assert Counting.n_fits == 13
    pd.testing.assert_frame_equal(first.scores, again.scores)


@pytest.mark.parametrize("change", ["value", "outcome", "model", "scheme", "label", "weight"])
def test_another_evaluation_does_not_get_these_scores(table, tmp_path, change):
    X, rate = table(30)
    X, rate = X.copy(), rate.copy()
    models = {"m": tr.make_model("volume_only")}
    how = {"scheme": SCHEME, "label": tr.ResponderCut("median"), "sample_weight": None}
    tr.evaluate(models, X, rate, **how, directory=tmp_path)
    match change:
        case "value":
            X.iloc[0, 0] += 1e-9
        case "outcome":
            rate.iloc[0] += 1e-9
        case "model":
            models = {"m": tr.make_model("volume_only", C=2.0)}
        case "scheme":
            how["scheme"] = tr.Bootstrap632Plus(n_resamples=12, seed=3)
        case "label":
            how["label"] = tr.ResponderCut("lower_tertile")
        case "weight":
            how["sample_weight"] = pd.Series(2.0, X.index)
    with pytest.raises(EvaluationError, match="holds another evaluation") as caught:
        tr.evaluate(models, X, rate, **how, directory=tmp_path)
    assert caught.value.code == "other_evaluation"


def test_a_directory_that_cannot_be_written_to_is_told(table, tmp_path, monkeypatch):
    X, rate = table(30)
    y = (rate > 0).astype(float)
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match="cannot be written to") as caught:
        tr.evaluate({"m": Counting()}, X, y, SCHEME, directory=tmp_path / "file")
    assert caught.value.code == "directory_unwritable"

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(EvaluationError, match="No space left") as caught:
        tr.evaluate({"m": Counting()}, X, y, SCHEME, directory=tmp_path / "run")
    assert caught.value.code == "directory_unwritable"


SCRIPT = """
    import sys, time
    import numpy as np, pandas as pd
    import tumor_response as tr
    from tumor_response.evaluation import storing
    from sklearn.linear_model import LogisticRegression

    class Slow(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            time.sleep(float(sys.argv[2]))
            return super().fit(X, y)

    storing._WRITE_EVERY_S = 0.0
    rng = np.random.default_rng(0)
    index = pd.Index([f"P{i}" for i in range(30)], name="patient_id")
    X = pd.DataFrame(rng.normal(size=(30, 3)), index, columns=["a", "b", "c"])
    y = (X["a"] + rng.normal(size=30) > 0).astype(float)
    result = tr.evaluate({"m": Slow()}, X, y, tr.Bootstrap632Plus(n_resamples=30),
                         directory=sys.argv[1])
    print(repr(result.oob_aucs("m").tolist()))
"""


def run(script: Path, directory: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(script), str(directory), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_after_a_kill_it_goes_on_and_ends_with_the_same_numbers(tmp_path):
    script = tmp_path / "study.py"
    script.write_text(textwrap.dedent(SCRIPT))
    killed = run(script, tmp_path / "killed", 0.2)
    scores = tmp_path / "killed" / "scores"
    deadline = time.monotonic() + 120
    while len(list(scores.glob("*.npz"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    there = len(list(scores.glob("*.npz")))
    assert 3 <= there < 30
    resumed, whole = run(script, tmp_path / "killed", 0.0), run(script, tmp_path / "whole", 0.0)
    assert resumed.communicate()[0] == whole.communicate()[0] != ""
    assert resumed.returncode == whole.returncode == 0


@pytest.mark.parametrize("name", ["logistic", "xgboost", "volume_only", "dummy"])
def test_kept_fits_predict_what_they_predicted(table, tmp_path, name):
    X, rate = table(30)
    X["clinical__sex"] = pd.Categorical(["m", "f"] * 15)
    y = (rate > 0).astype(float)
    scheme = tr.Bootstrap632Plus(n_resamples=2)
    result = tr.evaluate(
        {"a/b c": tr.make_model(name)}, X, y, scheme, directory=tmp_path, keep_fits=True
    )
    fits = KeptFits(tmp_path)
    for number, resample in enumerate(result.resamples):
        fitted = fits.load("a/b c", number)
        score = fitted.predict_proba(X.iloc[resample.test])[:, 1]
        assert (score == result.out_of_bag[number].scores["a/b c"]).all()
    assert not [p for p in tmp_path.rglob("*") if p.suffix in (".pkl", ".joblib", ".part")]


def test_fits_asked_for_later_are_made_then(table, tmp_path):
    X, rate = table(30)
    y = (rate > 0).astype(float)
    scheme = tr.Bootstrap632Plus(n_resamples=2)
    models = {"m": tr.make_model("volume_only")}
    first = tr.evaluate(models, X, y, scheme, directory=tmp_path)
    with pytest.raises(EvaluationError, match="No fits are kept"):
        KeptFits(tmp_path)
    again = tr.evaluate(models, X, y, scheme, directory=tmp_path, keep_fits=True)
    pd.testing.assert_frame_equal(first.scores, again.scores)
    assert KeptFits(tmp_path).load("m", 1)
    with pytest.raises(EvaluationError, match="No fit of 'other'"):
        KeptFits(tmp_path).load("other", 0)


def test_a_fit_of_a_foreign_type_is_built_only_if_it_is_named(table, tmp_path):
    X, rate = table(30)
    y = (rate > 0).astype(float)
    scheme = tr.Bootstrap632Plus(n_resamples=2)
    tr.evaluate({"m": Counting()}, X, y, scheme, directory=tmp_path, keep_fits=True)
    with pytest.raises(EvaluationError, match="not built unasked") as caught:
        KeptFits(tmp_path).load("m", 0)
    assert caught.value.code == "untrusted"
    name = f"{Counting.__module__}.Counting"
    assert name in str(caught.value)


def test_fits_need_a_directory(table):
    X, rate = table(30)
    with pytest.raises(EvaluationError, match="needs a directory"):
        tr.evaluate(Counting(), X, (rate > 0).astype(float), SCHEME, keep_fits=True)


def test_a_dask_cluster_gives_the_same_bytes(table):
    X, rate = table(30)
    y = (rate > 0).astype(float)
    models = {"m": tr.make_model("logistic")}
    here = tr.evaluate(models, X, y, SCHEME)
    with Client(n_workers=2, processes=False, dashboard_address=":0") as client:
        there = tr.evaluate(models, X, y, SCHEME, client=client)
        with pytest.raises(SettingsError, match="Give one or the other"):
            tr.evaluate(models, X, y, SCHEME, client=client, n_jobs=2)
    pd.testing.assert_frame_equal(here.scores, there.scores)
    assert here.scores["score"].to_numpy().tobytes() == there.scores["score"].to_numpy().tobytes()
