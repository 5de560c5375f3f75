"""A study is run: once, again, killed in the middle; what stages read is what they say they read."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tumor_response as tr
from tests.unit.study.folders import LIGHT, results, write_data, write_study
from tumor_response.evaluation import evaluating
from tumor_response.evaluation.ledger import check_plan, read_plan
from tumor_response.exceptions import SettingsError
from tumor_response.study import (
    StudyRun,
    StudySettings,
    read_settings,
    rebuild_report,
    run,
    running,
    status,
)
from tumor_response.study.lock import alone_in
from tumor_response.study.measuring import enter_once
from tumor_response.study.settings import SECTIONS
from tumor_response.study.stages import asked_stages
from tumor_response.study.working import Work


def silent(text: str) -> None:
    """Take what is said."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("studies")
    write_data(root)
    return root


class Watched:
    """A section, or all of them, that notes which keys are read."""

    def __init__(self, of: Any, note: Callable[[str], None], section: str = "") -> None:
        self._of, self._note, self._section = of, note, section

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if self._section:
            self._note(f"{self._section}.{name}")
        return Watched(found, self._note, name) if name in SECTIONS else found


class Watching:
    """What each stage reads of the settings while it is done."""

    def __init__(self) -> None:
        self.read: dict[str, set[str]] = {}
        self._now: set[str] = set()

    def note(self, key: str) -> None:
        self._now.add(key)

    def tell(self, text: str) -> None:
        stage, _, what = text.partition(": ")
        if what == "for the first time":
            self._now = self.read.setdefault(stage, set())
        elif what.startswith("done in"):
            self._now = set()  # what a stage is made from is looked up between stages


@pytest.fixture(scope="module")
def watching() -> Watching:
    return Watching()


@pytest.fixture(scope="module")
def whole(root: Path, watching: Watching) -> StudyRun:
    """One whole run, with features of images."""

    class WatchedWork(Work):
        def __init__(self, folder: Path, settings: Any, *others: Any) -> None:
            super().__init__(folder, Watched(settings, watching.note), *others)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(running, "Work", WatchedWork)
        return run(write_study(root / "whole"), tell=watching.tell)


@pytest.fixture(scope="module")
def light(root: Path) -> StudyRun:
    """One whole run, of clinical variables alone."""
    return run(write_study(root / "light", **LIGHT), tell=silent)


def again(folder: Path, light: StudyRun, **sections: Any) -> Path:
    """Return a copy of the light study with other settings; its report is left out."""
    shutil.copytree(light.folder, folder)
    (folder / "stages" / "report.json").unlink()
    return write_study(folder, **{**LIGHT, **sections})


def test_every_stage_is_done_once_and_then_up_to_date(whole: StudyRun) -> None:
    assert [done.stage for done in whole.stages] == [
        *("check", "outcomes", "coupling", "features", "evaluation", "leakage", "controls"),
        *("ablation", "explanation", "report"),
    ]
    assert all(done.why == ("not done yet",) for done in whole.stages)
    before = results(whole.folder)
    again = run(whole.folder, tell=silent)
    assert all(not done.why and done.seconds is None for done in again.stages)
    assert results(whole.folder) == before


def test_what_a_run_gives_is_what_the_functions_give(whole: StudyRun, root: Path) -> None:
    cohort = tr.Cohort.from_csv(root / "data" / "manifest.csv")
    outcomes = tr.shrinkage(cohort)
    pd.testing.assert_frame_equal(whole.outcomes, outcomes)
    table = tr.extract(cohort, [tr.Radiomics("minimal"), tr.ClinicalFactors(["age", "volume_cc"])])
    assert whole.table.provenance["data_sha256"] == table.provenance["data_sha256"]
    result = tr.evaluate(
        {
            "volume_only": tr.make_model("volume_only"),
            "clinical_only": tr.make_model("clinical_only"),
        },
        table,
        outcomes["rate_percent_per_day"],
        tr.Bootstrap632Plus(n_resamples=5),
        label=tr.ResponderCut("median", "rate_percent_per_day"),
    )
    found = whole.evaluation.summary()
    pd.testing.assert_series_equal(
        found.loc[list(result.models), "auc_oob"], result.summary()["auc_oob"]
    )
    assert list(found.index) == ["volume_only", "clinical_only", "logistic_all"]


