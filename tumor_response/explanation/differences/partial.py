r"""Differences of ranks at equal covariates, for all columns at once.

With :math:`r` the ranks of a column, :math:`y` the classes and :math:`M` what projects the
covariates' functions out, the adjusted effect is

.. math:: \delta = \frac{2}{n} \frac{(My)^T r}{(My)^T y},

the coefficient of the class in a regression of the ranks on class and covariates, in units of the
largest difference that two groups' mean ranks can have. Without covariates it *is* Cliff's delta,
and the variance below is DeLong's, or close to Obuchowski's with several lesions per patient.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from scipy.stats import t as student

from tumor_response.explanation.differences.superiority import patient_sums

__all__ = ["PartialDifferences", "PartialRanks"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_NOTHING_LEFT = 1e-9
"""A share of a column's variance below this is rounding."""

_LEAST_FREE = 0.05
"""A row that the functions of the covariates all but determine is not blown up further."""


class PartialDifferences(NamedTuple):
    """Adjusted effects of columns; NaN where the covariates determine a column.

    Attributes
    ----------
    delta, low, high : ndarray of shape (n_columns,)
        The adjusted effect and the limits of its interval.
    p_value : ndarray of shape (n_columns,)
    """

    delta: FloatArray
    low: FloatArray
    high: FloatArray
    p_value: FloatArray


