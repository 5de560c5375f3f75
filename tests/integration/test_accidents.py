"""What happens to long runs: each ends with the table of an undisturbed one, or says what to do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import FeatureError
from tumor_response.features.base import FeatureValues

N_CASES = 12


@pytest.fixture
def cohort(tmp_path: Path) -> tr.Cohort:
    folder = tmp_path / "cohort"
    folder.mkdir()
    cases.cohort_folder(folder, N_CASES).to_csv(folder / "manifest.csv", index=False)
    return tr.Cohort.from_csv(folder / "manifest.csv")


def saved(table: tr.FeatureTable, folder: Path) -> dict[str, bytes]:
    """The bytes of a saved table."""
    table.save(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def undisturbed(cohort: tr.Cohort, tmp_path: Path) -> dict[str, bytes]:
    return saved(tr.extract(cohort, [tr.Radiomics("minimal")]), tmp_path / "undisturbed")


class Disturbed(tr.Radiomics):
    """Radiomics of the same numbers, with an accident in one case."""

    def __init__(self, patient_id: str, accident, once: Path | None = None) -> None:
        super().__init__("minimal")
        self.patient_id, self.accident, self.once = patient_id, accident, once

    def extract(self, case: tr.BaselineCase) -> FeatureValues:
        if case.patient_id == self.patient_id and not (self.once and self.once.exists()):
            if self.once:
                self.once.touch()
            self.accident()
        return super().extract(case)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crashed() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


@pytest.mark.parametrize("accident", [killed, crashed])
def test_a_worker_that_dies_once_costs_nothing(
    cohort: tr.Cohort, undisturbed: dict[str, bytes], tmp_path: Path, accident
) -> None:
    extractor = Disturbed("P5", accident, tmp_path / "once")
    table = tr.extract(cohort, [extractor], n_jobs=2, log=tmp_path / "run.jsonl")
    assert (tmp_path / "once").exists()
    assert saved(table, tmp_path / "table") == undisturbed
    events = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    retried = {event["patient_id"] for event in events if event["event"] == "case_retried"}
    assert "P5" in retried
    assert table.run["retried"] == len(retried)


def test_a_case_that_kills_every_worker_is_a_row_and_can_be_tried_elsewhere(
    cohort: tr.Cohort, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    table = tr.extract(cohort, [Disturbed("P5", killed)], n_jobs=2)
    assert table.failures[["patient_id", "reason"]].to_numpy().tolist() == [["P5", "worker_died"]]
    assert table.failures["n_columns_missing"].tolist() == [107]
    assert "SIGKILL" in table.failures["message"][0]
    radiomics = table.select("radiomics").data.filter(like="radiomics__")
    assert radiomics.isna().all(axis=1).tolist() == [i == 5 for i in range(N_CASES)]
    # with more memory, say: the library's own extractor is made from the table alone
    assert saved(tr.retry(table, cohort), tmp_path / "retried") == undisturbed


RUN = """
import signal, sys, time
import tumor_response as tr

# a suite that was started in the background of a shell is deaf to Ctrl-C, and so are its children
signal.signal(signal.SIGINT, signal.default_int_handler)


class Slow(tr.Radiomics):  # the same numbers, slow enough to be disturbed
    def extract(self, case):
        time.sleep(0.25)
        return super().extract(case)


