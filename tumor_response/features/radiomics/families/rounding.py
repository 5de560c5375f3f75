"""Co-occurrence features that rounding decides, in PyRadiomics' own order of operations.

If the two grey levels of a pair are independent (a direction with one pair, or with pairs from one
level to one other), the second eigenvalue and HXY2 - HXY are zero but for rounding, and their
roots in PyRadiomics are 0, some 1e-8, or NaN, which it leaves out of its mean. A cluster shade
whose third powers cancel is rounding as well, and so is the correlation of a single row. Such
values are met only by sums over arrays of PyRadiomics' own shape. They are rare: tiny regions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.matrices.cooccurrence import Cells

__all__ = ["cluster_shade", "correlation", "imc2", "maximal_correlation", "probabilities"]

_EPSILON = np.spacing(1)
_PAIRS = (1, 2)


def probabilities(cells: Cells) -> NDArray[np.float64]:
    """Return the matrices that have a pair, each with sum 1, shape (1, n, n, n_matrices)."""
    n_matrices, n = cells.starts.shape[0], cells.starts.shape[1] - 1
    counts = np.zeros((1, n, n, n_matrices))
    for m in range(n_matrices):
        rows = np.repeat(np.arange(n), np.diff(cells.starts[m]))
        inside = slice(cells.starts[m, 0], cells.starts[m, n])
        counts[0, rows, cells.columns[inside], m] = cells.counts[inside]
    has_pair = np.count_nonzero(counts, axis=_PAIRS)[0] > 0
    counts = np.ascontiguousarray(counts[..., has_pair])
    counts /= counts.sum(_PAIRS)[:, None, None, :]
    return counts


def imc2(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return information correlation 2, NaN where rounding makes its radicand negative.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.families.rounding import imc2
    >>> imc2(np.array([[[[0.0], [1.0]], [[0.0], [0.0]]]])).tolist()
    [0.0]
    """
    independent = p.sum(2, keepdims=True) * p.sum(1, keepdims=True)
    entropy = -np.sum(p * np.log2(p + _EPSILON), _PAIRS)
    entropy_2 = -np.sum(independent * np.log2(independent + _EPSILON), _PAIRS)
    with np.errstate(invalid="ignore"):
        found = (1 - np.e ** (-2 * (entropy_2 - entropy))) ** 0.5
    found[entropy_2 == entropy] = 0.0
    return np.asarray(found[0])


def maximal_correlation(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the root of the second largest eigenvalue, from the general eigenproblem."""
    p_row, p_column = p.sum(2)[0], p.sum(1)[0]
    q = np.zeros(p.shape[1:])
    for k in range(p.shape[1]):
        q += p[0, :, None, k] * p[0, None, :, k] / (p_row[:, None] * p_column[k] + _EPSILON)
    eigenvalues = np.linalg.eigvals(q.transpose(2, 0, 1))
    eigenvalues.sort()
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(eigenvalues[:, -2]).real)


def correlation(p: NDArray[np.float64], grey_levels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the correlation of the two levels, 1 where a deviation is exactly zero."""
    i, j, mean_i, mean_j = _levels_and_means(p, grey_levels)
    deviation_i = np.sum(p * (i - mean_i) ** 2, _PAIRS, keepdims=True) ** 0.5
    deviation_j = np.sum(p * (j - mean_j) ** 2, _PAIRS, keepdims=True) ** 0.5
    covariance = np.sum(p * (i - mean_i) * (j - mean_j), _PAIRS, keepdims=True)
    found = covariance / (deviation_i * deviation_j + _EPSILON)
    found[deviation_i * deviation_j == 0] = 1.0
    return np.asarray(found[0, 0, 0])


def cluster_shade(p: NDArray[np.float64], grey_levels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the third moment of the sum of the two levels around its mean."""
    i, j, mean_i, mean_j = _levels_and_means(p, grey_levels)
    return np.asarray(np.sum(p * (i + j - mean_i - mean_j) ** 3, _PAIRS)[0])


def _levels_and_means(
    p: NDArray[np.float64], grey_levels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], ...]:
    levels = grey_levels.astype(np.float64)
    i, j = levels[None, :, None, None], levels[None, None, :, None]
    mean_i = np.sum(i * p, _PAIRS, keepdims=True)
    mean_j = np.sum(j * p, _PAIRS, keepdims=True)
    return i, j, mean_i, mean_j
