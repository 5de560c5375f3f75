"""What is usual of one distance: the scale on which distances of all kinds are compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from tumor_response.predictor.domain.ranges import UNSEEN, weighted_quantiles

__all__ = ["LEAST_OF_RANGE", "LEVELS", "Usual"]

FloatArray = npt.NDArray[np.float64]

_PERCENTILES = np.array([0.8, 0.95])

LEAST_OF_RANGE = 0.25
"""Least mean excess of a distance in half-widths of a range: a fact that never varied would else
have no scale."""
_LEAST_SHARE = 0.03
"""The same of any distance, as a share of the 80th percentile."""


@dataclass(frozen=True)
class Usual:
    """One distance in patients left out.

    Parameters
    ----------
    upper, most
        80th and 95th percentile.
    excess
        Mean of what those beyond the 80th percentile are beyond it: the unit of the common scale.
        It is long where the distance has a long tail, so that a skewed fact alone does not decide
        how far out all others have to be (Davison and Smith 1990).
    log_mean, log_sd
        Of the logarithm, for comparing a batch with the training cohort.
    """

    upper: float
    most: float
    excess: float
    log_mean: float
    log_sd: float

    @classmethod
    def of(cls, distances: FloatArray, weights: FloatArray, least_excess: float) -> Self:
        """Return it for distances, NaN left out.

        Parameters
        ----------
        distances, weights
            Shape (n_lesions,); a patient's lesions weigh 1 together.
        least_excess
            Of what hardly varies.
        """
        known = np.isfinite(distances)
        kept, weight = distances[known], weights[known]
        upper, most = weighted_quantiles(kept, weight, _PERCENTILES).tolist()
        beyond = kept > upper
        excess = 0.0
        if beyond.any():
            excess = float(np.average(kept[beyond] - upper, weights=weight[beyond]))
        logs = np.log(np.maximum(kept, 1e-6))
        mean = float(np.average(logs, weights=weight))
        sd = float(np.sqrt(np.average((logs - mean) ** 2, weights=weight)))
        excess = max(excess, least_excess, _LEAST_SHARE * upper, 1e-9)
        return cls(upper, most, excess, mean, sd)

    def on_scale(self, distances: FloatArray) -> FloatArray:
        """Return distances with 0 at the 80th percentile, in units of the mean excess.

        Examples
        --------
        >>> Usual(1.0, 2.0, 0.5, 0.0, 1.0).on_scale(np.array([1.0, 4.0])).tolist()
        [0.0, 6.0]
        """
        scaled: FloatArray = (distances - self.upper) / self.excess
        return scaled

    def to_json(self) -> dict[str, float]:
        """Return its numbers by name."""
        return asdict(self)


LEVELS = Usual(0.0, 0.0, UNSEEN / 12, 0.0, 0.0)
"""Of levels, whose distance is 0 or far: one training patient with a rare kernel must neither make
the scale so long that no other kernel is out of the ordinary, nor be so far out that nothing else
is. With tails of one mean excess and 20 distances, 1 in 20 patients has one beyond 4.4."""
