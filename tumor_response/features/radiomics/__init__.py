"""Handcrafted radiomics with PyRadiomics' or IBSI's definitions."""

from tumor_response.features.radiomics.extractor import Radiomics
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
from tumor_response.features.radiomics.presets import CITATIONS, PRESETS
from tumor_response.features.radiomics.settings import RadiomicsSettings

__all__ = ["CITATIONS", "PRESETS", "IbsiSettings", "Radiomics", "RadiomicsSettings"]
