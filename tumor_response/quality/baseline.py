"""Checks of a baseline, by nothing but what was known before treatment."""

from __future__ import annotations

from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import CaseError
from tumor_response.imaging import Finding
from tumor_response.quality.contour import volume_findings
from tumor_response.quality.scan import ScanFacts, check_scan
from tumor_response.quality.settings import QualitySettings

__all__ = ["check_baseline", "examine_baseline", "unreadable"]


def check_baseline(
    case: BaselineCase, settings: QualitySettings | None = None
) -> tuple[Finding, ...]:
    """Check the image and contour that features are to be taken from.

    It sees a :class:`BaselineCase` alone, so that nothing of the follow-up can decide whether a
    case has features.

    Parameters
    ----------
    case
        Its voxels are read and kept, as by an extractor.
    settings
        The limits; default :class:`QualitySettings`.

    Returns
    -------
    tuple of Finding
        What the reader noticed, then what is found here; one of severity ``"error"`` means that
        no feature should be taken. A case that cannot be read is such a finding with the code of
        its :class:`CaseError`.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.cohort import BaselineCase
    >>> from tumor_response.quality import check_baseline
    >>> image = sitk.Image(40, 40, 40, sitk.sitkInt16) + 1064  # rescale intercept forgotten
    >>> mask = sitk.Image(40, 40, 40, sitk.sitkUInt8); mask[10:30, 10:30, 10:30] = 1
    >>> [(f.code, f.severity) for f in check_baseline(BaselineCase("P1", "1", image, mask))]
    [('not_hu', 'error')]
    """
    return examine_baseline(case, settings or QualitySettings())[0]


def examine_baseline(
    case: BaselineCase, settings: QualitySettings
) -> tuple[tuple[Finding, ...], ScanFacts | None]:
    """Return the findings and what comparisons with others need; ``None`` if it is unreadable."""
    try:
        image, mask, acquisition = case.image, case.mask, case.acquisition
        found, facts = check_scan(image, mask, acquisition, settings)
        return (*case.findings, *volume_findings(mask, settings), *found), facts
    except CaseError as error:
        return (unreadable(error),), None


def unreadable(error: CaseError) -> Finding:
    """Return the finding that a case cannot be used."""
    return Finding(error.code, "error", str(error))
