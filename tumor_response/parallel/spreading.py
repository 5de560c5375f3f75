"""Work spread over processes: one thread each, answers in the order of the tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, TypeVar

from tumor_response.exceptions import SettingsError, WorkerError
from tumor_response.parallel.places import Here, Place
from tumor_response.parallel.processes import Processes, worker_count
from tumor_response.parallel.schedule import in_order, run_all
from tumor_response.progress import track

__all__ = ["spread"]

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def spread(
    work: Callable[[list[Task]], list[Answer]],
    tasks: Sequence[Task],
    n_jobs: int,
    description: str,
    *,
    parts_per_worker: int | None = None,
    client: Any = None,
) -> Iterator[Answer]:
    """Yield the answers of ``work`` to all ``tasks``, in their order.

    The libraries underneath are held to one thread whatever ``n_jobs``: with more, sums change
    their order and results their last bits. The bar counts what is finished, so that it moves
    while an earlier, larger task is still being worked on.

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
    client
        A ``dask.distributed.Client``: the tasks run on its cluster, and ``n_jobs`` has to be 1.

    Raises
    ------
    SettingsError
        For a client beside ``n_jobs``, and for what is no client.
    WorkerError
        If a process was killed from outside, and again at the second try.

    Examples
    --------
    >>> list(spread(lambda numbers: [2 * n for n in numbers], [1, 2, 3], 1, "doubling"))
    [2, 4, 6]
    """
    cluster: Place[Any, Any] | None = None
    if client is not None:
        if n_jobs != 1:
            raise SettingsError(
                "client= runs the tasks on its cluster, whose workers have a number of their own; "
                f"n_jobs={n_jobs} is for this machine. Give one or the other."
            )
        # distributed is an extra
        from tumor_response.parallel.cluster import Cluster

        cluster = Cluster(work, client)
    workers = worker_count(n_jobs) if cluster is None else cluster.slots
    size = 1
    if workers > 1 and parts_per_worker is not None:
        size = max(1, -(-len(tasks) // (workers * parts_per_worker)))
    parts = [list(tasks[start : start + size]) for start in range(0, len(tasks), size)]
    place = cluster or (Here(work) if workers == 1 else Processes(work, workers))
    # closed whatever happens: workers must not go on after the first error
    with closing(run_all(place, parts)) as ends:
        for done in in_order(track(ends, description, total=len(parts))):
            if done.error is not None:
                raise done.error
            if done.answer is None:
                raise WorkerError(
                    f"A worker process was killed twice at the same task ({done.died}), most "
                    "often because the memory was full. Run again with fewer n_jobs; what a "
                    "cache holds is not computed again."
                )
            yield from done.answer
