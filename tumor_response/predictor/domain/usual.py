"""What is usual of one distance: the scale on which distances of all kinds are compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from tumor_response.predictor.domain.ranges import weighted_quantiles

__all__ = ["Usual"]

FloatArray = npt.NDArray[np.float64]

_LEVELS = np.array([0.5, 0.8, 0.95])
"""The scale hangs on the 80th percentile: of 20 patients, the 95th is the farthest patient
itself, and no patient then looks as far out as a new one does."""

_LEAST_WIDTH = 0.25
"""From the median to the 80th percentile: a fact that never varied would else have no scale."""
_LEAST_SHARE = 0.03
"""The same, of the 80th percentile."""


@dataclass(frozen=True)
class Usual:
    """One distance in patients left out.

    Parameters
    ----------
    middle, upper, most
        Median, 80th and 95th percentile.
    log_mean, log_sd
        Of the logarithm, for comparing a batch with the training cohort.
    """

    middle: float
    upper: float
    most: float
    log_mean: float
    log_sd: float

    @classmethod
    def of(cls, distances: FloatArray, weights: FloatArray) -> Self:
        """Return it for distances, NaN left out; a patient's lesions weigh 1 together."""
        known = np.isfinite(distances)
        kept, weight = distances[known], weights[known]
        middle, upper, most = weighted_quantiles(kept, weight, _LEVELS).tolist()
        logs = np.log(np.maximum(kept, 1e-6))
        mean = float(np.average(logs, weights=weight))
        sd = float(np.sqrt(np.average((logs - mean) ** 2, weights=weight)))
        return cls(middle, upper, most, mean, sd)

    def on_scale(self, distances: FloatArray) -> FloatArray:
        """Return distances with 0 at the median and 1 at the 80th percentile.

        Examples
        --------
        >>> Usual(1.0, 2.0, 3.0, 0.0, 1.0).on_scale(np.array([1.0, 4.0])).tolist()
        [0.0, 3.0]
        """
        width = max(self.upper - self.middle, _LEAST_WIDTH, _LEAST_SHARE * self.upper)
        scaled: FloatArray = (distances - self.middle) / width
        return scaled

    def to_json(self) -> dict[str, float]:
        """Return its numbers by name."""
        return asdict(self)
