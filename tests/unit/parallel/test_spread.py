"""spread(): the order of the answers, workers that die, parents that die, whose filters hold."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from tumor_response.exceptions import TumorResponseError, WorkerError
from tumor_response.parallel import spread

PATIENCE_S = 60.0


def wait_for(happened, what: str, patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {patience_s:.0f} s not yet: {what}")
        time.sleep(0.02)


def doubled(numbers: list[int]) -> list[int]:
    return [2 * number for number in numbers]


class FirstComesLast:
    """The first task ends only when the last has: answers finish in another order than asked."""

    def __init__(self, folder: Path, n_tasks: int) -> None:
        self.folder, self.n_tasks = folder, n_tasks

    def __call__(self, numbers: list[int]) -> list[int]:
        for number in numbers:
            if number == 0:
                wait_for((self.folder / str(self.n_tasks - 1)).exists, "the last task")
            (self.folder / str(number)).touch()
        return numbers


def test_answers_come_in_the_order_of_the_tasks_whatever_ends_first(tmp_path: Path) -> None:
    work = FirstComesLast(tmp_path, 4)
    assert list(spread(work, range(4), 2, "waiting")) == [0, 1, 2, 3]
    assert (tmp_path / "3").stat().st_mtime_ns <= (tmp_path / "0").stat().st_mtime_ns


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("parts_per_worker", [None, 1, 16])
@pytest.mark.parametrize("n_tasks", [0, 1, 37])
def test_every_task_has_its_answer_however_it_is_cut(
    n_jobs: int, parts_per_worker: int | None, n_tasks: int
) -> None:
    answers = spread(doubled, range(n_tasks), n_jobs, "", parts_per_worker=parts_per_worker)
    assert list(answers) == [2 * number for number in range(n_tasks)]


def killed(numbers: list[int]) -> list[int]:
    if 3 in numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    return numbers


def refused(numbers: list[int]) -> list[int]:
    if 3 in numbers:
        raise TumorResponseError("three", code="planted")
    return numbers


@pytest.fixture
def no_pgrep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a minimal Debian: joblib has to end its workers without it."""
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_killed_worker_is_an_error_with_its_way_out(no_pgrep: None) -> None:
    with pytest.raises(WorkerError, match="fewer n_jobs") as caught:
        list(spread(killed, range(8), 2, "dying"))
    assert caught.value.code == "worker_died"
    assert list(spread(doubled, [1, 2], 2, "afterwards")) == [2, 4]


def test_an_error_in_a_worker_arrives_as_it_is_and_alone(no_pgrep: None) -> None:
    with pytest.raises(TumorResponseError, match="three") as caught:
        list(spread(refused, range(8), 2, "failing"))
    assert caught.value.code == "planted"
    assert list(spread(doubled, [1, 2], 2, "afterwards")) == [2, 4]


def grown(numbers: list[int]) -> list[int]:
    if 2 in numbers:  # kept by the process: 400 MB more than at its first task
        np._kept_by_a_test = np.ones(50_000_000)
    time.sleep(0.5)
    return numbers


def test_a_worker_that_grew_is_replaced_and_nothing_is_lost() -> None:
    # warnings are errors here, and joblib's would end the thread that everybody waits for
    assert list(spread(grown, range(12), 2, "growing")) == list(range(12))


def test_answers_that_nobody_takes_are_no_warning() -> None:
    answers = spread(doubled, range(40), 2, "leaving")
    assert next(answers) == 0
    answers.close()


def test_the_callers_warning_filters_are_theirs_before_between_and_after() -> None:
    before = list(warnings.filters)
    for _ in spread(doubled, range(5), 2, "looking"):
        assert warnings.filters == before
    assert warnings.filters == before


ENDLESS = """
import os, sys, time
from pathlib import Path
from tumor_response.parallel import spread

def work(folders):
    (Path(folders[0]) / str(os.getpid())).touch()
    time.sleep(600)
    return folders

list(spread(work, [sys.argv[1]] * 2, 2, "waiting"))
"""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # ended, and not yet collected by whoever inherited it


def test_workers_go_when_their_parent_alone_is_killed(tmp_path: Path) -> None:
    run = subprocess.Popen([sys.executable, "-c", ENDLESS, str(tmp_path)])
    workers: list[int] = []
    try:
        wait_for(lambda: len(list(tmp_path.iterdir())) == 2 or run.poll() is not None, "workers")
        workers = [int(path.name) for path in tmp_path.iterdir()]
        assert len(workers) == 2, "the run ended by itself"
        assert all(is_running(pid) for pid in workers)
        os.kill(run.pid, signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
        wait_for(lambda: not any(map(is_running, workers)), "end of the workers", 15.0)
    finally:
        for pid in [run.pid, *workers]:
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
        run.wait()
