"""Riley's criteria for a continuous outcome (Riley et al. 2019, Stat Med 38:1262)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2, t

from tumor_response.evaluation.planning.required import (
    Criterion,
    RequiredPatients,
    check_between,
    check_count,
    whole_up,
)
from tumor_response.evaluation.planning.riley import OPTIMISM, REMARK, SHRINKAGE
from tumor_response.exceptions import SettingsError

__all__ = ["required_patients_rate"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

MARGIN_OF_MEAN = 1.1
"""Multiplicative margin of the residual SD and of the mean."""


def required_patients_rate(
    n_parameters: int,
    anticipated_r2: float,
    *,
    mean: float | None = None,
    sd: float | None = None,
    shrinkage: float = SHRINKAGE,
    optimism: float = OPTIMISM,
    margin: float = MARGIN_OF_MEAN,
) -> RequiredPatients:
    """Return how many patients a model of a continuous outcome needs, by Riley's criteria.

    With P parameters, adjusted R2 and n patients:

    1. Copas' shrinkage ``1 + (P - 2) / (n ln(1 - R2_app))`` of S or more, where
       ``R2_app = (R2 (n - P - 1) + P) / (n - 1)``;
    2. apparent less adjusted R2 up to d: ``1 + P (1 - R2) / d``;
    3. residual SD within a factor: both limits of its 95 % interval (chi-squared with n - P - 1
       degrees of freedom);
    4. mean outcome within the same factor: ``mean + t sqrt(sd^2 (1 - R2) / n)``.

    Parameters
    ----------
    n_parameters
        Candidate parameters, before any selection.
    anticipated_r2
        R2 that the model is expected to have on new patients.
    mean, sd
        Of the outcome; without them criterion 4 is not applied. For a rate whose mean is near zero
        a factor of the mean means nothing; leave them out.
    shrinkage, optimism
        S and d.
    margin
        The factor of criteria 3 and 4, default 1.1.

    Raises
    ------
    SettingsError
        For numbers out of range; only one of ``mean`` and ``sd``.

    Examples
    --------
    >>> required_patients_rate(25, 0.2, mean=1.9, sd=0.6).to_frame()["n"].tolist()
    [918, 401, 259, 38]
    """
    check_count("n_parameters", n_parameters, 1)
    check_between("anticipated_r2", anticipated_r2, 0, 1)
    check_between("shrinkage", shrinkage, 0, 1)
    check_between("optimism", optimism, 0, 1)
    check_between("margin", margin, 1, np.inf)
    P, r2 = n_parameters, anticipated_r2

    def shrinks_little(n: FloatArray) -> BoolArray:
        apparent = (r2 * (n - P - 1) + P) / (n - 1)
        enough: BoolArray = 1 + (P - 2) / (n * np.log1p(-apparent)) >= shrinkage
        return enough

    def sd_is_precise(n: FloatArray) -> BoolArray:
        df = n - P - 1
        widest = np.maximum(df / chi2.ppf(0.025, df), chi2.ppf(0.975, df) / df)
        precise: BoolArray = np.sqrt(widest) <= margin
        return precise

    criteria = (
        Criterion(
            "1. shrinkage",
            _first(shrinks_little, P + 2),
            f"coefficients expected to need shrinking by {100 * (1 - shrinkage):.3g} % or less",
        ),
        Criterion(
            "2. optimism of R2",
            whole_up(1 + P * (1 - r2) / optimism),
            f"apparent less adjusted R2 of {optimism:g} or less",
        ),
        Criterion(
            "3. residual SD",
            _first(sd_is_precise, P + 2),
            f"95 % interval within a factor of {margin:g}",
        ),
        _mean_criterion(P, r2, mean, sd, margin),
    )
    return RequiredPatients(
        f"A model of {P:,} candidate parameter(s) of a continuous outcome, anticipated R2 {r2:g}",
        criteria,
        None,
        P,
        REMARK,
    )


def _mean_criterion(
    P: int, r2: float, mean: float | None, sd: float | None, margin: float
) -> Criterion:
    name = "4. mean outcome"
    if (mean is None) != (sd is None):
        raise SettingsError("Criterion 4 needs both mean and sd, or neither.")
    if mean is None or sd is None:
        return Criterion(name, None, "needs the outcome's mean and sd")
    check_between("sd", sd, 0, np.inf)
    if mean == 0:
        raise SettingsError("mean=0: no factor of it can be kept; leave mean and sd out.")
    size = abs(mean)

    def mean_is_precise(n: FloatArray) -> BoolArray:
        half = t.ppf(0.975, n - P - 1) * np.sqrt(sd**2 * (1 - r2) / n)
        precise: BoolArray = half <= (margin - 1) * size
        return precise

    return Criterion(
        name, _first(mean_is_precise, P + 2), f"95 % interval within a factor of {margin:g}"
    )


def _first(holds: Callable[[FloatArray], BoolArray], start: int) -> int:
    """Return the smallest n from ``start`` on for which ``holds``."""
    size = 1024
    while True:
        n = np.arange(start, start + size, dtype=np.float64)
        there = np.nonzero(holds(n))[0]
        if there.size:
            return int(n[there[0]])
        start, size = start + size, min(2 * size, 1 << 20)
