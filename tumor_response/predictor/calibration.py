"""From a model's log-odds to calibrated ones: an intercept and a slope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from tumor_response.evaluation.performance.arrays import checked_numbers
from tumor_response.exceptions import EvaluationError
from tumor_response.models.newton import damped_newton
from tumor_response.models.ridge_path import logistic_losses

__all__ = [
    "Calibration",
    "codes_of",
    "cross_calibrated",
    "fit_calibration",
    "fit_rate_calibration",
    "patient_weights",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Method = Literal["none", "cross_fitted", "local"]

INTERCEPT_SD: Final = 1.0
SLOPE_SD: Final = 0.5
LEAST_SLOPE: Final = 0.01

_AS_IT_WAS: Final = np.array([[0.0, INTERCEPT_SD], [1.0, SLOPE_SD]])
"""Mean and standard deviation of what intercept and slope are drawn toward."""


@dataclass(frozen=True)
class Calibration:
    """Calibrated log-odds = ``intercept`` + ``slope`` x log-odds (Platt 1999; Cox 1958).

    Of a rate the same line gives the calibrated rate.

    Parameters
    ----------
    intercept, slope
        0 and 1: nothing is changed.
    n_patients
        On how many patients they were fitted; 0: not fitted.
    method
        ``"none"``, ``"cross_fitted"`` (on scores of patients left out), ``"local"`` (on another
        hospital's).

    Examples
    --------
    >>> Calibration(intercept=1.0, slope=0.5).apply(np.array([2.0]))
    array([2.])
    """

    intercept: float = 0.0
    slope: float = 1.0
    n_patients: int = 0
    method: str = "none"

    def apply(self, log_odds: FloatArray) -> FloatArray:
        """Return the calibrated log-odds."""
        calibrated: FloatArray = self.intercept + self.slope * log_odds
        return calibrated

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Make it again."""
        return cls(**found)


def fit_calibration(
    log_odds: npt.ArrayLike,
    y: npt.ArrayLike,
    patients: npt.ArrayLike,
    method: Method = "cross_fitted",
) -> Calibration:
    r"""Fit intercept and slope to log-odds of patients that the model was not trained on.

    Few patients say little about a slope, so both are drawn toward "as it was": the likelihood of
    Cox's recalibration (1958, Biometrika 45:562) is multiplied with normal densities of the
    intercept about 0 (SD 1) and of the slope about 1 (SD 0.5); the mode is taken. With many
    patients what is drawn does not matter. A lesion weighs one over the number of its patient's
    lesions: every patient counts once, and lesions that answer alike do not pass for more patients
    than there are. The slope is never below a hundredth, so that the order of the patients stays
    the model's; scores of patients left out, where there is nothing to be learnt, run against the
    classes more often than with them.

    Parameters
    ----------
    log_odds : array of shape (n_lesions,)
        Of each lesion by a model fitted without its patient; several rows per lesion, such as of
        several repeats, are shared out alike.
    y : array of shape (n_lesions,)
        1 for responders, 0 for the others.
    patients : array of shape (n_lesions,)
        Whose lesion it is.
    method
        What the calibration says of where the log-odds came from.

    Raises
    ------
    EvaluationError
        ``y``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> true = rng.normal(size=400)
    >>> y = rng.random(400) < 1 / (1 + np.exp(-true))
    >>> found = fit_calibration(3 * true, y, np.arange(400))  # three times too sure
    >>> round(found.slope, 2), found.n_patients
    (0.33, 400)
    """
    outcome, scores = checked_numbers(y, log_odds)
    if not np.isin(outcome, (0.0, 1.0)).all():
        raise EvaluationError("y holds other values than 0 and 1.", code="y")
    names = codes_of(patients, outcome.size)
    weight = patient_weights(names)
    ones = np.ones_like(scores)
    line = _mode(np.column_stack([ones, scores]), outcome, weight, 0.0 * scores, _AS_IT_WAS)
    intercept, slope = float(line[0]), float(line[1])
    if slope < LEAST_SLOPE:
        slope = LEAST_SLOPE
        intercept = float(_mode(ones[:, None], outcome, weight, slope * scores, _AS_IT_WAS[:1])[0])
    return Calibration(intercept, slope, len(np.unique(names)), method)


def fit_rate_calibration(
    rate: npt.ArrayLike,
    y: npt.ArrayLike,
    patients: npt.ArrayLike,
    method: Method = "cross_fitted",
) -> Calibration:
    r"""Fit intercept and slope to rates of patients that the model was not trained on.

    Least squares, every patient counting once, with the slope drawn toward 1 by a normal density
    of SD 0.5; the mean error is taken out whole. In the formula r is the predicted rate, e the
    error about its mean, :math:`s^2` its variance:
    :math:`b - 1 = \sum w (r - \bar r) e / (\sum w (r - \bar r)^2 + s^2 / 0.5^2)`.

    Parameters
    ----------
    rate, y : arrays of shape (n_lesions,)
        As predicted, and as measured, in the same unit.
    patients, method
        As for :func:`fit_calibration`.

    Raises
    ------
    EvaluationError
        ``shape`` or ``not_finite``.

    Examples
    --------
    >>> found = fit_rate_calibration([1.0, 2.0, 3.0], [1.5, 2.5, 3.5], [1, 2, 3])
    >>> found.intercept, found.slope
    (0.5, 1.0)
    """
    measured, predicted = checked_numbers(y, rate)
    names = codes_of(patients, measured.size)
    weight = patient_weights(names)
    centre = float(np.average(predicted, weights=weight))
    error = measured - predicted
    shift = float(np.average(error, weights=weight))
    noise = float(np.average((error - shift) ** 2, weights=weight)) / SLOPE_SD**2
    pulled = weight @ (predicted - centre) ** 2 + noise
    gain = float(weight @ ((predicted - centre) * (error - shift)) / pulled) if pulled > 0 else 0.0
    slope = max(1.0 + gain, LEAST_SLOPE)
    return Calibration(centre + shift - slope * centre, slope, len(np.unique(names)), method)


def cross_calibrated(
    outputs: npt.ArrayLike,
    y: npt.ArrayLike,
    patients: npt.ArrayLike,
    fit: Callable[[FloatArray, FloatArray, IntArray], Calibration] = fit_calibration,
) -> FloatArray:
    """Return each patient's log-odds, or rates, calibrated on the other patients.

    Calibrated on themselves, few patients conform better than new ones will; that is what
    recalibration on a small local set has to guard against. Scores of a cross-fitting need it
    not: each model there has learnt from fewer patients than the final one.

    Parameters
    ----------
    outputs, y, patients
        As ``fit`` takes them; two patients or more.
    fit
        :func:`fit_calibration` or :func:`fit_rate_calibration`.

    Returns
    -------
    ndarray of shape (n_lesions,)

    Raises
    ------
    EvaluationError
        ``shape`` or ``not_finite``, and what ``fit`` raises.
    """
    outcome, values = checked_numbers(y, outputs)
    names = codes_of(patients, outcome.size)
    calibrated = np.empty_like(values)
    for patient in np.unique(names):
        own = names == patient
        calibrated[own] = fit(values[~own], outcome[~own], names[~own]).apply(values[own])
    return calibrated


def patient_weights(patients: IntArray) -> FloatArray:
    """Return one over the number of the patient's lesions, for each lesion.

    Examples
    --------
    >>> patient_weights(np.array([7, 7, 9]))
    array([0.5, 0.5, 1. ])
    """
    _, place, counts = np.unique(patients, return_inverse=True, return_counts=True)
    weights: FloatArray = 1.0 / counts[place]
    return weights


def codes_of(patients: npt.ArrayLike, n_lesions: int) -> IntArray:
    """Return an integer per lesion, the same for lesions of one patient.

    Raises
    ------
    EvaluationError
        ``shape``: not one patient per lesion.
    """
    names = np.asarray(patients)
    if names.shape != (n_lesions,):
        raise EvaluationError(
            f"patients has shape {names.shape}; expected one patient for each of {n_lesions} "
            "lesions, in their order.",
            code="shape",
        )
    codes: IntArray = np.unique(names, return_inverse=True)[1].astype(np.int64)
    return codes


def _mode(
    design: FloatArray,
    outcome: FloatArray,
    weight: FloatArray,
    known: FloatArray,
    prior: FloatArray,
) -> FloatArray:
    """Return the mode of likelihood times normal densities, ``prior``: their means and SDs."""
    centre, pull = prior[:, 0], prior[:, 1] ** -2

    def objective(at: FloatArray) -> FloatArray:
        losses: FloatArray = logistic_losses(at @ design.T + known, outcome) @ weight
        return losses + 0.5 * (at - centre) ** 2 @ pull

    def derivatives(at: FloatArray) -> tuple[FloatArray, FloatArray]:
        p = expit(at @ design.T + known)
        gradient = (weight * (p - outcome)) @ design + pull * (at - centre)
        curvature = np.einsum("pr,ru,rv->puv", weight * p * (1 - p), design, design)
        return gradient, curvature + np.diag(pull)

    line: FloatArray = damped_newton(objective, derivatives, centre[None, :], "the calibration")[0]
    return line
