"""What a reader or a check noticed about a case: one code, one severity, one way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Severity"]

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """Something to be known about a case that does not make it unreadable.

    What makes a case unreadable is a :class:`tumor_response.exceptions.CaseError` instead.

    Parameters
    ----------
    code
        Stable reason code, snake_case.
    severity
        ``"info"`` (told once, changes nothing), ``"warning"`` (look at it) or ``"error"`` (a
        baseline's stops the extraction of that case, a follow-up's stops its outcome).
    message
        One sentence with the numbers in it; never a patient's name or other free text.
    measured, limit
        What was found and what would have been accepted, with units.
    remedy
        What to do about it.

    Examples
    --------
    >>> from tumor_response.imaging import Finding
    >>> Finding("slice_missing", "warning", "Slice 12 is missing.").severity
    'warning'
    """

    code: str
    severity: Severity
    message: str
    measured: str = ""
    limit: str = ""
    remedy: str = ""
