"""What an evaluation lets one conclude of a model, in a word: the rules of a report's first page.

One-sided on purpose: an interval that reaches chance is a null result whatever the estimate is, and
an advantage over volume is said only where the interval of the paired difference lies above 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["MIN_PATIENTS_PER_CLASS", "MIN_RESAMPLES", "WORDS", "conclusion_of", "is_too_small"]

MIN_PATIENTS_PER_CLASS = 10
MIN_RESAMPLES = 100

WORDS = {
    "null": "not shown to predict the response",
    "inverted": "worse than chance: look for a fault",
    "too small": "too small to conclude from",
    "separates": "better than chance here; not shown to add to volume alone",
    "beyond volume": "better than chance and than volume alone, in this cohort",
}


def conclusion_of(
    value: float, low: float, high: float, chance: float, too_small: bool, over_volume: float
) -> str:
    """Return one of the keys of :data:`WORDS`.

    Parameters
    ----------
    value, low, high
        Headline and interval.
    chance
        What guessing gives.
    too_small
        Whether there are too few patients or resamples for any positive conclusion.
    over_volume
        Lower limit of the paired difference to volume alone; NaN where there is none.

    Examples
    --------
    >>> conclusion_of(0.53, 0.41, 0.65, 0.5, False, float("nan"))
    'null'
    >>> conclusion_of(0.74, 0.63, 0.84, 0.5, False, 0.02)
    'beyond volume'
    """
    if high < chance:
        return "inverted"
    if not low > chance:  # true for NaN as well
        return "null"
    if too_small or low == high == value:
        return "too small"
    return "beyond volume" if over_volume > 0 else "separates"


def is_too_small(result: EvaluationResult) -> bool:
    """Return whether fewer than ten patients are in a class, or fewer than 100 resamples drawn."""
    rows = result.rows
    if result.task == "rate":
        few = len(np.unique(rows.patients)) < 2 * MIN_PATIENTS_PER_CLASS
    else:
        classes = np.unique(rows.y)
        few = (
            min(len(np.unique(rows.patients[rows.y == value])) for value in classes)
            < MIN_PATIENTS_PER_CLASS
        )
    return few or (result.scheme.kind == "bootstrap" and len(result.resamples) < MIN_RESAMPLES)
