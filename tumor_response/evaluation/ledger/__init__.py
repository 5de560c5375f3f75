"""What was tried on an outcome, kept where it cannot be forgotten, and what had been planned."""

from tumor_response.evaluation.ledger.freezing import (
    FrozenPlan,
    check_plan,
    freeze_plan,
    read_plan,
)
from tumor_response.evaluation.ledger.ledger import StudyLedger
from tumor_response.evaluation.ledger.plan import AnalysisPlan, PlannedModel, PlannedScheme
from tumor_response.evaluation.ledger.record import outcome_sha256, record_of

__all__ = [
    "AnalysisPlan",
    "FrozenPlan",
    "PlannedModel",
    "PlannedScheme",
    "StudyLedger",
    "check_plan",
    "freeze_plan",
    "outcome_sha256",
    "read_plan",
    "record_of",
]
