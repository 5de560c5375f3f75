"""Whether predicted probabilities come true: recalibration, errors, the table of ``val.prob``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import chi2, norm

from tumor_response.evaluation.metrics import auc
from tumor_response.evaluation.performance.arrays import (
    FloatArray,
    checked_classes,
    checked_probabilities,
)
from tumor_response.evaluation.performance.smoothing import lowess
from tumor_response.exceptions import EvaluationError

__all__ = [
    "CalibrationErrors",
    "Recalibration",
    "calibration_errors",
    "calibration_in_the_large",
    "recalibration",
    "val_prob",
]

_MAX_STEPS = 100
_TOLERANCE = 1e-13


@dataclass(frozen=True)
class Recalibration:
    """The line ``logit P(y = 1) = intercept + slope logit(p)``; (0, 1) is perfect."""

    intercept: float
    slope: float
    deviance: float


@dataclass(frozen=True)
class CalibrationErrors:
    """Distances between predictions and the smoothed outcome at them; 0 is perfect.

    Attributes
    ----------
    ici, e50, e90, emax : float
        Mean, median, 90th percentile and maximum.
    """

    ici: float
    e50: float
    e90: float
    emax: float


def recalibration(y: npt.ArrayLike, p: npt.ArrayLike) -> Recalibration:
    """Fit calibration intercept and slope jointly, by maximum likelihood (Cox 1958).

    A slope below 1 says that the predictions are too extreme, the mark of overfitting; above 1,
    that they are too timid. With a slope other than 1 the intercept has no meaning of its own:
    for "too high or too low on the whole" use :func:`calibration_in_the_large`.

    Parameters
    ----------
    y : array of shape (n,)
        1 for responders, 0 for the others.
    p : array of shape (n,)
        Probabilities strictly between 0 and 1.

    Raises
    ------
    EvaluationError
        ``certain_prediction``: a probability of exactly 0 or 1 has no logit. Nothing is clipped,
        because the slope would then be decided by the clip. ``constant_prediction``: all are
        equal. ``separated``: every responder has a higher (or a lower) probability than all
        others, so that the slope has no finite value. ``one_class``, ``y``, ``not_probability``,
        ``shape`` or ``not_finite``.

    Examples
    --------
    >>> fit = recalibration([0, 0, 1, 0, 1, 1], [0.01, 0.3, 0.2, 0.6, 0.5, 0.99])
    >>> round(fit.intercept, 3), round(fit.slope, 3)
    (0.211, 0.533)
    """
    outcome, log_odds = _log_odds(y, p)
    if np.ptp(log_odds) == 0:
        raise EvaluationError(
            f"All {log_odds.size} predictions are equal; there is no calibration slope.",
            code="constant_prediction",
        )
    higher, lower = log_odds[outcome == 1], log_odds[outcome == 0]
    if higher.min() >= lower.max() or lower.min() >= higher.max():
        raise EvaluationError(
            "The predictions separate the classes perfectly, so that the calibration slope has no "
            "finite value.",
            code="separated",
        )
    # on the standardised scale Newton's steps do not depend on how extreme the predictions are
    centre, scale = float(log_odds.mean()), float(log_odds.std())
    design = np.column_stack([np.ones(log_odds.size), (log_odds - centre) / scale])
    at, slope = _newton(design, outcome, np.zeros_like(outcome))
    slope = float(slope) / scale
    intercept = float(at) - slope * centre
    return Recalibration(intercept, slope, _deviance(outcome, intercept + slope * log_odds))


def calibration_in_the_large(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Return the intercept of the recalibration with the slope held at 1 (the logit an offset).

    Above 0 the predictions are too low on the whole, below 0 too high.

    Raises
    ------
    EvaluationError
        ``certain_prediction``, ``one_class``, ``y``, ``not_probability``, ``shape`` or
        ``not_finite``.

    Examples
    --------
    >>> round(calibration_in_the_large([0, 1, 1, 1], [0.5, 0.5, 0.5, 0.5]), 6)
    1.098612
    """
    outcome, log_odds = _log_odds(y, p)
    return float(_newton(np.ones((outcome.size, 1)), outcome, log_odds)[0])


