"""Work spread over processes, one thread each, answers in the order of the tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from joblib import Parallel, delayed, effective_n_jobs
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import threadpool_limits

from tumor_response.exceptions import EvaluationError
from tumor_response.progress import track

__all__ = ["spread"]

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_PARTS_PER_WORKER = 16
"""Enough for a smooth progress bar, few enough to send the table seldom."""


def spread(
    work: Callable[[list[Task]], list[Answer]],
    tasks: list[Task],
    n_jobs: int,
    description: str,
) -> Iterator[Answer]:
    """Yield the answers of ``work`` to all ``tasks``, computed a part at a time.

    The linear algebra libraries are held to one thread whatever ``n_jobs``: with more, sums
    change their order and results their last bits.

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

    Examples
    --------
    >>> list(spread(lambda numbers: [2 * n for n in numbers], [1, 2, 3], 1, "doubling"))
    [2, 4, 6]
    """
    workers = effective_n_jobs(n_jobs)
    if workers == 1:
        with threadpool_limits(1):
            for task in track(tasks, description):
                yield from work([task])
        return
    size = max(1, -(-len(tasks) // (workers * _PARTS_PER_WORKER)))
    parts = [tasks[start : start + size] for start in range(0, len(tasks), size)]
    stream = Parallel(n_jobs=workers, return_as="generator")(
        delayed(_in_one_thread)(work, part) for part in parts
    )
    try:
        for answers in track(stream, description, total=len(parts)):
            yield from answers
    except TerminatedWorkerError:
        raise EvaluationError(
            "A worker process was killed, most often because the memory was full. Run again with "
            "fewer n_jobs.",
            code="worker_died",
        ) from None


def _in_one_thread(work: Callable[[list[Task]], list[Answer]], part: list[Task]) -> list[Answer]:
    with threadpool_limits(1):
        return work(part)
