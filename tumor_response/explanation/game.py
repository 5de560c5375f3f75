"""What is shared out, and how: the settings of an explanation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tumor_response.settings import Settings

__all__ = ["Game"]


class Game(Settings):
    """The game whose Shapley values an explanation holds.

    Parameters
    ----------
    output
        ``"log_odds"`` (default) or ``"probability"`` of response.
    value_function
        ``"interventional"`` (default): an absent column has the values of the background.
        ``"tree_path_dependent"``, for trees alone: it has those of the training rows that took the
        same branches before.
    n_pairs
        Where values have to be sampled: pairs of opposite orders per lesion and resample.
    seed
        Of the sampled orders.

    Examples
    --------
    >>> Game().output, Game(output="probability").n_pairs
    ('log_odds', 8)
    """

    output: Literal["log_odds", "probability"] = "log_odds"
    value_function: Literal["interventional", "tree_path_dependent"] = "interventional"
    n_pairs: int = Field(default=8, ge=2)
    seed: int = Field(default=0, ge=0)
