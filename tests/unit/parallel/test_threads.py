from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numba
import numba.np.ufunc.parallel as numba_parallel
import pytest
import SimpleITK as sitk
import sklearn.cluster  # noqa: F401 - loads an OpenMP of its own
import torch

from tumor_response.parallel import threads
from tumor_response.parallel.threads import WORKER_ENV, held_threads, thread_counts

KINDS = {"blas", "openmp", "itk", "torch", "numba"}


@pytest.fixture(autouse=True)
def _three_of_each() -> Iterator[None]:
    """Another number than this machine's, so that what comes back is not there by chance."""
    pools = threads._pools()
    before = [(pool, pool.count()) for pool in pools]
    for pool in pools:
        pool.set_to(3)
    yield
    for pool, count in before:
        pool.set_to(count)


def in_fresh_process(code: str, **env: str) -> list[str]:
    clean = {k: v for k, v in os.environ.items() if k not in WORKER_ENV}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=clean | env,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_counting_imports_nothing() -> None:
    code = (
        "import sys; from tumor_response.parallel.threads import thread_counts, held_threads\n"
        "with held_threads(1): counts = thread_counts()\n"
        "print(*counts); print(*({'torch', 'numba', 'SimpleITK', 'numpy'} & sys.modules.keys()))"
    )
    assert in_fresh_process(code) == []


def test_all_kinds_are_counted_and_held_and_come_back() -> None:
    before = thread_counts()
    assert before == dict.fromkeys(KINDS, 3) | {"numba": before["numba"]}
    with held_threads(1):
        assert thread_counts() == dict.fromkeys(KINDS, 1)
        assert torch.get_num_threads() == 1
        assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == 1
    assert thread_counts() == before


def test_they_come_back_after_an_error() -> None:
    before = thread_counts()
    with pytest.raises(ZeroDivisionError), held_threads(1):
        1 / 0  # noqa: B018
    assert thread_counts() == before


def test_a_hold_inside_a_hold_gives_back_what_the_outer_one_set() -> None:
    before = thread_counts()
    with held_threads(2):
        with held_threads(1):
            assert set(thread_counts().values()) == {1}
        assert set(thread_counts().values()) == {2}
    assert thread_counts() == before


def test_a_hold_never_raises_a_number() -> None:
    with held_threads(1), held_threads(8):
        assert set(thread_counts().values()) == {1}


def test_of_two_threads_the_first_to_end_takes_nothing_from_the_other() -> None:
    before = thread_counts()
    second_has_begun, first_has_ended = threading.Event(), threading.Event()
    seen: list[dict[str, int]] = []

    def second() -> None:
        with held_threads(1):
            second_has_begun.set()
            assert first_has_ended.wait(30)
            seen.append(thread_counts())

    worker = threading.Thread(target=second)
    with held_threads(1):
        worker.start()
        assert second_has_begun.wait(30)
    first_has_ended.set()
    worker.join()
    assert seen == [dict.fromkeys(KINDS, 1)]
    assert thread_counts() == before


def test_numba_is_held_before_its_threads_are_launched_and_after() -> None:
    code = """
import numba
import numpy as np
from numba.np.ufunc import parallel
from tumor_response.parallel.threads import held_threads, thread_counts

print(thread_counts()["numba"])
with held_threads(1):
    print(thread_counts()["numba"])
print(thread_counts()["numba"], parallel._is_initialized)
numba.set_num_threads(3)
with held_threads(1):
    print(numba.get_num_threads())
print(numba.get_num_threads())
"""
    assert in_fresh_process(code, NUMBA_NUM_THREADS="3") == ["3", "1", "3", "False", "1", "3"]


def test_numba_has_what_its_pool_is_asked_through() -> None:
    # the number to be launched is no public setting of numba's: a release may rename it
    assert isinstance(numba_parallel.NUM_THREADS, int)
    assert isinstance(numba_parallel._is_initialized, bool)
    assert numba.set_num_threads is numba_parallel.set_num_threads


def test_for_good_holds_what_is_loaded_and_what_comes_later() -> None:
    code = """
import numpy, SimpleITK
from tumor_response.parallel.threads import hold_threads, thread_counts

hold_threads(1)
print(sorted(set(thread_counts().values())), end=" ")
import sklearn.cluster, torch, numba
print(sorted(thread_counts().items()))
"""
    told = "".join(in_fresh_process(code))
    assert told == "[1][('blas',1),('itk',1),('numba',1),('openmp',1),('torch',1)]"


def test_for_good_counts_in_every_thread_of_a_worker() -> None:
    code = """
import threading
import numpy, SimpleITK, sklearn.cluster, torch
from tumor_response.parallel.threads import held_threads, hold_threads, thread_counts

for pool_threads in (1, 2, 3):
    def task():
        hold_threads(1)
        hold_threads(1)
        print(*set(thread_counts().values()))
        with held_threads(1):
            pass
        print(*set(thread_counts().values()))
    thread = threading.Thread(target=task)
    thread.start()
    thread.join()
"""
    assert in_fresh_process(code) == ["1"] * 6


def test_a_hold_that_was_open_does_not_undo_one_for_good() -> None:
    code = """
import SimpleITK
from tumor_response.parallel.threads import held_threads, hold_threads, thread_counts

SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(3)
with held_threads(2):
    hold_threads(1)
print(thread_counts()["itk"])
"""
    assert in_fresh_process(code) == ["1"]


def test_the_environment_of_a_worker_is_enough_by_itself() -> None:
    code = """
import numpy, SimpleITK, sklearn.cluster, torch, numba
from tumor_response.parallel.threads import thread_counts

print(*thread_counts().items())
"""
    told = "".join(in_fresh_process(code, **WORKER_ENV))
    assert {kind: f"('{kind}',1)" in told for kind in KINDS} == dict.fromkeys(KINDS, True)
