"""Tasks through a place: as many as it has slots and memory for, and a second try after a death."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from heapq import nlargest
from typing import Generic, Protocol, TypeVar

from tumor_response.parallel.places import Finished, NeedsMemory, Place

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
    place: Place[Task, Answer | NeedsMemory],
    tasks: Iterable[Task],
    *,
    grant: Callable[[Task, int], Task] | None = None,
    watcher: Watcher | None = None,
    reach: int = _REACH,
) -> Generator[Finished[Answer]]:
    """Yield every task's end, in the order in which they end.

    Tasks begin in their order. Each is granted an equal share of the memory; one that answers
    :class:`NeedsMemory` is begun again when what it needs is free, whichever of the others meet
    it on one machine. One too large for any company runs alone.

    A task whose process died is tried once more. Where a dying process takes its neighbours with
    it, the second try is alone in the place: whoever dies again is the reason, and the bystanders
    have their answers.

    Parameters
    ----------
    place
        Where; closed when all tasks have ended, aborted when the caller stops before.
    tasks
        What; taken one by one, when their turn comes.
    grant
        Makes a task that knows how many bytes it may take; ``None``: no task is held back.
    watcher
        Is told of second tries and of tasks that wait.
    reach
        No task begins so far behind the first that has not ended: whoever puts the answers in
        order has to keep no more than these.

    Yields
    ------
    Finished
        With ``died`` only after the second try; never with :class:`NeedsMemory`.

    Examples
    --------
    >>> from tumor_response.parallel.places import Here
    >>> [done.answer for done in run_all(Here(abs), [-1, -2])]
    [1, 2]
    """
    run = _Run(place, tasks, grant, watcher or _Nobody(), reach)
    try:
        while run.begin():
            for done in place.finished():
                yield from run.ended(done)
    except BaseException:
        place.abort()
        raise
    place.close()


@dataclass(frozen=True)
class _Waiting(Generic[Task]):
    number: int
    task: Task
    needed_bytes: int


class _Run(Generic[Task, Answer]):
    """The books of one run: what waits, what runs, what has to be tried again."""

    def __init__(
        self,
        place: Place[Task, Answer | NeedsMemory],
        tasks: Iterable[Task],
        grant: Callable[[Task, int], Task] | None,
        watcher: Watcher,
        reach: int,
    ) -> None:
        self.place, self.watcher, self.reach = place, watcher, reach
        self.coming = enumerate(tasks)
        self.grant = grant
        self.first: deque[_Waiting[Task]] = deque()
        """Taken from those to come, or sent back for more memory: they go before all others."""
        self.running: dict[int, _Waiting[Task]] = {}
        self.again: deque[_Waiting[Task]] = deque()
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
            self._submit(self.again.popleft())
            return True
        if self.place.takes_bystanders and self.second_try & self.running.keys():
            return False  # somebody is having a second try, alone
        if not self.first:
            number_task = next(self.coming, None)
            if number_task is None:
                return False
            self.first.append(self._with_share(*number_task))
        head = self.first[0]
        in_reach = not self.running or head.number - min(self.running) < self.reach
        if not in_reach or not self._fits(head.needed_bytes):
            return False
        self._submit(self.first.popleft())
        return True

    def _with_share(self, number: int, task: Task) -> _Waiting[Task]:
        memory = self.place.memory_bytes
        if self.grant is None or memory is None:
            return _Waiting(number, task, 0)
        share = memory // self.place.slots_per_memory
        return _Waiting(number, self.grant(task, share), share)

    def _fits(self, needed_bytes: int) -> bool:
        memory = self.place.memory_bytes
        if memory is None or not self.running:
            return True
        beside = [other.needed_bytes for other in self.running.values()]
        return sum(nlargest(self.place.slots_per_memory, [*beside, needed_bytes])) <= memory

    def _submit(self, waiting: _Waiting[Task]) -> None:
        self.running[waiting.number] = waiting
        self.place.submit(waiting.number, waiting.task)

    def ended(self, done: Finished[Answer | NeedsMemory]) -> Iterator[Finished[Answer]]:
        """Yield a task's end, unless it is to begin again."""
        was = self.running.pop(done.number)
        if isinstance(done.answer, NeedsMemory):
            self.second_try.discard(done.number)
            needed = done.answer.needed_bytes
            task = was.task if self.grant is None else self.grant(was.task, needed)
            self.first.append(_Waiting(was.number, task, needed))
            self.watcher.waits_for_memory(was.number, needed)
        elif done.died is None or done.number in self.second_try:
            self.second_try.discard(done.number)
            yield Finished(done.number, done.answer, done.error, done.died)
        else:
            self.second_try.add(done.number)
            self.again.append(was)
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
