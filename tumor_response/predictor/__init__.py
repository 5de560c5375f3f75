"""A model that can be sent to another hospital: from images to a prediction with its limits."""

from tumor_response.predictor.calibration import Calibration
from tumor_response.predictor.conformal import ConformalRule
from tumor_response.predictor.domain import TrainingDomain
from tumor_response.predictor.state import PredictorState

__all__ = ["Calibration", "ConformalRule", "PredictorState", "TrainingDomain"]
