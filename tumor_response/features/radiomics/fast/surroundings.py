"""What was made of the surroundings of a region, kept for the next contour with the same ones.

Filters see the region's box and a margin. A contour that is drawn a little otherwise often has the
same box on the same image: then the resampled image and its Laplacians are the same to the last
bit, and they are a good part of the work. They are found again by the very voxels that they were
made of, not by the image that these were in, so that nothing kept can be out of date.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["KEPT", "MOST_BYTES", "Surroundings"]

MOST_BYTES = 64 * 1024**2
"""What a process keeps: some ten tumours of 30 cc, at 1 mm and with five Laplacians each."""


@dataclass(eq=False)
class _Entry:
    """One box of one image."""

    grid: Hashable
    source: NDArray[Any]
    values: NDArray[Any]
    filtered: dict[Hashable, NDArray[Any]] = field(default_factory=dict)

    @property
    def n_bytes(self) -> int:
        arrays = (self.source, self.values, *self.filtered.values())
        return sum(array.nbytes for array in arrays)


class Surroundings:
    """Resampled images and what filters made of them; the least recently used go first.

    Parameters
    ----------
    most_bytes
        Bound on what is kept.

    Examples
    --------
    >>> import numpy as np
    >>> kept = Surroundings(1000)
    >>> source = np.arange(4)
    >>> first = kept.resampled("a grid", source, lambda: source / 2)
    >>> kept.resampled("a grid", source.copy(), lambda: source / 2) is first
    True
    >>> source[0] = 7
    >>> kept.resampled("a grid", source, lambda: source / 2) is first
    False
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._entries: list[_Entry] = []  # the latest at the end
        self._lock = Lock()

    @property
    def n_bytes(self) -> int:
        """What is kept at the moment."""
        return sum(entry.n_bytes for entry in self._entries)

    def resampled(
        self, grid: Hashable, source: NDArray[Any], make: Callable[[], NDArray[Any]]
    ) -> NDArray[Any]:
        """Return an image on another grid; it is not to be written to.

        Parameters
        ----------
        grid
            All that decides the result beside the voxels.
        source
            The voxels that are resampled.
        make
            Resamples them.
        """
        with self._lock:
            for entry in reversed(self._entries):
                if entry.grid == grid and _same_bits(entry.source, source):
                    self._entries.remove(entry)
                    self._entries.append(entry)
                    return entry.values
        values = make()
        if source.nbytes + values.nbytes <= self._most_bytes:
            with self._lock:
                self._entries.append(_Entry(grid, np.array(source), values))
                self._let_go()
        return values

    def filtered(
        self, values: NDArray[Any], settings: Hashable, make: Callable[[], NDArray[Any]]
    ) -> NDArray[Any]:
        """Return a filtered image; it is not to be written to.

        Parameters
        ----------
        values
            An image from :meth:`resampled`, that very array; of any other nothing is kept.
        settings
            All that decides the result beside the image: the filter and its settings.
        make
            Filters it.
        """
        with self._lock:
            found = [entry for entry in self._entries if entry.values is values]
            if found and settings in found[0].filtered:
                return found[0].filtered[settings]
        made = make()
        if found:
            with self._lock:
                found[0].filtered[settings] = made
                self._let_go()
        return made

    def forget(self) -> None:
        """Keep nothing of what there is."""
        with self._lock:
            self._entries.clear()

    def _let_go(self) -> None:
        while self._entries and self.n_bytes > self._most_bytes:
            del self._entries[0]


def _same_bits(ones: NDArray[Any], others: NDArray[Any]) -> bool:
    """Say whether two arrays are the same: -0.0 is not 0.0, and NaN is itself."""
    if ones.dtype != others.dtype or ones.shape != others.shape:
        return False
    return np.array_equal(_bits(ones), _bits(others))


def _bits(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")


KEPT = Surroundings(MOST_BYTES)
"""Those of this process."""
