"""How a run is getting on: how many cases, how fast, how long still, how many failures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tumor_response.progress import SILENT_S, open_bar

__all__ = ["Pace", "RunProgress", "duration_text"]

_REDRAW_S = 0.2


@dataclass(frozen=True)
class Pace:
    """Where a run stands.

    Parameters
    ----------
    done, total
        Cases.
    n_failures
        Reasons for which cases lack values, so far.
    rate_per_s
        Cases per second; ``None`` before the first.
    eta_s
        Seconds still to go; ``None`` before the first case.
    """

    done: int
    total: int
    n_failures: int = 0
    rate_per_s: float | None = None
    eta_s: float | None = None

    def __str__(self) -> str:
        parts = [] if self.rate_per_s is None else [_rate_text(self.rate_per_s)]
        if self.eta_s is not None:
            parts.append(f"{duration_text(self.eta_s)} left")
        parts.append(f"failures: {self.n_failures}")
        return ", ".join(parts)


class RunProgress:
    """Count cases as they end, and draw a bar on a terminal or in a notebook.

    The bar appears after two seconds; nothing is drawn where nobody looks. Time is taken from the
    monotonic clock: setting the computer's clock changes no rate.

    A run that is resumed begins with cases that are read from the cache in no time. They say
    nothing of those that follow, so rate and time left are those of computed cases as soon as there
    is one; that none of the rest is in the cache is assumed.

    Parameters
    ----------
    total
        Cases.
    slots
        How many run at the same time.
    description
        In front of the bar.
    clock
        Seconds; for tests.

    Examples
    --------
    >>> with RunProgress(4, clock=iter([0.0, 10.0, 20.0]).__next__) as progress:
    ...     progress.advance()
    ...     print(progress.advance(n_failures=1))
    Pace(done=1, total=4, n_failures=0, rate_per_s=0.1, eta_s=30.0)
    0.1/s, 20 s left, failures: 1
    """

    def __init__(
        self,
        total: int,
        slots: int = 1,
        description: str = "Extracting features",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._slots, self._description = total, slots, description
        self._clock = clock
        self._begin = self._last = clock()
        self._done = self._computed = self._failures = 0
        self._computing_s = 0.0
        self._bar: Any = None
        self._drawn = self._begin

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def advance(self, n_failures: int = 0, *, from_cache: bool = False) -> Pace:
        """Count one case that has ended; return where the run stands.

        Parameters
        ----------
        n_failures
            Reasons for which the case lacks values.
        from_cache
            Whether all that takes time was read from the cache.
        """
        now = self._clock()
        self._done += 1
        self._failures += n_failures
        if not from_cache:
            self._computed += 1
            self._computing_s += now - self._last
        self._last = now
        pace = self._pace(now)
        self._draw(pace, now)
        return pace

    def _pace(self, now: float) -> Pace:
        left = self._total - self._done
        # whenever one case ends, those in the other slots are half done, on average
        half_done = min(self._slots - 1, left) / 2
        cases, seconds = self._done + 0.0, now - self._begin
        if self._computed:
            cases, seconds = self._computed + half_done, self._computing_s
        if seconds <= 0:
            return Pace(self._done, self._total, self._failures)
        rate = cases / seconds
        eta = (left - half_done if self._computed else left) / rate
        return Pace(self._done, self._total, self._failures, rate, eta)

    def _draw(self, pace: Pace, now: float) -> None:
        if self._bar is None:
            if now - self._begin < SILENT_S:
                return
            self._bar = open_bar(
                self._description,
                total=self._total,
                initial=self._done,
                # rate and time left are ours: tqdm's would go by the clock on the wall
                bar_format="{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}",
                postfix=str(pace),
            )
        elif now - self._drawn < _REDRAW_S and pace.done < pace.total:
            return
        self._drawn = now
        self._bar.n = pace.done
        self._bar.set_postfix_str(str(pace))


def duration_text(seconds: float) -> str:
    """Return a duration in the units one would say it in.

    Examples
    --------
    >>> [duration_text(s) for s in (0.4, 75, 5400, 200_000)]
    ['0.4 s', '75 s', '90 min', '56 h']
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds >= 36_000 else f"{seconds / 3600:.1f} h"


def _rate_text(per_s: float) -> str:
    if per_s >= 0.1:
        return f"{per_s:.2g}/s" if per_s < 10 else f"{per_s:.0f}/s"
    return f"{per_s * 60:.2g}/min" if per_s * 60 >= 0.1 else f"{per_s * 3600:.2g}/h"
