"""How precise an AUC is at this number of patients, and how many a given precision needs.

Sources: Hanley and McNeil 1982, Radiology 143:29; Newcombe 2006, Stat Med 25:559 (method 4);
Riley et al. 2021, Stat Med 40:4230 (sample size of an external validation).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import norm

from tumor_response.evaluation.planning.required import (
    Criterion,
    RequiredPatients,
    check_between,
    check_count,
    whole_up,
)
from tumor_response.exceptions import SettingsError

__all__ = [
    "AUCPrecision",
    "auc_precision",
    "newcombe_limits",
    "patients_for_auc_width",
    "required_patients_external",
]

FloatArray = npt.NDArray[np.float64]
Method = Literal["newcombe", "hanley_mcneil"]

REMARK = (
    "This is the precision of one finished model on new patients. An AUC estimated by refitting "
    "(out of bag, cross-validation) also varies with who was trained on, and is less precise."
)

_LARGEST = 1 << 40


@dataclass(frozen=True)
class AUCPrecision:
    """The interval that an AUC has at some number of patients.

    Attributes
    ----------
    auc : float
        Anticipated or observed.
    n_responders, n_others : int
    method : str
    level : float
    se, low, high : float
        Standard error at ``auc``, and the interval.
    """

    auc: float
    n_responders: int
    n_others: int
    method: str
    level: float
    se: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """Upper less lower limit."""
        return self.high - self.low

    def __str__(self) -> str:
        return (
            f"With {self.n_responders} responders and {self.n_others} others an AUC of "
            f"{self.auc:.2f} has a {100 * self.level:g} % interval of {self.low:.2f} to "
            f"{self.high:.2f} ({self.method}). {REMARK}"
        )


def auc_precision(
    auc: float,
    n_patients: int,
    prevalence: float = 0.5,
    *,
    method: Method = "newcombe",
    level: float = 0.95,
) -> AUCPrecision:
    """Return the interval of an AUC at this number of patients.

    The variance at an AUC of A, with m responders and k others, is
    ``A (1 - A) (1 + a (1 - A) / (2 - A) + b A / (1 + A)) / (m k)``. Hanley and McNeil's has
    ``a = m - 1`` and ``b = k - 1``; Newcombe's method 4 takes (m + k) / 2 - 1 for both, so that
    the interval does not depend on which class is called the responders.

    Parameters
    ----------
    auc
        At least 0.5 and below 1.
    n_patients
        One lesion each; several of one patient are worth less.
    prevalence
        Share of responders; their number is rounded.
    method
        ``"newcombe"`` (default): the limits are the values L with
        ``|auc - L| = z sqrt(variance at L)``, which stay between 0 and 1 and are not symmetric.
        ``"hanley_mcneil"``: ``auc`` plus and minus z standard errors, as the sample-size formulae
        have it, cut at 0 and 1.
    level
        Confidence, default 0.95.

    Raises
    ------
    SettingsError
        For numbers out of range; fewer than one responder or other.

    Examples
    --------
    >>> one = auc_precision(0.75, 96)
    >>> round(one.low, 2), round(one.high, 2)
    (0.64, 0.83)
    """
    _check_auc(auc)
    check_count("n_patients", n_patients, 2)
    check_between("prevalence", prevalence, 0, 1)
    check_between("level", level, 0, 1)
    m = round(n_patients * prevalence)
    k = n_patients - m
    if not (m and k):
        raise SettingsError(
            f"prevalence={prevalence:g} of {n_patients} patients leaves a class empty; an AUC "
            "needs one of each at least."
        )
    z = float(norm.ppf((1 + level) / 2))
    if method == "newcombe":
        half = (m + k) / 2 - 1
        se = math.sqrt(_variance(auc, half, half, m * k))
        low, high = newcombe_limits(auc, m, k, level)
    elif method == "hanley_mcneil":
        se = math.sqrt(_variance(auc, m - 1, k - 1, m * k))
        low, high = max(0.0, auc - z * se), min(1.0, auc + z * se)
    else:
        raise SettingsError(f"method={method!r}: expected 'newcombe' or 'hanley_mcneil'.")
    return AUCPrecision(auc, m, k, method, level, se, low, high)


def newcombe_limits(auc: float, m: int, k: int, level: float = 0.95) -> tuple[float, float]:
    """Return the limits of Newcombe's method 4, for any AUC from 0 to 1.

    Parameters
    ----------
    auc
        Observed.
    m, k
        Patients of the two classes.
    level
        Confidence.

    Examples
    --------
    >>> low, high = newcombe_limits(1.0, 12, 15)
    >>> round(low, 2), high
    (0.85, 1.0)
    """
    z2 = float(norm.ppf((1 + level) / 2)) ** 2
    half = (m + k) / 2 - 1

    def distance(limit: float) -> float:
        return (auc - limit) ** 2 - z2 * _variance(limit, half, half, m * k)

    # the variance is 0 at 0 and 1, where the equation holds for an AUC of just that
    low = float(brentq(distance, 0.0, min(auc, 1 - 1e-9))) if auc > 0 else 0.0
    high = float(brentq(distance, max(auc, 1e-9), 1.0)) if auc < 1 else 1.0
    return low, high


def patients_for_auc_width(
    auc: float, prevalence: float = 0.5, width: float = 0.1, *, level: float = 0.95
) -> int:
    """Return how many patients an interval of the AUC needs to be no wider than ``width``.

    Riley et al. 2021: the smallest n whose ``2 z sqrt(variance)`` is ``width`` or less, with the
    variance of Newcombe's method 4 and ``m = prevalence n`` responders, not rounded.

    Parameters
    ----------
    auc
        Anticipated, at least 0.5 and below 1.
    prevalence
        Anticipated share of responders.
    width
        Upper less lower limit, default 0.1.
    level
        Confidence, default 0.95.

    Raises
    ------
    SettingsError
        For numbers out of range.

    Examples
    --------
    >>> patients_for_auc_width(0.8, 0.018, 0.1)
    4252
    >>> patients_for_auc_width(0.75, 0.5, 0.2)
    92
    """
    _check_auc(auc)
    check_between("prevalence", prevalence, 0, 1)
    check_between("width", width, 0, 1)
    check_between("level", level, 0, 1)
    z = float(norm.ppf((1 + level) / 2))

    def is_narrow(n: int) -> bool:
        variance = _variance(auc, n / 2 - 1, n / 2 - 1, n * n * prevalence * (1 - prevalence))
        return 2 * z * math.sqrt(variance) <= width

    high = 2
    while not is_narrow(high):
        high *= 2
        if high > _LARGEST:
            raise SettingsError(f"width={width:g} would need more than {_LARGEST:,} patients.")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_narrow(middle) else (middle, high)
    return high


def required_patients_external(
    prevalence: float,
    anticipated_auc: float,
    *,
    auc_width: float = 0.1,
    observed_expected_width: float = 0.2,
    slope_width: float = 0.2,
) -> RequiredPatients:
    """Return how many new patients it takes to validate a finished model (Riley et al. 2021).

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


def _variance(auc: float, a: float, b: float, pairs: float) -> float:
    q = 1 + a * (1 - auc) / (2 - auc) + b * auc / (1 + auc)
    return auc * (1 - auc) * q / pairs


def _check_auc(auc: float) -> None:
    if not (isinstance(auc, int | float) and 0.5 <= auc < 1):
        raise SettingsError(f"auc={auc!r}: expected a number from 0.5 to below 1.")