def calibration_errors(y: npt.ArrayLike, p: npt.ArrayLike) -> CalibrationErrors:
    """Return ICI, E50, E90 and Emax (Austin and Steyerberg 2019, Stat Med 38:4051).

    The outcome is smoothed over the predictions by :func:`~.smoothing.lowess` with R's defaults and
    without robustness rounds, the choice of ``rms::val.prob``, whose Eavg, E90 and Emax these
    are. With few lesions the smooth follows noise: perfect predictions have an ICI well above 0.

    Raises
    ------
    EvaluationError
        ``y``, ``not_probability``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> errors = calibration_errors([0, 1, 0, 1], [0.2, 0.2, 0.2, 0.2])
    >>> round(errors.ici, 12), round(errors.emax, 12)
    (0.3, 0.3)
    """
    outcome, probabilities = checked_probabilities(y, p)
    at, smooth = lowess(probabilities, outcome)
    distance = np.abs(at - smooth)
    e50, e90 = np.quantile(distance, (0.5, 0.9))
    return CalibrationErrors(float(distance.mean()), float(e50), float(e90), float(distance.max()))


def val_prob(y: npt.ArrayLike, p: npt.ArrayLike) -> pd.DataFrame:
    """Return the statistics of ``val.prob`` in Harrell's R package rms, under its names.

    ``Dxy`` = 2 (C - 0.5); ``C (ROC)`` the AUC; ``D:Chi-sq`` the likelihood-ratio statistic of the
    predictions as they are against the prevalence, ``R2`` Nagelkerke's of it and
    ``D = (D:Chi-sq - 1) / n``; ``U:Chi-sq`` of the recalibrated predictions against them,
    ``U = (U:Chi-sq - 2) / n``, ``U:p`` with 2 degrees of freedom; ``Q = D - U``; ``Brier``;
    ``Intercept`` and ``Slope`` of :func:`recalibration`; ``Emax``, ``E90`` and ``Eavg`` of
    :func:`calibration_errors`; ``S:z`` and ``S:p`` Spiegelhalter's test of calibration (1986).

    Parameters
    ----------
    y, p
        As for :func:`recalibration`, probabilities of 0 and 1 allowed.

    Returns
    -------
    pandas.DataFrame
        Columns ``value`` and ``reason``. Where rms drops lesions with a probability of 0 or 1 for
        part of its statistics, or warns, a value here is NaN with the reason: the codes of
        :func:`recalibration`.

    Raises
    ------
    EvaluationError
        ``one_class``, ``y``, ``not_probability``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> table = val_prob([0, 0, 1, 0, 1, 1], [0.01, 0.3, 0.2, 0.6, 0.5, 0.99])
    >>> table["value"].round(3)[["C (ROC)", "Brier", "Slope", "S:z"]].to_dict()
    {'C (ROC)': 0.667, 'Brier': 0.223, 'Slope': 0.533, 'S:z': 1.33}
    """
    checked_probabilities(y, p)
    outcome, probabilities = checked_classes(y, p)
    c = auc(outcome, probabilities)
    errors = calibration_errors(outcome, probabilities)
    found = {
        "Dxy": 2 * (c - 0.5),
        "C (ROC)": c,
        "Brier": float(np.mean((outcome - probabilities) ** 2)),
        "Emax": errors.emax,
        "E90": errors.e90,
        "Eavg": errors.ici,
    }
    reasons: dict[str, str] = {}
    for names, compute in _PARTS.items():
        try:
            found |= zip(names, compute(outcome, probabilities), strict=True)
        except EvaluationError as error:
            reasons |= dict.fromkeys(names, error.code)
    return pd.DataFrame(
        {
            "value": [found.get(name, np.nan) for name in _STATISTICS],
            "reason": [reasons.get(name, "") for name in _STATISTICS],
        },
        index=list(_STATISTICS),
    )


