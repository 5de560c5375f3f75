"""Honest evaluation: patients are resampled, every model is refitted, everything is out of bag."""

from tumor_response.evaluation.bootstrap632 import evaluate
from tumor_response.evaluation.metrics import auc, auc_632, auc_632plus, relative_overfitting
from tumor_response.evaluation.resampling import Bootstrap632Plus, Resample
from tumor_response.evaluation.result import EvaluationResult

__all__ = [
    "Bootstrap632Plus",
    "EvaluationResult",
    "Resample",
    "auc",
    "auc_632",
    "auc_632plus",
    "evaluate",
    "relative_overfitting",
]
