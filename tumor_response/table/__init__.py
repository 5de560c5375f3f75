"""The feature table: how it is made, kept and mended."""

from tumor_response.table.extracting import estimate_extraction, extract, extract_to, retry
from tumor_response.table.feature_table import FeatureTable

__all__ = ["FeatureTable", "estimate_extraction", "extract", "extract_to", "retry"]
