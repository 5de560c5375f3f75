"""What is left of a cohort's spread once the contour error is taken off.

What was measured is the truth plus an error, so measured values lie further apart than true ones.
Adding the error to them once more, as if they were the truth, would count it twice. Volumes and
responses are taken as logarithms here, where a contour error is nearly symmetric: a lesion is
``ln V0`` and ``ln(V1 / V0)`` per day (or fraction, gray, or as it is).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.contour_error import ContourError, redraw
from tumor_response.outcomes.measured import MeasuredLesions

__all__ = ["LogErrors", "TrueCohort", "TrueSpread", "log_errors", "true_cohort", "true_spread"]

Array = npt.NDArray[np.float64]

MIN_LESIONS = 3


@dataclass(frozen=True)
class TrueSpread:
    """Mean and standard deviation of the true values.

    ``sd`` is 0 where the measured values lie no further apart than the errors alone would put them.
    """

    mean: float
    sd: float


@dataclass(frozen=True, eq=False)
class LogErrors:
    """Draws of a cohort's errors, shape (n_draws, n): of ln V0, and of the log response."""

    volume: Array
    response: Array


@dataclass(frozen=True)
class TrueCohort:
    """How true volumes and responses are spread, as if independent of each other."""

    log_volume: TrueSpread
    response: TrueSpread


def log_errors(
    lesions: MeasuredLesions,
    observer_sd_mm: Array,
    contour_error: ContourError,
    n_draws: int,
    rng: np.random.Generator,
) -> LogErrors:
    """Draw by how much another contour changes each lesion's logarithms; 0 for what is gone."""
    shape = (n_draws, len(observer_sd_mm))
    v0, v1 = redraw(
        np.broadcast_to(lesions.v0_cc, shape),
        np.broadcast_to(lesions.v1_cc, shape),
        observer_sd_mm,
        contour_error,
        rng,
    )
    return LogErrors(
        volume=np.log(v0) - np.log(lesions.v0_cc),
        response=lesions.log_response(v0, v1) - lesions.log_response(lesions.v0_cc, lesions.v1_cc),
    )


def true_cohort(lesions: MeasuredLesions, errors: LogErrors) -> TrueCohort:
    """Take the errors off the spread of volumes, and of the responses of lesions not gone."""
    here = ~lesions.gone
    response = lesions.log_response(lesions.v0_cc, lesions.v1_cc)
    return TrueCohort(
        log_volume=true_spread(np.log(lesions.v0_cc), errors.volume.std(axis=0)),
        response=true_spread(response[here], errors.response.std(axis=0)[here]),
    )


def true_spread(values: Array, error_sd: Array) -> TrueSpread:
    """Estimate mean and standard deviation of the truth behind ``values``.

    Parameters
    ----------
    values
        Shape (n,), measured.
    error_sd
        Shape (n,), standard deviation of each one's error.

    Raises
    ------
    OutcomeError
        Code ``too_few_lesions``: fewer than three values.

    Notes
    -----
    Paule RC, Mandel J. Consensus values and weighting factors. Journal of Research of the National
    Bureau of Standards 1982; 87: 377-385: the variance between lesions for which the weighted sum
    of squares about the weighted mean equals its expectation, n - 1. Lesions whose error is large
    weigh little, so that a handful of tiny ones does not decide it.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> error_sd = rng.uniform(0.5, 2.0, 5000)
    >>> found = true_spread(rng.normal(3.0, 1.0, 5000) + error_sd * rng.normal(size=5000), error_sd)
    >>> round(found.mean, 1), round(found.sd, 1)
    (3.0, 1.0)
    """
    if len(values) < MIN_LESIONS:
        raise OutcomeError(
            f"{len(values)} lesion(s) with both volumes do not tell how far true values lie apart; "
            f"expected at least {MIN_LESIONS}.",
            code="too_few_lesions",
        )
    wide = float(np.var(values, ddof=1))
    if wide == 0.0:
        return TrueSpread(float(values[0]), 0.0)
    # without any error the sum of squares over ``wide`` is n - 1 exactly: the root lies between
    low, high = 1e-12 * wide, wide
    if _excess(low, values, error_sd) <= 0:
        return TrueSpread(_mean(low, values, error_sd), 0.0)
    while _excess(high, values, error_sd) > 0:
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _excess(middle, values, error_sd) > 0:
            low = middle
        else:
            high = middle
    return TrueSpread(_mean(high, values, error_sd), float(np.sqrt(high)))


def _mean(variance: float, values: Array, error_sd: Array) -> float:
    return float(np.average(values, weights=1.0 / (variance + error_sd**2)))


def _excess(variance: float, values: Array, error_sd: Array) -> float:
    weights = 1.0 / (variance + error_sd**2)
    about = values - np.average(values, weights=weights)
    return float((weights * about**2).sum() - (len(values) - 1))
