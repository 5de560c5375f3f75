"""Estimates of one subgroup with the part that every patient has in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import t

from tumor_response.evaluation.pairs import Pairs
from tumor_response.evaluation.planning.precision import newcombe_limits

__all__ = ["Influence", "auc_influence", "auc_limits", "limits", "mean_influence"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Influence:
    """An estimate, and what leaving out one patient after the other does to it.

    ``parts`` has one row per resample (one alone for a mean of lesions) and one column per patient
    of the cohort, 0 for those who are not in it; the sum of squares is the variance. Parts of two
    estimates may be subtracted, which gives the variance of their difference, also where they
    share patients. NaN where nothing can be left out.
    """

    value: float
    parts: FloatArray
    n_patients: int

    @property
    def se(self) -> float:
        """Standard error."""
        return float(np.sqrt(np.sum(self.parts**2)))


def _jackknife(left: FloatArray) -> FloatArray:
    """Return the parts of a jackknife, whose sum of squares is its variance."""
    parts: FloatArray = np.sqrt((len(left) - 1) / len(left)) * (left.mean() - left)
    return parts


def auc_influence(resamples: Sequence[Pairs], n_patients: int) -> Influence:
    """Return the share of all pairs won, with the variance of one model tested on these patients.

    Within each resample leaving out one patient after the other gives the variance of that
    model's AUC on its test patients, of whom there are some m_b. Tested on all m patients that
    are ever in the test rows it would be m_b / m of that. The mean over resamples, by their
    pairs, is the variance here. The variance of the mean over resamples itself would be too small
    by what the models differ: another cohort would have trained them all otherwise.

    Parameters
    ----------
    resamples
        Pairs of each resample; some may be empty.
    n_patients
        In the cohort; patients are numbered below it.
    """
    nothing = np.full((len(resamples), n_patients), np.nan)
    pairs = np.array([one.n for one in resamples], dtype=np.float64)
    if not pairs.any():
        return Influence(np.nan, nothing, 0)
    value = float(np.nansum([one.auc * one.n for one in resamples]) / pairs.sum())
    m = len(np.unique(np.concatenate([np.r_[one.responders, one.others] for one in resamples])))
    # a class of one patient cannot be left out
    pairs[[min(len(set(one.responders)), len(set(one.others))) < 2 for one in resamples]] = 0
    if not pairs.any():
        return Influence(value, nothing, m)
    parts = np.zeros((len(resamples), n_patients))
    for row, one in enumerate(resamples):
        if pairs[row]:
            names, left = one.without_each()
            weight = pairs[row] / pairs.sum() * len(names) / m
            parts[row, names] = np.sqrt(weight) * _jackknife(left)
    return Influence(value, parts, m)


def mean_influence(total: FloatArray, count: FloatArray) -> Influence:
    """Return the mean over lesions, from each patient's total and number of them."""
    inside = np.nonzero(count)[0]
    n, whole = float(count.sum()), float(total.sum())
    parts = np.zeros((1, len(total)))
    if len(inside) > 1:
        parts[0, inside] = _jackknife((whole - total[inside]) / (n - count[inside]))
    return Influence(whole / n, parts, len(inside))


def auc_limits(estimate: Influence, m: int, k: int, level: float) -> tuple[float, float, str]:
    """Return the interval of an AUC and its method: on the logit, so that it stays within 0 and 1.

    An AUC of exactly 0 or 1 does not change whoever is left out; there Newcombe's method 4 with
    the numbers of patients of the two classes says what it can be.
    """
    if not np.isfinite(estimate.value):
        return np.nan, np.nan, "none"
    if not 0 < estimate.value < 1 or not estimate.se > 0:
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
