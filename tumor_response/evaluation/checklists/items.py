"""What an item of a checklist is."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Guideline", "Item"]


class Item(NamedTuple):
    """One item, in this library's words; the source's wording decides.

    Attributes
    ----------
    number : str
        As the source has it.
    section : str
    asks : str
        What is asked for, in short.
    facts : tuple of str
        Which facts of a run speak to it (:class:`~.facts.Facts`); empty: none do.
    missing : str
        What the authors have to add to those facts; empty: nothing.
    note : str
        A condition under which the item does not apply, or is not essential.
    """

    number: str
    section: str
    asks: str
    facts: tuple[str, ...] = ()
    missing: str = ""
    note: str = ""


class Guideline(NamedTuple):
    """A checklist: its items and where they come from."""

    name: str
    source: str
    items: tuple[Item, ...]
