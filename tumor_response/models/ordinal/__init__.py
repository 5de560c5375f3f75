"""Models of ordered classes, such as tertiles of a rate."""

from tumor_response.models.ordinal.cuts import OrdinalByCuts, by_cuts
from tumor_response.models.ordinal.recipes import RECIPES
from tumor_response.models.ordinal.ridge import OrdinalRidge

__all__ = ["RECIPES", "OrdinalByCuts", "OrdinalRidge", "by_cuts"]
