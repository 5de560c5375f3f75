"""Deep features: what a pretrained network sees in the tumour."""

from tumor_response.features.deep.extractor import DeepFeatures
from tumor_response.features.deep.views import ViewSettings

__all__ = ["DeepFeatures", "ViewSettings"]
