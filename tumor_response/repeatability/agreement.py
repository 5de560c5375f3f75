"""Intraclass and concordance correlation of repeated values, with intervals, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import stats

from tumor_response.exceptions import RobustnessError
from tumor_response.repeatability.complete import (
    FloatArray,
    IntArray,
    checked_confidence,
    complete_groups,
    repeated,
)

__all__ = ["Agreement", "Kind", "ccc", "empty_agreement", "icc"]

Kind = Literal["1,1", "2,1", "3,1"]
_Limits = Sequence[FloatArray]  # value, low, high
_LARGEST = 1e300


@dataclass(frozen=True, eq=False)
class Agreement:
    """One statistic of every column, with its interval.

    Parameters
    ----------
    statistic
        Its name, such as ``"ICC(1,1)"``.
    value, low, high : arrays of shape (n_columns,)
        The statistic and its confidence limits; NaN where it is not defined.
    n_subjects, n_dropped : arrays of shape (n_columns,)
        Subjects that had all their repeats, and those left out because they lacked one.
    n_repeats
        Repeats of each subject.
    confidence
        Of the interval.
    reason : array of shape (n_columns,)
        Why the statistic is NaN: ``"constant"`` (all values are equal), ``"too_few_complete"``
        (fewer than two subjects have all repeats), ``"no_ratio_scale"`` (a coefficient of
        variation of values that change their sign, or of zeros); empty where it is not.
    """

    statistic: str
    value: FloatArray
    low: FloatArray
    high: FloatArray
    n_subjects: IntArray
    n_dropped: IntArray
    n_repeats: int
    confidence: float
    reason: npt.NDArray[np.object_]


def empty_agreement(statistic: str, array: FloatArray, confidence: float) -> Agreement:
    """Return an agreement in which nothing is filled in yet but the counts.

    Columns with fewer than two complete subjects have their final reason already.

    Examples
    --------
    >>> empty_agreement("ICC(1,1)", np.zeros((2, 2, 1)), 0.95).n_subjects.tolist()
    [2]
    """
    n_subjects, n_repeats, n_columns = array.shape
    complete = np.isfinite(array).all(axis=1).sum(axis=0)
    reason = np.where(complete < 2, "too_few_complete", "").astype(object)
    value, low, high = np.full((3, n_columns), np.nan)
    return Agreement(
        statistic,
        value=value,
        low=low,
        high=high,
        n_subjects=complete,
        n_dropped=n_subjects - complete,
        n_repeats=n_repeats,
        confidence=confidence,
        reason=reason,
    )


def icc(values: npt.ArrayLike, kind: Kind = "1,1", *, confidence: float = 0.95) -> Agreement:
    """Return the intraclass correlation of single measurements of every column.

    From the mean squares of an analysis of variance: between subjects (MSB), within subjects
    (MSW), between repeats (MSJ) and residual (MSE), for n subjects with k repeats each:

    - ``"1,1"``: (MSB - MSW) / (MSB + (k - 1) MSW). Repeats are exchangeable.
    - ``"2,1"``: (MSB - MSE) / (MSB + (k - 1) MSE + k (MSJ - MSE) / n). Repeats are a sample of
      observers or scanners that each measured everybody; absolute agreement.
    - ``"3,1"``: (MSB - MSE) / (MSB + (k - 1) MSE). These very observers; consistency, so that an
      offset that one of them gives to everybody does not count.

    Estimates of Shrout and Fleiss (1979), Psychol. Bull. 86:420, intervals of McGraw and Wong
    (1996), Psychol. Methods 1:30; both are those of ``psych::ICC(x, lmer = FALSE)`` in R. Values
    below zero are kept as they are.

    Parameters
    ----------
    values : array of shape (n_subjects, n_repeats, n_columns)
        NaN is a missing repeat: its subject is left out of that column (``na.omit``; ``psych``
        refuses until that is done) and counted in ``n_dropped``.
    kind
        ``"1,1"``, ``"2,1"`` or ``"3,1"``.
    confidence
        Of the two-sided interval.

    Returns
    -------
    Agreement

    Raises
    ------
    RobustnessError
        Codes ``one_subject`` and ``one_repeat``; also for an unknown kind or another shape.

    Examples
    --------
    Four judges of six subjects, the example of Shrout and Fleiss:

    >>> judges = "9 2 5 8  6 1 3 2  8 4 6 8  7 1 2 6  10 5 6 9  6 2 4 7".split()
    >>> values = np.array(judges, dtype=float).reshape(6, 4, 1)
    >>> [round(float(icc(values, kind).value[0]), 2) for kind in ("1,1", "2,1", "3,1")]
    [0.17, 0.29, 0.71]
    """
    if kind not in get_args(Kind):
        raise RobustnessError(f"kind={kind!r}: expected one of {', '.join(get_args(Kind))}.")
    array = repeated(values)
    found = empty_agreement(f"ICC({kind})", array, checked_confidence(confidence))
    for group in complete_groups(array):
        with np.errstate(divide="ignore", invalid="ignore"):
            limits = _LIMITS[kind](_MeanSquares.of(group.values), 1 - (1 - confidence) / 2)
        _fill(found, group.columns, group.constant, limits)
    return found


def ccc(values: npt.ArrayLike, *, confidence: float = 0.95) -> Agreement:
    """Return the concordance correlation coefficient of every column.

    For two repeats 2 s12 / (s1^2 + s2^2 + (m1 - m2)^2), Lin (1989), Biometrics 45:255; for more
    the overall coefficient 2 sum_(i<j) sij / ((k - 1) sum_i si^2 + sum_(i<j) (mi - mj)^2) of
    Barnhart, Haber and Song (2002), Biometrics 58:1020. Variances and covariances have the divisor
    n, as in Lin's paper.

    Two repeats: interval by Fisher's Z with Lin's variance as corrected in Biometrics 56:324
    (2000). More than two: by Z and the jackknife over subjects, with a t quantile of n - 1 degrees
    of freedom. There is no interval (NaN, without a reason) for fewer than three subjects, and none
    where the repeats of all subjects but one are equal.

    Parameters
    ----------
    values, confidence
        As for :func:`icc`.

    Returns
    -------
    Agreement

    Raises
    ------
    RobustnessError
        As :func:`icc`.

    Examples
    --------
    >>> ccc(np.array([[1.0, 1.0], [2.0, 3.0], [3.0, 2.0]])[:, :, None]).value.round(6).tolist()
    [0.5]
    """
    array = repeated(values)
    found = empty_agreement("CCC", array, checked_confidence(confidence))
    interval = _lin_interval if array.shape[1] == 2 else _jackknife_interval
    for group in complete_groups(array):
        centred = group.values - group.values.mean(axis=(0, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            value = _from_sums([part.sum(axis=0) for part in _parts(centred)], len(centred))
            low, high = interval(centred, value, 1 - (1 - confidence) / 2)
        equal = (np.ptp(group.values, axis=1) == 0).all(axis=0)
        limits = [np.where(equal, 1.0, part) for part in (value, low, high)]
        _fill(found, group.columns, group.constant, limits)
    return found


def _fill(
    found: Agreement,
    columns: IntArray,
    constant: npt.NDArray[np.bool_],
    limits: _Limits,
) -> None:
    for target, numbers in zip((found.value, found.low, found.high), limits, strict=True):
        target[columns] = np.where(constant, np.nan, numbers)
    found.reason[columns[constant]] = "constant"


@dataclass(frozen=True)
class _MeanSquares:
    n: int
    k: int
    between: FloatArray
    within: FloatArray
    repeats: FloatArray
    residual: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> _MeanSquares:
        n, k, _ = values.shape
        # from the first repeat: repeats that are equal have a scatter of exactly zero
        apart = values - values[:, :1]
        inside = apart - apart.mean(axis=1, keepdims=True)
        of_subjects = values[:, 0] + apart.mean(axis=1)
        of_repeats = inside.mean(axis=0)
        between = k * ((of_subjects - of_subjects.mean(axis=0)) ** 2).sum(axis=0) / (n - 1)
        within = (inside**2).sum(axis=(0, 1)) / (n * (k - 1))
        repeats = n * (of_repeats**2).sum(axis=0) / (k - 1)
        residual = ((inside - of_repeats) ** 2).sum(axis=(0, 1)) / ((n - 1) * (k - 1))
        return cls(n, k, between, within, repeats, residual)


def _of_ratio(
    between: FloatArray, error: FloatArray, k: int, lower: float, upper: float
) -> _Limits:
    """ICC and limits where the ratio of two mean squares has an F distribution."""
    return [
        (share * between - error) / (share * between + (k - 1) * error)
        for share in (1.0, 1.0 / lower, upper)
    ]


def _icc_1(ms: _MeanSquares, level: float) -> _Limits:
    top, bottom = ms.n - 1, ms.n * (ms.k - 1)
    lower, upper = stats.f.ppf(level, top, bottom), stats.f.ppf(level, bottom, top)
    return _of_ratio(ms.between, ms.within, ms.k, lower, upper)


def _icc_3(ms: _MeanSquares, level: float) -> _Limits:
    top, bottom = ms.n - 1, (ms.n - 1) * (ms.k - 1)
    lower, upper = stats.f.ppf(level, top, bottom), stats.f.ppf(level, bottom, top)
    return _of_ratio(ms.between, ms.residual, ms.k, lower, upper)


def _icc_2(ms: _MeanSquares, level: float) -> _Limits:
    n, k = ms.n, ms.k
    noise = k * ms.repeats + (k * n - k - n) * ms.residual
    value = (ms.between - ms.residual) / (
        ms.between + (k - 1) * ms.residual + k * (ms.repeats - ms.residual) / n
    )
    # Satterthwaite's degrees of freedom, multiplied by MSE twice so that MSE may be zero
    a = k * value * ms.repeats
    b = (n * (1 + (k - 1) * value) - k * value) * ms.residual
    weight = (n - 1) * a**2 + b**2
    freedom = np.where(weight == 0, 1.0, (k - 1) * (n - 1) * (a + b) ** 2 / weight)
    lower, upper = stats.f.ppf(level, n - 1, freedom), stats.f.ppf(level, freedom, n - 1)
    lower = np.where(lower < _LARGEST, lower, np.nan)  # the degrees of freedom vanish: no limit
    low = n * (ms.between - lower * ms.residual) / (lower * noise + n * ms.between)
    high = n * (upper * ms.between - ms.residual) / (noise + n * (upper * ms.between))
    return value, low, high


_LIMITS: dict[str, Any] = {"1,1": _icc_1, "2,1": _icc_2, "3,1": _icc_3}


def _parts(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of values (n, k, p), what the overall concordance is made from when summed over subjects."""
    return values, values**2, values.sum(axis=1) ** 2