def test_the_report_has_what_the_run_has(whole: StudyRun) -> None:
    page = whole.report.read_text(encoding="utf-8")
    for word in ("logistic_all", "Leakage", "configurations tried", "permuted", "Plan"):
        assert word in page


def test_the_plan_was_frozen_before_anything_was_evaluated(whole: StudyRun) -> None:
    frozen = read_plan(whole.folder)
    assert frozen.n_evaluations_before == 0
    assert frozen.plan.primary == ("logistic_all", "volume_only")
    done = check_plan(whole.evaluation, frozen)
    assert done["as_planned"].dropna().all()


def test_every_evaluation_is_in_the_ledger_once(whole: StudyRun) -> None:
    ledger = tr.StudyLedger(whole.folder)
    assert [entry["kind"] for entry in ledger.evaluations()] == ["evaluate", "ablate"]
    enter_once(ledger, whole.evaluation, "evaluate")
    assert len(ledger.evaluations()) == 2


def test_a_torn_line_of_the_ledger_is_set_aside_and_entered(root: Path, light: StudyRun) -> None:
    folder = again(root / "torn", light, outcome={"cut": "upper_tertile"})
    ledger = tr.StudyLedger(folder)
    with ledger.chain.path.open("ab") as file:
        file.write(b'{"kind": "eval')
    run(folder, only="evaluation", tell=silent)
    kinds = [entry["kind"] for entry in ledger.entries()]
    assert kinds == ["plan", "evaluate", "torn_line", "evaluate"]


def test_a_change_of_mind_is_counted(root: Path, light: StudyRun) -> None:
    folder = again(root / "minds", light)
    for n_resamples in (5, 4):
        write_study(folder, **{**LIGHT, "evaluation": {"n_resamples": n_resamples}})
        run(folder, only="evaluation", tell=silent)
    ledger = tr.StudyLedger(folder)
    assert len(ledger.evaluations()) == 2  # the third is the first again
    assert "in 2 evaluations" in ledger.text()


def test_why_a_stage_is_done_again_is_said(root: Path, light: StudyRun) -> None:
    folder = again(root / "why", light, evaluation={"n_resamples": 6})
    said: list[str] = []
    run(folder, only="explanation", tell=said.append)
    told = "evaluation: again, because [evaluation] n_resamples changed from 4 to 6"
    assert told in said
    assert "features: up to date" in said
    assert "explanation: again, because evaluation changed" in said


def test_a_result_that_stays_the_same_ends_the_chain(root: Path, light: StudyRun) -> None:
    folder = again(root / "chain", light)
    done = {
        one.stage: one.why
        for one in run(folder, since="outcomes", only="coupling", tell=silent).stages
    }
    assert done == {"outcomes": ("you asked for it",), "coupling": ("you asked for it",)}
    assert all(not one.why for one in run(folder, only="explanation", tell=silent).stages)


def test_a_table_that_was_deleted_is_written_again_without_an_evaluation(
    root: Path, light: StudyRun
) -> None:
    folder = again(root / "deleted", light)
    path = folder / "tables" / "summary.csv"
    before = path.read_bytes()
    path.unlink()
    said: list[str] = []
    run(folder, only="explanation", tell=said.append)
    assert path.read_bytes() == before
    assert not [line for line in said if line.startswith("Evaluating")]
    assert "explanation: up to date" in said


def test_a_kept_result_that_was_damaged_is_made_again(root: Path, light: StudyRun) -> None:
    folder = again(root / "damaged", light)
    path = folder / "stages" / "evaluation.npz"
    before = path.read_bytes()
    path.write_bytes(before[:-7])
    done = {one.stage: one.why for one in run(folder, only="explanation", tell=silent).stages}
    assert done["evaluation"] == ("stages/evaluation.npz was changed",)
    assert path.read_bytes() == before
    assert done["explanation"] == ()


PROGRAM = """
import sys
from tumor_response.study import run
run(sys.argv[1], tell=lambda text: print(text, flush=True))
"""


