"""An inverse power law through a learning curve, and what it says of more patients.

Figueroa et al. 2012, BMC Med Inform Decis Mak 12:8: performance at n training cases is
``a - b n^(-c)``, fitted by weighted least squares in which the j-th of m sizes weighs j / m, since
larger samples say more about what comes next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import EvaluationError

__all__ = ["PowerLaw", "fit_power_laws"]

FloatArray = npt.NDArray[np.float64]

RATES = np.geomspace(0.1, 2.0, 181)
"""Exponents tried. Slower than 0.1 is a straight line on any range of sizes met here, faster than
2 a step."""


@dataclass(frozen=True)
class PowerLaw:
    """``limit - gap (n / largest)^(-rate)``.

    Attributes
    ----------
    limit : float
        The AUC without end of patients, at most 1.
    gap : float
        By how much the AUC at ``largest`` stays below ``limit``, at least 0.
    rate : float
        The exponent.
    largest : int
        The largest number of training patients that was measured.

    Examples
    --------
    >>> curve = PowerLaw(limit=0.75, gap=0.125, rate=0.5, largest=100)
    >>> float(curve.at(400)), curve.patients_for(0.6875), curve.patients_for(0.8)
    (0.6875, 400.0, inf)
    """

    limit: float
    gap: float
    rate: float
    largest: int

    def at(self, n: npt.ArrayLike) -> FloatArray:
        """Return the AUC at ``n`` training patients."""
        size = np.asarray(n, dtype=np.float64) / self.largest
        auc: FloatArray = self.limit - self.gap * size**-self.rate
        return auc

    def patients_for(self, auc: float) -> float:
        """Return the training patients at which the curve reaches ``auc``; inf if it never does.

        0 for a curve without a slope that is above it from the start.
        """
        if auc >= self.limit:
            return float("inf")
        return float(self.largest * (self.gap / (self.limit - auc)) ** (1 / self.rate))


def fit_power_laws(sizes: npt.ArrayLike, aucs: npt.ArrayLike) -> list[PowerLaw]:
    """Fit one curve per row of ``aucs``.

    For each of :data:`RATES` the limit and the gap follow from least squares within their bounds
    (the limit at most 1, the gap at least 0); the rate with the smallest error is taken. There is
    no starting value that the answer could depend on.

    Parameters
    ----------
    sizes : array of shape (m,)
        Training patients, increasing, at least three.
    aucs : array of shape (n_curves, m)

    Raises
    ------
    EvaluationError
        Fewer than three sizes, or not increasing.

    Examples
    --------
    >>> sizes = np.array([20, 40, 60, 80])
    >>> curve = fit_power_laws(sizes, [0.8 - 0.5 * sizes**-0.5])[0]
    >>> round(curve.limit, 2), round(curve.rate, 1)
    (0.8, 0.5)
    """
    n = np.asarray(sizes, dtype=np.float64)
    y = np.atleast_2d(np.asarray(aucs, dtype=np.float64))
    if len(n) < 3 or (np.diff(n) <= 0).any():
        raise EvaluationError(
            f"sizes={n.tolist()}: a curve of three numbers needs three sizes or more, increasing."
        )
    w = np.arange(1, len(n) + 1) / len(n)
    w /= w.sum()
    best = np.full(len(y), np.inf)
    found = np.zeros((len(y), 3))
    mean = y @ w
    for rate in RATES:
        x = (n / n[-1]) ** -rate
        centred = x - w @ x
        slope = (y - mean[:, None]) @ (w * centred) / (w @ centred**2)
        gap = np.maximum(-slope, 0.0)
        limit = mean + gap * (w @ x)
        # at the bound the gap is fitted again with the limit fixed there
        above = limit > 1
        gap[above] = np.maximum((1 - y[above]) @ (w * x) / (w @ x**2), 0.0)
        limit[above] = 1.0
        error = (limit[:, None] - gap[:, None] * x - y) ** 2 @ w
        better = error < best - 1e-15
        best[better] = error[better]
        found[better] = np.column_stack([limit, gap, np.full_like(gap, rate)])[better]
    return [PowerLaw(float(a), float(b), float(c), int(n[-1])) for a, b, c in found]
