"""Score-CAM: channels weighed by what the views say when only that channel's places are left."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.methods.baselines import nothing_like
from tumor_response.explanation.attention.methods.signs import with_sign
from tumor_response.explanation.attention.methods.upsampling import upsampled
from tumor_response.explanation.attention.settings import ScoreCamSettings

__all__ = ["ScoreCam"]


class ScoreCam:
    r"""Score-CAM (Wang et al. 2020, CVPR workshops): no slopes, but scores of masked views.

    Each channel of the map, drawn up to the views and brought to 0 to 1, is held before the views
    as a mask. Its weight is the log-odds of what is left less those of black views (the paper's
    channel-wise increase of confidence). Two things are other than in the paper, because here a
    case is several views and the score a log-odds: a channel is masked and scored in all views of
    the lesion at once, with one range over them; and weights are the differences themselves, not
    their softmax, whose result would depend on the log-odds' unit. Only the channels that vary
    most are tried, which others have called faster Score-CAM.

    Parameters
    ----------
    settings
        Which map, and how many of its channels.
    """

    name: ClassVar[str] = "score_cam"
    settings_type: ClassVar[type[ScoreCamSettings]] = ScoreCamSettings

    def __init__(self, settings: ScoreCamSettings) -> None:
        self.settings = settings

    def maps(self, lesion: Lesion) -> npt.NDArray[np.float32]:
        """Return the maps of a lesion's views, shape (n_views, size_px, size_px)."""
        activation = lesion.maps(self.settings.layer)[0].double()
        spread = activation.std(dim=(0, 2, 3), correction=0)
        order = torch.argsort(-spread, stable=True)[: self.settings.n_channels]
        nothing = self._score(lesion, nothing_like(lesion.pixels, "black"))
        size = lesion.pathway.size_px
        cells = torch.zeros_like(activation[:, 0])
        for channel in order[spread[order] > 0].tolist():
            one = activation[:, channel]
            masks = upsampled((one - one.min()) / (one.max() - one.min()), size)
            gain = self._score(lesion, lesion.pixels * masks[:, None]) - nothing
            cells += gain * one
        return with_sign(upsampled(cells, size), self.settings.sign)

    def _score(self, lesion: Lesion, pixels: npt.NDArray[np.float32]) -> float:
        with torch.no_grad():
            return float(lesion.readout(lesion.features_of(pixels)))
