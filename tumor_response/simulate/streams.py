"""One independent random stream for each purpose, so that nothing depends on the order of work."""

from __future__ import annotations

import numpy as np

__all__ = ["PURPOSES", "stream"]

PURPOSES = (
    "patient",
    "lesion",
    "site",
    "anatomy",
    "shape",
    "field",
    "texture",
    "noise",
    "observer",
)
"""Append only: the position is part of the seed."""


def stream(seed: int, purpose: str, *place: int) -> np.random.Generator:
    """Return the generator for ``purpose`` at ``place`` (patient, lesion, time point ...).

    The key of the seed sequence names the place itself, so patient 7 is the same patient in a
    cohort of 10 and of 1,000, whichever process computes it.

    Examples
    --------
    >>> stream(0, "noise", 3, 1).random() == stream(0, "noise", 3, 1).random()
    True
    """
    key = (PURPOSES.index(purpose), *place)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
