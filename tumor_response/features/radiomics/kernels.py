"""How this package compiles loops, and keeps what it compiled on disk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from numba import njit
from numba.core.caching import FunctionCache

__all__ = ["kernel"]

Loop = TypeVar("Loop", bound=Callable[..., Any])


def kernel(loop: Loop) -> Loop:
    """Compile a loop with numba: kept on disk, without the interpreter lock, in one thread.

    No fast-math: NaN keeps its meaning and sums their order, so that the same input gives the
    same bytes on every run.

    What every new installation waits for is compilation, so a kernel is plain loops over arrays
    that its caller allocated, each always of one type and C-contiguous. Allocation, array
    expressions, ``min`` and ``max`` are compiled along with it, for tens or hundreds of
    milliseconds each; an array expression alone can cost three seconds. A kernel calls kernels of
    its own module only: numba notices a change of the kernel's own file, not of another.

    Notes
    -----
    numba reads its files on trust. Here a file that is truncated, or that two processes wrote at
    once for different types, is compiled anew; a folder that cannot be written to costs time,
    not the result.

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
    compiled = njit(nogil=True)(loop)
    with suppress(RuntimeError):  # nowhere to write, not even a home: compiled in every process
        compiled._cache = _CheckedCache(loop)
    kept: Loop = compiled
    return kept


class _CheckedCache(FunctionCache):
    """numba's cache on disk; a file that cannot be read, or is another's, is not an end."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled loop for these types, or None: then it is compiled."""
        with suppress(Exception):  # whatever a truncated file leads to
            found = super().load_overload(sig, target_context)
            # an index that one process wrote can lead to the file of another
            if found is None or tuple(found.signature.args) == tuple(sig):
                return found
        with suppress(OSError):
            self.flush()
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled loop, if there is a place for it."""
        with suppress(OSError):
            super().save_overload(sig, data)
