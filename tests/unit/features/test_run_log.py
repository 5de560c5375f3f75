from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tumor_response.exceptions import CaseError, FeatureError, WorkerError
from tumor_response.features.base import Shortfall
from tumor_response.features.rows import CaseRow
from tumor_response.features.run_log import RunFacts, RunLog
from tumor_response.features.run_progress import Pace

KEYS = [("P1", "1"), ("P2", "GTV-n"), ("Zoë", "1")]
FACTS = RunFacts("0.1", {"radiomics": "ab12"}, "processes", 2, "/data/cache", True, 8_000_000_000)


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]


def row(*shortfalls: Shortfall, hits: int = 0, misses: int = 0) -> CaseRow:
    return CaseRow(
        failures=[("radiomics", s) for s in shortfalls],
        cache=Counter(hits=hits, misses=misses),
        seconds=1.5,
    )


def test_a_whole_run(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with RunLog(path, KEYS) as log:
        log.started(FACTS)
        log.finished_case(0, row(misses=1), Pace(1, 3, 0, 0.5, 4.0))
        log.waits_for_memory(2, 3_000_000_000)
        log.retried(1, "SIGKILL(-9)")
        log.finished_case(
            2,
            row(Shortfall("roi_too_small", "...", 30), Shortfall("gap", "...", 0), hits=2),
            Pace(2, 3, 1, 0.5, 2.0),
        )
        log.finished_case(1, row(Shortfall("worker_died", "...", 99)), Pace(3, 3, 2, 0.5, 0.0))
        log.finished()
    told = events(path)
    assert [e["event"] for e in told] == [
        "run_started",
        "case_finished",
        "memory_wait",
        "case_retried",
        "case_finished",
        "case_finished",
        "run_finished",
    ]
    assert len({e["run"] for e in told}) == 1
    started, first, wait, retry, second, _, finished = [
        {k: v for k, v in e.items() if k not in ("time", "run", "elapsed_s", "event")} for e in told
    ]
    assert started == {
        "n_cases": 3,
        "library_version": "0.1",
        "extractors": {"radiomics": "ab12"},
        "place": "processes",
        "workers": 2,
        "cache": "/data/cache",
        "cache_writable": True,
        "memory_bytes": 8_000_000_000,
    }
    assert first == {
        "index": 0,
        "patient_id": "P1",
        "lesion_id": "1",
        "seconds": 1.5,
        "hits": 0,
        "misses": 1,
        "n_failures": 0,
        "reasons": {},
        "done": 1,
        "total": 3,
        "rate_per_s": 0.5,
        "eta_s": 4.0,
    }
    assert wait == {
        "index": 2,
        "patient_id": "Zoë",
        "lesion_id": "1",
        "needed_bytes": 3_000_000_000,
    }
    assert retry == {"index": 1, "patient_id": "P2", "lesion_id": "GTV-n", "why": "SIGKILL(-9)"}
    assert second["n_failures"] == 1  # a finding that costs no value is a reason, but no failure
    assert second["reasons"] == {"gap": 1, "roi_too_small": 1}
    assert finished == {
        "done": 3,
        "total": 3,
        "n_cases_incomplete": 2,
        "reasons": {"gap": 1, "roi_too_small": 1, "worker_died": 1},
        "hits": 2,
        "misses": 1,
    }


def test_every_event_is_there_before_the_next_thing_happens(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    log = RunLog(path, KEYS)
    log.started(FACTS)
    assert [e["event"] for e in events(path)] == ["run_started"]
    log.finished_case(0, row(), Pace(1, 3))
    assert [e["event"] for e in events(path)] == ["run_started", "case_finished"]
    log.__exit__(None, None, None)


def test_no_path_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with RunLog(None, KEYS) as log:
        log.started(FACTS)
        log.finished_case(0, row(), Pace(1, 3))
        log.finished()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        (KeyboardInterrupt(), "interrupted", "Ctrl-C"),
        (WorkerError("Gone.", code="cluster_lost"), "cluster_lost", "Gone."),
        (CaseError("/archive/Smith.nii: unreadable", code="unreadable"), "unreadable", ""),
        (OSError(5, "Input/output error", "/archive/Smith.nii"), "unexpected_error", "OSError"),
    ],
)
def test_what_stops_a_run_is_noted_without_anybodys_path(
    tmp_path: Path, error: BaseException, reason: str, message: str
) -> None:
    path = tmp_path / "run.jsonl"

    def run() -> None:
        with RunLog(path, KEYS) as log:
            log.started(FACTS)
            log.finished_case(0, row(hits=1), Pace(1, 3))
            raise error

    with pytest.raises(type(error)):
        run()
    last = events(path)[-1]
    assert (last["event"], last["reason"], last["message"]) == ("run_stopped", reason, message)
    assert (last["done"], last["total"], last["hits"]) == (1, 3, 1)


