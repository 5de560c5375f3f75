"""The one rule of every output: it never raises, for it is not what the reader asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

from tumor_response.notebook.pieces import CAUTION, card, note

__all__ = ["shown"]

Thing = TypeVar("Thing")


def shown(thing: Thing, made: Callable[[Thing], str]) -> str:
    """Return what ``made`` makes of a thing; if it cannot, the thing's name and the error.

    Parameters
    ----------
    thing
        What stands at the end of a cell.
    made
        Makes its HTML.

    Examples
    --------
    >>> def broken(thing):
    ...     raise ValueError("no <rows>")
    >>> "ValueError: no &lt;rows&gt;" in shown(object(), broken)
    True
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said where the thing was made
            return made(thing)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        return card(
            type(thing).__name__, "", note(f"It cannot be shown here. {said}", style=CAUTION)
        )
