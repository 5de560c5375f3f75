"""What the network is shown: which slices, how much around the tumour, which intensities."""

from tumor_response.features.deep.views.augmentation import Augmentation, AugmentationDraw
from tumor_response.features.deep.views.cut import cut_views
from tumor_response.features.deep.views.memory import views_bytes
from tumor_response.features.deep.views.plot import plot_views
from tumor_response.features.deep.views.result import CutViews
from tumor_response.features.deep.views.settings import WINDOWS_HU, ViewSettings

__all__ = [
    "WINDOWS_HU",
    "Augmentation",
    "AugmentationDraw",
    "CutViews",
    "ViewSettings",
    "cut_views",
    "plot_views",
    "views_bytes",
]
