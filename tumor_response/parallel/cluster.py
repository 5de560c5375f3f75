"""Tasks on a cluster, over dask.distributed."""

from __future__ import annotations

import contextlib
import platform
import queue
import time
import uuid
import warnings
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from tumor_response._version import __version__
from tumor_response.exceptions import SettingsError, WorkerError
from tumor_response.parallel.places import Finished
from tumor_response.parallel.threads import held_threads

__all__ = ["Cluster"]

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_LOOK_S = 5.0
"""How often the cluster is looked at: workers come and go."""
_LISTEN_S = 1.0
_ALONE_S = 60.0
"""A cluster without workers for so long is told of: they may be in a queue, or dead for good."""


class Cluster(Generic[Task, Answer]):
    """The workers of a Dask cluster.

    The work is sent once, and from worker to worker; a task by itself. Dask runs the tasks of a
    worker that died again on another one, as often as its configuration says
    (``distributed.scheduler.allowed-failures``, 3), and then says which task it was.

    Parameters
    ----------
    work
        Called with each task, on a worker; picklable.
    client
        A ``dask.distributed.Client``, not an asynchronous one.

    Raises
    ------
    SettingsError
        For what is no such client.
    WorkerError
        Code ``cluster_lost``, if nobody answers.

    Examples
    --------
    >>> from distributed import Client
    >>> with Client(n_workers=1, processes=False, dashboard_address=":0") as client:
    ...     cluster = Cluster(abs, client)
    ...     cluster.submit(0, -3)
    ...     print(cluster.finished())
    ...     cluster.close()
    [Finished(number=0, answer=3, error=None, died=None)]
    """

    name = "dask"
    ahead = 4  # a cluster is further away
    takes_bystanders = False

    def __init__(self, work: Callable[[Task], Answer], client: Any) -> None:
        self._client = _checked(client)
        self._ends: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._numbers: dict[str, int] = {}
        self._futures: dict[str, Any] = {}
        self._run = uuid.uuid4().hex[:12]
        self._n_submitted = 0
        self._looked: float | None = None
        self._with_workers = time.monotonic()
        self._told = False
        import cloudpickle

        try:
            self._work = client.submit(
                _work_of, cloudpickle.dumps(work), key=f"tumor_response-work-{self._run}"
            )
            self._look()
        except (OSError, RuntimeError, TimeoutError) as error:
            raise _lost(str(error)) from None

    @property
    def slots(self) -> int:
        """How many threads the workers have together; 1 while there is no worker yet."""
        if self._looked is None or time.monotonic() - self._looked > _LOOK_S:
            with contextlib.suppress(OSError, RuntimeError, TimeoutError):  # told by finished()
                self._look()
        return self._slots

    def _look(self) -> None:
        self._looked = time.monotonic()
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        threads = [int(worker["nthreads"]) for worker in workers]
        limits = [int(worker["memory_limit"] or 0) for worker in workers]
        if threads:
            self._with_workers, self._told = self._looked, False
        self._slots = max(1, sum(threads))
        self.slots_per_memory = max(threads, default=1)
        self.memory_bytes = min(limits) if limits and all(limits) else None

    def submit(self, number: int, task: Task) -> None:
        """Hand a task to the scheduler."""
        self._n_submitted += 1
        key = f"tumor_response-{self._run}-{number}-{self._n_submitted}"
        try:
            future = self._client.submit(
                _answered, self._work, task, __version__, platform.python_version(), key=key
            )
        except (OSError, RuntimeError, TimeoutError) as error:
            raise _lost(str(error)) from None
        self._numbers[key], self._futures[key] = number, future
        future.add_done_callback(self._ends.put)

    def finished(self) -> list[Finished[Answer]]:
        """Wait for the first task to end.

        Raises
        ------
        WorkerError
            Code ``cluster_lost``: the scheduler is gone, or somebody cancelled the tasks; code
            ``worker_version``: a worker has another version of the library or of Python.
        """
        ended = [self._next()]
        with contextlib.suppress(queue.Empty):
            while True:
                ended.append(self._ends.get_nowait())
        numbers = [self._numbers.pop(future.key) for future in ended]
        for future in ended:
            del self._futures[future.key]
        answers = self._gathered([f for f in ended if f.status == "finished"])
        return [
            Finished(number, answers[future.key])
            if future.key in answers
            else _without_answer(number, future)
            for number, future in zip(numbers, ended, strict=True)
        ]

    def _gathered(self, futures: list[Any]) -> dict[str, Answer]:
        from distributed import CancelledError

        if self._client.status != "running":  # gathering would wait half a minute to say so
            raise _lost(f"the client is {self._client.status}")
        try:
            answers = self._client.gather(futures)
        except (CancelledError, OSError, TimeoutError) as gone:
            raise _lost(str(gone)) from None
        return dict(zip([future.key for future in futures], answers, strict=True))

    def _next(self) -> Any:
        while True:
            try:
                return self._ends.get(timeout=_LISTEN_S)
            except queue.Empty:
                if self._client.status not in ("running", "connecting"):
                    raise _lost(f"the client is {self._client.status}") from None
                self._tell_if_alone()

    def _tell_if_alone(self) -> None:
        _ = self.slots  # looks again, if it is time to
        alone_s = time.monotonic() - self._with_workers
        if alone_s > _ALONE_S and not self._told:
            self._told = True
            warnings.warn(
                f"The Dask cluster has had no worker for {alone_s:.0f} s. The run waits for one; "
                "Ctrl-C ends it, and what the cache holds is not lost.",
                stacklevel=2,
            )

    def close(self) -> None:
        """Let go of the work; the cluster is its owner's."""
        with contextlib.suppress(Exception):
            self._work.release()

    def abort(self) -> None:
        """Cancel what has not ended."""
        with contextlib.suppress(Exception):  # where the scheduler is gone, nothing runs
            self._client.cancel(list(self._futures.values()), force=True)
        self._futures.clear()
        self._numbers.clear()
        self.close()


