"""The overall response at one visit: Tables 1 and 2 of the guideline (section 4.4.1)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from tumor_response.exceptions import OutcomeError

__all__ = ["NEW_LESIONS", "NON_TARGET", "NOT_DERIVABLE", "new_lesion_word", "overall_response"]

NOT_DERIVABLE = "not derivable"
TARGET = ("CR", "PR", "SD", "PD", "NE", "none")
NON_TARGET = ("CR", "non-CR/non-PD", "PD", "NE", "none", "unknown")
NEW_LESIONS = ("yes", "no", "unknown")


def overall_response(target: str, non_target: str, new_lesions: str) -> str:
    """Return the overall response at one visit.

    Parameters
    ----------
    target
        ``CR``, ``PR``, ``SD``, ``PD``, ``NE``, or ``none`` for a patient with non-target disease
        alone (Table 2).
    non_target
        ``CR``, ``non-CR/non-PD``, ``PD`` (unequivocal progression), ``NE`` (not all evaluated),
        ``none`` (there were none at baseline) or ``unknown`` (nobody says).
    new_lesions
        ``yes``, ``no`` or ``unknown``.

    Returns
    -------
    str
        ``CR``, ``PR``, ``SD``, ``PD``, ``NE``, ``non-CR/non-PD`` (Table 2), or ``not derivable``
        where it hangs on what is unknown. A progression does not: any of the three is enough.

    Raises
    ------
    OutcomeError
        Code ``assessment_unknown`` for another word, or for a patient without any disease.

    Notes
    -----
    Eisenhauer et al., European Journal of Cancer 2009; 45: 228-247, section 4.4.1.

    Examples
    --------
    >>> overall_response("CR", "non-CR/non-PD", "no"), overall_response("SD", "CR", "yes")
    ('PR', 'PD')
    >>> overall_response("PR", "none", "unknown")
    'not derivable'
    """
    for name, word, words in (
        ("target", target, TARGET),
        ("non_target", non_target, NON_TARGET),
        ("new_lesions", new_lesions, NEW_LESIONS),
    ):
        if word not in words:
            raise OutcomeError(
                f"{name}={word!r} is unknown; expected one of {', '.join(words)}.",
                code="assessment_unknown",
            )
    if target == "none" and non_target == "none":
        raise OutcomeError(
            "A patient with neither target nor non-target lesions has no disease to respond.",
            code="assessment_unknown",
        )
    if "PD" in (target, non_target) or new_lesions == "yes":
        return "PD"
    if "unknown" in (non_target, new_lesions):
        return NOT_DERIVABLE
    if target == "none":
        return non_target
    if target == "CR":
        return "CR" if non_target in ("CR", "none") else "PR"
    return target


def new_lesion_word(cell: Any) -> str:
    """Return yes, no or unknown for what stands in a table; other cells come back as text."""
    if cell is None or cell is pd.NA or (isinstance(cell, float) and pd.isna(cell)):
        return "unknown"
    if isinstance(cell, str):
        return cell.strip().lower()
    return {True: "yes", False: "no"}.get(cell, str(cell))
