"""Work spread over processes: one thread each, answers in the order of the tasks."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from tumor_response.exceptions import WorkerError
from tumor_response.progress import track

__all__ = ["spread"]

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_PARENT_CHECK_S = 2.0


def spread(
    work: Callable[[list[Task]], list[Answer]],
    tasks: Sequence[Task],
    n_jobs: int,
    description: str,
    *,
    parts_per_worker: int | None = None,
) -> Iterator[Answer]:
    """Yield the answers of ``work`` to all ``tasks``, in their order.

    The linear algebra libraries are held to one thread whatever ``n_jobs``: with more, sums
    change their order and results their last bits. The bar counts what is finished, so that it
    moves while an earlier, larger task is still being worked on.

    Parameters
    ----------
    work
        Takes some of the tasks, returns their answers; can be pickled.
    tasks
        What to do.
    n_jobs
        Processes, as in joblib: 1 stays in this process, -1 takes all cores.
    description
        For the progress bar.
    parts_per_worker
        Into how many parts each worker's share is cut: many small tasks are sent together.
        ``None`` sends every task by itself.

    Raises
    ------
    WorkerError
        If a process was killed from outside.

    Examples
    --------
    >>> list(spread(lambda numbers: [2 * n for n in numbers], [1, 2, 3], 1, "doubling"))
    [2, 4, 6]
    """
    from joblib import Parallel, delayed, effective_n_jobs
    from joblib.externals.loky.process_executor import TerminatedWorkerError
    from threadpoolctl import threadpool_limits

    workers = effective_n_jobs(n_jobs)
    if workers == 1:
        with threadpool_limits(1):
            for task in track(tasks, description):
                yield from work([task])
        return
    size = 1 if parts_per_worker is None else max(1, -(-len(tasks) // (workers * parts_per_worker)))
    parts = [list(tasks[start : start + size]) for start in range(0, len(tasks), size)]
    stream = Parallel(n_jobs=workers, return_as="generator_unordered")(
        delayed(_answered)(number, work, part, os.getpid()) for number, part in enumerate(parts)
    )
    finished: dict[int, list[Answer]] = {}
    turn = 0
    try:
        for number, answers in track(_quietly(stream), description, total=len(parts)):
            finished[number] = answers
            while turn in finished:
                yield from finished.pop(turn)
                turn += 1
    except TerminatedWorkerError:
        raise WorkerError(
            "A worker process was killed, most often because the memory was full. Run again with "
            "fewer n_jobs; what a cache holds is not computed again."
        ) from None


def _quietly(stream: Generator[Answer]) -> Iterator[Answer]:
    """Pass on what joblib yields, less what it says of things that cost nobody anything.

    A worker that has taken 300 MB more than at its first task is replaced; a network loaded late
    is enough, and nothing is lost. Where warnings are errors, joblib would stop for ever instead.
    Ignored only while joblib is at work: whoever takes the answers meets their own filters.
    """
    try:
        while True:
            with warnings.catch_warnings(), _last_words_ignored():
                warnings.filterwarnings("ignore", "A worker stopped while", UserWarning)
                try:
                    answer = next(stream)
                except StopIteration:
                    return
            yield answer
    finally:
        with warnings.catch_warnings(), _last_words_ignored():
            # nobody takes the rest, and joblib warns of that as well
            warnings.simplefilter("ignore", UserWarning)
            stream.close()


@contextmanager
def _last_words_ignored() -> Iterator[None]:
    """Leave out the traceback of a pool that is ended while a task is on its way to it.

    loky's manager thread forgets its pending tasks and then looks up one that came in between:
    a KeyError in a thread that is ending, after its workers have ended. Everything else that
    fails in a thread goes where it would have gone.
    """
    before = threading.excepthook

    def hook(failure: threading.ExceptHookArgs) -> None:
        of_the_pool = type(failure.thread).__name__ == "_ExecutorManagerThread"
        if not (of_the_pool and failure.exc_type is KeyError):
            before(failure)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


def _answered(
    number: int, work: Callable[[list[Task]], list[Answer]], part: list[Task], parent: int
) -> tuple[int, list[Answer]]:
    from threadpoolctl import threadpool_limits

    _go_with(parent)
    with threadpool_limits(1):
        return number, work(part)


_watch: threading.Thread | None = None


def _go_with(parent: int) -> None:
    """End this worker when the process that started it is gone.

    A parent that is killed cannot end its workers; they would wait for tasks for ever, each with
    the memory of a loaded network. Where joblib was told to use threads, or machines elsewhere,
    this is no child of that process and stays.
    """
    global _watch
    if _watch is None and os.getppid() == parent:
        _watch = threading.Thread(target=_wait_for_orphanhood, args=(parent,), daemon=True)
        _watch.start()


def _wait_for_orphanhood(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_S)
    os._exit(1)
