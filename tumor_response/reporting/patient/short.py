"""Texts from outside, held to the room that one page has."""

from __future__ import annotations

__all__ = ["LONGEST_OUTSIDE", "shortened"]

LONGEST_OUTSIDE = 260
"""Characters of what lies outside the training domain."""


def shortened(text: str, longest: int) -> str:
    """Return a text without its middle where it is too long for a line.

    Examples
    --------
    >>> shortened("radiomics: original firstorder Mean", 20)
    'radiomics…order Mean'
    """
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[-(longest - 1 - head) :]}"
