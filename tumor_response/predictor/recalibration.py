"""A predictor for another hospital: intercept and slope anew, and conformal quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from tumor_response.evaluation.performance.arrays import checked_numbers
from tumor_response.exceptions import EvaluationError
from tumor_response.models.newton import damped_newton
from tumor_response.models.ridge_path import logistic_losses
from tumor_response.predictor.calibration import (
    Calibration,
    codes_of,
    cross_calibrated,
    patient_weights,
)
from tumor_response.predictor.conformal import fit_conformal
from tumor_response.predictor.state import PredictorState

__all__ = ["LEAST_PATIENTS", "fit_rate_recalibration", "fit_recalibration", "recalibrated"]

FloatArray = npt.NDArray[np.float64]

LEAST_PATIENTS: Final = 10
"""Fewer local patients are refused: with them recalibration does more harm than good."""

INTERCEPT_SD: Final = 1.5
SLOPE_SD: Final = 0.5
LEAST_SLOPE: Final = 0.01


def fit_recalibration(
    log_odds: npt.ArrayLike, y: npt.ArrayLike, patients: npt.ArrayLike
) -> Calibration:
    r"""Fit intercept and slope to calibrated log-odds of another hospital's patients.

    Few patients say little about a slope, so both are drawn toward "as it was": the likelihood of
    Cox's recalibration (1958), every patient counting once, is multiplied with normal densities
    of the intercept about 0 (SD 1.5) and of the slope about 1 (SD 0.5). With many patients what
    is drawn does not matter. The slope is never below a hundredth, so that the order of the
    patients stays the model's.

    Parameters
    ----------
    log_odds : array of shape (n_lesions,)
        Calibrated as the predictor gives them.
    y : array of shape (n_lesions,)
        1 for responders, 0 for the others.
    patients : array of shape (n_lesions,)
        Whose lesion it is.

    Raises
    ------
    EvaluationError
        ``y``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> true = rng.normal(size=40)
    >>> y = rng.random(40) < 1 / (1 + np.exp(-true))
    >>> found = fit_recalibration(3 * true, y, np.arange(40))  # three times too sure
    >>> bool(1 / 3 < found.slope < 1), found.method
    (True, 'local')
    """
    outcome, scores = checked_numbers(y, log_odds)
    if not np.isin(outcome, (0.0, 1.0)).all():
        raise EvaluationError("y holds other values than 0 and 1.", code="y")
    names = codes_of(patients, outcome.size)
    weight = patient_weights(names)
    prior, precision = np.array([0.0, 1.0]), np.array([INTERCEPT_SD**-2, SLOPE_SD**-2])

    def fitted(design: FloatArray, known: FloatArray, free: slice) -> FloatArray:
        centre, pull = prior[free], precision[free]

        def objective(at: FloatArray) -> FloatArray:
            losses = logistic_losses(at @ design.T + known, outcome) @ weight
            value: FloatArray = losses + 0.5 * (at - centre) ** 2 @ pull
            return value

        def derivatives(at: FloatArray) -> tuple[FloatArray, FloatArray]:
            p = expit(at @ design.T + known)
            gradient = (weight * (p - outcome)) @ design + pull * (at - centre)
            curvature = np.einsum("pr,ru,rv->puv", weight * p * (1 - p), design, design)
            return gradient, curvature + np.diag(pull)

        found = damped_newton(objective, derivatives, centre[None, :], "the recalibration")
        line: FloatArray = found[0]
        return line

    ones = np.ones((outcome.size, 1))
    line = fitted(np.column_stack([ones, scores]), np.zeros_like(scores), slice(0, 2))
    intercept, slope = float(line[0]), float(line[1])
    if slope < LEAST_SLOPE:
        slope = LEAST_SLOPE
        intercept = float(fitted(ones, slope * scores, slice(0, 1))[0])
    return Calibration(intercept, slope, len(np.unique(names)), "local")


def fit_rate_recalibration(
    rate: npt.ArrayLike, y: npt.ArrayLike, patients: npt.ArrayLike
) -> Calibration:
    r"""Fit intercept and slope to predicted rates of another hospital's patients.

    Least squares, every patient counting once, with the slope drawn toward 1 by a normal density
    of SD 0.5; the mean error is taken out whole. In the formula r is the predicted rate, e the
    error about its mean, :math:`s^2` its variance:
    :math:`b - 1 = \sum w (r - \bar r) e / (\sum w (r - \bar r)^2 + s^2 / 0.5^2)`.

    Parameters
    ----------
    rate, y : arrays of shape (n_lesions,)
        As the predictor gives them, and as measured, in the same unit.
    patients : array of shape (n_lesions,)
        Whose lesion it is.

    Raises
    ------
    EvaluationError
        ``shape`` or ``not_finite``.

    Examples
    --------
    >>> found = fit_rate_recalibration([1.0, 2.0, 3.0], [1.5, 2.5, 3.5], [1, 2, 3])
    >>> found.intercept, found.slope
    (0.5, 1.0)
    """
    measured, predicted = checked_numbers(y, rate)
    names = codes_of(patients, measured.size)
    weight = patient_weights(names)
    centre = float(np.average(predicted, weights=weight))
    error = measured - predicted
    shift = float(np.average(error, weights=weight))
    spread = weight @ (predicted - centre) ** 2
    noise = float(np.average((error - shift) ** 2, weights=weight)) / SLOPE_SD**2
    pulled = spread + noise
    gain = float(weight @ ((predicted - centre) * (error - shift)) / pulled) if pulled > 0 else 0.0
    slope = max(1.0 + gain, LEAST_SLOPE)
    return Calibration(centre + shift - slope * centre, slope, len(np.unique(names)), "local")


def recalibrated(
    state: PredictorState,
    outputs: npt.ArrayLike,
    y: npt.ArrayLike,
    patients: npt.ArrayLike,
    *,
    volume_outputs: npt.ArrayLike | None = None,
    coverages: Sequence[float] | None = None,
    parent_sha256: str = "",
) -> PredictorState:
    """Return a predictor recalibrated on another hospital's patients; the models stay as they are.

    Intercept and slope come on top of the predictor's own. The conformal quantiles are those of
    the local patients, each recalibrated on the others; where there are too few for a coverage
    (9 for 0.9, 19 for 0.95) the quantile is infinite, because the training patients' own does not
    hold elsewhere. No local patient's row is kept.

    Parameters
    ----------
    state
        The parent.
    outputs : array of shape (n_lesions,)
        Of the parent's model for the local lesions, before its calibration: log-odds, or rates.
    y : array of shape (n_lesions,)
        Classes 0 and 1, or measured rates.
    patients : array of shape (n_lesions,)
        Whose lesion it is.
    volume_outputs : array of shape (n_lesions,), optional
        The same of the volume model, which is then recalibrated as well, so that the comparison
        with volume alone stays fair.
    coverages
        Nominal coverages; those of the parent if not given.
    parent_sha256
        Of the file that the parent was loaded from; kept with the parentage.

    Raises
    ------
    EvaluationError
        ``too_few_patients``: fewer than 10 local patients. ``y``, ``shape`` or ``not_finite``.
    """
    response = state.task == "response"
    fit = fit_recalibration if response else fit_rate_recalibration
    measured, values = checked_numbers(y, outputs)
    names = codes_of(patients, measured.size)
    n_patients = len(np.unique(names))
    if n_patients < LEAST_PATIENTS:
        raise EvaluationError(
            f"Recalibration on {n_patients} patient(s): expected at least {LEAST_PATIENTS}. With "
            "fewer it makes predictions worse more often than better; collect more outcomes, or "
            "use the predictor as it is, minding what it says of its domain.",
            code="too_few_patients",
        )
    before = state.calibration.apply(values)
    line = fit(before, measured, names)
    left_out = cross_calibrated(before, measured, names, fit)
    rule = fit_conformal(
        "label_set" if response else "interval",
        expit(left_out) if response else left_out,
        measured,
        names,
        [float(key) for key in state.conformal.quantiles] if coverages is None else coverages,
        method="local patients, each recalibrated on the others",
    )
    volume = state.volume_calibration
    if volume_outputs is not None:
        of_volume = volume.apply(np.asarray(volume_outputs, dtype=np.float64))
        volume = _after(volume, fit(of_volume, measured, names))
    note = {
        "what": "recalibrated",
        "sha256": parent_sha256,
        "n_patients": n_patients,
        "n_lesions": measured.size,
        "intercept": line.intercept,
        "slope": line.slope,
    }
    return replace(
        state,
        calibration=_after(state.calibration, line),
        volume_calibration=volume,
        conformal=rule,
        parents=(*state.parents, note),
    )


def _after(first: Calibration, then: Calibration) -> Calibration:
    """Return the line of both, one after the other."""
    intercept = then.intercept + then.slope * first.intercept
    return replace(then, intercept=intercept, slope=then.slope * first.slope)
