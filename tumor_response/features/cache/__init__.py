"""Finished results on disk or elsewhere, by content."""

from tumor_response.features.cache.feature_cache import FeatureCache

__all__ = ["FeatureCache"]
