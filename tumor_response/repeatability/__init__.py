"""How far values repeat: under perturbation, in test-retest scans, between observers."""

from tumor_response.repeatability.agreement import Agreement, ccc, icc
from tumor_response.repeatability.within_subject import (
    repeatability_coefficient,
    within_subject_cv,
)

__all__ = ["Agreement", "ccc", "icc", "repeatability_coefficient", "within_subject_cv"]
