"""A model that can be sent to another hospital: from images to a prediction with its limits."""

from tumor_response.predictor.calibration import Calibration
from tumor_response.predictor.conformal import ConformalRule
from tumor_response.predictor.domain import AcquisitionFacts, Drift, TrainingDomain
from tumor_response.predictor.predictor import ShrinkagePredictor
from tumor_response.predictor.refusal import RefusalRule
from tumor_response.predictor.state import PredictorState

__all__ = [
    "AcquisitionFacts",
    "Calibration",
    "ConformalRule",
    "Drift",
    "PredictorState",
    "RefusalRule",
    "ShrinkagePredictor",
    "TrainingDomain",
]