def killed_when(folder: Path, line: str, with_signal: int) -> int:
    """Run a study in another process and end it when it says a line; return its exit status."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    for said in process.stdout:
        if said.startswith(line):
            process.send_signal(with_signal)
            break
    process.stdout.close()
    return process.wait(timeout=120)


def test_killed_in_the_middle_the_next_run_gives_the_same_bytes(
    root: Path, light: StudyRun
) -> None:
    folder = write_study(root / "killed", **LIGHT)
    assert killed_when(folder, "Evaluating", signal.SIGKILL) == -signal.SIGKILL
    assert not (folder / "report.html").exists()
    assert [one.stage for one in status(folder, tell=silent) if one.why][0] == "evaluation"
    run(folder, tell=silent)
    found, expected = results(folder), results(light.folder)
    assert set(found) == set(expected)
    different = {name for name in found if found[name] != expected[name]}
    # the report says when the ledger was written
    assert different <= {"report.html", "stages/report.json"}
    assert [e["kind"] for e in tr.StudyLedger(folder).evaluations()] == ["evaluate"]
    assert not list((folder / "stages" / "part_way").iterdir())


def test_two_runs_in_one_folder_are_refused(root: Path) -> None:
    folder = write_study(root / "two", **LIGHT)
    with alone_in(folder), pytest.raises(SettingsError, match="Another run is writing"):
        run(folder, tell=silent)
    assert not (folder / "stages").exists()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"only": "evaluate"}, "'evaluate' is no stage; this study's are check, outcomes"),
        ({"since": "export"}, "'export' is not asked for in study.toml"),
    ],
)
def test_a_stage_that_is_none_is_refused(root: Path, asked: dict[str, str], told: str) -> None:
    folder = write_study(root / "none", **LIGHT)
    with pytest.raises(SettingsError, match=told):
        run(folder, tell=silent, **asked)


def test_one_stage_alone_brings_what_it_needs(root: Path) -> None:
    folder = write_study(root / "only", **LIGHT)
    found = run(folder, only="evaluation", tell=silent)
    assert [one.stage for one in found.stages] == ["outcomes", "features", "evaluation"]
    assert not (folder / "report.html").exists()


def test_the_report_is_rebuilt_from_what_the_run_left(
    whole: StudyRun, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for function in ("run_resamples", "fit_model"):
        monkeypatch.setattr(evaluating, function, None)  # nothing is fitted again
    path = rebuild_report(whole.folder, root / "again.html", tell=silent)
    assert path.read_bytes() == whole.report.read_bytes()


def test_the_report_is_rebuilt_without_the_images(root: Path, light: StudyRun) -> None:
    folder = light.folder
    said: list[str] = []
    (root / "data").rename(root / "archive")
    try:
        path = rebuild_report(folder, root / "archived.html", tell=said.append)
    finally:
        (root / "archive").rename(root / "data")
    assert "The data cannot be read" in said[0]
    assert "clinical_only" in path.read_text(encoding="utf-8")


def test_a_report_of_other_settings_is_refused(root: Path, light: StudyRun) -> None:
    folder = again(root / "stale", light, evaluation={"n_resamples": 6})
    with pytest.raises(SettingsError, match="evaluation is not up to date: .* from 4 to 6"):
        rebuild_report(folder, tell=silent)


OF_PLAN = {key for key in StudySettings.keys() if key.split(".")[0] in ("outcome", "evaluation")}
"""Read together wherever a plan is made, which then uses some of them."""
NO_NUMBER = {"features.cache_dir", "models.freeze_plan"}
OF_PAPER = {"evaluation": {"models.headline"}}
"""Written into the frozen plan."""


def test_a_stage_reads_no_key_that_it_does_not_name(whole: StudyRun, watching: Watching) -> None:
    settings = read_settings(whole.folder)
    for stage in asked_stages(settings):
        named = set(stage.keys(settings))
        plans = OF_PLAN | {"models.names"} if "outcome.by" in named else set()
        allowed = named | plans | NO_NUMBER | OF_PAPER.get(stage.name, set())
        read = {key for key in watching.read[stage.name] if not key.startswith("cohort.")}
        assert read <= allowed, stage.name
    assert "outcome.per" in watching.read["outcomes"]
    assert "features.radiomics" in watching.read["features"]
