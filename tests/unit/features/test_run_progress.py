from __future__ import annotations

import heapq
import io
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from tumor_response.features.run_progress import Pace, RunProgress, duration_text


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def paces(durations: Iterable[tuple[float, bool]], total: int, slots: int = 1) -> list[Pace]:
    clock = Clock()
    progress = RunProgress(total, slots, clock=clock)
    told = []
    for seconds, from_cache in durations:
        clock.now += seconds
        told.append(progress.advance(from_cache=from_cache))
    return told


def test_a_steady_run_is_predicted_from_its_first_case_on() -> None:
    for done, pace in enumerate(paces([(4.0, False)] * 10, total=10), start=1):
        assert pace.rate_per_s == pytest.approx(0.25)
        assert pace.eta_s == pytest.approx(4.0 * (10 - done))


def test_a_resumed_run_is_predicted_by_what_it_computes() -> None:
    told = paces([(0.01, True)] * 90 + [(4.0, False)] * 10, total=100)
    assert told[89].eta_s == pytest.approx(0.1)  # nothing else is known yet
    assert told[90].eta_s == pytest.approx(36.0)
    assert told[94].rate_per_s == pytest.approx(0.25)
    assert told[-1].eta_s == 0


def test_cases_from_the_cache_in_between_take_nothing_from_the_rate() -> None:
    told = paces([(4.0, False), (0.0, True)] * 5, total=20)
    assert told[-1].rate_per_s == pytest.approx(0.25)


def test_a_run_that_is_all_cached_has_its_own_rate() -> None:
    assert paces([(0.01, True)] * 50, total=100)[-1].eta_s == pytest.approx(0.5)


def ends_of(seconds: np.ndarray, slots: int) -> np.ndarray:
    """When cases end that are begun in their order, each as soon as a slot is free."""
    free = [0.0] * slots
    ends = []
    for duration in seconds:
        ends.append(heapq.heappop(free) + duration)
        heapq.heappush(free, ends[-1])
    return np.sort(ends)


@pytest.mark.parametrize("slots", [1, 2, 8])
def test_many_at_a_time_are_predicted_from_the_first_end_on(slots: int) -> None:
    rng = np.random.default_rng(0)
    off = []
    for _ in range(200):
        ends = ends_of(rng.uniform(0.5, 1.5, 100) * slots, slots)
        told = paces([(float(s), False) for s in np.diff(ends, prepend=0.0)], 100, slots)
        predicted = np.array([pace.eta_s for pace in told], dtype=float)
        off.append(predicted[[0, 10, 50]] / (ends[-1] - ends[[0, 10, 50]]))
        assert predicted[-1] == 0
    # without those that are half done, the first prediction for 8 slots would be 5 times too long
    assert np.median(off, axis=0) == pytest.approx([1.0, 1.0, 1.0], abs=0.2)


def test_time_left_of_nothing_is_zero_and_of_no_time_is_unknown() -> None:
    assert paces([(0.0, False)], total=2) == [Pace(1, 2)]


def test_failures_are_counted() -> None:
    progress = RunProgress(3, clock=Clock())
    progress.advance(2)
    assert progress.advance(1).n_failures == 3


def test_the_clock_on_the_wall_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    jumping = iter([1e9, -1e9] * 1000)
    monkeypatch.setattr(time, "time", lambda: next(jumping))
    with RunProgress(1000) as progress:
        begin = time.monotonic()
        for _ in range(3):
            time.sleep(0.05)
            pace = progress.advance()
        seconds = time.monotonic() - begin
    assert pace.rate_per_s is not None
    assert pace.rate_per_s == pytest.approx(3 / seconds, rel=0.2)


def drawn(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, seconds: float) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    clock = Clock()
    with RunProgress(3, clock=clock) as progress:
        clock.now += seconds
        progress.advance()
        clock.now += seconds
        progress.advance(n_failures=2)
    return stream.getvalue()


def test_a_terminal_sees_rate_time_left_and_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = drawn(monkeypatch, Terminal(), 5.0)
    assert "1/3, 0.2/s, 10 s left, failures: 0" in shown
    assert "2/3, 0.2/s, 5.0 s left, failures: 2" in shown


@pytest.mark.parametrize(("stream", "seconds"), [(io.StringIO, 5.0), (Terminal, 0.5)])
def test_nothing_is_drawn_into_a_file_or_for_a_moment(
    monkeypatch: pytest.MonkeyPatch, stream: Callable[[], io.StringIO], seconds: float
) -> None:
    assert drawn(monkeypatch, stream(), seconds) == ""


@pytest.mark.parametrize(
    ("pace", "text"),
    [
        (Pace(0, 5), "failures: 0"),
        (Pace(1, 5, 1, 25.4, 3.0), "25/s, 3.0 s left, failures: 1"),
        (Pace(1, 5, 1, 2.54, 300.0), "2.5/s, 5 min left, failures: 1"),
        (Pace(1, 5, 1, 1 / 40, 9000.0), "1.5/min, 2.5 h left, failures: 1"),
        (Pace(1, 5, 1, 1 / 1200, 40_000.0), "3/h, 11 h left, failures: 1"),
    ],
)
def test_a_pace_in_words(pace: Pace, text: str) -> None:
    assert str(pace) == text


def test_durations_have_units_that_fit() -> None:
    assert [duration_text(s) for s in (0.0, 9.96, 119, 121, 7199, 7201, 36_001)] == [
        "0.0 s",
        "10.0 s",
        "119 s",
        "2 min",
        "120 min",
        "2.0 h",
        "10 h",
    ]
