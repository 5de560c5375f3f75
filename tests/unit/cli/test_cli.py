"""What a person sees who mistypes: one message, an exit code, no traceback, nothing begun."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

import tumor_response as tr
from tests.unit import cases
from tumor_response.cli import app
from tumor_response.cli.study import Study, categories_of
from tumor_response.exceptions import ManifestError, SettingsError
from tumor_response.study.extracting import cache_sentence
from tumor_response.study.naming import chosen, study_models
from tumor_response.study.plan import Plan


def run(*arguments: object) -> tuple[int, str]:
    """Return exit code and everything printed; an exception that is no exit fails the test."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    return result.exit_code, " ".join(re.sub(r"[│╭╮╰╯─]", " ", result.output).split())


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Three patients with tiny images and a clinical column."""
    image = sitk.Image(8, 8, 8, sitk.sitkInt16)
    image[0, 0, 0] = -1000
    mask = sitk.Image(8, 8, 8, sitk.sitkUInt8)
    mask[2:5, 2:5, 2:5] = 1
    sitk.WriteImage(image, tmp_path / "ct.nii.gz")
    sitk.WriteImage(mask, tmp_path / "gtv.nii.gz")
    rows = [
        {"patient_id": f"P{i}", "image": "ct.nii.gz", "mask": "gtv.nii.gz", "age": 60 + i}
        for i in range(3)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    return tmp_path / "manifest.csv"


def test_an_unknown_manifest_is_a_message_and_code_2(tmp_path: Path) -> None:
    code, said = run("extract", tmp_path / "none.csv", "--out", tmp_path / "out")
    assert code == 2
    assert "none.csv: no such manifest" in said
    assert "Traceback" not in said


def test_all_faults_of_a_manifest_are_shown(manifest: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(manifest)
    frame.loc[1, "mask"] = "lost.nii.gz"
    frame.loc[2, "patient_id"] = "P0"
    frame.to_csv(manifest, index=False)
    code, said = run("extract", manifest, "--out", tmp_path / "out", "--backbone", "none")
    assert code == 2
    assert "2 faults" in said
    assert "line 3: mask 'lost.nii.gz' does not exist" in said
    assert "line 4: patient_id 'P0'" in said


WRONG = {
    "end point": (["--by", "shrinkage"], "'shrinkage' is no end point; expected one of"),
    "cut": (["--cut", "mean"], "expected 'median' or a finite number"),
    "model": (["--model", "forest"], "'forest' is not a model of this study; expected one of"),
    "category": (["--category", "sex"], "sex=female,male"),
    "preset": (["--radiomics", "headneck"], "'headneck' is neither a preset (head_neck_ct"),
    "network": (["--backbone", "resnet51"], "resnet51"),
    "column": (["--clinical", "smoking"], "no clinical column 'smoking'; it has: age"),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("command", ["evaluate", "explain"])
def test_a_wrong_option_fails_before_any_work(
    command: str, what: str, manifest: Path, tmp_path: Path
) -> None:
    options, expected = WRONG[what]
    out = tmp_path / "out"
    light = [] if what in ("preset", "network") else ["--radiomics", "none", "--backbone", "none"]
    code, said = run(command, manifest, "--out", out, *light, *options)
    assert code == 2
    assert expected in said
    assert "Traceback" not in said
    assert not out.exists()


def test_too_few_permutations_fail_before_any_work(manifest: Path, tmp_path: Path) -> None:
    out, light = tmp_path / "out", ("--radiomics", "none", "--backbone", "none")
    code, said = run("explain", manifest, "--out", out, *light, "--permutations", "5")
    assert code == 2
    assert "n_permutations" in said
    assert not out.exists()


@pytest.mark.parametrize(
    ("followed", "options", "expected"),
    [
        (False, [], "No lesion has rate_percent_per_day: follow_up_missing (4)"),
        (False, ["--cut", "0.5"], "No lesion has rate_percent_per_day: follow_up_missing (4)"),
        (True, ["--cut", "50"], "All 4 lesions are of class 0"),
    ],
)
def test_an_end_point_without_two_classes_fails_before_any_work(
    tmp_path: Path, followed: bool, options: list[str], expected: str
) -> None:
    manifest, out = tmp_path / "manifest.csv", tmp_path / "out"
    frame = cases.cohort_folder(tmp_path, 4)
    if not followed:
        frame = frame.drop(columns=[c for c in frame if c.startswith("follow_up")])
    frame.to_csv(manifest, index=False)
    light = ("--radiomics", "none", "--backbone", "none")
    code, said = run("evaluate", manifest, "--out", out, *light, *options)
    assert code == 2
    assert expected in said
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--failed", "ignore"], "'ignore' is not one of 'error', 'drop', 'impute'"),
        (["--per", "fraction"], "'fraction' is not one of"),
        (["--n-resamples", "1"], "--n-resamples"),
        (["--resamples", "9"], "No such option"),
    ],
)
def test_an_option_out_of_its_choices_is_refused(
    manifest: Path, tmp_path: Path, options: list[str], expected: str
) -> None:
    code, said = run("evaluate", manifest, "--out", tmp_path / "out", *options)
    assert code == 2
    assert expected in said


def test_debug_shows_the_error_itself(tmp_path: Path) -> None:
    with pytest.raises(ManifestError):
        run("extract", tmp_path / "none.csv", "--out", tmp_path / "out", "--debug")


def test_ctrl_c_says_how_to_go_on(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Study, *options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Study, "extract", interrupted)
    code, said = run("extract", manifest, "--out", tmp_path / "out")
    assert code == 130
    assert "Run the same command again" in said


def test_a_file_where_a_folder_should_be_is_a_message(manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    options = ["--out", tmp_path / "out", "--radiomics", "none", "--backbone", "none"]
    code, said = run("extract", manifest, *options, "--n-jobs", "1")
    assert code == 2
    assert said.count("Error:") == 1
    assert "Traceback" not in said


def test_a_fault_of_ours_keeps_its_traceback(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Study, *options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Study, "extract", broken)
    with pytest.raises(ZeroDivisionError):
        run("extract", manifest, "--out", tmp_path / "out")


def test_extract_writes_the_table_and_names_unused_columns(manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said = run(
        *("extract", manifest, "--out", out, "--radiomics", "none", "--backbone", "none"),
        *("--n-jobs", "1"),
    )
    assert code == 0, said
    assert "not used (see --clinical): age" in said
    table = tr.FeatureTable.load(out / "features")
    assert list(table.data.filter(like="clinical__")) == ["clinical__volume_cc"]
    exported = pd.read_csv(out / "tables" / "features.csv")
    assert exported["clinical__volume_cc"].tolist() == [0.027] * 3


def test_volume_is_there_beside_the_clinical_columns_named(manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said = run(
        *("extract", manifest, "--out", out, "--radiomics", "none", "--backbone", "none"),
        *("--clinical", "age", "--n-jobs", "1"),
    )
    assert code == 0, said
    assert "not used" not in said
    columns = list(tr.FeatureTable.load(out / "features").data.filter(like="clinical__"))
    assert columns == ["clinical__age", "clinical__volume_cc"]


def test_a_demo_folder_with_another_cohort_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "demo" / "cohort"
    folder.mkdir(parents=True)
    record = folder / "simulation.json"
    record.write_text(json.dumps({"n_patients": 60, "seed": 7}), encoding="utf-8")
    code, said = run("demo", "--directory", tmp_path / "demo", "--radiomics", "minimal")
    assert code == 2
    assert "another simulated cohort" in said
    assert "--directory" in said
    assert [p.name for p in folder.iterdir()] == ["simulation.json"]


def test_version_and_help() -> None:
    assert run("--version") == (0, f"tumor-response {tr.__version__}")
    code, said = run("--help")
    assert code == 0
    for command in ("demo", "extract", "evaluate", "explain", "not a medical device"):
        assert command in said


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from tumor_response.cli import app\n"
        "assert CliRunner().invoke(app, ['evaluate', '--help']).exit_code == 0\n"
        "heavy = {'torch', 'timm', 'xgboost', 'shap', 'radiomics', 'sklearn', 'pandas', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_two_baselines_are_models_of_every_study() -> None:
    assert list(study_models(["clinical"], 0)) == ["volume_only", "clinical_only"]
    assert list(study_models(["radiomics", "deep", "clinical"], 0)) == [
        *("volume_only", "clinical_only", "logistic_radiomics", "logistic_deep"),
        *("logistic_all", "xgboost_all"),
    ]


def test_models_keep_their_order_whatever_order_they_are_named_in() -> None:
    assert list(chosen({"a": 1, "b": 2, "c": 3}, ("c", "a"))) == ["a", "c"]


def test_a_fixed_cut_is_a_number_in_the_unit_of_the_end_point() -> None:
    assert Plan(by="volume_change_percent", cut="-30").label() == tr.ResponderCut(
        -30.0, "volume_change_percent"
    )
    with pytest.raises(SettingsError, match="expected 'median' or a finite number"):
        Plan(cut="thirty").label()


def test_categories_are_read_with_their_levels() -> None:
    assert categories_of(["sex=female, male"]) == {"sex": ["female", "male"]}


@pytest.mark.parametrize(
    ("hits", "misses", "said"),
    [(0, 4, "Nothing came"), (4, 0, "All 4 extractions"), (1, 3, "1 of 4 extractions")],
)
def test_what_the_cache_knew_is_said(hits: int, misses: int, said: str) -> None:
    assert cache_sentence({"hits": hits, "misses": misses}).startswith(said)


def test_a_folder_that_another_run_writes_to_is_left_alone(tmp_path: Path, manifest: Path) -> None:
    from tumor_response.study.lock import alone_in

    out = tmp_path / "study"
    with alone_in(out):
        code, said = run("evaluate", manifest, "--out", out)
    assert code == 2
    assert "Another run is writing to" in said
    assert not out.exists()


def test_a_file_where_the_results_should_go(tmp_path: Path, manifest: Path) -> None:
    (tmp_path / "study").write_text("")
    code, said = run("extract", manifest, "--out", tmp_path / "study")
    assert code == 2
    assert "is a file, or lies below one" in said


@pytest.mark.parametrize("command", ["extract", "evaluate", "explain"])
def test_no_jobs(tmp_path: Path, manifest: Path, command: str) -> None:
    code, said = run(command, manifest, "--out", tmp_path / "study", "--n-jobs", 0)
    assert code == 2
    assert "n_jobs=0" in said
