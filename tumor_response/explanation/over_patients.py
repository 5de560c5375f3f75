"""Means over patients, with intervals and tests that keep a patient's lesions together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import norm
from scipy.stats import t as student

from tumor_response.evaluation.controls.permuting import permuted_rows

__all__ = [
    "MIN_PATIENTS",
    "difference_interval",
    "exchanged_p",
    "flipped_p",
    "mean_interval",
    "null_p",
    "patient_means",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

MIN_PATIENTS = 5
"""With fewer there is no interval and no test: a bootstrap of four patients knows nothing."""


def patient_means(values: FloatArray, patients: IntArray) -> FloatArray:
    """Return one mean for each patient, in the order of their numbers.

    Examples
    --------
    >>> patient_means(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1])).tolist()
    [2.0, 5.0]
    """
    number = np.unique(patients, return_inverse=True)[1]
    return np.asarray(np.bincount(number, weights=values) / np.bincount(number))


def mean_interval(
    means: FloatArray, level: float, n_bootstrap: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the bootstrap interval of a mean over patients.

    Parameters
    ----------
    means
        One for each patient: all lesions of a patient go into a sample together.
    level, n_bootstrap, rng
        Of the interval.

    Notes
    -----
    Percentiles of the samples' means, moved out for the small number of patients as Hesterberg
    (The American Statistician 2015; 69: 371) has it: the plain percentile interval of a mean is
    that of a normal distribution with a standard error too small by sqrt((n - 1) / n).
    """
    n = len(means)
    drawn = means[rng.integers(n, size=(n_bootstrap, n))].mean(axis=1)
    return _moved_out(drawn, n, level)


def difference_interval(
    means: FloatArray, others: FloatArray, level: float, n_bootstrap: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the bootstrap interval of the difference of two groups' means over patients.

    Parameters
    ----------
    means, others
        One of each for each patient, NaN for a patient without a lesion in the group: patients
        are drawn, with what they have in both.
    level, n_bootstrap, rng
        As for :func:`mean_interval`.
    """
    drawn = rng.integers(len(means), size=(n_bootstrap, len(means)))
    totals = [
        (np.nansum(one[drawn], axis=1), np.count_nonzero(~np.isnan(one[drawn]), axis=1))
        for one in (means, others)
    ]
    both = (totals[0][1] > 0) & (totals[1][1] > 0)
    difference = totals[0][0][both] / totals[0][1][both] - totals[1][0][both] / totals[1][1][both]
    smaller = min(int(np.count_nonzero(~np.isnan(one))) for one in (means, others))
    return _moved_out(difference, smaller, level)


def _moved_out(drawn: FloatArray, n: int, level: float) -> tuple[float, float]:
    """Return the percentiles of a bootstrap's samples, moved out for ``n`` patients."""
    reach = np.sqrt(n / (n - 1)) * student.ppf(0.5 + level / 2, n - 1)
    low, high = np.quantile(drawn, (norm.cdf(-reach), norm.cdf(reach)))
    return float(low), float(high)


def exchanged_p(
    values: FloatArray,
    responds: BoolArray,
    patients: IntArray,
    n_permutations: int,
    rng: np.random.Generator,
) -> float:
    """Return the two-sided p value of a difference between groups, by permutation of patients.

    The labels of a patient's lesions change places as a whole. The statistic is the difference of
    the means over patients.

    Raises
    ------
    EvaluationError
        Code ``nothing_to_permute``.
    """
    found = abs(_difference(values, responds, patients))
    as_large = 1
    for _ in range(n_permutations):
        moved = responds[permuted_rows(patients, rng)]
        as_large += abs(_difference(values, moved, patients)) >= found - 1e-12
    return float(as_large / (n_permutations + 1))


def _difference(values: FloatArray, responds: BoolArray, patients: IntArray) -> float:
    means = [patient_means(values[of], patients[of]).mean() for of in (responds, ~responds)]
    return float(means[0] - means[1])


def flipped_p(means: FloatArray, n_permutations: int, rng: np.random.Generator) -> float:
    """Return the two-sided p value of a mean of 0, by changes of the patients' signs.

    Examples
    --------
    >>> flipped_p(np.array([1.0, 2.0, 1.5, 1.0, 2.0, 1.7]), 999, np.random.default_rng(0)) < 0.06
    True
    """
    signs = rng.choice((-1.0, 1.0), (n_permutations, len(means)))
    null = np.abs((signs * means).mean(axis=1))
    return float((1 + np.count_nonzero(null >= abs(means.mean()) - 1e-12)) / (n_permutations + 1))


def null_p(values: FloatArray, null: FloatArray, patients: IntArray) -> float:
    """Return the two-sided p value of a mean over patients of which the null is known by draws.

    Parameters
    ----------
    values
        Of each lesion, shape (n,); 0 is expected.
    null
        Draws of them, shape (n, draws).
    patients
        A number for each lesion's patient.
    """
    found = abs(patient_means(values, patients).mean())
    drawn = np.abs([patient_means(column, patients).mean() for column in null.T])
    return float((1 + np.count_nonzero(drawn >= found - 1e-12)) / (len(drawn) + 1))
