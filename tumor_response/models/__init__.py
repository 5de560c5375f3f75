"""Named models over column blocks, and what they tune with."""

from tumor_response.models.final import final_estimator, left_untuned
from tumor_response.models.folds import PatientKFold, patients_of
from tumor_response.models.learned import AttentionPooling, FineTuned
from tumor_response.models.named import MODEL_NAMES, make_model
from tumor_response.models.reduced import ReducedRidgeLogistic
from tumor_response.models.ridge import RidgeLogistic
from tumor_response.models.settings import (
    DummySettings,
    LogisticSettings,
    VolumeOnlySettings,
    XGBoostSettings,
)

__all__ = [
    "MODEL_NAMES",
    "AttentionPooling",
    "DummySettings",
    "FineTuned",
    "LogisticSettings",
    "PatientKFold",
    "ReducedRidgeLogistic",
    "RidgeLogistic",
    "VolumeOnlySettings",
    "XGBoostSettings",
    "final_estimator",
    "left_untuned",
    "make_model",
    "patients_of",
]
