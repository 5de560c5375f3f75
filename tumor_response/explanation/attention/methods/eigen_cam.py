"""Eigen-CAM: what stands out to a network, whatever is predicted from it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.methods.upsampling import upsampled
from tumor_response.explanation.attention.settings import EigenCamSettings

__all__ = ["EigenCam"]


class EigenCam:
    r"""Eigen-CAM (Muhammad and Yeasin 2020, IJCNN): the map's own first principal component.

    The projection of each cell's channels on the first right singular vector of all cells of all
    views, where it is positive. It knows the network and the views and **nothing of the model**:
    it is the same for every prediction. A control for the others, not an explanation. The
    vector's sign, which a decomposition leaves open, makes the sum over cells positive.

    Parameters
    ----------
    settings
        Which map.
    """

    name: ClassVar[str] = "eigen_cam"
    settings_type: ClassVar[type[EigenCamSettings]] = EigenCamSettings

    def __init__(self, settings: EigenCamSettings) -> None:
        self.settings = settings

    def maps(self, lesion: Lesion) -> npt.NDArray[np.float32]:
        """Return the maps of a lesion's views, shape (n_views, size_px, size_px)."""
        activation = lesion.maps(self.settings.layer)[0].double()
        n_views, n_channels, height, width = activation.shape
        rows = activation.movedim(1, -1).reshape(-1, n_channels)
        first: torch.Tensor = torch.linalg.svd(rows, full_matrices=False).Vh[0]
        projected: torch.Tensor = rows @ first
        if projected.sum() < 0:
            projected = -projected
        cells = projected.clamp(min=0).reshape(n_views, height, width)
        return upsampled(cells, lesion.pathway.size_px)
