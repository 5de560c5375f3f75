"""How far values repeat: under perturbation, in test-retest scans, between observers."""

from tumor_response.repeatability.agreement import Agreement, ccc, icc
from tumor_response.repeatability.perturbed import robustness
from tumor_response.repeatability.real import repeat_cohorts, robustness_of_repeats
from tumor_response.repeatability.result import Robustness
from tumor_response.repeatability.within_subject import (
    repeatability_coefficient,
    within_subject_cv,
)

__all__ = [
    "Agreement",
    "Robustness",
    "ccc",
    "icc",
    "repeat_cohorts",
    "repeatability_coefficient",
    "robustness",
    "robustness_of_repeats",
    "within_subject_cv",
]
