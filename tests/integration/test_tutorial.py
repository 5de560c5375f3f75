"""The tutorial can be gone: its commands, its mistakes, its notebook, and pages that show them."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

import tumor_response as tr
from tumor_response.cli import app

DOCS = Path(__file__).parents[2] / "docs"
TRANSCRIPT = DOCS / "tutorial" / "transcript"
N_SIMULATED = 15
ONLY_WITH_SEVERAL_NAMES = "no_roi"
"""The simulated patients' tumours have one name, which ``--yes`` may take."""


# a new user's whole way: minutes where other things run beside it
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def programs() -> dict[str, ModuleType]:
    names = ("study", "shrinking", "steps", "notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS / "_tutorial"))
        return {name: importlib.import_module(name) for name in names}


@pytest.fixture(scope="module")
def tumour(programs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's folder: simulated patients only."""
    folder = tmp_path_factory.mktemp("tumour")
    programs["study"].make(folder, None, N_SIMULATED, 0)
    return folder


def typed_mistakes(steps: ModuleType) -> list:
    return [one for one in steps.MISTAKES if one.name != ONLY_WITH_SEVERAL_NAMES]


def type_in(line: str) -> tuple[int, str]:
    words = shlex.split(line)[1:]
    if words[0] != "verify":
        words += ["--n-jobs", "1"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def went(programs, tumour: Path) -> dict[str, tuple[int, str]]:
    """Exit code and output of every step, by its name."""
    steps = programs["steps"]
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tumour)
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
            patch.setenv(name, str(tumour / ".home" / name))
        for step in steps.steps(n_resamples=6):
            if isinstance(step, steps.Edit):
                step.apply(tumour / "study" / "study.toml")
            else:
                found[step.name] = type_in(step.line)
        for step in typed_mistakes(steps):
            found[f"mistake {step.name}"] = type_in(step.line)
    return found


def test_every_step_ends_as_the_tutorial_says(programs, went) -> None:
    way = [one for one in programs["steps"].steps() if hasattr(one, "line")]
    expected = {one.name: one.code for one in way}
    expected |= {f"mistake {one.name}": one.code for one in typed_mistakes(programs["steps"])}
    assert {name: code for name, (code, _) in went.items()} == expected, {
        name: said for name, (code, said) in went.items() if code != expected[name]
    }
    assert not [name for name, (_, said) in went.items() if "Traceback" in said]


def test_the_way_leaves_what_the_pages_promise(tumour: Path, went) -> None:
    for name in ("report.html", "predictor.trz", "tables/summary.csv", "bundle"):
        assert (tumour / "study" / name).exists(), name
    predicted = pd.read_csv(tumour / "predictions.csv")
    assert predicted["patient_id"].tolist() == [f"P{N_SIMULATED + 1:04d}"]
    assert predicted["probability"].between(0, 1).all()
    assert not (tumour / "other").exists(), "a mistake has begun something"


def test_nothing_is_done_twice_and_the_changed_cut_leaves_the_features(went) -> None:
    _, again = went["run_again"]
    assert "done in" not in again
    _, foretold = went["dry_run_changed"]
    assert re.search(r"features: .*up to date", foretold)
    assert re.search(r"evaluation: .*cut", foretold)


def test_mistakes_name_the_way_out(went) -> None:
    said = {name: text for name, (_, text) in went.items()}
    assert "exprot" in said["mistake folder"]
    assert "whole name" in said["mistake roi"]
    assert said["mistake roi"].count("no structure of a CT series matches") == 1
    assert "agee" in said["mistake column"]
    assert "dose_gy_at_follow_up" in said["mistake leak"]
    assert "stduy" in said["mistake study"]


def test_pages_show_the_steps_and_only_them(programs) -> None:
    steps = programs["steps"]
    lines = {one.name: one.line for one in steps.steps() if isinstance(one, steps.Command)}
    for name, line in lines.items():
        shown = (TRANSCRIPT / "way" / f"{name}.txt").read_text(encoding="utf-8")
        assert shown.startswith(f"$ {line}\n"), f"run docs/_tutorial/make.py: {name}"
    for one in steps.MISTAKES:
        shown = (TRANSCRIPT / "mistakes" / f"{one.name}.txt").read_text(encoding="utf-8")
        assert shown.startswith(f"$ {one.line}\n"), f"run docs/_tutorial/make.py: {one.name}"


def test_the_notebook_is_that_of_the_page(programs) -> None:
    notebook = programs["notebook"]
    text = notebook.PAGE.read_text(encoding="utf-8")
    assert notebook.NOTEBOOK.read_text(encoding="utf-8") == notebook.notebook_text(text)


def test_the_notebook_runs_to_the_report(programs, tumour: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(programs["notebook"].NOTEBOOK, as_version=4)
    changed = 0
    for cell in book.cells:
        fewer = cell.source.replace("N_RESAMPLES = 200", "N_RESAMPLES = 6")
        fewer = fewer.replace("n_jobs=2", "n_jobs=1")
        changed += fewer != cell.source
        cell.source = fewer
    assert changed > 2
    where = {"metadata": {"path": str(tumour)}}
    NotebookClient(book, timeout=300, kernel_name="python3", resources=where).execute()
    report = (tumour / "report.html").read_text(encoding="utf-8")
    assert "out-of-bag AUC of “all”" in report
    assert (tumour / "predictor.trz").is_file()


@pytest.mark.parametrize("remainder", [0.6, 0.9, 1.15])
def test_the_deformed_tumour_has_the_volume_that_was_asked_for(programs, remainder: float) -> None:
    z, y, x = np.indices((24, 48, 48))
    inside = np.sqrt(((z - 12) * 3.0) ** 2 + (y - 24.0) ** 2 + (x - 24.0) ** 2) < 16
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    image = sitk.GetImageFromArray(np.where(inside, 60, -80).astype(np.int16))
    for one in (mask, image):
        one.SetSpacing((1.0, 1.0, 3.0))
    after, left, retreat_mm = programs["shrinking"].shrunk(image, mask, remainder, seed=1)
    now = sitk.GetArrayFromImage(left) > 0
    assert now.sum() / inside.sum() == pytest.approx(remainder, abs=0.02)
    assert (retreat_mm > 0) == (remainder < 1)
    # image and contour went through the same map: the contour still parts bright from dark
    hu = sitk.GetArrayFromImage(after)
    assert ((hu > -10) == now).mean() > 0.99


@pytest.mark.needs("data")
def test_a_real_patient_keeps_its_ct_and_gets_the_simulated_outcome(
    programs, tmp_path: Path, shared_data: Path
) -> None:
    export = programs["study"].Export(tmp_path, seed=0)
    row = export.real(shared_data / "sts" / "dicom" / "STS_008")
    cohort = tr.Cohort.from_dicom(tmp_path, roi="GTV.*", clinical=pd.DataFrame([row]))
    (case,) = cohort
    there = sitk.ReadImage(shared_data / "sts" / "nifti" / "STS_008" / "CT_mask.nii.gz")
    now = sitk.GetArrayFromImage(case.read_mask())
    assert (now == sitk.GetArrayFromImage(there)).all()
    outcome = tr.shrinkage(cohort).iloc[0]
    assert 0 < outcome["volume_follow_up_cc"] < outcome["volume_baseline_cc"]
    assert 26 <= outcome["treatment_days"] <= 32
