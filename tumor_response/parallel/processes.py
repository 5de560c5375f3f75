"""Tasks in processes of this machine: one thread each, and one that dies takes nobody along."""

from __future__ import annotations

import os
import re
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from tumor_response.parallel.places import Finished
from tumor_response.parallel.threads import WORKER_ENV, hold_threads

__all__ = ["Processes", "worker_count"]

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_PARENT_CHECK_S = 2.0
_IDLE_S = 300
"""Workers stay this long for the next run: a second call in a notebook imports nothing again."""


def worker_count(n_jobs: int) -> int:
    """Return how many processes ``n_jobs`` stands for here, as joblib counts.

    Examples
    --------
    >>> worker_count(2)
    2
    """
    from joblib import effective_n_jobs

    return int(effective_n_jobs(n_jobs))


class Processes(Generic[Task, Answer]):
    """A pool of loky's worker processes.

    The work is pickled once and read once by every worker, however many the tasks. When a worker
    is killed, the pool is lost with all that was on its way in it: each of those tasks comes back
    as ``died``, and the next task begins in a new pool.

    Parameters
    ----------
    work
        Called with each task, in a worker; picklable.
    n_workers
        Processes.
    memory_bytes
        What all of them together have for their tasks; ``None``: not known.

    Examples
    --------
    >>> from tumor_response.parallel.places import Finished
    >>> pool = Processes(abs, 2)
    >>> pool.submit(0, -3)
    >>> pool.finished() == [Finished(0, 3)]
    True
    >>> pool.close()
    """

    name = "processes"
    ahead = 2
    takes_bystanders = True

    def __init__(
        self, work: Callable[[Task], Answer], n_workers: int, memory_bytes: int | None = None
    ) -> None:
        import cloudpickle
        from loky.backend import resource_tracker

        self.slots = n_workers
        self.slots_per_memory = n_workers
        self.memory_bytes = memory_bytes
        self._numbers: dict[Future[Any], int] = {}
        self._folder = ""
        with suppress(OSError):
            self._folder = str(Path.cwd())
        handle, self._work = tempfile.mkstemp(prefix="tumor_response-", suffix=".work")
        with os.fdopen(handle, "wb") as file:
            file.write(cloudpickle.dumps(work))
        # the tracker is a process of its own: it removes the file even if this one is killed
        resource_tracker.register(self._work, "file")

    @property
    def _told(self) -> tuple[str, int, str]:
        """What a worker is told with every task: of the work, its parent, and where that is."""
        return self._work, os.getpid(), self._folder

    def submit(self, number: int, task: Task) -> None:
        """Queue a task; a pool that was lost is replaced."""
        from concurrent.futures.process import BrokenProcessPool

        with _quiet():
            try:
                future = self._pool().submit(_answered, *self._told, task)
            except BrokenProcessPool:  # a worker was killed since the pool was looked at
                future = self._pool().submit(_answered, *self._told, task)
        self._numbers[future] = number

    def finished(self) -> list[Finished[Answer]]:
        """Wait for the first task to end."""
        with _quiet():
            done, _ = wait(self._numbers, return_when=FIRST_COMPLETED)
        return [_finished(self._numbers.pop(future), future) for future in done]

    def close(self) -> None:
        """Leave the workers to the next run; they end by themselves after some minutes."""
        from loky.backend import resource_tracker

        Path(self._work).unlink(missing_ok=True)
        resource_tracker.unregister(self._work, "file")

    def abort(self) -> None:
        """Kill the workers with what they are at."""
        with _quiet():
            for future in self._numbers:
                future.cancel()
            if not all(future.done() for future in self._numbers):
                self._pool().shutdown(wait=True, kill_workers=True)
        self._numbers.clear()
        self.close()

    def _pool(self) -> Any:
        from loky import get_reusable_executor

        return get_reusable_executor(max_workers=self.slots, timeout=_IDLE_S, env=WORKER_ENV)


def _finished(number: int, future: Future[Any]) -> Finished[Any]:
    from concurrent.futures.process import BrokenProcessPool

    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        codes = re.search(r"exit codes? of the workers? (?:is|are) \{(.*?)\}", str(error))
        return Finished(number, died=codes[1] if codes else str(error).split("\n")[0])
    return Finished(number, error=error) if error else Finished(number, future.result())


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what loky says of things that cost nobody anything.

    A worker that has taken 300 MB more than at its first task is replaced; a network loaded late
    is enough, and nothing is lost. Where warnings are errors, loky's manager would stop for ever
    instead. Ignored only while loky is at work: whoever takes the answers meets their own filters.
    """
    before = threading.excepthook

    def hook(failure: threading.ExceptHookArgs) -> None:
        # loky's manager forgets its pending tasks when the pool is killed, and then looks up one
        # that came in between: a KeyError in a thread that is ending, after its workers have
        of_the_pool = type(failure.thread).__name__ == "_ExecutorManagerThread"
        if not (of_the_pool and failure.exc_type is KeyError):
            before(failure)

    threading.excepthook = hook
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "A worker stopped while", UserWarning)
            yield
    finally:
        threading.excepthook = before


_begun: tuple[str, Any] = ("", None)
"""In a worker: the file of the work it is at, and the work."""


def _answered(path: str, parent: int, folder: str, task: Any) -> Any:
    global _begun
    _settle(parent)
    # workers outlive a run, and the next one may begin elsewhere: relative paths mean the same
    with suppress(OSError):  # whoever stands in a folder that is gone has no use for them
        os.chdir(folder)
    if _begun[0] != path:
        import cloudpickle

        _begun = path, cloudpickle.loads(Path(path).read_bytes())
    return _begun[1](task)


_watch: threading.Thread | None = None


def _settle(parent: int) -> None:
    """Do once what a worker needs: one thread, deaf to Ctrl-C, gone when its parent is gone.

    A parent that is killed cannot end its workers; they would wait for tasks for ever, each with
    the memory of a loaded network. Ctrl-C is the parent's, which ends its workers quietly.
    """
    global _watch
    hold_threads(1)
    if _watch is None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _watch = threading.Thread(target=_wait_for_orphanhood, args=(parent,), daemon=True)
        _watch.start()


def _wait_for_orphanhood(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_S)
    os._exit(1)
