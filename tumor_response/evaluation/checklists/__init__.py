"""TRIPOD+AI, CLEAR and METRICS, filled from what a run knows."""

from tumor_response.evaluation.checklists.filled import Checklist, checklist
from tumor_response.evaluation.checklists.metrics_tool import (
    METRICS_CONDITIONS,
    METRICS_WEIGHTS,
    metrics_score,
)

__all__ = ["METRICS_CONDITIONS", "METRICS_WEIGHTS", "Checklist", "checklist", "metrics_score"]