def test_an_error_after_the_last_case_does_not_end_the_run_twice(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    def run() -> None:
        with RunLog(path, KEYS) as log:
            log.finished()
            raise ValueError

    with pytest.raises(ValueError):
        run()
    assert [e["event"] for e in events(path)] == ["run_finished"]


def test_messages_of_failures_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with RunLog(path, KEYS) as log:
        log.finished_case(0, row(Shortfall("unreadable", "/archive/Smith.nii", 3)), Pace(1, 3))
    assert "Smith" not in path.read_text()


@pytest.mark.parametrize("password", ["secret", "p@ss:w"])
def test_a_password_in_the_caches_address_is_left_out(tmp_path: Path, password: str) -> None:
    path = tmp_path / "run.jsonl"
    with RunLog(path) as log:
        log.started(RunFacts("0.1", {}, "serial", 1, f"sftp://me:{password}@host/cache", True))
    (event,) = events(path)
    assert event["cache"] == "sftp://host/cache"


def test_runs_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    for _ in range(2):
        with RunLog(path, KEYS) as log:
            log.started(FACTS)
            log.finished()
    told = events(path)
    assert [e["event"] for e in told] == ["run_started", "run_finished"] * 2
    assert Counter(e["run"] for e in told) == Counter({told[0]["run"]: 2, told[2]["run"]: 2})


def test_runs_that_write_at_once_do_not_mix_within_a_line(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    def run() -> None:
        with RunLog(path, [("P" * 3000, "1")]) as log:
            for _ in range(200):
                log.finished_case(0, row(), Pace(1, 1))

    runs = [threading.Thread(target=run) for _ in range(4)]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    assert Counter(e["run"] for e in events(path)).most_common()[-1][1] == 200


def test_a_line_that_was_torn_by_a_kill_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"event": "run_started", "n_ca')
    with RunLog(path, KEYS) as log:
        log.started(FACTS)
        log.finished()
    torn, *lines = path.read_text("utf-8").splitlines()
    assert torn == '{"event": "run_started", "n_ca'
    assert [json.loads(line)["event"] for line in lines] == ["run_started", "run_finished"]


def test_a_name_that_is_no_text_is_written_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    name = b"M\xfcller".decode("utf-8", "surrogateescape")
    with RunLog(path, [(name, "1")]) as log:
        log.finished_case(0, row(), Pace(1, 1))
    (event,) = events(path)
    assert event["patient_id"] == name


def test_a_clock_that_jumps_changes_no_elapsed_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.jsonl"
    hours = iter([0, 5, -7, 100])

    class Wall(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(hours=next(hours))

    monkeypatch.setattr("tumor_response.features.run_log.datetime", Wall)
    with RunLog(path, KEYS) as log:
        for index in range(3):
            log.finished_case(index, row(), Pace(index + 1, 3))
            time.sleep(0.01)
        log.finished()
    told = events(path)
    elapsed = [e["elapsed_s"] for e in told]
    assert elapsed == sorted(elapsed)
    assert 0.03 <= elapsed[-1] < 60
    walls = [datetime.fromisoformat(e["time"]) for e in told]
    assert walls[1] - walls[0] > timedelta(hours=4)
    assert walls[2] < walls[1]
    assert all(re.fullmatch(r".*\+00:00", e["time"]) for e in told)


@pytest.mark.parametrize("name", ["absent/run.jsonl", "."])
def test_a_log_that_cannot_be_written_is_said_at_the_start(tmp_path: Path, name: str) -> None:
    with pytest.raises(FeatureError, match="Name a file in a folder that exists") as caught:
        RunLog(tmp_path / name, KEYS)
    assert caught.value.code == "log_unusable"


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="the system has no device that is always full")
def test_a_disk_that_is_full_costs_events_and_one_warning_not_the_run() -> None:
    log = RunLog(FULL, KEYS)
    log.started(FACTS)
    for index in range(3):
        log.finished_case(index, row(), Pace(index + 1, 3))
    log.finished()
    with pytest.warns(UserWarning, match=r"missing in its log: 5 \(No space left on device\)"):
        log.__exit__(None, None, None)


def test_a_disk_that_fills_within_a_line_and_is_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.jsonl"
    whole_write = os.write
    log = RunLog(path, KEYS)
    log.started(FACTS)
    monkeypatch.setattr(os, "write", lambda file, text: whole_write(file, text[:10]))
    log.finished_case(0, row(), Pace(1, 3))
    monkeypatch.setattr(os, "write", whole_write)
    log.finished()
    with pytest.warns(UserWarning, match="missing in its log: 1"):
        log.__exit__(None, None, None)
    first, torn, last = path.read_text("utf-8").splitlines()
    assert len(torn) == 10
    assert json.loads(first)["event"] == "run_started"
    assert json.loads(last)["event"] == "run_finished"
    assert json.loads(last)["n_events_lost"] == 1


def test_a_killed_run_leaves_whole_lines_and_no_end(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    code = f"""
import itertools
from tests.unit.features.test_run_log import FACTS, KEYS, row
from tumor_response.features.run_log import RunLog
from tumor_response.features.run_progress import Pace

with RunLog({str(path)!r}, KEYS) as log:
    log.started(FACTS)
    for i in itertools.count():
        log.finished_case(i % 3, row(), Pace(1, 3))
"""
    run = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3])
    while not path.exists() or path.stat().st_size < 5_000:
        assert run.poll() is None
        time.sleep(0.02)
    run.kill()
    run.wait()
    told = events(path)
    assert told[0]["event"] == "run_started"
    assert {e["event"] for e in told[1:]} == {"case_finished"}
