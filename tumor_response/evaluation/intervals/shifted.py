r"""The location-shifted bootstrap of Noma, Shinozaki, Iba, Teramukai and Furukawa (2021)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.intervals.limits import percentile_limits
from tumor_response.exceptions import EvaluationError

__all__ = ["SMALLEST_SHARE", "location_shifted"]

SMALLEST_SHARE = 2 / 3
"""The apparent values have to vary at least this much of what testing alone makes values vary at
the cohort's own size, or the shifted interval is refused. Measured by coverage.py: with p = 5 the
share was 0.7 to 1.3, with p = 1,500 it was 0.1 to 0.6."""

_OUT = float(np.exp(-1.0))
"""Share of patients that are out of bag."""


def location_shifted(
    estimate: float,
    apparent: float,
    train: npt.ArrayLike,
    out_of_bag: npt.ArrayLike,
    level: float = 0.95,
) -> tuple[float, float]:
    r"""Return percentiles of the resamples' apparent values, moved by the estimated optimism.

    With :math:`\hat\theta^{*b}_{app}` the value of resample b's model on its own sample,
    :math:`\hat\theta_{app}` the apparent value and :math:`\hat\theta` an estimate corrected for
    optimism (Harrell's, .632 or .632+; the out-of-bag mean can stand in), the limits are

    .. math::

        \hat\theta^{*}_{app, \alpha/2} - (\hat\theta_{app} - \hat\theta), \qquad
        \hat\theta^{*}_{app, 1 - \alpha/2} - (\hat\theta_{app} - \hat\theta)

    (Noma, Shinozaki, Iba, Teramukai and Furukawa 2021, Statistics in Medicine 40:5691,
    algorithm 1). It takes for granted that the apparent value varies from study to study as the
    corrected one does. With more columns than patients a model knows its own sample by heart: the
    apparent value is 1 in every resample, and the interval would have no width.

    Raises
    ------
    EvaluationError
        Code ``apparent_hardly_varies``: the standard deviation of ``train`` is below two
        thirds of ``sqrt(0.368)`` times that of ``out_of_bag``, which is about what testing alone
        makes a value vary on a cohort of this size.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> train, out_of_bag = rng.normal(0.8, 0.04, 500), rng.normal(0.7, 0.07, 500)
    >>> [round(limit, 2) for limit in location_shifted(0.72, 0.78, train, out_of_bag)]
    [0.66, 0.82]
    """
    values = np.asarray(train, dtype=np.float64)
    testing = float(np.sqrt(_OUT) * np.std(np.asarray(out_of_bag, dtype=np.float64)))
    if np.std(values) < SMALLEST_SHARE * testing:
        raise EvaluationError(
            "The location-shifted interval takes its width from the apparent values of the "
            f"resamples, and these hardly vary (standard deviation {np.std(values):.4f}, where "
            f"testing alone would make about {testing:.4f}): the model knows its own training "
            "rows by heart, as with more columns than patients. Take another method, such as "
            "oob_percentile.",
            code="apparent_hardly_varies",
        )
    low, high = percentile_limits(values, level)
    return low - (apparent - estimate), high - (apparent - estimate)
