"""The Anderson-Darling test of k samples, of thousands of columns at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tumor_response.transformers._frames import FloatArray
from tumor_response.transformers.harmonise.estimates import columns_by_pattern

__all__ = ["differing", "k_sample_statistic"]

IntArray = npt.NDArray[np.int64]


def differing(values: FloatArray, groups: IntArray) -> npt.NDArray[np.bool_]:
    """Return which columns are distributed differently between groups, at p < 0.05 each.

    NaN is left out column by column; a column that is known in one group only, or does not vary,
    is not different.

    Examples
    --------
    >>> values = np.column_stack([np.arange(20.0), np.tile([1.0, 2.0], 10)])
    >>> differing(values, np.repeat([0, 1], 10)).tolist()
    [True, False]
    """
    different = np.zeros(values.shape[1], dtype=bool)
    known = ~np.isnan(values)
    for columns in columns_by_pattern(known):
        rows = known[:, columns[0]]
        there = len(np.unique(groups[rows]))
        if there < 2 or rows.sum() < 5:
            continue
        statistic = k_sample_statistic(values[np.ix_(rows, columns)], groups[rows])
        m = there - 1
        # 5 per cent, interpolated over the number of samples (Scholz and Stephens 1987, table 2)
        different[columns] = statistic > 1.645 + 0.678 / np.sqrt(m) - 0.362 / m
    return different


def k_sample_statistic(values: FloatArray, groups: IntArray) -> FloatArray:
    """Return the standardised statistic of every column, for complete values.

    Scholz and Stephens (1987), J. Am. Stat. Assoc. 82:918: their discrete version of equation 6,
    less its mean k - 1, over its standard deviation (equation 4). 0 for a constant column.

    Parameters
    ----------
    values : array of shape (n_rows, n_columns)
    groups : array of int, shape (n_rows,)

    Examples
    --------
    >>> k_sample_statistic(np.arange(20.0)[:, None], np.repeat([0, 1], 10)).round(2).tolist()
    [9.7]
    """
    _, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    n_rows, k = len(values), len(counts)
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    ends = np.vstack([ordered[1:] > ordered[:-1], np.zeros((1, values.shape[1]), dtype=bool)])
    rank = np.arange(1.0, n_rows + 1)[:, None]
    before = np.vstack([np.zeros((1, values.shape[1])), np.where(ends, rank, 0.0)[:-1]])
    ties = np.where(ends, rank - np.maximum.accumulate(before, axis=0), 0.0)
    total = np.zeros(values.shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        for group in range(k):
            below = np.cumsum(place[order] == group, axis=0)
            parts = ties * (n_rows * below - rank * counts[group]) ** 2 / (rank * (n_rows - rank))
            total += np.where(ends, parts, 0.0).sum(axis=0) / counts[group]
    statistic: FloatArray = (total / n_rows - (k - 1)) / _deviation(counts)
    return np.where(values.min(axis=0) == values.max(axis=0), 0.0, statistic)


def _deviation(counts: IntArray) -> float:
    """Return the standard deviation of the statistic, which the group sizes decide."""
    n, k = float(counts.sum()), len(counts)
    inverse = float((1.0 / counts).sum())
    sums = np.cumsum(1.0 / np.arange(n - 1, 1, -1))
    h = sums[-1] + 1.0
    g = float((sums / np.arange(2, n)).sum())
    a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * inverse
    b = (2 * g - 4) * k**2 + 8 * h * k + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * k**2 + (4 * h - 4 * g + 6) * k + (2 * h - 6) * inverse + 4 * h
    d = (2 * h + 6) * k**2 - 4 * h * k
    variance = (a * n**3 + b * n**2 + c * n + d) / ((n - 1) * (n - 2) * (n - 3))
    return float(np.sqrt(variance))
