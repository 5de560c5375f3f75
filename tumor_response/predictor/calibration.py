"""From a model's log-odds to calibrated ones: an intercept and a slope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.performance.arrays import checked_classes, checked_numbers
from tumor_response.exceptions import EvaluationError
from tumor_response.models.platt import fit_sigmoid

__all__ = ["Calibration", "codes_of", "cross_calibrated", "fit_calibration", "patient_weights"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


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
    log_odds: npt.ArrayLike, y: npt.ArrayLike, patients: npt.ArrayLike
) -> Calibration:
    """Fit intercept and slope to scores of patients that the model was not trained on.

    By :func:`~tumor_response.models.platt.fit_sigmoid`: Platt's targets keep both finite where few
    patients' scores separate the classes, and the slope is never negative, so that the order of
    the patients stays the model's. A lesion weighs one over the number of its patient's lesions:
    every patient counts once, and lesions that answer alike do not pass for more patients than
    there are.

    Parameters
    ----------
    log_odds : array of shape (n_lesions,)
        Of each lesion by a model fitted without its patient.
    y : array of shape (n_lesions,)
        1 for responders, 0 for the others; both of them.
    patients : array of shape (n_lesions,)
        Whose lesion it is.

    Raises
    ------
    EvaluationError
        ``one_class``, ``y``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> true = rng.normal(size=400)
    >>> y = rng.random(400) < 1 / (1 + np.exp(-true))
    >>> found = fit_calibration(3 * true, y, np.arange(400))  # three times too sure
    >>> round(found.slope, 2), found.n_patients
    (0.32, 400)
    """
    outcome, scores = checked_classes(y, log_odds)
    names = codes_of(patients, outcome.size)
    line = fit_sigmoid(scores, outcome, patient_weights(names))
    return Calibration(line.offset, line.slope, len(np.unique(names)), "cross_fitted")


def cross_calibrated(
    outputs: npt.ArrayLike,
    y: npt.ArrayLike,
    patients: npt.ArrayLike,
    fit: Callable[[FloatArray, FloatArray, IntArray], Calibration] = fit_calibration,
) -> FloatArray:
    """Return each patient's log-odds, or rates, calibrated on the other patients.

    What :func:`~tumor_response.predictor.conformal.fit_conformal` wants to see: calibrated on
    themselves, patients conform better than new ones will. A patient without whom only one
    outcome is left is calibrated on all.

    Parameters
    ----------
    outputs, y, patients
        As ``fit`` takes them.
    fit
        :func:`fit_calibration`, or another function of these three.

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
        rest = ~own if np.unique(outcome[~own]).size > 1 else np.ones_like(own)
        calibrated[own] = fit(values[rest], outcome[rest], names[rest]).apply(values[own])
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
