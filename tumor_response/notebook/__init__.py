"""What objects look like in a notebook: small pieces of HTML, everything from data escaped."""

from __future__ import annotations

from tumor_response.notebook.formatting import figure_text, interval_text, number_text
from tumor_response.notebook.pieces import (
    CAUTION,
    card,
    facts,
    grid,
    more,
    note,
    picture,
)
from tumor_response.notebook.showing import shown

__all__ = [
    "CAUTION",
    "card",
    "facts",
    "figure_text",
    "grid",
    "interval_text",
    "more",
    "note",
    "number_text",
    "picture",
    "shown",
]
