"""How a map set is put to the test."""

from __future__ import annotations

from pydantic import Field

from tumor_response.settings import Settings

__all__ = ["SanitySettings"]


class SanitySettings(Settings):
    """What :func:`~tumor_response.explanation.attention.sanity.attention_sanity` spends, and flags.

    Parameters
    ----------
    n_lesions
        How many lesions are tried, drawn at random; all, where there are no more.
    n_draws
        How often weights are randomised, and random orders drawn.
    n_label_permutations
        How often the labels are permuted, for a model that comes with its evaluation.
    n_resamples_permuted
        Resamples of each permutation; at most the scheme's.
    cells
        Maps are compared, and parts of views inserted and deleted, on a grid of so many squares
        along a side.
    n_steps
        Steps of insertion and deletion.
    flag_above
        A map set is flagged if the mean rank correlation of maps before and after a randomisation
        is at least this.
    level
        Of the intervals.
    n_bootstrap
        Samples of patients for an interval.
    seed
        Of all that is drawn.

    Examples
    --------
    >>> SanitySettings(n_lesions=4).flag_above
    0.5
    """

    n_lesions: int = Field(default=12, ge=1)
    n_draws: int = Field(default=2, ge=1)
    n_label_permutations: int = Field(default=5, ge=1)
    n_resamples_permuted: int = Field(default=20, ge=1)
    cells: int = Field(default=14, ge=2)
    n_steps: int = Field(default=8, ge=2)
    flag_above: float = Field(default=0.5, gt=0, le=1)
    level: float = Field(default=0.95, gt=0, lt=1)
    n_bootstrap: int = Field(default=2000, ge=200)
    seed: int = Field(default=0, ge=0)
