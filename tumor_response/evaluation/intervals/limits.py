"""An interval and the three scales on which its limits are taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import t as student

from tumor_response.exceptions import EvaluationError

__all__ = ["Interval", "check_level", "logit_limits", "normal_limits", "percentile_limits"]


@dataclass(frozen=True)
class Interval:
    """An interval with the name of its method.

    Attributes
    ----------
    low, high : float
        The limits, low <= high; NaN where the method refused.
    method : str
        The key in ``METHODS``, which becomes ``ci_method``.
    note : str
        What a reader has to know of it; the reason where it was refused.
    code : str or None
        Reason code where it was refused, else None.
    """

    low: float
    high: float
    method: str
    note: str = ""
    code: str | None = None

    @property
    def width(self) -> float:
        """Distance of the limits."""
        return self.high - self.low


def check_level(level: float) -> float:
    """Return ``level``; raises EvaluationError (code ``level``) unless it lies between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise EvaluationError(
            f"level={level!r}: expected a share between 0 and 1, such as 0.95.", code="level"
        )
    return level


def percentile_limits(values: npt.ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return the middle ``level`` of ``values``, both ends cut off alike (linear interpolation).

    Examples
    --------
    >>> percentile_limits([0.4, 0.5, 0.6, 0.7, 0.8], level=0.5)
    (0.5, 0.7)
    """
    tail = 100.0 * (1.0 - check_level(level)) / 2.0
    low, high = np.percentile(np.asarray(values, dtype=np.float64), [tail, 100.0 - tail])
    return float(low), float(high)


def normal_limits(
    estimate: float, se: float, level: float = 0.95, df: float = np.inf
) -> tuple[float, float]:
    """Return ``estimate`` -/+ q ``se``, q from Student's t with ``df`` degrees of freedom.

    Examples
    --------
    >>> [round(limit, 3) for limit in normal_limits(0.7, 0.05)]
    [0.602, 0.798]
    """
    half = _quantile(level, df) * se
    return estimate - half, estimate + half


def logit_limits(
    estimate: float, se: float, level: float = 0.95, df: float = np.inf
) -> tuple[float, float]:
    """Return limits that are symmetric on the log-odds scale, so that they stay within 0 and 1.

    logit(limit) = logit(estimate) -/+ q se / (estimate (1 - estimate)), by the delta method
    (Pepe 2003, The statistical evaluation of medical tests, section 5.2). An estimate of exactly
    0 or 1 has no log-odds: its limits are on the plain scale, cut off at 0 and 1.

    Examples
    --------
    >>> [round(limit, 3) for limit in logit_limits(0.95, 0.04)]
    [0.785, 0.99]
    """
    if not 0.0 < estimate < 1.0:
        low, high = normal_limits(estimate, se, level, df)
        return max(low, 0.0), min(high, 1.0)
    half = _quantile(level, df) * se / (estimate * (1.0 - estimate))
    centre = logit(estimate)
    return float(expit(centre - half)), float(expit(centre + half))


def _quantile(level: float, df: float) -> float:
    return float(student.ppf(0.5 + check_level(level) / 2.0, df))
