"""Where tasks run: what a scheduler needs to know of it, and the nearest such place."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tumor_response.parallel.threads import held_threads

__all__ = ["Finished", "Here", "NeedsMemory", "Place"]

Task = TypeVar("Task")
TaskIn = TypeVar("TaskIn", contravariant=True)
Answer = TypeVar("Answer")
AnswerOut = TypeVar("AnswerOut", covariant=True)


@dataclass(frozen=True)
class Finished(Generic[AnswerOut]):
    """A task that has ended, in one of three ways.

    Parameters
    ----------
    number
        Which task.
    answer
        What the work returned.
    error
        What the work raised.
    died
        Why the process under the task is gone, as far as known; nobody knows yet whether this
        task was the reason or a bystander.
    """

    number: int
    answer: AnswerOut | None = None
    error: BaseException | None = None
    died: str | None = None


@dataclass(frozen=True)
class NeedsMemory:
    """What a work answers instead of beginning a task that needs more than it was granted."""

    needed_bytes: int


class Place(Protocol[TaskIn, Answer]):
    """Where tasks run.

    Attributes
    ----------
    name
        ``"serial"``, ``"processes"`` or ``"dask"``.
    slots
        How many tasks run at the same time, on all machines together.
    slots_per_memory
        How many of those share the memory that ``memory_bytes`` speaks of.
    memory_bytes
        The least memory that such a group of slots has for its tasks; ``None``: not known.
    ahead
        How many tasks per slot are handed over: while one runs, the next is already there.
    takes_bystanders
        Whether a process that dies takes the tasks of others with it, so that nobody knows whose
        fault it was.
    """

    name: str
    slots_per_memory: int
    memory_bytes: int | None
    ahead: int
    takes_bystanders: bool

    @property
    def slots(self) -> int:
        """How many tasks run at the same time; it may change."""
        ...

    def submit(self, number: int, task: TaskIn) -> None:
        """Begin a task, or hand it over to be begun soon."""
        ...

    def finished(self) -> list[Finished[Answer]]:
        """Wait until at least one task has ended; return all that have since the last call.

        Raises
        ------
        WorkerError
            If the place itself is gone (code ``cluster_lost``): no task can end any more.
        """
        ...

    def close(self) -> None:
        """End what this run started, after all tasks have ended."""
        ...

    def abort(self) -> None:
        """End what this run started, now; tasks that have not ended never will."""
        ...


class Here(Generic[Task, Answer]):
    """The process itself: one task after the other, on one thread."""

    name = "serial"
    slots = 1
    slots_per_memory = 1
    memory_bytes: int | None = None
    ahead = 1
    takes_bystanders = False

    def __init__(self, work: Callable[[Task], Answer]) -> None:
        self._work = work
        self._waiting: deque[tuple[int, Task]] = deque()

    def submit(self, number: int, task: Task) -> None:
        """Put the task in the queue; it runs when somebody waits for it."""
        self._waiting.append((number, task))

    def finished(self) -> list[Finished[Answer]]:
        """Run the task that has waited longest."""
        number, task = self._waiting.popleft()
        try:
            with held_threads(1):
                return [Finished(number, self._work(task))]
        except Exception as error:
            return [Finished(number, error=error)]

    def close(self) -> None:
        """Nothing was started."""

    def abort(self) -> None:
        """Nothing was started."""
        self._waiting.clear()
