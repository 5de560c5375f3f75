"""How many new patients it takes to validate a finished model (Riley et al. 2021)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from tumor_response.evaluation.planning.precision import patients_for_auc_width
from tumor_response.evaluation.planning.required import (
    Criterion,
    RequiredPatients,
    check_between,
    whole_up,
)

__all__ = ["patients_for_slope", "required_patients_external"]

FloatArray = npt.NDArray[np.float64]


def required_patients_external(
    prevalence: float,
    anticipated_auc: float,
    *,
    auc_width: float = 0.1,
    observed_expected_width: float = 0.2,
    slope_width: float = 0.2,
) -> RequiredPatients:
    """Return how many new patients it takes to validate a finished model.

    By the formulae of Riley et al. 2021, Stat Med 40:4230.

    1. Observed over expected responders, expected to be 1: ``(1 - phi) / (phi se^2)``, with the
       se of its logarithm for which the interval is that wide.
    2. Calibration slope, expected to be 1: ``I_00 / (se^2 (I_00 I_11 - I_01^2))`` with the
       information per patient of a logistic recalibration. The linear predictor is taken as normal
       in both classes, at the distance that the AUC implies, and calibrated.
    3. AUC: :func:`patients_for_auc_width`.

    Parameters
    ----------
    prevalence
        Anticipated share of responders among the new patients.
    anticipated_auc
        Of the model on them.
    auc_width, observed_expected_width, slope_width
        Widths of the 95 % intervals.

    Raises
    ------
    SettingsError
        For numbers out of range.

    Examples
    --------
    >>> required_patients_external(0.5, 0.75).to_frame()["n"].tolist()
    [386, 2488, 364]
    """
    check_between("prevalence", prevalence, 0, 1)
    check_between("anticipated_auc", anticipated_auc, 0.5, 1)
    check_between("observed_expected_width", observed_expected_width, 0, np.inf)
    check_between("slope_width", slope_width, 0, np.inf)
    z = float(norm.ppf(0.975))
    # exp(z se) - exp(-z se) = width
    se = math.asinh(observed_expected_width / 2) / z
    criteria = (
        Criterion(
            "1. observed / expected",
            whole_up((1 - prevalence) / (prevalence * se**2)),
            f"95 % interval {observed_expected_width:g} wide",
        ),
        Criterion(
            "2. calibration slope",
            patients_for_slope(*_linear_predictor(anticipated_auc, prevalence), slope_width),
            f"95 % interval {slope_width:g} wide",
        ),
        Criterion(
            "3. AUC",
            patients_for_auc_width(anticipated_auc, prevalence, auc_width),
            f"95 % interval {auc_width:g} wide",
        ),
    )
    return RequiredPatients(
        f"External validation of a model with an AUC of {anticipated_auc:g} where "
        f"{prevalence:.3g} respond",
        criteria,
        prevalence,
        None,
        "The patients must be new: not one of them may have been used to choose or fit anything.",
    )


def patients_for_slope(linear_predictor: FloatArray, weights: FloatArray, width: float) -> int:
    """Return the patients for a calibration slope of 1, given a distribution of log-odds.

    Parameters
    ----------
    linear_predictor, weights
        Points and their weights, which stand for the distribution among the new patients.
    width
        Of the 95 % interval.

    Examples
    --------
    >>> z = np.linspace(-8, 8, 4001)
    >>> patients_for_slope(-5 + 2.5 * z, norm.pdf(z), 0.2)
    4554
    """
    weights = weights / weights.sum()
    spread = weights / (4 * np.cosh(linear_predictor / 2) ** 2)  # p (1 - p)
    i00, i01, i11 = (float(np.sum(spread * linear_predictor**power)) for power in (0, 1, 2))
    se = width / (2 * float(norm.ppf(0.975)))
    return whole_up(i00 / (se**2 * (i00 * i11 - i01**2)))


def _linear_predictor(auc: float, prevalence: float) -> tuple[FloatArray, FloatArray]:
    """Return points and weights of the calibrated binormal linear predictor."""
    distance = math.sqrt(2) * float(norm.ppf(auc))
    z = np.linspace(-8, 8, 4001)
    others = math.log(prevalence / (1 - prevalence)) - distance**2 / 2 + distance * z
    density = norm.pdf(z)
    points = np.concatenate([others, others + distance**2])
    return points, np.concatenate([(1 - prevalence) * density, prevalence * density])
