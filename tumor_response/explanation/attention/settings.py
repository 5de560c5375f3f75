"""What can be chosen about a method of attention."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tumor_response.settings import Settings

__all__ = [
    "Baseline",
    "CamSettings",
    "IntegratedGradientsSettings",
    "MethodSettings",
    "OcclusionSettings",
    "RolloutSettings",
    "ScoreCamSettings",
    "Sign",
]

Sign = Literal["positive", "negative", "both"]
Baseline = Literal["mean", "black"]


class MethodSettings(Settings):
    """What all methods have in common.

    Parameters
    ----------
    sign
        ``"positive"`` (default): what raises the log-odds of response, and 0 elsewhere;
        ``"negative"``: what lowers them, as positive numbers; ``"both"``: signed.

    Examples
    --------
    >>> MethodSettings(sign="both").to_json()
    '{"sign":"both"}'
    """

    sign: Sign = "positive"


class CamSettings(MethodSettings):
    """Class activation maps.

    Parameters
    ----------
    layer
        Which map: ``"auto"`` (default): the last one that all columns are made of; ``"last"``;
        ``"stage1"``, ``"stage2"`` ...
    """

    layer: str = Field(default="auto", pattern=r"^(auto|last|stage[1-9]\d*)$")


class ScoreCamSettings(CamSettings):
    """Score-CAM.

    Parameters
    ----------
    n_channels
        How many channels of the map are tried, those that vary most over the lesion's views;
        each costs a pass through the network for each view.
    """

    n_channels: int = Field(default=64, ge=1)


class OcclusionSettings(MethodSettings):
    """Occlusion.

    Parameters
    ----------
    patch_px, step_px
        Side of the square that is hidden, and how far it moves, pixels of a view; the step at
        most the side, so that every pixel is hidden.
    baseline
        What hides: ``"mean"`` (default), the mean of the lesion's views; ``"black"``.
    """

    patch_px: int = Field(default=32, ge=1)
    step_px: int = Field(default=16, ge=1)
    baseline: Baseline = "mean"


class IntegratedGradientsSettings(MethodSettings):
    """Integrated gradients.

    Parameters
    ----------
    n_steps
        Points of the Gauss-Legendre rule between the baseline and the views.
    baseline
        Where the path begins: ``"mean"`` (default) or ``"black"``.
    tolerance
        How far the sum of a lesion's attributions may be from the change of the log-odds, as a
        share of the sum of their sizes; beyond it the lesion is a failure.
    """

    n_steps: int = Field(default=32, ge=2)
    baseline: Baseline = "mean"
    tolerance: float = Field(default=0.05, gt=0)


class RolloutSettings(MethodSettings):
    """Attention and gradient rollout.

    Parameters
    ----------
    residual
        For plain rollout: the share of a block's output that comes from its own input, around its
        attention; 0.5 in the paper. Without effect on gradient rollout, which adds what attention
        brings to what was there.
    """

    residual: float = Field(default=0.5, ge=0, lt=1)
