r"""A standard error for values on overlapping resamples, folds or bootstrap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["corrected_resampled_se"]


def corrected_resampled_se(values: npt.ArrayLike, test_to_train: float) -> float:
    r"""Return the corrected standard error of the mean of values on overlapping resamples.

    .. math:: \sqrt{\left(\tfrac{1}{J} + \rho\right) s^2}

    for J values of variance :math:`s^2`, with :math:`\rho` the number of patients tested to that
    of different patients trained on (Nadeau and Bengio 2003, Machine Learning 52:239; for
    repeated folds Bouckaert and Frank 2004): 1 / (K - 1) for K folds, 0.368 / 0.632 = 0.582 for a
    bootstrap. Without the second term it would shrink to nothing with more resamples. Limits are
    taken with J - 1 degrees of freedom.

    Examples
    --------
    >>> round(corrected_resampled_se([0.6, 0.7, 0.8, 0.7], 0.25), 4)
    0.0577
    """
    found = np.asarray(values, dtype=np.float64)
    return float(np.sqrt((1.0 / len(found) + test_to_train) * found.var(ddof=1)))
