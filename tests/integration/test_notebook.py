"""A notebook in a real kernel: every object shows itself, every bar can be seen, nothing fails."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

PROJECT = Path(__file__).resolve().parents[2]

MADE = """
import tempfile
import numpy as np, pandas as pd, tumor_response as tr
from tests.unit.explanation.attention.synthetic import attention_maps
from tumor_response.imaging.perturb import ContourOffset

HOSTILE = "<script>alert(1)</script>"
folder = tempfile.mkdtemp()
cohort = tr.simulate_cohort(n_patients=3, seed=0, directory=f"{folder}/sim")
case = next(iter(cohort))
features = tr.extract(cohort, [tr.ClinicalFactors(["age", "volume_cc"])])

rng = np.random.default_rng(0)
index = pd.MultiIndex.from_product([[f"P{i}" for i in range(60)], ["1"]],
                                   names=["patient_id", "lesion_id"])
X = pd.DataFrame(rng.normal(size=(60, 3)), index, ["clinical__age", "deep__a", "deep__b"])
X["clinical__volume_cc"] = rng.lognormal(3, 1, size=60)
y = (X["deep__a"] + rng.normal(size=60) > 0).astype(float)
scheme = tr.Bootstrap632Plus(n_resamples=100, seed=0)
ledger = tr.StudyLedger(f"{folder}/study")
models = {"logistic": tr.make_model("logistic"), "volume_only": tr.make_model("volume_only"),
          HOSTILE: tr.make_model("dummy")}
result = tr.evaluate(models, X, y, scheme, ledger=ledger)
few = tr.Bootstrap632Plus(n_resamples=10, seed=0)
study = tr.ablate(X, y, models=["logistic"], scheme=few)
explanation = tr.explain(result, "logistic")
trace = tr.leakage_trace({"logistic": tr.make_model("logistic")}, X, y, few, n_resamples=1)
differences = tr.group_differences(X, y, n_permutations=19)
probe = tr.probe_embedding(X, n_permutations=0)
check = tr.volume_check(result, n_resamples=10)
groups = result.subgroups("logistic", "volume_tertile")
robustness = tr.robustness(cohort, [tr.ClinicalFactors(["volume_cc"])],
                           {"growth": ContourOffset(min_mm=0.0, max_mm=2.0)},
                           n_repeats=2, store=f"{folder}/store")
maps = attention_maps()
predictor = tr.ShrinkagePredictor(n_resamples=2, n_repeats=1).fit_table(X, y)
"""

# what a cell ends with, and what its reader has to find
SHOWN = {
    "cohort": ["3 of 3 lesions", "age", "No image was read"],
    "case": ["voxels of", " cc", "data:image/png;base64,", "bar 20 mm"],
    "features": ["3 lesions of 3 patients", "clinical", "No failures"],
    "result": ["volume_only", "AUC out of bag", "minus volume alone", "what may be concluded"],
    "study": ["corrected for the choice", "clinical, deep"],
    "explanation": ["log-odds of response", "middle 95 % of resamples", "deep__a"],
    "trace": ["recorded", "1 of 10 resamples"],
    "differences": ["permuted", "deep__a"],
    "probe": ["log_volume"],
    "check": ["auc_adjusted"],
    "groups": ["tertile", "Subgroups"],
    "robustness": ["not for selecting"],
    "maps": ["grad_cam", "2 lesions"],
    "ledger": ["chain unbroken", "Configurations tried"],
    "predictor": ["Not a medical device", "60 patients", "volume alone"],
    "tr.ShrinkagePredictor()": ["not fitted", "Not a medical device"],
    "tr.make_model('logistic')": ["Pipeline", "sk-estimator"],
    "tr.make_model('logistic').fit(X, y)": ["Pipeline", "Fitted"],
}

BAR = """
import time
from tumor_response import progress
progress.SILENT_S = 0.2
for _ in progress.track(range(4), "Waiting"):
    time.sleep(0.15)
"""
TOO_SHORT = """
for _ in progress.track(range(3), "Nothing"):
    pass
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The outputs of each cell, by its source."""
    folder = tmp_path_factory.mktemp("jupyter")
    kernel = folder / "kernels" / "ours" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    paths = [str(PROJECT), *(path for path in sys.path if path)]
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "ours", "language": "python"}
    kernel.write_text(json.dumps(spec | {"env": {"PYTHONPATH": ":".join(paths)}}))
    cells = [MADE, *SHOWN, BAR, TOO_SHORT]
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "ours", "display_name": "ours"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}}).execute()
    nbformat.write(notebook, folder / "executed.ipynb")
    return {cell.source: cell.outputs for cell in notebook.cells}


@pytest.mark.parametrize("source", SHOWN)
def test_each_object_shows_what_its_reader_needs(executed: dict[str, Any], source: str) -> None:
    (output,) = executed[source]
    html = output["data"]["text/html"]
    assert "It cannot be shown" not in html
    text = re.sub(r"<style.*?</style>|<script.*?</script>", "", html, flags=re.S)
    for said in SHOWN[source]:
        assert said in text, said
    assert "alert(1)</script>" not in html
    plain = output["data"]["text/plain"]
    assert len(plain) > 20
    assert " object at 0x" not in plain


def test_volume_alone_comes_first(executed: dict[str, Any]) -> None:
    html = executed["result"][0]["data"]["text/html"]
    assert html.index("volume_only") < html.index("logistic")


def test_nothing_was_warned_of(executed: dict[str, Any]) -> None:
    """What work there was drew bars of text, and nothing else was written."""
    told = "".join(output["text"] for output in executed[MADE])
    assert "Warning" not in told
    assert set(re.findall(r"^[^\r]*$", told, flags=re.M)) <= {""}


def test_a_bar_can_be_seen_and_a_short_one_is_not_drawn(executed: dict[str, Any]) -> None:
    """Whether the notebook has widgets or not: what it writes names the work and its share."""
    drawn = json.dumps(executed[BAR])
    assert "Waiting" in drawn
    assert "/4" in drawn
    assert "Warning" not in drawn
    assert executed[TOO_SHORT] == []


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [390, 1280])
def test_the_cells_are_no_trouble_in_a_browser(
    executed: dict[str, Any], visit: Any, tmp_path: Path, width: int
) -> None:
    """No request, no complaint; what is wide scrolls inside its own frame."""
    page = tmp_path / "cells.html"
    html = "".join(executed[source][0]["data"]["text/html"] for source in list(SHOWN)[:15])
    head = "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    page.write_text(f"{head}<title>cells</title>{html}", encoding="utf-8")
    seen = visit(page, width=width)
    assert seen.complaints == []
    assert seen.requests == []
    assert seen.broken_images == 0
    assert seen.scroll_width <= width
