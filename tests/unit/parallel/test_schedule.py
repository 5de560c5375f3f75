"""Who begins when, beside whom, and who gets a second try."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumor_response.parallel.places import Finished, Here, NeedsMemory
from tumor_response.parallel.schedule import in_order, run_all


class Simulated:
    """A place without processes: the test says who ends, and who takes whom along."""

    name = "simulated"
    ahead = 2

    def __init__(
        self,
        slots: int = 2,
        memory_bytes: int | None = None,
        slots_per_memory: int = 2,
        kills: Callable[[int, int], bool] = lambda number, attempt: False,
        takes_bystanders: bool = True,
        pick: Callable[[list[int]], int] = lambda running: running[0],
    ) -> None:
        self.slots, self.memory_bytes = slots, memory_bytes
        self.slots_per_memory, self.takes_bystanders = slots_per_memory, takes_bystanders
        self.kills, self.pick = kills, pick
        self.running: dict[int, int] = {}
        self.attempts: dict[int, int] = {}
        self.seen_together: list[list[int]] = []
        self.closed = self.aborted = 0

    def submit(self, number: int, task: int) -> None:
        assert number not in self.running
        self.running[number] = task
        self.attempts[number] = self.attempts.get(number, 0) + 1
        self.seen_together.append(sorted(self.running))

    def finished(self) -> list[Finished[int]]:
        number = self.pick(list(self.running))
        if self.kills(number, self.attempts[number]):
            dead = list(self.running) if self.takes_bystanders else [number]
            for each in dead:
                del self.running[each]
            return [Finished(each, died="SIGKILL") for each in dead]
        return [Finished(number, self.running.pop(number))]

    def close(self) -> None:
        self.closed += 1

    def abort(self) -> None:
        self.aborted += 1


class Told:
    def __init__(self) -> None:
        self.retries: list[int] = []
        self.waits: list[tuple[int, int]] = []

    def retried(self, number: int, why: str) -> None:
        self.retries.append(number)

    def waits_for_memory(self, number: int, needed_bytes: int) -> None:
        self.waits.append((number, needed_bytes))


def granted(task: tuple[int, int | None], n_bytes: int) -> tuple[int, int]:
    return task[0], n_bytes


class Careful(Simulated):
    """Its work says what it needs, where that is more than it was granted."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.begun: list[dict[int, int]] = []

    def submit(self, number: int, task: tuple[int, int | None]) -> None:
        super().submit(number, task)
        # what runs now, and is not about to say that it needs more
        real = {n: t[0] for n, t in self.running.items() if t[1] is None or t[0] <= t[1]}
        self.begun.append(real)

    def finished(self) -> list[Finished]:
        (end,) = super().finished()
        needed, limit = end.answer
        if limit is not None and needed > limit:
            return [Finished(end.number, NeedsMemory(needed))]
        return [Finished(end.number, needed)]


@given(
    costs=st.lists(st.integers(0, 12), max_size=30),
    slots=st.integers(1, 5),
    shared=st.integers(1, 5),
    seed=st.randoms(use_true_random=False),
)
def test_what_can_meet_on_one_machine_fits_into_it(costs, slots, shared, seed) -> None:
    place = Careful(slots, 10, shared, pick=seed.choice)
    tasks = [(cost, None) for cost in costs]
    ends = list(run_all(place, tasks, grant=granted))
    assert sorted(end.number for end in ends) == list(range(len(costs)))
    assert [end.answer for end in in_order(ends)] == costs
    for together in place.begun:
        worst = sum(sorted(together.values(), reverse=True)[:shared])
        assert worst <= 10 or len(together) == 1
        assert len(together) <= 2 * slots
    assert (place.closed, place.aborted) == (1, 0)
    assert max(place.attempts.values(), default=1) <= 2


def test_a_large_task_is_told_and_begins_when_there_is_room() -> None:
    told, place = Told(), Careful(1, 10, 2)
    list(run_all(place, [(7, None), (2, None), (9, None)], grant=granted, watcher=told))
    assert told.waits == [(0, 7), (2, 9)]
    assert place.attempts == {0: 2, 1: 1, 2: 2}
    assert all(sum(together.values()) <= 10 for together in place.begun)


def test_without_a_limit_nobody_is_asked() -> None:
    place = Careful(2, None, 2)
    ends = list(run_all(place, [(99, None), (1, None)], grant=granted))
    assert [end.answer for end in ends] == [99, 1]
    assert set(place.attempts.values()) == {1}


@given(
    n=st.integers(1, 25),
    culprits=st.sets(st.integers(0, 24), max_size=4),
    once=st.sets(st.integers(0, 24), max_size=4),
    slots=st.integers(1, 4),
    takes_bystanders=st.booleans(),
    seed=st.randoms(use_true_random=False),
)
def test_only_those_that_die_twice_are_lost(
    n, culprits, once, slots, takes_bystanders, seed
) -> None:
    def kills(number: int, attempt: int) -> bool:
        return number in culprits or (number in once and attempt == 1)

    place = Simulated(slots, kills=kills, takes_bystanders=takes_bystanders, pick=seed.choice)
    ends = list(in_order(run_all(place, range(n))))
    assert [end.number for end in ends] == list(range(n))
    assert {end.number for end in ends if end.died} == culprits & set(range(n))
    assert all(end.answer == end.number for end in ends if not end.died)
    assert max(place.attempts.values()) <= 2


def test_a_second_try_is_alone_where_the_dying_take_bystanders_along() -> None:
    told = Told()
    place = Simulated(3, kills=lambda number, attempt: number == 1)
    ends = {end.number: end for end in run_all(place, range(8), watcher=told)}
    again = [together for together in place.seen_together if 1 in together][-1]
    assert again == [1]
    assert ends[1].died == "SIGKILL"
    assert 1 in told.retries


def test_a_second_try_holds_nobody_up_where_they_do_not() -> None:
    place = Simulated(
        2, takes_bystanders=False, kills=lambda number, attempt: (number, attempt) == (0, 1)
    )
    list(run_all(place, range(6)))
    assert any(0 in together and 5 in together for together in place.seen_together) or any(
        len(together) > 1 and 0 in together for together in place.seen_together[4:]
    )
    assert place.attempts[0] == 2


def test_nobody_begins_out_of_reach_of_the_first_that_has_not_ended() -> None:
    place = Simulated(4, pick=lambda running: running[-1])  # the first one never ends by choice
    list(run_all(place, range(30), reach=5))
    for together in place.seen_together:
        assert together[-1] - together[0] <= 5


def test_whoever_stops_taking_answers_stops_the_place() -> None:
    place = Simulated()
    ends = run_all(place, range(10))
    next(ends)
    ends.close()
    assert (place.closed, place.aborted) == (0, 1)


def test_an_error_of_the_place_stops_it_and_arrives() -> None:
    class Gone(Simulated):
        def finished(self) -> list[Finished[int]]:
            raise ConnectionError("gone")

    place = Gone()
    with pytest.raises(ConnectionError, match="gone"):
        list(run_all(place, range(3)))
    assert (place.closed, place.aborted) == (0, 1)


def test_tasks_are_taken_when_their_turn_comes() -> None:
    taken = []

    def tasks():
        for number in range(100):
            taken.append(number)
            yield number

    ends = run_all(Here(abs), tasks())
    next(ends)
    assert len(taken) <= 4


def test_an_error_in_this_process_is_the_tasks_own() -> None:
    ends = list(run_all(Here(lambda n: 1 // n), [1, 0, 2]))
    assert [type(end.error) for end in ends] == [type(None), ZeroDivisionError, type(None)]