def _from_sums(parts: Sequence[FloatArray], n: int) -> FloatArray:
    """Overall concordance from :func:`_parts`, each summed over n subjects."""
    sums, squares, of_totals = parts  # (..., k, p), (..., k, p), (..., p)
    k = sums.shape[-2]
    means = sums / n
    variances = (squares / n - means**2).sum(axis=-2)
    total = means.sum(axis=-2)
    covariances = of_totals / n - total**2 - variances  # each pair twice
    apart = k * (means**2).sum(axis=-2) - total**2  # sum over pairs of (mi - mj)^2
    quotient: FloatArray = covariances / ((k - 1) * variances + apart)
    return quotient


def _lin_interval(
    values: FloatArray, value: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    n = values.shape[0]
    if n < 3:
        return np.full_like(value, np.nan), np.full_like(value, np.nan)
    centred = values - values.mean(axis=0)
    spread = (centred**2).mean(axis=0)
    product = np.sqrt(spread[0] * spread[1])
    r2 = ((centred[:, 0] * centred[:, 1]).mean(axis=0) / product) ** 2
    u2 = (values[:, 0] - values[:, 1]).mean(axis=0) ** 2 / product
    c2 = value**2
    # value / r is what Lin calls C_b; it has no sign, so that r^2 suffices
    shift = 2 * c2 * (1 - value) * np.sqrt(c2 / r2) * u2
    variance = ((1 - r2) * c2 * (1 - c2) / r2 + shift - c2**2 * u2**2 / (2 * r2)) / (n - 2)
    half = stats.norm.ppf(level) * np.sqrt(variance) / (1 - c2)
    return _back_from_z(value, half)


def _jackknife_interval(
    values: FloatArray, value: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    n = values.shape[0]
    if n < 3:
        return np.full_like(value, np.nan), np.full_like(value, np.nan)
    without = [part.sum(axis=0) - part for part in _parts(values)]
    z = np.arctanh(_from_sums(without, n - 1))
    error = np.sqrt((n - 1) / n * ((z - z.mean(axis=0)) ** 2).sum(axis=0))
    return _back_from_z(value, stats.t.ppf(level, n - 1) * error)


def _back_from_z(value: FloatArray, half: FloatArray) -> tuple[FloatArray, FloatArray]:
    z = np.arctanh(value)
    return np.tanh(z - half), np.tanh(z + half)
