"""Where a predictor's training patients lie, and whether new ones lie there."""

from tumor_response.predictor.domain.drift import Drift
from tumor_response.predictor.domain.facts import AcquisitionFacts
from tumor_response.predictor.domain.training import TrainingDomain

__all__ = ["AcquisitionFacts", "Drift", "TrainingDomain"]
