"""Blocks together: late fusion, clinical first, and the named clinical set."""

from tumor_response.models.fusion.average import AVERAGE, MeanOfModels
from tumor_response.models.fusion.first import ClinicalFirst, ClinicalFirstRegression
from tumor_response.models.fusion.recipes import FUSED
from tumor_response.models.fusion.settings import (
    AverageSettings,
    ClinicalFirstRateSettings,
    ClinicalFirstSettings,
    ClinicalSetRateSettings,
    ClinicalSetSettings,
    LateFusionRateSettings,
    LateFusionSettings,
)
from tumor_response.models.fusion.stacked import StackedBlocks, StackedBlocksRegression

__all__ = [
    "RECIPES",
    "AverageSettings",
    "ClinicalFirst",
    "ClinicalFirstRateSettings",
    "ClinicalFirstRegression",
    "ClinicalFirstSettings",
    "ClinicalSetRateSettings",
    "ClinicalSetSettings",
    "LateFusionRateSettings",
    "LateFusionSettings",
    "MeanOfModels",
    "StackedBlocks",
    "StackedBlocksRegression",
]

RECIPES = FUSED | AVERAGE
"""The models of this room, by name and outcome."""
