"""The maximal correlation coefficient of a co-occurrence matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel
from tumor_response.features.radiomics.matrices.cooccurrence import Cells

__all__ = ["maximal_correlation"]

_EPSILON = float(np.spacing(1))


def maximal_correlation(cells: Cells) -> NDArray[np.float64]:
    """Return the maximal correlation coefficient of each matrix.

    Parameters
    ----------
    cells
        Co-occurrence matrices.

    Returns
    -------
    numpy.ndarray
        float64 (n_matrices,): the square root of the second largest eigenvalue of
        Q(i, j) = sum_k p(i, k) p(j, k) / (p_x(i) p_y(k) + 2.2e-16); 1 if there is but one grey
        level, NaN for a matrix without a pair.

    Notes
    -----
    With s(i, k) = p(i, k) / sqrt(p_x(i) p_y(k)), Q without its small constant is similar to the
    symmetric s s^T, whose largest eigenvalue is 1 with the known eigenvector sqrt(p_x). The
    Lanczos method with full reorthogonalisation, kept orthogonal to that vector, finds the next
    one in some twenty products with s, instead of all eigenvalues of a general matrix.

    The small constant is 1e-6 of p_x p_y for levels with one voxel in 1e5, and such rare levels
    are what this coefficient is made of; it is taken into account by s with p_x p_y + 2.2e-16
    under the root, and by the quotient u^T Q' u / u^T u with the exact (not quite symmetric)
    matrix Q' afterwards.
    """
    found = np.empty(len(cells.starts))
    _second_eigenvalues(cells.starts, cells.columns, cells.counts, found)
    return found


@kernel
def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    # four sums, so that one addition need not wait for the one before
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    n = len(a)
    for k in range(0, n - 3, 4):
        s0 += a[k] * b[k]
        s1 += a[k + 1] * b[k + 1]
        s2 += a[k + 2] * b[k + 2]
        s3 += a[k + 3] * b[k + 3]
    for k in range(n - n % 4, n):
        s0 += a[k] * b[k]
    return (s0 + s1) + (s2 + s3)


@kernel
def _subtract(a: NDArray[np.float64], factor: float, b: NDArray[np.float64]) -> None:
    for k in range(len(a)):
        a[k] -= factor * b[k]


@kernel
def _times(
    starts: NDArray[np.int64],
    columns: NDArray[np.int32],
    s: NDArray[np.float64],
    m: int,
    vector: NDArray[np.float64],
    across: NDArray[np.float64],
    result: NDArray[np.float64],
) -> None:
    """Multiply a vector by s s^T."""
    n = len(vector)
    begin = starts[m, 0]
    for k in range(n):
        across[k] = 0.0
    for row in range(n):
        for c in range(starts[m, row], starts[m, row + 1]):
            across[columns[c]] += s[c - begin] * vector[row]
    for row in range(n):
        total = 0.0
        for c in range(starts[m, row], starts[m, row + 1]):
            total += s[c - begin] * across[columns[c]]
        result[row] = total


@kernel
def _largest(alpha: NDArray[np.float64], beta: NDArray[np.float64], n: int) -> float:
    """Return the largest eigenvalue of a tridiagonal matrix: Newton's method from above."""
    x = 0.0
    for k in range(n):
        bound = alpha[k] + (beta[k - 1] if k > 0 else 0.0) + (beta[k] if k < n - 1 else 0.0)
        x = bound if bound > x else x
    for _ in range(200):
        pivot, slope, total = 1.0, 0.0, 0.0
        for k in range(n):
            square = beta[k - 1] ** 2 if k > 0 else 0.0
            slope = 1.0 + square * slope / (pivot * pivot)
            pivot = x - alpha[k] - square / pivot
            if pivot <= 0:
                return x
            total += slope / pivot
        step = 1.0 / total
        if step <= 1e-15 * x:
            break
        x -= step
    return x


@kernel
def _perron(
    alpha: NDArray[np.float64],
    beta: NDArray[np.float64],
    n: int,
    largest: float,
    x: NDArray[np.float64],
    pivot: NDArray[np.float64],
) -> None:
    """Fill `x` with the unit eigenvector of the largest eigenvalue of a tridiagonal matrix."""
    for k in range(n):
        x[k] = 1.0
    shift = largest * (1 + 1e-14)
    for _ in range(3):
        # inverse iteration: the matrix is positive definite, elimination needs no pivots
        for k in range(n):
            off = beta[k - 1] if k > 0 else 0.0
            pivot[k] = shift - alpha[k] - (off * off / pivot[k - 1] if k > 0 else 0.0)
            if pivot[k] <= 1e-15 * largest:
                pivot[k] = 1e-15 * largest
            if k > 0:
                x[k] += off * x[k - 1] / pivot[k - 1]
        x[n - 1] /= pivot[n - 1]
        for k in range(n - 2, -1, -1):
            x[k] = (x[k] + beta[k] * x[k + 1]) / pivot[k]
        norm = np.sqrt(_dot(x[:n], x[:n]))
        for k in range(n):
            x[k] /= norm


