"""Correlations of many lesions as one: a random-effects model with known errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.stats import t as student

__all__ = ["Combined", "combined"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Combined:
    """What the model says of each coefficient.

    Parameters
    ----------
    estimates, errors
        Coefficients and their standard errors, shape (k,).
    between
        Standard deviation between patients.
    degrees
        Of freedom, for Student's t.
    """

    estimates: FloatArray
    errors: FloatArray
    between: float
    degrees: int

    def limits(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Return the ends of the intervals."""
        reach = float(student.ppf(0.5 + level / 2, self.degrees)) * self.errors
        return self.estimates - reach, self.estimates + reach

    def p_values(self) -> FloatArray:
        """Return two-sided p values of 0."""
        return np.asarray(2.0 * student.sf(np.abs(self.estimates) / self.errors, self.degrees))


def combined(
    values: FloatArray,
    errors: FloatArray,
    patients: IntArray,
    design: FloatArray,
) -> Combined:
    """Combine values of known errors over lesions within patients.

    Parameters
    ----------
    values, errors
        Of each lesion, shape (n,); errors > 0.
    patients
        A number for each lesion's patient.
    design
        Fixed effects, shape (n, k); fewer columns than patients.

    Notes
    -----
    ``value = design b + u[patient] + e`` with ``e`` of the known error and ``u`` of a variance
    that is estimated by REML: the random-effects model of a meta-analysis (Viechtbauer, Journal of
    Educational and Behavioral Statistics 2005; 30: 261) with a random intercept for each patient
    in place of each lesion. A mixed model without known errors (``MixedLM`` of statsmodels) would
    weigh a tumour whose map can tell nothing like one that can. Standard errors are scaled by
    the weighted scatter and used with Student's t, as Knapp and Hartung have it (Statistics in
    Medicine 2003; 22: 2693), never below the model's own (Röver, Knapp and Friede, BMC Medical
    Research Methodology 2015; 15: 99), with as many degrees of freedom as patients less
    coefficients.

    Examples
    --------
    >>> z = np.array([0.1, 0.5, 0.2, 0.4])
    >>> found = combined(z, np.full(4, 0.1), np.arange(4), np.ones((4, 1)))
    >>> round(float(found.estimates[0]), 3), round(found.between, 3), found.degrees
    (0.3, 0.153, 3)
    """
    names, number = np.unique(patients, return_inverse=True)
    same = number[:, None] == number[None, :]

    def solved(variance: float) -> tuple[float, npt.NDArray[Any], npt.NDArray[Any], float]:
        covariance = np.diag(errors**2) + variance * same
        weighted = np.linalg.solve(covariance, np.column_stack([design, values]))
        information = design.T @ weighted[:, :-1]
        estimates = np.linalg.solve(information, design.T @ weighted[:, -1])
        rest = values - design @ estimates
        squares = float(rest @ np.linalg.solve(covariance, rest))
        deviance = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(information)[1] + squares
        return float(deviance), estimates, np.linalg.inv(information), squares

    # on the scale of standard deviations the minimum is not squeezed against 0
    largest = 10.0 * (float(np.ptp(values)) + float(errors.max()))
    found = minimize_scalar(
        lambda sd: solved(sd**2)[0],
        bounds=(0.0, largest),
        method="bounded",
        options={"xatol": 1e-7},
    )
    between = float(found.x) if found.fun < solved(0.0)[0] - 1e-9 else 0.0
    _, estimates, covariance, squares = solved(between**2)
    n, k = design.shape
    degrees = len(names) - k
    scale = max(squares / (n - k), 1.0)
    return Combined(estimates, np.sqrt(np.diag(covariance) * scale), between, degrees)
