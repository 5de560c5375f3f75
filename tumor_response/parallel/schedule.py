"""Tasks through a place: as many as it has slots and memory for, and a second try after a death."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from heapq import nlargest
from typing import Generic, Protocol, TypeVar

from tumor_response.parallel.places import Finished, Place

__all__ = ["Watcher", "in_order", "run_all"]

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_REACH = 20_000


class Watcher(Protocol):
    """Who is told how a run goes."""

    def retried(self, number: int, why: str) -> None:
        """Hear that the process under a task is gone; the task gets its second try."""
        ...

    def waits_for_memory(self, number: int, needed_bytes: int) -> None:
        """Hear that a task does not fit beside those that run; it begins when some have ended."""
        ...


class _Nobody:
    def retried(self, number: int, why: str) -> None:
        pass

    def waits_for_memory(self, number: int, needed_bytes: int) -> None:
        pass


def run_all(
    place: Place[Task, Answer],
    tasks: Iterable[Task],
    *,
    estimate: Callable[[Task], int] | None = None,
    watcher: Watcher | None = None,
    reach: int = _REACH,
) -> Generator[Finished[Answer]]:
    """Yield every task's end, in the order in which they end.

    Tasks begin in their order. One begins only if it fits into the memory beside those that run,
    whichever of them meet on one machine; one too large for any company runs alone.

    A task whose process died is tried once more. Where a dying process takes its neighbours with
    it, the second try is alone in the place: whoever dies again is the reason, and the bystanders
    have their answers.

    Parameters
    ----------
    place
        Where; closed when all tasks have ended, aborted when the caller stops before.
    tasks
        What; taken one by one, when their turn comes.
    estimate
        A task's memory in bytes; ``None``: no task is held back.
    watcher
        Is told of second tries and of tasks that wait.
    reach
        No task begins so far behind the first that has not ended: whoever puts the answers in
        order has to keep no more than these.

    Yields
    ------
    Finished
        With ``died`` only after the second try.

    Examples
    --------
    >>> from tumor_response.parallel.places import Here
    >>> [done.answer for done in run_all(Here(abs), [-1, -2])]
    [1, 2]
    """
    run = _Run(place, tasks, estimate, watcher or _Nobody(), reach)
    try:
        while run.begin():
            for done in place.finished():
                yield from run.ended(done)
    except BaseException:
        place.abort()
        raise
    place.close()


class _Run(Generic[Task, Answer]):
    """The books of one run: what waits, what runs, what has to be tried again."""

    def __init__(
        self,
        place: Place[Task, Answer],
        tasks: Iterable[Task],
        estimate: Callable[[Task], int] | None,
        watcher: Watcher,
        reach: int,
    ) -> None:
        self.place, self.watcher, self.reach = place, watcher, reach
        self.coming = enumerate(tasks)
        self.estimate = estimate
        self.head: tuple[int, Task, int] | None = None  # taken from `coming`, not begun yet
        self.head_waits = False
        self.running: dict[int, tuple[Task, int]] = {}
        self.again: deque[tuple[int, Task, int]] = deque()
        self.second_try: set[int] = set()

    def begin(self) -> bool:
        """Begin what may begin; return whether anything runs."""
        while len(self.running) < self.place.ahead * self.place.slots and self._begin_one():
            pass
        return bool(self.running)

    def _begin_one(self) -> bool:
        if self.again:
            if self.place.takes_bystanders and self.running:
                return False
            self._submit(*self.again.popleft())
            return True
        if self.place.takes_bystanders and self.second_try & self.running.keys():
            return False  # somebody is having a second try, alone
        if self.head is None:
            number_task = next(self.coming, None)
            if number_task is None:
                return False
            number, task = number_task
            self.head = number, task, 0 if self.estimate is None else self.estimate(task)
        number, task, needed = self.head
        if self.running and (number - min(self.running) >= self.reach or not self._fits(needed)):
            return False
        self.head, self.head_waits = None, False
        self._submit(number, task, needed)
        return True

    def _fits(self, needed: int) -> bool:
        memory = self.place.memory_bytes
        if memory is None:
            return True
        beside = [cost for _, cost in self.running.values()]
        if sum(nlargest(self.place.slots_per_memory, [*beside, needed])) <= memory:
            return True
        if not self.head_waits and self.head is not None:
            self.head_waits = True
            self.watcher.waits_for_memory(self.head[0], needed)
        return False

    def _submit(self, number: int, task: Task, needed: int) -> None:
        self.running[number] = task, needed
        self.place.submit(number, task)

    def ended(self, done: Finished[Answer]) -> Iterator[Finished[Answer]]:
        """Yield a task's end, unless it gets a second try."""
        task, needed = self.running.pop(done.number)
        if done.died is None or done.number in self.second_try:
            self.second_try.discard(done.number)
            yield done
            return
        self.second_try.add(done.number)
        self.again.append((done.number, task, needed))
        self.watcher.retried(done.number, done.died)


def in_order(ends: Iterable[Finished[Answer]]) -> Iterator[Finished[Answer]]:
    """Yield the ends of tasks 0, 1, 2 ... each as soon as all before it have ended.

    Examples
    --------
    >>> [done.number for done in in_order([Finished(1), Finished(0)])]
    [0, 1]
    """
    early: dict[int, Finished[Answer]] = {}
    turn = 0
    for done in ends:
        early[done.number] = done
        while turn in early:
            yield early.pop(turn)
            turn += 1
