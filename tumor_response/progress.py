"""One progress bar for everything: silent for two seconds, then with rate and time left."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["SILENT_S", "in_notebook", "open_bar", "silenced", "track"]

T = TypeVar("T")

SILENT_S = 2.0
"""What takes less time than this draws no bar."""


_silenced = False


@contextmanager
def silenced() -> Iterator[None]:
    """Draw no bar while this holds, whoever looks.

    Examples
    --------
    >>> with silenced(), open_bar("counting", total=2) as bar:
    ...     bar.disable
    True
    """
    global _silenced
    before, _silenced = _silenced, True
    try:
        yield
    finally:
        _silenced = before


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
    yield from open_bar(description, items, total=total, delay_s=SILENT_S)


def open_bar(
    description: str,
    items: Iterable[Any] | None = None,
    *,
    total: int | None = None,
    initial: int = 0,
    delay_s: float = 0.0,
    bar_format: str | None = None,
    postfix: str | None = None,
) -> Any:
    """Return tqdm's bar for where we run: notebook, terminal, or none at all.

    tqdm's own rule for "nobody looks" is that standard error is no terminal. In a notebook that
    has no ipywidgets it is none, and somebody looks.

    Parameters
    ----------
    description
        A few words in front of the bar.
    items
        What to iterate over, if the bar is to count by itself.
    total, initial
        Number of items, and how many of them are done.
    delay_s
        Nothing is drawn before.
    bar_format, postfix
        tqdm's own.

    Examples
    --------
    >>> with open_bar("counting", total=2) as bar:
    ...     bar.disable
    True
    """
    with warnings.catch_warnings():
        # without ipywidgets tqdm says so in every notebook; the bar of text will do
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm

    return tqdm(
        items,
        desc=description,
        total=total,
        initial=initial,
        delay=delay_s,
        bar_format=bar_format,
        postfix=postfix,
        disable=_silenced or (False if in_notebook() else None),
        leave=False,
        unit="",
    )


def in_notebook() -> bool:
    """Tell whether a notebook's kernel runs this process.

    Examples
    --------
    >>> in_notebook()
    False
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None
