"""One thread for ITK, so that sums keep their order and results their last bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import SimpleITK as sitk

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold every filter that is made inside to one thread; what was set before comes back.

    Examples
    --------
    >>> before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    >>> with one_thread():
    ...     sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    1
    >>> sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == before
    True
    """
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
