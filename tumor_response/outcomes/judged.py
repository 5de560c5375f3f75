"""What the checks of a follow-up say of its outcome: why there is none, or what to know of it."""

from __future__ import annotations

from dataclasses import dataclass

from tumor_response.cohort import BaselineCase, Case
from tumor_response.quality import QualitySettings
from tumor_response.quality.follow_up import FollowUpScan, examine_follow_up

__all__ = ["PLACE_IN_DOUBT", "Judgement", "judged", "of_follow_up"]

PLACE_IN_DOUBT = ("follow_up_not_aligned", "follow_up_apart", "follow_up_place_unknown")
"""Findings by which a follow-up may be another tumour's, or another patient's."""


@dataclass(frozen=True)
class Judgement:
    """What was found of a follow-up.

    Parameters
    ----------
    reason
        Code of the first finding that makes the outcome worth nothing, or ``""``.
    findings
        Codes of the warnings and notes, which stop nothing, with spaces between them.
    """

    reason: str = ""
    findings: str = ""


def judged(
    case: Case, baseline: BaselineCase, scan: FollowUpScan, settings: QualitySettings | None
) -> Judgement:
    """Check a follow-up with a contour; without settings nothing is checked."""
    if settings is None:
        return Judgement()
    found, _ = examine_follow_up(case, baseline, scan, settings)
    stop = next((f.code for f in found if f.severity == "error"), "")
    told = dict.fromkeys(f.code for f in found if f.severity != "error")
    return Judgement(of_follow_up(stop) if stop else "", " ".join(told))


def of_follow_up(code: str) -> str:
    """Return a code that says that it is of the follow-up.

    Examples
    --------
    >>> of_follow_up("mask_empty"), of_follow_up("follow_up_apart")
    ('follow_up_mask_empty', 'follow_up_apart')
    """
    return code if code.startswith("follow_up") else f"follow_up_{code}"
