"""Intervals whose coverage has been measured, and tests of AUCs on one test set."""

from tumor_response.evaluation.intervals.delong import (
    AucTest,
    AucVariance,
    delong,
    delong_test,
    obuchowski,
    obuchowski_test,
)
from tumor_response.evaluation.intervals.limits import Interval
from tumor_response.evaluation.intervals.methods import (
    default_method,
    interval_of,
    intervals_of,
)
from tumor_response.evaluation.intervals.registry import METHODS, Method

__all__ = [
    "METHODS",
    "AucTest",
    "AucVariance",
    "Interval",
    "Method",
    "default_method",
    "delong",
    "delong_test",
    "interval_of",
    "intervals_of",
    "obuchowski",
    "obuchowski_test",
]
