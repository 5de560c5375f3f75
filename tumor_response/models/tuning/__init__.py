"""Searching and choosing inside the training rows: nested, and grouped by original patient."""

from tumor_response.models.tuning.best_of_inner import BestOfInner
from tumor_response.models.tuning.tuned import Choice, Range, TunedModel

__all__ = ["BestOfInner", "Choice", "Range", "TunedModel"]
