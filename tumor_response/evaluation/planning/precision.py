"""How precise an AUC is at this number of patients, and how many a given precision needs.

Sources: Hanley and McNeil 1982, Radiology 143:29; Newcombe 2006, Stat Med 25:559 (method 4);
Riley et al. 2021, Stat Med 40:4230 (sample size of an external validation).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal

from scipy.optimize import brentq
from scipy.stats import norm

from tumor_response.evaluation.planning.required import check_between, check_count
from tumor_response.exceptions import SettingsError

__all__ = [
    "AUCPrecision",
    "auc_precision",
    "newcombe_limits",
    "patients_for_auc_width",
]

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


def _variance(auc: float, a: float, b: float, pairs: float) -> float:
    q = 1 + a * (1 - auc) / (2 - auc) + b * auc / (1 + auc)
    return auc * (1 - auc) * q / pairs


def _check_auc(auc: object) -> None:
    if not (isinstance(auc, Real) and 0.5 <= float(auc) < 1):
        raise SettingsError(f"auc={auc!r}: expected a number from 0.5 to below 1.")
