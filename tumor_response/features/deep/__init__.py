"""Deep features: pretrained networks, what they are shown, and the views kept for those to come."""

from tumor_response.features.deep.extractor import DeepFeatures
from tumor_response.features.deep.view_keys import Views
from tumor_response.features.deep.view_store import ViewStore
from tumor_response.features.deep.views import (
    Augmentation,
    AugmentationDraw,
    ViewSettings,
    plot_views,
)

__all__ = [
    "Augmentation",
    "AugmentationDraw",
    "DeepFeatures",
    "ViewSettings",
    "ViewStore",
    "Views",
    "plot_views",
]
