"""Quality checks: what may be wrong with images, contours and their pairing, before it counts."""

from tumor_response.quality.baseline import check_baseline
from tumor_response.quality.check import CHECK_COLUMNS, check
from tumor_response.quality.cohort_wide import CaseFacts, Located, check_cohort
from tumor_response.quality.exclusion import ExclusionRule
from tumor_response.quality.follow_up import check_follow_up
from tumor_response.quality.settings import ArtefactLimits, QualitySettings

__all__ = [
    "CHECK_COLUMNS",
    "ArtefactLimits",
    "CaseFacts",
    "ExclusionRule",
    "Located",
    "QualitySettings",
    "check",
    "check_baseline",
    "check_cohort",
    "check_follow_up",
]
