"""What takes long has a bar: which words each work puts in front of it, and when none is drawn."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.svm import SVC

import tumor_response as tr
from tests.unit.cases import cohort_folder
from tests.unit.evaluation.conftest import make_table
from tumor_response import progress
from tumor_response.cohort import Cohort
from tumor_response.features import run_progress
from tumor_response.imaging.perturb import ContourOffset

FEW = tr.Bootstrap632Plus(n_resamples=3, seed=0)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words of every bar that would have been drawn."""
    words: list[str] = []
    real = progress.open_bar

    def noted(description: str, *given: Any, **how: Any) -> Any:
        words.append(description)
        return real(description, *given, **how)

    monkeypatch.setattr(progress, "open_bar", noted)
    monkeypatch.setattr(run_progress, "open_bar", noted)
    monkeypatch.setattr(run_progress, "SILENT_S", -1.0)
    return words


def evaluate(folder: Path) -> Any:
    X, y = make_table(40)
    y = (y > y.median()).astype(float)
    return tr.evaluate(tr.make_model("volume_only"), X, y, FEW), X, y


def made(folder: Path) -> Cohort:
    return Cohort.from_frame(cohort_folder(folder, 2), folder)


def explain_fitted(folder: Path) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(12, 2)), columns=["deep__a", "deep__b"])
    model = SVC().fit(X, (X["deep__a"] > 0).astype(int))
    tr.explain(model, X, in_sample=True, n_pairs=2)


WORK: dict[str, tuple[Callable[[Path], Any], str]] = {
    "simulate": (lambda f: tr.simulate_cohort(2, seed=0, directory=f / "s"), "Simulating patients"),
    "extract": (lambda f: tr.extract(made(f), [tr.ClinicalFactors(["volume_cc"])]), "Extracting"),
    "shrinkage": (lambda f: tr.shrinkage(made(f)), "Measuring volumes"),
    "check": (lambda f: tr.check(made(f)), "Checking cases"),
    "evaluate": (evaluate, "Fitting on all rows"),
    "explain": (explain_fitted, "Explaining SVC"),
    "robustness": (
        lambda f: tr.robustness(
            made(f),
            [tr.ClinicalFactors(["volume_cc"])],
            {"growth": ContourOffset(min_mm=0.0, max_mm=1.0)},
            n_repeats=2,
            store=f / "store",
        ),
        "Extracting",
    ),
}


@pytest.mark.parametrize("name", WORK)
def test_work_that_takes_long_has_a_bar(name: str, told: list[str], tmp_path: Path) -> None:
    work, words = WORK[name]
    work(tmp_path)
    assert any(one.startswith(words) for one in told), told


def test_evaluation_and_what_is_made_of_it_have_bars(told: list[str], tmp_path: Path) -> None:
    result, X, y = evaluate(tmp_path)
    assert len(told) == 2  # all rows, and the resamples
    del told[:]
    tr.explain(result, "model")
    assert told == ["Explaining model"]
    del told[:]
    tr.leakage_trace(tr.make_model("volume_only"), X, y, FEW, n_resamples=1)
    assert told
    del told[:]
    tr.ShrinkagePredictor(model="volume_only", n_resamples=2, n_repeats=1).fit_table(X, y)
    assert "Fitting the predictor" in told


def test_a_log_holds_no_bar() -> None:
    code = (
        "import time\nfrom tumor_response import progress\nprogress.SILENT_S = 0\n"
        "for _ in progress.track(range(3), 'Waiting'): time.sleep(0.05)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_bar_that_is_left_early_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    bars: list[Any] = []
    real = progress.open_bar
    monkeypatch.setattr(progress, "open_bar", lambda *a, **k: bars.append(real(*a, **k)) or bars[0])
    going = progress.track(range(3), "Waiting")
    next(going)
    going.close()
    assert bars[0].disable  # tqdm's word for a bar that is gone