def _without_answer(number: int, future: Any) -> Finished[Any]:
    from distributed import KilledWorker

    if future.status != "error":
        raise _lost(f"its tasks are {future.status}")
    error = future.exception()
    if isinstance(error, KilledWorker):
        return Finished(number, died=f"{error.allowed_failures + 1} workers died under it")
    if isinstance(error, ModuleNotFoundError) and "tumor_response" in str(error):
        raise WorkerError(
            f"A worker of the cluster has no tumor_response. Install {__version__} there, in "
            "the environment that its workers start in.",
            code="worker_version",
        )
    return Finished(number, error=error)


def _checked(client: Any) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise SettingsError("client= needs Dask: pip install 'tumor-response[cluster]'") from None
    if not isinstance(client, Client):
        raise SettingsError(
            f"client={client!r}: expected a dask.distributed.Client, for example "
            "Client('tcp://scheduler:8786') or Client(cluster)."
        )
    if client.asynchronous:
        raise SettingsError(
            "client= is an asynchronous client; expected one made without asynchronous=True."
        )
    if client.status != "running":
        raise _lost(f"the client is {client.status}")
    return client


def _lost(reason: str) -> WorkerError:
    return WorkerError(
        f"The Dask cluster is lost ({reason}). What the cache holds is not computed again: start "
        "the cluster, and the same call with the same cache_dir.",
        code="cluster_lost",
    )


def _work_of(pickled: bytes) -> Any:
    """Read the work on a worker; the scheduler can ask for it again when that worker dies."""
    import cloudpickle

    return cloudpickle.loads(pickled)


def _answered(work: Callable[[Any], Any], task: Any, library: str, python: str) -> Any:
    here = __version__, platform.python_version()
    if here != (library, python):
        raise WorkerError(
            f"A worker of the cluster has tumor_response {here[0]} on Python {here[1]}, this "
            f"machine {library} on Python {python}: their tables could differ. Install the same "
            "on both.",
            code="worker_version",
        )
    # several threads of one worker may be at it at once
    with held_threads(1):
        return work(task)
