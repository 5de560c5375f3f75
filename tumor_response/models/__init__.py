"""Named models over column blocks, and what they tune with."""

from tumor_response.models.final import final_estimator, left_untuned
from tumor_response.models.folds import PatientKFold, patients_of
from tumor_response.models.learned import AttentionPooling, FineTuned
from tumor_response.models.named import MODEL_NAMES, OUTCOMES, make_model, model_names
from tumor_response.models.ordinal import OrdinalByCuts, OrdinalRidge
from tumor_response.models.penalised import (
    PenalisedLogistic,
    PenalisedRegression,
    RidgeRegression,
)
from tumor_response.models.reduced import ReducedRidgeLogistic
from tumor_response.models.ridge import RidgeLogistic
from tumor_response.models.settings import (
    DummySettings,
    LinearSettings,
    LogisticSettings,
    OrdinalSettings,
    VolumeOnlySettings,
)
from tumor_response.models.trees import XGBoostSettings
from tumor_response.models.tuning import BestOfInner, Choice, Range, TunedModel

__all__ = [
    "MODEL_NAMES",
    "OUTCOMES",
    "AttentionPooling",
    "BestOfInner",
    "Choice",
    "DummySettings",
    "FineTuned",
    "LinearSettings",
    "LogisticSettings",
    "OrdinalByCuts",
    "OrdinalRidge",
    "OrdinalSettings",
    "PatientKFold",
    "PenalisedLogistic",
    "PenalisedRegression",
    "Range",
    "ReducedRidgeLogistic",
    "RidgeLogistic",
    "RidgeRegression",
    "TunedModel",
    "VolumeOnlySettings",
    "XGBoostSettings",
    "final_estimator",
    "left_untuned",
    "make_model",
    "model_names",
    "patients_of",
]
