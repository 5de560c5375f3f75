"""How this package compiles loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

__all__ = ["kernel"]

Loop = TypeVar("Loop", bound=Callable[..., Any])


def kernel(loop: Loop) -> Loop:
    """Compile a loop with numba: kept on disk, without the interpreter lock, in one thread.

    No fast-math: NaN keeps its meaning and sums their order, so that the same input gives the
    same bytes on every run.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.kernels import kernel
    >>> @kernel
    ... def total(values):
    ...     s = 0.0
    ...     for value in values:
    ...         s += value
    ...     return s
    >>> total(np.array([1.0, 2.0]))
    3.0
    """
    try:
        compiled: Loop = njit(cache=True, nogil=True)(loop)
    except RuntimeError:  # nowhere to write, not even a home: compiled anew in every process
        compiled = njit(nogil=True)(loop)
    return compiled
