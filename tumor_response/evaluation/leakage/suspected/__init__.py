"""Suspicions: what the numbers of a frame look like, whoever made them."""

from __future__ import annotations

from collections.abc import Iterator

from tumor_response.evaluation.leakage.findings import NOT_CHECKABLE, PASSED, Checked
from tumor_response.evaluation.leakage.suspected.cuts import cut_findings
from tumor_response.evaluation.leakage.suspected.duplicates import duplicate_findings
from tumor_response.evaluation.leakage.suspected.filled import filled_findings
from tumor_response.evaluation.leakage.suspected.looked_at import LookedAt
from tumor_response.evaluation.leakage.suspected.made_rows import made_rows
from tumor_response.evaluation.leakage.suspected.near_outcome import near_outcome_findings
from tumor_response.evaluation.leakage.suspected.same_person import same_person_findings
from tumor_response.evaluation.leakage.suspected.scaled import scaled_findings
from tumor_response.evaluation.leakage.suspected.sites import site_findings
from tumor_response.evaluation.leakage.suspected.telling import telling_findings

__all__ = ["LookedAt", "suspected_findings"]


def suspected_findings(study: LookedAt, is_proven: bool) -> Iterator[Checked]:
    """Yield all suspicions, and what cannot be one.

    Parameters
    ----------
    study
        The frame and its outcome.
    is_proven
        Whether the values are proven to be what extraction wrote.
    """
    yield from scaled_findings(study)
    yield from filled_findings(study)
    yield from duplicate_findings(study)
    yield from same_person_findings(study)
    yield made_rows(study)
    yield from near_outcome_findings(study)
    yield from telling_findings(study)
    yield from site_findings(study)
    yield from cut_findings(study)
    said = "a penalty or a region is a number or a name; on whose rows it was tried does not show"
    yield Checked("settings chosen beforehand", NOT_CHECKABLE, said)
    check = "columns chosen, or values changed, before they came here"
    if is_proven:
        yield Checked(check, PASSED, "the data are what extraction wrote (see provable)")
    else:
        said = (
            "whoever chose columns by the outcome, or fitted something to all rows that leaves no "
            "exact trace, cannot be found in a frame; give the FeatureTable of tr.extract"
        )
        yield Checked(check, NOT_CHECKABLE, said)
