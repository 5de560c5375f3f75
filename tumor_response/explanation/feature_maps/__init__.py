"""What one column measures, voxel by voxel, on one tumour."""

from tumor_response.explanation.feature_maps.computing import feature_map
from tumor_response.explanation.feature_maps.regions import column_regions
from tumor_response.explanation.feature_maps.result import FeatureMap
from tumor_response.explanation.feature_maps.settings import FeatureMapSettings

__all__ = ["FeatureMap", "FeatureMapSettings", "column_regions", "feature_map"]
