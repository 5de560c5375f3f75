"""``tumor-response run`` and ``report``: what they say, and how they end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tumor_response as tr
from tests.unit.cli.test_cli import run
from tests.unit.study.folders import LIGHT, results, write_data, write_study
from tumor_response.evaluation import evaluating
from tumor_response.study import measuring
from tumor_response.study.lock import alone_in


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("studies")
    write_data(root)
    return root


@pytest.fixture(scope="module")
def done(root: Path) -> tuple[Path, str]:
    """A study that was run once, and what was said."""
    folder = write_study(root / "done", **LIGHT)
    code, said = run("run", folder, "--n-jobs", 1)
    assert code == 0
    return folder, said


def test_a_run_ends_with_the_results_and_the_report(done: tuple[Path, str]) -> None:
    folder, said = done
    assert "evaluation: for the first time" in said
    assert "Area under the ROC curve" in said
    assert "volume_only" in said
    assert (folder / "report.html").is_file()


def test_a_second_run_does_nothing(done: tuple[Path, str]) -> None:
    folder, _ = done
    before = (folder / "report.html").stat().st_mtime_ns
    code, said = run("run", folder, "--n-jobs", 1)
    assert code == 0
    assert said.count("up to date") == 7
    assert "again" not in said
    assert (folder / "report.html").stat().st_mtime_ns == before
    assert len(tr.StudyLedger(folder).evaluations()) == 1


def test_a_typo_in_the_settings_is_a_line_and_a_suggestion(root: Path) -> None:
    folder = write_study(root / "typo", **LIGHT)
    text = (folder / "study.toml").read_text(encoding="utf-8")
    (folder / "study.toml").write_text(text.replace("\nn_resamples = 4", "\nn_resample = 4", 1))
    line = next(i for i, one in enumerate(text.splitlines(), 1) if one == "n_resamples = 4")
    code, said = run("run", folder)
    assert code == 2
    assert f"study.toml, line {line}: [evaluation] has no key 'n_resample'" in said
    assert "did you mean 'n_resamples'?" in said
    assert "Traceback" not in said
    assert not (folder / "stages").exists()


def test_a_folder_that_is_no_study_says_how_one_is_made(tmp_path: Path) -> None:
    code, said = run("run", tmp_path)
    assert code == 2
    assert "tumor-response init" in said


def test_a_folder_that_is_in_use_is_left_alone(root: Path) -> None:
    folder = write_study(root / "in_use", **LIGHT)
    with alone_in(folder):
        code, said = run("run", folder)
    assert code == 2
    assert "Another run is writing to" in said


def test_a_wrong_preset_fails_before_any_work(root: Path) -> None:
    settings = {**LIGHT, "features": {"radiomics": "headneck"}}
    settings["models"] = {"headline": "volume_only", "names": []}
    folder = write_study(root / "preset", **settings)
    code, said = run("run", folder)
    assert code == 2
    assert "'headneck' is neither a preset" in said
    assert not (folder / "stages" / "check.json").exists()


def test_an_end_point_without_two_classes_fails_before_the_features(root: Path) -> None:
    folder = write_study(root / "one_class", **{**LIGHT, "outcome": {"cut": 1000}})
    code, said = run("run", folder, "--n-jobs", 1)
    assert code == 2
    assert "All 12 lesions are of class 0" in said
    assert not (folder / "features").exists()


def test_ctrl_c_leaves_what_was_finished(
    root: Path, done: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = root / "stopped"
    shutil.copytree(done[0], folder)
    write_study(folder, **{**LIGHT, "evaluation": {"n_resamples": 5}})

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(measuring, "enter_once", stop)  # all is computed, nothing is recorded
        code, said = run("run", folder, "--n-jobs", 1)
    assert code == 130
    assert "Run the same command again" in said
    code, said = run("run", folder, "--only", "evaluation", "--n-jobs", 1)
    assert code == 0
    assert "features: up to date" in said
    assert "evaluation: goes on" in said
    assert len(tr.StudyLedger(folder).evaluations()) == 2


def test_a_dry_run_says_why_and_how_long_and_writes_nothing(
    root: Path, done: tuple[Path, str]
) -> None:
    folder = root / "dry"
    shutil.copytree(done[0], folder)
    write_study(folder, **{**LIGHT, "evaluation": {"n_resamples": 400}})
    before = results(folder)
    code, said = run("run", folder, "--dry-run", "--n-jobs", 1)
    assert code == 0
    assert "evaluation: [evaluation] n_resamples changed from 4 to 400" in said
    assert "features: up to date" in said
    assert "evaluation: about" in said
    assert "on 1 worker." in said
    assert results(folder) == before


def test_a_dry_run_of_a_new_study_tells_time_and_disk(root: Path) -> None:
    folder = write_study(root / "dry_new", **LIGHT)
    code, said = run("run", folder, "--dry-run", "--n-jobs", 1)
    assert code == 0
    for word in ("features: not done yet", "Disk:", "evaluation: about", "Together about"):
        assert word in said
    assert set(results(folder)) == {"study.toml"}


def test_the_report_is_written_again_elsewhere(
    done: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = done
    for function in ("run_resamples", "fit_model"):
        monkeypatch.setattr(evaluating, function, None)  # nothing is fitted again
    code, said = run("report", folder, "--out", tmp_path / "copy.html", "--n-jobs", 1)
    assert code == 0
    assert "copy.html" in said
    assert (tmp_path / "copy.html").read_bytes() == (folder / "report.html").read_bytes()


def test_a_report_before_any_run_says_what_to_do(root: Path) -> None:
    folder = write_study(root / "unborn", **LIGHT)
    code, said = run("report", folder, "--n-jobs", 1)
    assert code == 2
    assert "check is not up to date: not done yet" in said
    assert "tumor-response run" in said
