"""Class activation maps: sums over the channels of a feature map, weighed by slopes."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.methods.upsampling import upsampled
from tumor_response.explanation.attention.settings import CamSettings

__all__ = ["Cam", "EigenCam", "GradCam", "GradCamPlusPlus", "HiResCam", "LayerCam"]


class Cam:
    """Base of the maps that are sums over channels of (something of the slopes) times the map.

    What is differentiated is the final log-odds, through the model's weights and the pooling over
    views, so that a view's map holds its share in the lesion; views of a lesion are on one scale.

    Parameters
    ----------
    settings
        Which map, and which sign.
    """

    name: ClassVar[str]
    settings_type: ClassVar[type[CamSettings]] = CamSettings

    def __init__(self, settings: CamSettings) -> None:
        self.settings = settings

    def maps(self, lesion: Lesion) -> npt.NDArray[np.float32]:
        """Return the maps of a lesion's views, shape (n_views, size_px, size_px)."""
        activation, slope = lesion.maps(self.settings.layer)
        cells = self._signed(activation.double(), slope.double())
        return upsampled(cells, lesion.pathway.size_px)

    def _signed(self, activation: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        match self.settings.sign:
            case "positive":
                return self._cells(activation, slope).clamp(min=0)
            case "negative":
                return self._cells(activation, -slope).clamp(min=0)
            case _:
                return self._both(activation, slope)

    def _both(self, activation: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        return self._cells(activation, slope)

    @abstractmethod
    def _cells(self, activation: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        """Return the map before negative values are cut off, shape (n_views, height, width)."""


class GradCam(Cam):
    r"""Grad-CAM (Selvaraju et al. 2017, ICCV, equations 1 and 2).

    :math:`\mathrm{ReLU}(\sum_k \alpha_k A_k)`, :math:`\alpha_k` being the mean over cells of
    :math:`\partial s / \partial A_{k}`. The ReLU is over the sum; with ``sign="both"`` it is left
    out.
    """

    name = "grad_cam"

    def _cells(self, activation: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        weight = slope.mean(dim=(2, 3), keepdim=True)
        return (weight * activation).sum(dim=1)


class HiResCam(Cam):
    r"""HiResCAM (Draelos and Carin 2020, arXiv:2011.08891): :math:`\sum_k g_k \odot A_k`.

    For a network whose last map is averaged and read linearly it is the same as Grad-CAM, and
    with ``sign="both"`` its cells sum to the network's part in the log-odds: a proof that nothing
    is left out.
    """

    name = "hires_cam"

    def _cells(self, activation: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        return (slope * activation).sum(dim=1)


class LayerCam(Cam):
    r"""LayerCAM (Jiang et al. 2021, IEEE Trans. Image Process. 30:5875).

    :math:`\sum_k \mathrm{ReLU}(g_k) \odot A_k`: every cell with its own slope, so that earlier
    maps, which are finer, can be looked at. With ``sign="both"`` the map of what lowers the
    log-odds is taken off the map of what raises them.
    """

    name = "layer_cam"

    def _cells(self, activation: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        return (slope.clamp(min=0) * activation).sum(dim=1)

    def _both(self, activation: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        raising, lowering = (self._cells(activation, g).clamp(min=0) for g in (slope, -slope))
        return raising - lowering


class GradCamPlusPlus(LayerCam):
    r"""Grad-CAM++ (Chattopadhay et al. 2018, WACV, equations 10 and 19).

    :math:`w_k = \sum_{ij} \alpha_{kij} \mathrm{ReLU}(g_{kij})` with
    :math:`\alpha_{kij} = g^2 / (2 g^2 + g^3 \sum_{ab} A_{kab})`. The paper explains
    :math:`e^s`, whose derivatives are powers of g times :math:`e^s`; that factor is the same
    everywhere and left out.
    """

    name = "grad_cam_pp"

    def _cells(self, activation: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        total = activation.sum(dim=(2, 3), keepdim=True)
        below = 2 * slope**2 + slope**3 * total
        alpha = torch.where(below == 0, 0.0, slope**2 / torch.where(below == 0, 1.0, below))
        weight = (alpha * slope.clamp(min=0)).sum(dim=(2, 3), keepdim=True)
        return (weight * activation).sum(dim=1)


class EigenCam(Cam):
    r"""Eigen-CAM (Muhammad and Yeasin 2020, IJCNN): the map's own first principal component.

    The projection of each cell's channels on the first right singular vector of all cells of all
    views. It knows the network and the views and **nothing of the model**: the same for every
    prediction. A control for the others, not an explanation of a prediction. The vector's sign,
    which a decomposition leaves open, is such that the sum over cells is positive.
    """

    name = "eigen_cam"

    def _cells(self, activation: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        del slope
        n_views, n_channels, height, width = activation.shape
        rows = activation.movedim(1, -1).reshape(-1, n_channels)
        first: torch.Tensor = torch.linalg.svd(rows, full_matrices=False).Vh[0]
        projected: torch.Tensor = rows @ first
        if projected.sum() < 0:
            projected = -projected
        return projected.reshape(n_views, height, width)
