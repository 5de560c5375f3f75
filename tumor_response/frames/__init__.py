"""Frames at the border: others' come in as pandas, ours go out tidy."""

from __future__ import annotations

from tumor_response.frames.incoming import IntoFrame, as_frame, as_keyed, as_values
from tumor_response.frames.tidy import ESTIMATE, tidy

__all__ = [
    "ESTIMATE",
    "IntoFrame",
    "as_frame",
    "as_keyed",
    "as_values",
    "tidy",
]
