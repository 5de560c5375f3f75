"""What the library's own inner folds tell somebody who watches; nobody does but a leakage trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Watcher", "tell_folds", "tell_patients", "watched_by"]

IntArray = npt.NDArray[np.int64]


class Watcher(Protocol):
    """Somebody who is told about inner folds while models are fitted."""

    def patients(self, X: Any, codes: IntArray) -> None:
        """Hear which rows count as one patient: an integer per row of ``X``."""

    def folds(self, codes: IntArray, folds: IntArray) -> None:
        """Hear which fold each row was put in, by the patients' integers."""


_WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Have all inner folds that are made in this context told to a watcher.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.models.folds import patient_folds
    >>> class Counter:
    ...     heard = 0
    ...     def patients(self, X, codes): pass
    ...     def folds(self, codes, folds): self.heard += 1
    >>> counter = Counter()
    >>> with watched_by(counter):
    ...     folds = patient_folds(np.arange(4), np.array([0, 1, 0, 1]), 2, random_state=0)
    >>> counter.heard
    1
    """
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)


def tell_patients(X: Any, codes: IntArray) -> None:
    """Tell whoever watches which rows count as one patient."""
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher.patients(X, codes)


def tell_folds(codes: IntArray, folds: IntArray) -> None:
    """Tell whoever watches how rows were put into folds."""
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher.folds(codes, folds)
