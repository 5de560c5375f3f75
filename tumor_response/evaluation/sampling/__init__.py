"""Schemes: which patients a model learns from, and which it is judged on."""

from tumor_response.evaluation.sampling.base import Resample, Scheme, SchemeRows
from tumor_response.evaluation.sampling.bootstrap import Bootstrap632Plus
from tumor_response.evaluation.sampling.fixed import ExternalSet, LeaveOneSiteOut, TemporalSplit
from tumor_response.evaluation.sampling.folds import NestedCV, RepeatedKFold

__all__ = [
    "Bootstrap632Plus",
    "ExternalSet",
    "LeaveOneSiteOut",
    "NestedCV",
    "RepeatedKFold",
    "Resample",
    "Scheme",
    "SchemeRows",
    "TemporalSplit",
]
