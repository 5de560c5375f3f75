"""The calibration curve of an evaluation: smooth, spread over resamples, where predictions lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tumor_response.evaluation.performance.arrays import FloatArray
from tumor_response.evaluation.performance.calibration import (
    CalibrationErrors,
    calibration_errors,
)
from tumor_response.evaluation.performance.predictions import (
    check_probabilities,
    single_fit_predictions,
)
from tumor_response.evaluation.performance.smoothing import lowess

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["CalibrationCurve", "calibration_curve"]

_GRID = np.arange(101) / 100
_SHARE_OF_RESAMPLES = 0.5


@dataclass(frozen=True, eq=False)
class CalibrationCurve:
    """Observed share of responders over predicted probability, for one model.

    Attributes
    ----------
    name : str
    grid : array of shape (101,)
        Predicted probabilities, 0 to 1.
    line : array of shape (101,)
        Smoothed outcome over all resamples' predictions; NaN beyond them.
    low, high : array of shape (101,)
        Middle 95 % of the resamples' own smooths; NaN where fewer than half of them have
        predictions on both sides.
    predictions, outcomes : arrays of shape (n_pairs,)
        What the line smooths: :func:`~.predictions.single_fit_predictions`.
    errors : CalibrationErrors
        ICI, E50, E90 and Emax of the line.
    n_resamples : int
    """

    name: str
    grid: FloatArray
    line: FloatArray
    low: FloatArray
    high: FloatArray
    predictions: FloatArray
    outcomes: FloatArray
    errors: CalibrationErrors
    n_resamples: int


def calibration_curve(result: EvaluationResult, name: str) -> CalibrationCurve:
    """Return the calibration curve of single fits on patients they had not seen.

    Lesions are smoothed over the predictions of the fits that had not seen them, not over the mean
    of these, which is the prediction of an ensemble: averaged over hundreds of fits, extreme
    predictions look tame. A fit to a bootstrap sample has seen fewer patients than the one to the
    whole cohort, so that this errs on the pessimistic side (measured in the guide).

    Parameters
    ----------
    result : EvaluationResult
    name
        Of a model that gives probabilities.

    Raises
    ------
    EvaluationError
        ``unknown_model``, ``task``, ``not_probability``.
    """
    check_probabilities(result, [name])
    outcomes, predictions = single_fit_predictions(result, name)
    smooths = np.array(
        [_on_grid(one.scores[name], one.y_test.astype(np.float64)) for one in result.out_of_bag]
    )
    there = np.isfinite(smooths).mean(axis=0) >= max(_SHARE_OF_RESAMPLES, 1 / len(smooths))
    low, high = np.full((2, _GRID.size), np.nan)
    if len(smooths) > 1 and there.any():
        low[there], high[there] = np.nanpercentile(smooths[:, there], (2.5, 97.5), axis=0)
    return CalibrationCurve(
        name=name,
        grid=_GRID,
        line=_on_grid(predictions, outcomes.astype(np.float64)),
        low=low,
        high=high,
        predictions=predictions,
        outcomes=outcomes.astype(np.float64),
        errors=calibration_errors(outcomes, predictions),
        n_resamples=len(smooths),
    )


def _on_grid(predictions: FloatArray, outcomes: FloatArray) -> FloatArray:
    """Return the smooth at the grid's points, held to [0, 1]; nothing is drawn beyond the data."""
    at, smooth = lowess(predictions, outcomes)
    values: FloatArray = np.interp(_GRID, at, smooth, left=np.nan, right=np.nan)
    return np.clip(values, 0.0, 1.0)