tr.extract(
    tr.Cohort.from_csv(sys.argv[1]),
    [Slow("minimal")],
    cache_dir=sys.argv[2],
    n_jobs=int(sys.argv[3]),
    log=sys.argv[4],
)
"""


def started(cohort_folder: Path, cache: Path, n_jobs: int, log: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", RUN, cohort_folder / "manifest.csv", cache, str(n_jobs), log]
    return subprocess.Popen(
        [str(word) for word in command], start_new_session=True, stderr=subprocess.PIPE, text=True
    )


def wait_for_results(cache: Path, n: int, run: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while len(finished(cache)) < n:
        assert run.poll() is None, "the run ended before it could be disturbed"
        assert time.monotonic() < deadline
        time.sleep(0.002)


def finished(cache: Path) -> dict[Path, int]:
    """Whole results in a cache, and when they were written."""
    found = {}
    for path in cache.rglob("*.features"):
        try:
            found[path] = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return found


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("with_what", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_goes_on_where_it_was(
    cohort: tr.Cohort,
    undisturbed: dict[str, bytes],
    tmp_path: Path,
    n_jobs: int,
    with_what: signal.Signals,
) -> None:
    cache, log = tmp_path / "cache", tmp_path / "run.jsonl"
    run = started(tmp_path / "cohort", cache, n_jobs, log)
    wait_for_results(cache, 4, run)
    os.killpg(run.pid, with_what)  # the workers too: no process is left to tidy up
    said = run.communicate()[1]
    before = finished(cache)
    assert 4 <= len(before) < N_CASES
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    if with_what == signal.SIGINT:
        assert events[-1] == "run_stopped"
        assert said.rstrip().endswith("KeyboardInterrupt")
    else:
        assert "run_finished" not in events

    table = tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=cache)
    assert table.run["cache"] == {"hits": len(before), "misses": N_CASES - len(before)}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert saved(table, tmp_path / "resumed") == undisturbed


def test_two_runs_at_once_on_one_cache(
    cohort: tr.Cohort, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    runs = [started(tmp_path / "cohort", cache, 1, tmp_path / "one.jsonl") for _ in range(2)]
    for run in runs:
        run.communicate(timeout=300)
    assert [run.returncode for run in runs] == [0, 0]
    table = tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=cache)
    assert table.run["cache"] == {"hits": N_CASES, "misses": 0}
    assert not list(cache.rglob("*.part"))
    assert saved(table, tmp_path / "table") == undisturbed
    # both wrote to one log, and no line is torn
    events = [json.loads(line) for line in (tmp_path / "one.jsonl").read_text().splitlines()]
    assert len({event["run"] for event in events}) == 2
    assert sum(event["event"] == "case_finished" for event in events) == 2 * N_CASES


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 64 kB; where none may be mounted, the next test says so by name."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs to mount a tmpfs; test_extract.py has a disk that only says it is full")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_the_run_and_loses_nothing(
    cohort: tr.Cohort, undisturbed: dict[str, bytes], tmp_path: Path, small_disk: Path
) -> None:
    cache = small_disk / "cache"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(40_000))
    with pytest.raises(FeatureError, match="No space left") as caught:
        tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=cache, n_jobs=2)
    assert caught.value.code == "cache_unusable"
    assert "Make room" in str(caught.value)
    kept = len(finished(cache))
    assert 0 < kept < N_CASES
    assert not list(cache.rglob("*.part"))
    ballast.unlink()
    options = ["mount", "-o", "remount,size=4m", str(small_disk)]
    subprocess.run(options, check=True)
    table = tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=cache)
    assert table.run["cache"]["hits"] == kept
    assert saved(table, tmp_path / "table") == undisturbed


def test_power_loss_leaves_entries_that_are_seen_through(
    cohort: tr.Cohort, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=cache)
    entries = sorted(path for path in cache.rglob("*") if path.is_file())
    for path in entries[::3]:
        path.write_bytes(b"")  # the name reached the disk, the content did not
    for path in entries[1::3]:
        half = path.read_bytes()
        path.write_bytes(half[: len(half) // 2] + bytes(len(half) // 2))
    table = tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=cache)
    assert saved(table, tmp_path / "table") == undisturbed
    again = tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=cache)
    assert again.run["cache"] == {"hits": N_CASES, "misses": 0}


def test_a_clock_that_jumps_changes_nothing(
    cohort: tr.Cohort,
    undisturbed: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true_time, true_ns = time.time, time.time_ns
    calls = 0

    def jumping() -> int:
        nonlocal calls
        calls += 1
        return (-1) ** calls * calls * 40_000_000  # a year or more, to and fro

    monkeypatch.setattr(time, "time", lambda: true_time() + jumping())
    monkeypatch.setattr(time, "time_ns", lambda: true_ns() + jumping() * 10**9)
    log = tmp_path / "run.jsonl"
    for n in range(2):
        table = tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=tmp_path / "cache", log=log)
        assert saved(table, tmp_path / f"table{n}") == undisturbed
    assert calls > 0
    events = [json.loads(line) for line in log.read_text().splitlines()]
    for run in {event["run"] for event in events}:
        elapsed = [event["elapsed_s"] for event in events if event["run"] == run]
        assert elapsed == sorted(elapsed)
        assert elapsed[-1] < 600
    assert all(0 <= event["eta_s"] < 600 for event in events if event.get("eta_s") is not None)
    assert table.run["cache"] == {"hits": N_CASES, "misses": 0}


def replace_mask(cohort: tr.Cohort, patient_id: str) -> None:
    """Put a larger contour in the place of a patient's."""
    (case,) = [case for case in cohort if case.patient_id == patient_id]
    mask = case.read_mask()
    path = case.mask.path
    other = path.with_name(f"new-{path.name}")
    sitk.WriteImage(sitk.BinaryDilate(mask, [1, 1, 1]), str(other))
    other.replace(path)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("at", ["P2", "P9"], ids=["before its turn", "in its turn"])
