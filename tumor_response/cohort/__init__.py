"""Cohorts of cases: one row of a manifest is one lesion of one patient."""

from tumor_response.cohort.case import BaselineCase, Case, FollowUp
from tumor_response.cohort.cohort import Cohort

__all__ = ["BaselineCase", "Case", "Cohort", "FollowUp"]
