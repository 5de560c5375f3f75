r"""Intervals that know how many patients a resample trained on and tested: folds and bootstrap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from tumor_response.evaluation.intervals.limits import check_level

__all__ = ["corrected_resampled"]


def corrected_resampled(
    values: npt.ArrayLike, test_to_train: float, level: float = 0.95
) -> tuple[float, float]:
    r"""Return the limits of the corrected resampled t interval about the mean of ``values``.

    .. math:: \bar\theta \mp t_{J - 1} \sqrt{\left(\tfrac{1}{J} + \rho\right) s^2}

    for J values on overlapping resamples, with :math:`\rho` the number of patients tested to that
    of different patients trained on (Nadeau and Bengio 2003, Machine Learning 52:239; for
    repeated folds Bouckaert and Frank 2004): 1 / (K - 1) for K folds, 0.368 / 0.632 = 0.582 for a
    bootstrap. Without the second term it would shrink to nothing with more resamples.

    Examples
    --------
    >>> [round(limit, 3) for limit in corrected_resampled([0.6, 0.7, 0.8, 0.7], 0.25)]
    [0.516, 0.884]
    """
    found = np.asarray(values, dtype=np.float64)
    n = len(found)
    quantile = float(student.ppf(0.5 + check_level(level) / 2.0, n - 1))
    half = quantile * float(np.sqrt((1.0 / n + test_to_train) * found.var(ddof=1)))
    return float(found.mean()) - half, float(found.mean()) + half
