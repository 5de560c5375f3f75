"""The thread pools of the libraries underneath: counted, and held to a number.

Five kinds of pool start threads without being asked: BLAS and OpenMP (numpy, SciPy, scikit-learn),
ITK, torch and numba. Beside several worker processes they fight over the cores, and with another
number of threads sums come in another order and results with other last bits.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["WORKER_ENV", "held_threads", "hold_threads", "thread_counts"]

_VARIABLES = (
    "OMP_NUM_THREADS",  # OpenMP, and torch's pool
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)
WORKER_ENV: dict[str, str] = dict.fromkeys(_VARIABLES, "1")
"""The environment of a worker process, set before it imports anything: one thread of each kind."""


@dataclass(frozen=True)
class _Pool:
    """One pool.

    ``per_thread``: every thread that uses the pool has its own number, and sees no other; else
    there is one number for the process.
    """

    kind: str
    name: str
    per_thread: bool
    count: Callable[[], int]
    set_to: Callable[[int], Any]


def thread_counts() -> dict[str, int]:
    """Return how many threads each kind of pool would use now.

    Counting starts nothing and imports nothing: kinds of which no library is loaded are left out.
    Where a kind has several pools, as two BLAS libraries of two packages, the largest counts.

    Returns
    -------
    dict
        Some of ``"blas"``, ``"openmp"``, ``"itk"``, ``"torch"``, ``"numba"``, each with a number.

    Examples
    --------
    >>> import numpy, SimpleITK
    >>> with held_threads(1):
    ...     counts = thread_counts()
    >>> counts["blas"], counts["itk"]
    (1, 1)
    """
    counts: dict[str, int] = {}
    for pool in _pools():
        counts[pool.kind] = max(counts.get(pool.kind, 0), pool.count())
    return counts


_lock = threading.RLock()
_holds: list[int] = []
"""The numbers of all ``held_threads`` that are open now, in whatever threads."""
_before: dict[str, tuple[_Pool, int]] = {}
"""What the pools of the whole process had when the first of those began."""


@contextmanager
def held_threads(n_threads: int = 1) -> Iterator[None]:
    """Hold all pools to at most a number of threads; what was set before comes back.

    Several threads may do so at once. A number that belongs to the whole process stays the
    smallest that any of them asked for, until the last of them has ended. A library that is first
    loaded inside is held from the next call on.

    Parameters
    ----------
    n_threads
        Threads of each pool, at least 1.

    Examples
    --------
    >>> import SimpleITK
    >>> before = thread_counts()["itk"]
    >>> with held_threads(1):
    ...     thread_counts()["itk"]
    1
    >>> thread_counts()["itk"] == before
    True
    """
    pools = _pools()
    with _lock:
        _holds.append(n_threads)
        for pool in pools:
            if not pool.per_thread:
                _before.setdefault(pool.name, (pool, pool.count()))
        _apply_holds()
    own = [(pool, pool.count()) for pool in pools if pool.per_thread]
    for pool, count in own:
        if count > n_threads:
            pool.set_to(n_threads)
    try:
        yield
    finally:
        for pool, count in own:
            if count > n_threads:
                pool.set_to(count)
        with _lock:
            _holds.remove(n_threads)
            _apply_holds()
            if not _holds:
                _before.clear()


def _apply_holds() -> None:
    for pool, count in _before.values():
        wanted = min([*_holds, count])
        if pool.count() != wanted:
            pool.set_to(wanted)


_settled = threading.local()


def hold_threads(n_threads: int = 1) -> None:
    """Hold all pools to a number of threads for good: for a worker process, at every task.

    May be called from any thread, as often as wanted: after the first time it costs less than a
    microsecond, unless something was imported in between. Pools of libraries loaded later are
    held through the environment.

    Parameters
    ----------
    n_threads
        Threads of each pool, at least 1.
    """
    state = n_threads, len(sys.modules)
    if getattr(_settled, "state", None) == state:
        return
    with _lock:
        os.environ.update(dict.fromkeys(_VARIABLES, str(n_threads)))
        for pool in _pools():
            if pool.count() != n_threads:
                pool.set_to(n_threads)
        # a hold that is open in another thread is not to bring back more, when it ends
        _before.update({name: (pool, n_threads) for name, (pool, _) in _before.items()})
    _settled.state = n_threads, len(sys.modules)


_found: tuple[tuple[int, bool], list[_Pool]] = ((0, False), [])
"""What there was at the last look: how many modules, whether numba had launched; and the pools."""


def _pools() -> list[_Pool]:
    """Return the pools of all libraries that are loaded.

    Looking through a process's libraries takes 10 ms, much more than a case from the cache: it is
    done again only after something was imported.
    """
    global _found
    parallel = sys.modules.get("numba.np.ufunc.parallel")
    state = len(sys.modules), getattr(parallel, "_is_initialized", False)
    if _found[0] != state:
        _found = state, _native_pools() + _itk_pools() + _torch_pools() + _numba_pools()
    return _found[1]


def _native_pools() -> list[_Pool]:
    """Return the pools of BLAS and OpenMP."""
    from threadpoolctl import ThreadpoolController

    return [_native_pool(library) for library in ThreadpoolController().lib_controllers]


def _native_pool(library: Any) -> _Pool:
    per_thread = (
        library.user_api == "openmp"
        or library.internal_api == "mkl"
        or getattr(library, "threading_layer", "") == "openmp"
    )

    def set_to(n_threads: int) -> None:
        # threadpoolctl lets the thread alone that came first change OpenBLAS's one number, and
        # does nothing for others without a word; who may set what is settled here
        release = getattr(library, "clear_controlling_thread", None)
        if release is not None:
            release(force=True)
        library.set_num_threads(n_threads)
        if release is not None:
            release(force=True)

    def count() -> int:
        return int(library.num_threads or 1)

    return _Pool(library.user_api, library.filepath, per_thread, count, set_to)


def _itk_pools() -> list[_Pool]:
    if "SimpleITK" not in sys.modules:
        return []
    itk: Any = sys.modules["SimpleITK"]
    filters = itk.ProcessObject
    return [
        _Pool(
            "itk",
            "itk",
            False,
            filters.GetGlobalDefaultNumberOfThreads,
            filters.SetGlobalDefaultNumberOfThreads,
        )
    ]


def _torch_pools() -> list[_Pool]:
    torch: Any = sys.modules.get("torch")
    if not hasattr(torch, "set_num_threads"):  # not imported, or half-way through its import
        return []
    return [_Pool("torch", "torch", True, torch.get_num_threads, torch.set_num_threads)]


def _numba_pools() -> list[_Pool]:
    """Return numba's pool, without launching it.

    numba launches its threads when the first parallel function is compiled, or when anyone asks
    for their number; after a launch, a forked child that runs a parallel function is ended by
    OpenMP. Before the launch the number to be launched is set, which is one for the process;
    after it, this thread's share.
    """
    parallel: Any = sys.modules.get("numba.np.ufunc.parallel")
    if not hasattr(parallel, "set_num_threads"):
        return []

    def count() -> int:
        return int(parallel.get_num_threads() if parallel._is_initialized else parallel.NUM_THREADS)

    def set_to(n_threads: int) -> None:
        if parallel._is_initialized:
            parallel.set_num_threads(min(n_threads, parallel.NUM_THREADS))
        else:
            parallel.NUM_THREADS = n_threads

    return [_Pool("numba", "numba", parallel._is_initialized, count, set_to)]
