"""The end point: how much, how fast and where each lesion shrank, and who is a responder."""

from tumor_response.outcomes.adjusted import BaselineAdjustedCut
from tumor_response.outcomes.end_points import SHRANK_SIGN
from tumor_response.outcomes.flow import outcome_flow
from tumor_response.outcomes.patients import per_patient
from tumor_response.outcomes.responder import (
    LabelRule,
    ResponderCut,
    label_responders,
    label_tertiles,
)
from tumor_response.outcomes.shrinkage import OUTCOME_COLUMNS, shrinkage

__all__ = [
    "OUTCOME_COLUMNS",
    "SHRANK_SIGN",
    "BaselineAdjustedCut",
    "LabelRule",
    "ResponderCut",
    "label_responders",
    "label_tertiles",
    "outcome_flow",
    "per_patient",
    "shrinkage",
]