def test_a_file_replaced_during_the_run_is_told_and_retried(
    cohort: tr.Cohort, tmp_path: Path, n_jobs: int, at: str
) -> None:
    cache = tmp_path / "cache"
    extractor = Disturbed(at, lambda: replace_mask(cohort, "P9"), tmp_path / "once")
    table = tr.extract(cohort, [extractor], n_jobs=n_jobs, cache_dir=cache)
    assert table.failures[["patient_id", "reason"]].to_numpy().tolist() == [["P9", "file_changed"]]
    assert "tr.retry" in table.failures["message"][0]
    retried = tr.retry(table, cohort, cache_dir=cache)
    assert retried.run["cases"] == 1
    now = tr.extract(cohort, [tr.Radiomics("minimal")])  # nothing moves any more
    assert saved(retried, tmp_path / "retried") == saved(now, tmp_path / "now")
    assert now.failures.empty


def test_a_cohort_that_grows_and_one_setting_that_changes_compute_that_alone(
    cohort: tr.Cohort, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    one, other = tr.Radiomics("minimal"), tr.Radiomics("ibsi_a", block="ibsi")
    tr.extract(cohort, [one, other], cache_dir=cache)
    changed = tr.RadiomicsSettings(image_types={"Original": {}}, feature_classes={"firstorder": []})
    table = tr.extract(cohort, [tr.Radiomics(changed), other], cache_dir=cache)
    assert table.run["cache"] == {"hits": N_CASES, "misses": N_CASES}
    folder = tmp_path / "cohort"
    cases.cohort_folder(folder, N_CASES + 1).to_csv(folder / "manifest.csv", index=False)
    more = tr.extract(tr.Cohort.from_csv(folder / "manifest.csv"), [one, other], cache_dir=cache)
    assert more.run["cache"] == {"hits": 2 * N_CASES, "misses": 2}


def test_a_lost_worker_takes_no_bystander_along(cohort: tr.Cohort, tmp_path: Path) -> None:
    class SlowDeath(tr.Radiomics):
        def extract(self, case: tr.BaselineCase) -> FeatureValues:
            if case.patient_id == "P0":
                time.sleep(0.5)  # others are at work by now
                killed()
            return super().extract(case)

    table = tr.extract(cohort, [SlowDeath("minimal")], n_jobs=2)
    assert table.failures["patient_id"].tolist() == ["P0"]
    radiomics = table.data.filter(like="radiomics__").to_numpy()
    assert np.isfinite(radiomics[1:]).all()
