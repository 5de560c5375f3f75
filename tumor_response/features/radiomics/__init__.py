"""Handcrafted radiomics with PyRadiomics' definitions."""

from tumor_response.features.radiomics.extractor import Radiomics
from tumor_response.features.radiomics.settings import PRESETS, RadiomicsSettings

__all__ = ["PRESETS", "Radiomics", "RadiomicsSettings"]
