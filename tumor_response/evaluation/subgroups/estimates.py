"""Estimates of one subgroup with the part that every patient has in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import t

from tumor_response.evaluation.pairs import Pairs
from tumor_response.evaluation.planning.precision import newcombe_limits

__all__ = ["Influence", "auc_influence", "auc_limits", "limits", "mean_influence"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Influence:
    """An estimate, and what leaving out one patient after the other does to it.

    ``parts`` has one value per patient of the cohort, 0 for those who are not in the estimate;
    the sum of its squares is the jackknife variance. Parts of two estimates may be subtracted,
    which gives the variance of their difference, also where they share patients.
    """

    value: float
    parts: FloatArray
    n_patients: int

    @property
    def se(self) -> float:
        """Standard error."""
        return float(np.sqrt(np.sum(self.parts**2)))


def _jackknife(value: float, without_each: FloatArray, inside: BoolArray) -> Influence:
    n = int(inside.sum())
    parts = np.zeros(len(without_each))
    left = without_each[inside]
    parts[inside] = np.sqrt((n - 1) / n) * (left.mean() - left)
    return Influence(value, parts, n)


def auc_influence(pairs: Pairs) -> Influence:
    """Return the AUC of pairs of patients (see :meth:`Pairs.of_patients`)."""
    inside = (pairs.met.sum(axis=0) + pairs.met.sum(axis=1)) > 0
    return _jackknife(pairs.auc, pairs.without_each(), inside)


def mean_influence(total: FloatArray, count: FloatArray) -> Influence:
    """Return the mean over lesions, from each patient's total and number of them."""
    n, whole = float(count.sum()), float(total.sum())
    inside = count > 0
    left = np.full(len(total), whole / n)
    rest = n - count
    np.divide(whole - total, rest, out=left, where=rest > 0)
    return _jackknife(whole / n, left, inside)


def auc_limits(estimate: Influence, m: int, k: int, level: float) -> tuple[float, float, str]:
    """Return the interval of an AUC and its method: on the logit, so that it stays within 0 and 1.

    An AUC of exactly 0 or 1 does not change whoever is left out; there Newcombe's method 4 with
    the numbers of patients of the two classes says what it can be.
    """
    if not 0 < estimate.value < 1 or estimate.se == 0:
        low, high = newcombe_limits(estimate.value, m, k, level)
        return low, high, "newcombe"
    slope = 1 / (estimate.value * (1 - estimate.value))
    half = _t(estimate.n_patients - 1, level) * estimate.se * slope
    centre = float(logit(estimate.value))
    return float(expit(centre - half)), float(expit(centre + half)), "jackknife_logit"


def limits(
    estimate: Influence, level: float, minus: Influence | None = None
) -> tuple[float, float, float]:
    """Return the estimate (less another) and the limits of its t interval, cut at -1 and 1."""
    if minus is None:
        value, parts, df = estimate.value, estimate.parts, estimate.n_patients - 1
    else:
        value = estimate.value - minus.value
        parts = estimate.parts - minus.parts
        df = estimate.n_patients + minus.n_patients - 2
    half = _t(df, level) * float(np.sqrt(np.sum(parts**2)))
    return value, max(-1.0, value - half), min(1.0, value + half)


def _t(df: int, level: float) -> float:
    return float(t.ppf((1 + level) / 2, max(1, df)))
