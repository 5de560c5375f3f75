"""How a network is trained: validated before the first image is read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tumor_response.settings import Settings

__all__ = ["AttentionSettings", "FineTuneSettings", "TrainingSettings"]


class TrainingSettings(Settings):
    """What all models that learn from views have in common.

    Parameters
    ----------
    epochs
        Most passes over the training cases; how many there are is decided by early stopping.
    patience
        Epochs without a better loss on the stopping patients after which it stops.
    batch_size
        Cases a step.
    views_per_case
        Views of a case that a step sees, drawn anew each time; None: all of them.
    mirror
        Whether a case is mirrored left to right in half of the steps.
    learning_rate, head_learning_rate, weight_decay
        Of AdamW: below the head, of the head, and for both.
    stopping_fraction
        Share of the training patients that early stopping watches.
    random_state
        Seed of everything random.

    Examples
    --------
    >>> TrainingSettings(epochs=3).patience
    4
    """

    epochs: int = Field(20, ge=1)
    patience: int = Field(4, ge=1)
    batch_size: int = Field(16, ge=1)
    views_per_case: int | None = Field(None, ge=1)
    mirror: bool = False
    learning_rate: float = Field(1e-4, gt=0)
    head_learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    stopping_fraction: float = Field(0.2, gt=0, le=0.5)
    random_state: int = Field(0, ge=0)


class FineTuneSettings(TrainingSettings):
    """What fine-tuning has beside.

    Parameters
    ----------
    unfreeze
        What learns: ``"head"``, ``"last_stage"`` or ``"adapters"``.
    n_stages
        Stages that count as the last.
    adapter_rank
        Rank of the adapters.

    Examples
    --------
    >>> FineTuneSettings(unfreeze="adapters").adapter_rank
    4
    """

    unfreeze: Literal["head", "last_stage", "adapters"] = "last_stage"
    n_stages: int = Field(1, ge=1)
    adapter_rank: int = Field(4, ge=1)


class AttentionSettings(TrainingSettings):
    """What learned pooling has beside.

    Parameters
    ----------
    n_hidden
        Width of the attention.

    Examples
    --------
    >>> AttentionSettings().n_hidden
    32
    """

    n_hidden: int = Field(32, ge=1)
