"""How far a lesion's predicted probability hangs on the contour that was drawn."""

from tumor_response.evaluation.contour_spread.result import PredictionSpread
from tumor_response.evaluation.contour_spread.spread import prediction_spread, spread_of_model

__all__ = ["PredictionSpread", "prediction_spread", "spread_of_model"]
