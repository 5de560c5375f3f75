"""One progress bar for everything: silent for two seconds, then with rate and time left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

__all__ = ["track"]

T = TypeVar("T")


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield from ``items``, drawing a bar with an ETA once two seconds have passed.

    Nothing is drawn when standard error is not a terminal (logs stay readable); in a notebook
    the bar is the notebook's own.

    Parameters
    ----------
    items
        What to iterate over.
    description
        A few words in front of the bar.
    total
        Number of items where ``len(items)`` does not say it.

    Examples
    --------
    >>> list(track([1, 2], "counting"))
    [1, 2]
    """
    from tqdm.auto import tqdm

    bar: Any = tqdm(
        items, desc=description, total=total, delay=2.0, disable=None, leave=False, unit=""
    )
    yield from bar