class PartialRanks:
    """Columns of some rows, ranked, and freed of what the covariates say.

    Parameters
    ----------
    values : array of shape (n_rows, n_columns)
        Finite.
    basis : array of shape (n_rows, n_functions)
        From :func:`adjusting_basis`.
    patients : array of int, shape (n_rows,)

    Attributes
    ----------
    explained : ndarray of shape (n_columns,)
        Share of the variance of a column's ranks that the covariates explain; NaN: constant.
    residuals : ndarray of shape (n_rows, n_columns)
        Of the ranks.
    df : int
        Patients less functions of the covariates, and one more for the class.
    """

    def __init__(self, values: FloatArray, basis: FloatArray, patients: IntArray) -> None:
        self._values, self._basis, self._patients = values, basis, patients
        self._n_patients = len(np.unique(patients))
        self.df = self._n_patients - basis.shape[1] - 1
        self._ranks = rankdata(values, axis=0)
        self.residuals = self._without_covariates(self._ranks)
        whole = ((self._ranks - self._ranks.mean(axis=0)) ** 2).sum(axis=0)
        left = (self.residuals**2).sum(axis=0)
        varies = whole > 0
        self.explained = np.full(len(whole), np.nan)
        self.explained[varies] = 1.0 - left[varies] / whole[varies]
        self.is_left = left > _NOTHING_LEFT * np.maximum(whole, 1.0)
        leverage = (basis**2).sum(axis=1)
        self._free = np.sqrt(np.maximum(1.0 - leverage, _LEAST_FREE))
        self._pairs = _same_patient(patients)

    def residual_labels(self, labels: FloatArray) -> FloatArray:
        """Return labels, (..., n_rows), freed of what the covariates say."""
        free: FloatArray = self._without_covariates(labels.T).T
        return free

    def p_values(self, residual_labels: FloatArray) -> FloatArray:
        r"""Return two-sided p values of no association at equal covariates, (n_labels, n_columns).

        The score :math:`\sum_g s_g / \sqrt{\sum_g s_g^2}`, with :math:`s_g` the sum over patient
        g's lesions of the product of both residuals, is the generalised covariance measure (Shah
        and Peters 2020, Ann. Stat. 48:1514): it has mean 0 under the null hypothesis if the
        covariates' functions are right for the column *or* for the class. Products are divided by
        the root of one less their leverage, which keeps the sum of squares from being too small
        (MacKinnon and White 1985, J. Econometrics 29:305, HC2). The score is turned into
        Student's t as that of a mean of :math:`s_g` would be: read as normal it is too rarely
        small where small p values are needed, far down among thousands of columns.

        Parameters
        ----------
        residual_labels : array of shape (n_labels, n_rows)
            Of the classes, or of permutations of them.
        """
        labels = residual_labels / self._free
        first, second, weight = self._pairs
        numerator = residual_labels @ self.residuals
        squares = (labels[:, first] * labels[:, second] * weight) @ (
            self.residuals[first] * self.residuals[second]
        )
        n = self._n_patients
        with np.errstate(divide="ignore", invalid="ignore"):
            score2 = np.minimum(numerator**2 / np.maximum(squares, 0.0), n * (1 - 1e-12))
            t = np.sqrt(score2 * (n - 1) / (n - score2))
        p: FloatArray = np.asarray(2 * student.sf(t, n - 1), dtype=np.float64)
        p[:, ~self.is_left] = np.nan
        return p

    def effects(self, residual_labels: FloatArray) -> FloatArray:
        """Return the adjusted effect for each label and column, (n_labels, n_columns)."""
        length = (residual_labels**2).sum(axis=1)
        found: FloatArray = (residual_labels @ self.residuals) / length[:, None]
        found *= 2 / len(self._ranks)
        found[:, ~self.is_left] = np.nan
        return found

    def differences(self, label: FloatArray, level: float = 0.95) -> PartialDifferences:
        """Return the adjusted effects, their intervals and p values.

        The variance is of the influence of each patient on the effect: through the own ranks and
        through those that the patient's values give to others. Limits are symmetric in the
        inverse hyperbolic tangent, which for Cliff's delta are the log-odds of the probability of
        superiority.
        """
        own = self.residual_labels(label[None])
        delta = self.effects(own)[0]
        p = self.p_values(own)[0]
        free_label = own[0]
        length = float(free_label @ free_label)
        slope = delta * len(label) / 2
        rest = self.residuals - np.outer(free_label, slope)
        given = _given_to_others(self._values, free_label)
        leverage = (self._basis**2).sum(axis=1) + free_label**2 / length
        parts = free_label[:, None] * rest + given - given.mean(axis=0)
        parts /= np.sqrt(np.maximum(1.0 - leverage, _LEAST_FREE))[:, None]
        sums = patient_sums(parts, self._patients)
        se = 2 / len(label) * np.sqrt((sums**2).sum(axis=0)) / length
        quantile = float(student.ppf(0.5 + level / 2, self.df))
        # at the end of the scale, or without any spread, there is nothing to take limits by
        known = self.is_left & (np.abs(np.nan_to_num(delta, nan=1.0)) < 1) & (se > 0)
        low, high = np.full(len(delta), np.nan), np.full(len(delta), np.nan)
        half = quantile * se[known] / (1 - delta[known] ** 2)
        centre = np.arctanh(delta[known])
        low[known], high[known] = np.tanh(centre - half), np.tanh(centre + half)
        return PartialDifferences(delta, low, high, p)

    def _without_covariates(self, columns: FloatArray) -> FloatArray:
        left: FloatArray = columns - self._basis @ (self._basis.T @ columns)
        return left


def _same_patient(patients: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Return all pairs of rows of one patient, each once, and how often each counts in a square."""
    order = np.argsort(patients, kind="stable")
    pairs = [(order, order)]
    # rows of one patient lie side by side: the next, the next but one ...
    for step in range(1, len(order)):
        same = patients[order[step:]] == patients[order[:-step]]
        if not same.any():
            break
        pairs.append((order[:-step][same], order[step:][same]))
    first, second = (np.concatenate(rows) for rows in zip(*pairs, strict=True))
    return first, second, np.where(first == second, 1.0, 2.0)


def _given_to_others(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return, for each row, the weights of the rows that lie above it, ties counted half.

    A value raises the rank of all that lie above it; this is what that adds to their weighted sum.
    """
    order = np.argsort(values, axis=0, kind="stable")
    summed = np.vstack([np.zeros(values.shape[1]), np.cumsum(weights[order], axis=0)])
    total = summed[-1]
    up_to = rankdata(values, method="max", axis=0).astype(np.int64)
    before = rankdata(values, method="min", axis=0).astype(np.int64) - 1
    above = total - np.take_along_axis(summed, up_to, axis=0)
    as_high = total - np.take_along_axis(summed, before, axis=0)
    given: FloatArray = (above + as_high) / 2
    return given
