"""Which lesions a page shows: all, or some that chance has drawn."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tumor_response.reporting.viewer.settings import ViewerSettings

__all__ = ["chosen_lesions"]

Key = tuple[str, str]


def chosen_lesions(keys: Iterable[Key], settings: ViewerSettings) -> list[Key]:
    """Return the lesions to show, in the order given.

    Examples
    --------
    >>> keys = [(f"P{i}", "1") for i in range(9)]
    >>> chosen_lesions(keys, ViewerSettings(max_lesions=2)) == [
    ...     key for key in keys if key in chosen_lesions(keys[::-1], ViewerSettings(max_lesions=2))]
    True
    """
    given = list(keys)
    if len(given) <= settings.max_lesions:
        return given
    rng = np.random.default_rng(settings.seed)
    drawn = rng.choice(len(given), settings.max_lesions, replace=False)
    kept = {sorted(given)[place] for place in drawn}
    return [key for key in given if key in kept]
