"""Blocks together: late fusion, clinical first, and the named clinical set."""

from tumor_response.models.fusion.first import ClinicalFirst, ClinicalFirstRegression
from tumor_response.models.fusion.recipes import RECIPES
from tumor_response.models.fusion.settings import (
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
    "ClinicalFirst",
    "ClinicalFirstRateSettings",
    "ClinicalFirstRegression",
    "ClinicalFirstSettings",
    "ClinicalSetRateSettings",
    "ClinicalSetSettings",
    "LateFusionRateSettings",
    "LateFusionSettings",
    "StackedBlocks",
    "StackedBlocksRegression",
]
