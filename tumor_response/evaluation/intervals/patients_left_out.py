"""The headline measure without each patient: what both jackknives need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.intervals.jackknife import (
    concordance_without_each,
    r2_without_each,
)

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["values_without_each"]

FloatArray = npt.NDArray[np.float64]


def values_without_each(result: EvaluationResult, name: str) -> FloatArray:
    """Return the measure of every resample without each of its tested patients.

    Shape (n_resamples, n_patients), NaN for patients who were not tested there and where nothing
    is left to measure.
    """
    rows = result.rows
    people = np.unique(rows.patients)
    left = np.full((len(result.resamples), len(people)), np.nan)
    for number, (resample, one) in enumerate(zip(result.resamples, result.out_of_bag, strict=True)):
        tested = rows.patients[resample.test]
        if result.task == "rate":
            mean = float(rows.y[resample.train].mean())
            who, values = r2_without_each(one.y_test, one.scores[name], tested, mean)
        else:
            who, values = concordance_without_each(one.y_test, one.scores[name], tested)
        left[number, np.searchsorted(people, who)] = values
    return left