@kernel
def _second_eigenvalues(
    starts: NDArray[np.int64],
    columns: NDArray[np.int32],
    counts: NDArray[np.float64],
    found: NDArray[np.float64],
) -> None:
    n_matrices, n = starts.shape[0], starts.shape[1] - 1
    p_row, p_column = np.empty(n), np.empty(n)
    most = n - 1 if n - 1 < 300 else 300  # the space beside the trivial vector has n - 1 dimensions
    most = most if most > 1 else 1
    basis = np.empty((most + 1, n))
    alpha, beta, weights, pivot = np.empty(most), np.empty(most), np.empty(most), np.empty(most)
    across, vector, trivial = np.empty(n), np.empty(n), np.empty(n)
    for m in range(n_matrices):
        begin, end = starts[m, 0], starts[m, n]
        total = 0.0
        for c in range(begin, end):
            total += counts[c]
        if total == 0:
            found[m] = np.nan
            continue
        if n == 1:
            found[m] = 1.0
            continue
        for row in range(n):
            p_row[row] = 0.0
            p_column[row] = 0.0
        for row in range(n):
            for c in range(starts[m, row], starts[m, row + 1]):
                p = counts[c] / total
                p_row[row] += p
                p_column[columns[c]] += p
        s = np.empty(end - begin)
        for row in range(n):
            for c in range(starts[m, row], starts[m, row + 1]):
                s[c - begin] = (
                    counts[c] / total / np.sqrt(p_row[row] * p_column[columns[c]] + _EPSILON)
                )

        # the same start on every run, in every direction
        seed = 12345
        for row in range(n):
            trivial[row] = np.sqrt(p_row[row])
            seed = (seed * 1103515245 + 12345) % 2147483648
            basis[0, row] = seed / 1073741824.0 - 1.0 if p_row[row] > 0 else 0.0
        latest = basis[0]
        _subtract(latest, _dot(trivial, latest), trivial)
        norm = np.sqrt(_dot(latest, latest))
        if norm < 1e-12:
            found[m] = 0.0
            continue
        for row in range(n):
            latest[row] /= norm
        size = 0
        largest = 0.0
        for k in range(most):
            latest = basis[k]
            _times(starts, columns, s, m, latest, across, vector)
            alpha[k] = _dot(latest, vector)
            _subtract(vector, _dot(trivial, vector), trivial)
            for other in range(k, -1, -1):
                before = basis[other]
                _subtract(vector, _dot(before, vector), before)
            _subtract(vector, _dot(trivial, vector), trivial)
            beta[k] = np.sqrt(_dot(vector, vector))
            size = k + 1
            done = beta[k] <= 1e-13 or size == most
            # a small step on from the space so far: most often the end, and at the latest looked at
            if done or size % 4 == 0 or beta[k] <= 1e-7 * alpha[0]:
                largest = _largest(alpha, beta, size)
                if largest <= 1e-30:
                    break
                _perron(alpha, beta, size, largest, weights, pivot)
                if done or beta[k] * weights[k] <= 1e-8 * largest:
                    break
            for row in range(n):
                basis[k + 1, row] = vector[row] / beta[k]
        if largest <= 1e-30:
            found[m] = 0.0
            continue
        for row in range(n):
            vector[row] = 0.0
            across[row] = 0.0
        for k in range(size):
            _subtract(vector, -weights[k], basis[k])
        # the quotient with the matrix itself
        for row in range(n):
            for c in range(starts[m, row], starts[m, row + 1]):
                column = columns[c]
                p = counts[c] / total
                across[column] += p * vector[row] / np.sqrt(p_row[row] * p_column[column])
        quotient = 0.0
        for row in range(n):
            for c in range(starts[m, row], starts[m, row + 1]):
                column = columns[c]
                product = p_row[row] * p_column[column]
                p = counts[c] / total
                quotient += (
                    vector[row] * p * np.sqrt(product) / (product + _EPSILON) * across[column]
                )
        quotient /= _dot(vector, vector)
        found[m] = 0.0 if quotient < 0.0 else np.sqrt(quotient)
