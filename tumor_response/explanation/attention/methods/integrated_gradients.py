"""Integrated gradients: each pixel's share in the way from nothing to the views."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.methods.baselines import nothing_like
from tumor_response.explanation.attention.methods.signs import with_sign
from tumor_response.explanation.attention.settings import IntegratedGradientsSettings

__all__ = ["IntegratedGradients"]


class IntegratedGradients:
    r"""Integrated gradients (Sundararajan, Taly and Yan 2017, ICML).

    :math:`(x - b) \int_0^1 \partial s / \partial x (b + t (x - b)) \, dt` by the Gauss-Legendre
    rule, all views of the lesion going from the baseline to what they are together, summed over
    channels. Complete: over all pixels of all views it sums to s(x) - s(b), up to the rule's
    error, which is checked in each lesion.

    Parameters
    ----------
    settings
        Steps, baseline, and the error that is let pass.
    """

    name: ClassVar[str] = "integrated_gradients"
    settings_type: ClassVar[type[IntegratedGradientsSettings]] = IntegratedGradientsSettings

    def __init__(self, settings: IntegratedGradientsSettings) -> None:
        self.settings = settings

    def maps(self, lesion: Lesion) -> npt.NDArray[np.float32]:
        """Return the maps of a lesion's views, shape (n_views, size_px, size_px).

        Raises
        ------
        ExplanationError
            Code ``not_complete``: the sum is farther from the change of the log-odds than
            ``tolerance``.
        """
        begin = nothing_like(lesion.pixels, self.settings.baseline)
        way = lesion.pixels - begin
        total = np.zeros(way.shape)
        places, shares = np.polynomial.legendre.leggauss(self.settings.n_steps)
        for place, share in zip((places + 1) / 2, shares / 2, strict=True):
            total += share * lesion.pixel_gradient(begin + np.float32(place) * way)
        attributed = (way * total).sum(axis=1)
        with torch.no_grad():
            ends = [lesion.readout(f) for f in (lesion.features_of(begin), lesion.features)]
        change = float(ends[1] - ends[0])
        gap = abs(attributed.sum() - change)
        if gap > self.settings.tolerance * max(np.abs(attributed).sum(), abs(change)):
            raise ExplanationError(
                f"Integrated gradients sum to {attributed.sum():.4g} where the log-odds change by "
                f"{change:.4g}. Take more steps (n_steps={self.settings.n_steps} now), or a "
                "baseline nearer to the views.",
                code="not_complete",
            )
        return with_sign(attributed, self.settings.sign)
