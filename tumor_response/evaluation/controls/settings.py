"""What can be chosen about negative controls."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator

from tumor_response.evaluation.sampling import Bootstrap632Plus, RepeatedKFold, Scheme
from tumor_response.imaging.control_images import ContextOnly, MatchedNoise
from tumor_response.settings import Settings

__all__ = ["IMAGE_CONTROLS", "ControlName", "ControlsSettings", "shortened"]

ControlName = Literal[
    "permuted_labels",
    "random_columns",
    "voxels_shuffled",
    "noise_images",
    "untrained_network",
    "context_only",
]

IMAGE_CONTROLS: tuple[ControlName, ...] = get_args(ControlName)[2:]
"""Those that are extracted from altered images, or by an untrained network."""


class ControlsSettings(Settings):
    """How many of what, and which.

    Parameters
    ----------
    controls
        Which controls are made, besides permuted labels and random columns, which always are.
    n_permutations
        How often the outcome is permuted, default 200. The smallest p value is one over one more
        than that; 19 is the least with which 0.05 can be reached.
    n_resamples_permuted
        Resamples in which each permutation is evaluated, default 20, at most those of the scheme.
        The model's own outcome is evaluated in as many. Fewer take less time and make the p value
        larger on average, never wrong.
    n_resamples
        Resamples in which the model and the other controls are compared, default 200, at most
        those of the scheme. Of a K-fold, whole repeats.
    seed
        Of permutations, random columns, altered voxels and untrained weights.
    noise
        The noise images.
    context
        How the tumour is taken out.

    Examples
    --------
    >>> ControlsSettings().n_permutations
    200
    """

    controls: tuple[ControlName, ...] = IMAGE_CONTROLS
    n_permutations: Annotated[int, Field(ge=19)] = 200
    n_resamples_permuted: Annotated[int, Field(ge=2)] = 20
    n_resamples: Annotated[int, Field(ge=2)] = 200
    seed: Annotated[int, Field(ge=0)] = 0
    noise: MatchedNoise = MatchedNoise()
    context: ContextOnly = ContextOnly()

    @field_validator("controls")
    @classmethod
    def _only_image_controls(cls, value: tuple[ControlName, ...]) -> tuple[ControlName, ...]:
        if len(set(value)) < len(value) or not set(value) <= set(IMAGE_CONTROLS):
            raise ValueError(
                f"expected some of {', '.join(map(repr, IMAGE_CONTROLS))}, none twice; permuted "
                "labels and random columns are always made"
            )
        return value


def shortened(scheme: Scheme, n_resamples: int) -> Scheme:
    """Return the scheme with its first resamples alone, where it is one that draws them.

    A nested cross-validation becomes its outer folds: there is one model, and nothing to choose.
    Schemes that the cohort brings with it, and those of others, stay as they are.

    Examples
    --------
    >>> shortened(Bootstrap632Plus(n_resamples=1000, seed=3), 20)
    Bootstrap632Plus(n_resamples=20, seed=3)
    >>> shortened(RepeatedKFold(n_folds=5, n_repeats=20), 12).n_repeats
    2
    """
    if isinstance(scheme, Bootstrap632Plus):
        return Bootstrap632Plus(n_resamples=min(n_resamples, scheme.n_resamples), seed=scheme.seed)
    if isinstance(scheme, RepeatedKFold):
        n_repeats = min(max(n_resamples // scheme.n_folds, 1), scheme.n_repeats)
        return RepeatedKFold(n_folds=scheme.n_folds, n_repeats=n_repeats, seed=scheme.seed)
    return scheme
