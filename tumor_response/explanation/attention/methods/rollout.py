"""Rollout: attention of a vision transformer followed through its blocks, back to the patches."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.methods.signs import with_sign
from tumor_response.explanation.attention.methods.upsampling import upsampled
from tumor_response.explanation.attention.settings import (
    AttentionRolloutSettings,
    GradientRolloutSettings,
)
from tumor_response.explanation.attention.transformer import AttentionOfBlocks, attention_of_blocks

__all__ = ["AttentionRollout", "GradientRollout"]


class AttentionRollout:
    r"""Attention rollout (Abnar and Zuidema 2020, ACL).

    The product over blocks of :math:`r I + (1 - r) \bar A`, with :math:`\bar A` the mean of the
    heads: the share of each patch in what is pooled. It knows the network and the views and
    **nothing of the model**: a control, like Eigen-CAM.

    Parameters
    ----------
    settings
        The share r that goes past the attention.
    """

    name: ClassVar[str] = "attention_rollout"
    settings_type: ClassVar[type[AttentionRolloutSettings]] = AttentionRolloutSettings

    def __init__(self, settings: AttentionRolloutSettings) -> None:
        self.settings = settings

    def maps(self, lesion: Lesion) -> npt.NDArray[np.float32]:
        """Return the maps of a lesion's views, shape (n_views, size_px, size_px)."""
        blocks = attention_of_blocks(lesion)
        past = self.settings.residual
        unit = _unit(blocks)
        flow = unit
        for attention in blocks.attention:
            flow = (past * unit + (1 - past) * attention.double().mean(dim=1)) @ flow
        return upsampled(blocks.cells(flow), lesion.pathway.size_px)


class GradientRollout:
    r"""Gradient rollout (Chefer, Gur and Wolf 2021, ICCV, equations 5 and 6).

    :math:`R \leftarrow R + \bar A R` from block to block, with :math:`\bar A` the mean over heads
    of :math:`(\partial s / \partial A \odot A)^+`: attention counts where more of it raises the
    final log-odds s. With ``sign="negative"`` where it lowers them; ``"both"`` is the difference
    of the two.

    Parameters
    ----------
    settings
        Which sign.
    """

    name: ClassVar[str] = "gradient_rollout"
    settings_type: ClassVar[type[GradientRolloutSettings]] = GradientRolloutSettings

    def __init__(self, settings: GradientRolloutSettings) -> None:
        self.settings = settings

    def maps(self, lesion: Lesion) -> npt.NDArray[np.float32]:
        """Return the maps of a lesion's views, shape (n_views, size_px, size_px)."""
        blocks = attention_of_blocks(lesion)
        sign = self.settings.sign
        cells = sum(
            turn * self._relevance(blocks, turn)
            for turn in ((1, -1) if sign == "both" else (1 if sign == "positive" else -1,))
        )
        maps = upsampled(torch.as_tensor(cells), lesion.pathway.size_px)
        return with_sign(maps, sign)

    def _relevance(self, blocks: AttentionOfBlocks, turn: int) -> torch.Tensor:
        unit = _unit(blocks)
        relevance = unit
        for attention, slope in zip(blocks.attention, blocks.slope, strict=True):
            raising = (turn * slope.double() * attention.double()).clamp(min=0).mean(dim=1)
            relevance = relevance + raising @ relevance
        return blocks.cells(relevance - unit)


def _unit(blocks: AttentionOfBlocks) -> torch.Tensor:
    first = blocks.attention[0]
    return torch.eye(first.shape[-1], dtype=torch.float64, device=first.device)
