"""A pool of processes: the work read once, deaths told apart, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tests.unit.parallel.test_spread import is_running, wait_for
from tumor_response.parallel.places import Finished
from tumor_response.parallel.processes import Processes, _quiet
from tumor_response.parallel.threads import thread_counts


def all_finished(pool: Processes, n: int) -> list[Finished]:
    ends: list[Finished] = []
    while len(ends) < n:
        ends += pool.finished()
    return sorted(ends, key=lambda end: end.number)


class CountsItsPickles:
    """A work that notes every time it is read from bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        handle, _ = tempfile.mkstemp(dir=self.folder, prefix=f"{os.getpid()}-")
        os.close(handle)

    def __call__(self, number: int) -> int:
        return os.getpid()


def test_a_worker_reads_the_work_once_however_many_tasks_it_does(tmp_path: Path) -> None:
    pool = Processes(CountsItsPickles(tmp_path), 2)
    for number in range(12):
        pool.submit(number, number)
    workers = {end.answer for end in all_finished(pool, 12)}
    pool.close()
    readers = [path.name.split("-")[0] for path in tmp_path.iterdir()]
    assert sorted(readers) == sorted(str(pid) for pid in workers)


def dies(signal_number: int) -> int:
    if signal_number:
        os.kill(os.getpid(), signal_number)
    return signal_number


def test_a_killed_worker_is_told_with_its_signal_and_the_pool_goes_on() -> None:
    pool = Processes(dies, 1)
    pool.submit(0, signal.SIGKILL)
    (end,) = pool.finished()
    assert (end.number, end.answer, end.error) == (0, None, None)
    assert "SIGKILL" in end.died
    pool.submit(1, 0)
    assert pool.finished() == [Finished(1, 0)]
    pool.close()


def test_workers_stand_where_their_parent_stands(tmp_path: Path, monkeypatch) -> None:
    """They outlive a run: the next one may begin in another folder."""
    seen = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        pool: Processes[str, str] = Processes(os.path.abspath, 1)
        pool.submit(0, "file")
        seen += [end.answer for end in pool.finished()]
        pool.close()
    assert seen == [str(tmp_path / "one" / "file"), str(tmp_path / "two" / "file")]


def test_what_the_work_raises_is_no_death() -> None:
    pool = Processes(int, 1)
    pool.submit(0, "seven")
    (end,) = pool.finished()
    assert isinstance(end.error, ValueError)
    assert end.died is None
    pool.close()


def counted(_: int) -> tuple[dict[str, int], str]:
    import numpy as np
    import SimpleITK as sitk

    assert np.linalg.norm(np.eye(3)) > 0
    assert sitk.Version_MajorVersion() > 1
    return thread_counts(), os.environ["OMP_NUM_THREADS"]


def test_workers_have_one_thread_of_each_kind_whenever_a_library_is_loaded() -> None:
    pool = Processes(counted, 1)
    for number in range(2):  # the libraries are loaded within the first task
        pool.submit(number, number)
    for end in all_finished(pool, 2):
        counts, variable = end.answer
        assert variable == "1"
        assert {"blas", "itk"} <= counts.keys()
        assert set(counts.values()) == {1}
    pool.close()


def work_files() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("tumor_response-*.work")}


@pytest.mark.parametrize("end", ["close", "abort"])
def test_no_file_is_left_behind(end: str) -> None:
    before = work_files()
    pool = Processes(abs, 1)
    assert len(work_files() - before) == 1
    pool.submit(0, -1)
    pool.finished()
    getattr(pool, end)()
    assert work_files() <= before


STOPPED = """
import signal, sys, time
from pathlib import Path
from tumor_response.parallel import spread

def work(folders):
    import os
    (Path(folders[0]) / str(os.getpid())).touch()
    time.sleep(600)
    return folders

# a suite that was started in the background of a shell is deaf to Ctrl-C, and so are its children
signal.signal(signal.SIGINT, signal.default_int_handler)
list(spread(work, [sys.argv[1]] * 2, 2, "waiting"))
"""


def test_ctrl_c_ends_workers_at_once_and_without_a_word_of_theirs(tmp_path: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", STOPPED, str(tmp_path)],
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: len(list(tmp_path.iterdir())) == 2, "workers")
        workers = [int(path.name) for path in tmp_path.iterdir()]
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the workers as well
        said = run.communicate(timeout=60)[1]
        wait_for(lambda: not any(map(is_running, workers)), "end of the workers", 15.0)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.communicate()
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert said.count("Traceback") == 1


class _ExecutorManagerThread(threading.Thread):
    """Named as loky's, which looks up a task that it has just forgotten, once in many runs."""


def test_only_the_last_words_of_a_pool_that_ends_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = []
    monkeypatch.setattr(threading, "excepthook", lambda failure: told.append(failure.exc_type))
    with _quiet():
        for kind, fault in [
            (_ExecutorManagerThread, lambda: {}[0]),
            (_ExecutorManagerThread, lambda: 1 / 0),
            (threading.Thread, lambda: {}[0]),
        ]:
            thread = kind(target=fault)
            thread.start()
            thread.join()
    assert told == [ZeroDivisionError, KeyError]
