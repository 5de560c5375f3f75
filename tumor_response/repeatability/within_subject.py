"""How far repeats of one subject scatter: variation relative to the mean, and in the unit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from tumor_response.repeatability.agreement import Agreement, empty_agreement
from tumor_response.repeatability.complete import (
    FloatArray,
    checked_confidence,
    complete_groups,
    repeated,
)

__all__ = ["repeatability_coefficient", "within_subject_cv"]


def within_subject_cv(values: npt.ArrayLike, *, confidence: float = 0.95) -> Agreement:
    """Return the within-subject coefficient of variation of every column, by root mean square.

    ``sqrt(mean over subjects of (s_i / m_i)^2)`` of each subject's standard deviation (divisor
    k - 1) and mean over its repeats: Bland and Altman (1996), BMJ 313:106, and QIBA's wCV (Raunig
    et al. 2015, Stat. Methods Med. Res. 24:27). 0.1 is 10 %.

    The interval takes n (k - 1) wCV^2 as chi-squared with n (k - 1) degrees of freedom, which holds
    for normal errors proportional to the mean as long as they are small beside it.

    A column has no wCV if its values have both signs or a subject's mean is zero: it has no ratio
    scale, and the quotient would depend on where its zero lies. Skewness or a network's outputs
    are such columns.

    Parameters
    ----------
    values : array of shape (n_subjects, n_repeats, n_columns)
        As for :func:`icc`.
    confidence
        Of the two-sided interval.

    Returns
    -------
    Agreement
        Reasons ``no_ratio_scale`` and ``too_few_complete``. A constant column other than 0 has the
        value 0.

    Raises
    ------
    RobustnessError
        Codes ``one_subject`` and ``one_repeat``; also for another shape.

    Examples
    --------
    >>> within_subject_cv(np.array([[9.0, 11.0], [90.0, 110.0]])[:, :, None]).value.round(6)
    array([0.141421])
    """
    array = repeated(values)
    found = empty_agreement("wCV", array, checked_confidence(confidence))
    for group in complete_groups(array):
        original, columns = group.original, group.columns
        means = original.mean(axis=1)
        signed = (original >= 0).all(axis=(0, 1)) | (original <= 0).all(axis=(0, 1))
        ratio = signed & (means != 0).all(axis=0)
        scatter = np.sqrt(_variances(group.values)) * group.scale
        of_subjects = scatter / np.where(means == 0, np.nan, means)
        value = np.sqrt((of_subjects**2).mean(axis=0))
        value[group.constant] = 0.0
        _fill(found, columns, np.where(ratio, value, np.nan), len(original))
        found.reason[columns[~ratio]] = "no_ratio_scale"
    return found


def repeatability_coefficient(values: npt.ArrayLike, *, confidence: float = 0.95) -> Agreement:
    """Return the repeatability coefficient of every column, in the column's own unit.

    ``1.96 sqrt(2) wSD``, where wSD^2 is the mean of the subjects' variances over their repeats:
    two measurements of one subject differ by less than this in 95 of 100 cases, if errors are
    normal and of one size (Bland and Altman 1999, Stat. Methods Med. Res. 8:135; QIBA's RC). A
    difference that all subjects share between two repeats is part of it.

    The interval is the chi-squared one of n (k - 1) degrees of freedom (Raunig et al. 2015, Stat.
    Methods Med. Res. 24:27).

    Parameters
    ----------
    values, confidence
        As for :func:`within_subject_cv`.

    Returns
    -------
    Agreement
        Reason ``too_few_complete``. A constant column has the value 0.

    Raises
    ------
    RobustnessError
        As :func:`within_subject_cv`.

    Examples
    --------
    >>> values = np.array([[9.0, 11.0], [99.0, 101.0]])[:, :, None]
    >>> repeatability_coefficient(values).value.round(6)
    array([3.92])
    """
    array = repeated(values)
    found = empty_agreement("RC", array, checked_confidence(confidence))
    for group in complete_groups(array):
        variance = _variances(group.values).mean(axis=0)
        value = 1.96 * np.sqrt(2 * variance) * group.scale
        value[group.constant] = 0.0
        _fill(found, group.columns, value, len(group.values))
    return found


def _variances(values: FloatArray) -> FloatArray:
    """Each subject's variance, from the first repeat on: exactly zero where repeats are equal."""
    variances: FloatArray = (values - values[:, :1]).var(axis=1, ddof=1)
    return variances


def _fill(found: Agreement, columns: npt.NDArray[np.intp], value: FloatArray, n: int) -> None:
    """Put a multiple of a standard deviation and its chi-squared limits in place."""
    freedom = n * (found.n_repeats - 1)
    tail = (1 - found.confidence) / 2
    found.value[columns] = value
    found.low[columns] = value * np.sqrt(freedom / stats.chi2.ppf(1 - tail, freedom))
    found.high[columns] = value * np.sqrt(freedom / stats.chi2.ppf(tail, freedom))