def _likelihood(outcome: FloatArray, probabilities: FloatArray) -> tuple[float, ...]:
    """Return R2, D and D:Chi-sq of the predictions as they are."""
    n = outcome.size
    null = _deviance(outcome, np.full(n, logit(outcome.mean())))
    ratio = null - _deviance(outcome, _log_odds(outcome, probabilities)[1])
    return np.expm1(-ratio / n) / np.expm1(-null / n), (ratio - 1) / n, ratio


def _recalibrated(outcome: FloatArray, probabilities: FloatArray) -> tuple[float, ...]:
    """Return U, U:Chi-sq, U:p, Q, intercept and slope."""
    fit = recalibration(outcome, probabilities)
    ratio = _deviance(outcome, logit(probabilities)) - fit.deviance
    u = (ratio - 2) / outcome.size
    d = _likelihood(outcome, probabilities)[1]
    return u, ratio, float(chi2.sf(ratio, 2)), d - u, fit.intercept, fit.slope


def _spiegelhalter(outcome: FloatArray, probabilities: FloatArray) -> tuple[float, ...]:
    """Return Spiegelhalter's z and its two-sided p-value."""
    lever = 1 - 2 * probabilities
    variance = float(np.sum(lever**2 * probabilities * (1 - probabilities)))
    if not variance > 0:
        raise EvaluationError(
            "All probabilities are 0, 0.5 or 1; Spiegelhalter's z has no variance.",
            code="no_variance",
        )
    z = float(np.sum((outcome - probabilities) * lever)) / np.sqrt(variance)
    return z, 2 * float(norm.sf(abs(z)))


_STATISTICS: Final = (
    *("Dxy", "C (ROC)", "R2", "D", "D:Chi-sq", "U", "U:Chi-sq", "U:p", "Q", "Brier"),
    *("Intercept", "Slope", "Emax", "E90", "Eavg", "S:z", "S:p"),
)
_PARTS: Final = {
    ("R2", "D", "D:Chi-sq"): _likelihood,
    ("U", "U:Chi-sq", "U:p", "Q", "Intercept", "Slope"): _recalibrated,
    ("S:z", "S:p"): _spiegelhalter,
}


def _log_odds(y: npt.ArrayLike, p: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    checked_probabilities(y, p)
    outcome, probabilities = checked_classes(y, p)
    certain = int(((probabilities == 0) | (probabilities == 1)).sum())
    if certain:
        raise EvaluationError(
            f"{certain} of {outcome.size} probabilities are exactly 0 or 1 and have no logit, so "
            "that neither calibration slope nor intercept is defined.",
            code="certain_prediction",
        )
    return outcome, logit(probabilities)


def _deviance(outcome: FloatArray, log_odds: FloatArray) -> float:
    """Return -2 log-likelihood; log(1 + exp(.)) without overflow."""
    return float(2 * np.sum(np.logaddexp(0.0, log_odds) - outcome * log_odds))


def _newton(design: FloatArray, outcome: FloatArray, offset: FloatArray) -> FloatArray:
    """Maximise the logistic likelihood; steps are halved where they would lower it."""
    coefficients = np.zeros(design.shape[1])
    deviance = _deviance(outcome, offset)
    for _ in range(_MAX_STEPS):
        fitted = expit(offset + design @ coefficients)
        information = design.T @ (design * (fitted * (1 - fitted))[:, None])
        step = np.linalg.lstsq(information, design.T @ (outcome - fitted), rcond=None)[0]
        while True:
            trial: FloatArray = coefficients + step
            reached = _deviance(outcome, offset + design @ trial)
            if reached <= deviance * (1 + 1e-12) or not np.abs(step).max() > _TOLERANCE:
                break
            step = step / 2
        coefficients, deviance = trial, reached
        if np.abs(step).max() <= _TOLERANCE * (1 + np.abs(coefficients).max()):
            return coefficients
    raise EvaluationError(
        f"The recalibration of {outcome.size} predictions did not converge in {_MAX_STEPS} steps.",
        code="not_converged",
    )
