"""What a site adds to a column and by what it multiplies it, shrunk over the columns.

The formulas of ComBat as arrays: rows are lesions, columns are features, NaN is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import FloatArray

__all__ = [
    "Moments",
    "Prior",
    "Standard",
    "columns_by_pattern",
    "moments",
    "parametric",
    "posterior_means",
    "prior",
    "shrunk_mean",
    "standard",
]

IntArray = npt.NDArray[np.int64]

MOST_STEPS = 10_000
"""Of the iteration; it needs ten to fifty."""

CHUNK = 2_000_000
"""Numbers held at once by :func:`posterior_means`."""


class Standard(NamedTuple):
    """What columns look like without the sites.

    Attributes
    ----------
    alpha : ndarray of shape (n_columns,)
        The mean over all rows, or the reference site's, at the covariates' mean.
    beta : ndarray of shape (n_covariates, n_columns)
    sigma : ndarray of shape (n_columns,)
        Standard deviation within sites, divisor n; 0 where a column does not vary within any.
    """

    alpha: FloatArray
    beta: FloatArray
    sigma: FloatArray

    def residuals(self, values: FloatArray, design: FloatArray) -> FloatArray:
        """Return the values less what does not depend on the site."""
        return values - self.alpha - design @ self.beta


class Moments(NamedTuple):
    """Count, mean and variance (divisor n - 1) of the known values of each column."""

    n: FloatArray
    mean: FloatArray
    variance: FloatArray


class Prior(NamedTuple):
    """What the columns of a block have in common at a site.

    Attributes
    ----------
    mean, variance : float
        Of the normal distribution of what the site adds.
    shape, scale : float
        Of the inverse gamma distribution of the variance that it multiplies by.
    """

    mean: float
    variance: float
    shape: float
    scale: float


def moments(values: FloatArray) -> Moments:
    """Return what is known of each column; NaN where there are too few values.

    Examples
    --------
    >>> n, mean, variance = moments(np.array([[1.0, 4.0], [3.0, np.nan]]))
    >>> n.tolist(), mean.tolist(), variance.tolist()
    ([2.0, 1.0], [2.0, 4.0], [2.0, nan])
    """
    known = ~np.isnan(values)
    n = known.sum(axis=0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / n
        squares = np.where(known, values - mean, 0.0) ** 2
        variance = squares.sum(axis=0) / np.where(n > 1, n - 1, np.nan)
    return Moments(n, mean, variance)


def standard(
    values: FloatArray, sites: IntArray, design: FloatArray, reference: int | None
) -> Standard:
    """Fit ``values = alpha + design @ beta + site + error`` to each column by least squares.

    ``alpha`` is the mean of the sites weighted by their rows, or the ``reference`` site's, whose
    residuals alone then make ``sigma``.

    Parameters
    ----------
    values : array of shape (n_rows, n_columns)
    sites : array of int, shape (n_rows,)
        0 to n_sites - 1.
    design : array of shape (n_rows, n_covariates)
        Covariates less their mean.
    reference
        A site, or None.

    Raises
    ------
    ModelError
        Code ``covariate``: the covariates do not vary within the sites, or say the same.

    Examples
    --------
    >>> values = np.array([[0.0], [2.0], [10.0], [12.0]])
    >>> fitted = standard(values, np.array([0, 0, 1, 1]), np.zeros((4, 0)), None)
    >>> fitted.alpha.tolist(), fitted.sigma.tolist()
    ([6.0], [1.0])
    """
    n_columns = values.shape[1]
    beta = np.empty((design.shape[1], n_columns))
    alpha, sigma = np.empty(n_columns), np.empty(n_columns)
    known = ~np.isnan(values)
    for columns in columns_by_pattern(known):
        rows = known[:, columns[0]]
        one = _standard(values[np.ix_(rows, columns)], sites[rows], design[rows], reference)
        alpha[columns], beta[:, columns], sigma[columns] = one
    return Standard(alpha, beta, sigma)


def columns_by_pattern(known: npt.NDArray[np.bool_]) -> list[IntArray]:
    """Return the columns by pattern of missing values, those without any together."""
    of_pattern: dict[bytes, list[int]] = {}
    packed = np.packbits(known, axis=0).T
    for column, bits in enumerate(packed):
        of_pattern.setdefault(bits.tobytes(), []).append(column)
    return [np.array(columns, dtype=np.int64) for columns in of_pattern.values()]


def _standard(
    values: FloatArray, sites: IntArray, design: FloatArray, reference: int | None
) -> Standard:
    there, place, counts = np.unique(sites, return_inverse=True, return_counts=True)
    n_columns, n_covariates = values.shape[1], design.shape[1]
    of_reference = np.ones(len(sites), dtype=bool) if reference is None else sites == reference
    if not of_reference.any():
        nothing = np.full(n_columns, np.nan)
        return Standard(nothing, np.full((n_covariates, n_columns), np.nan), nothing)
    indicator = (place[:, None] == np.arange(len(there))).astype(np.float64)
    means = (indicator.T @ values) / counts[:, None]
    within = values - means[place]
    beta = np.zeros((0, n_columns))
    heights = means
    if n_covariates:
        design_means = (indicator.T @ design) / counts[:, None]
        inner = design - design_means[place]
        spread = np.maximum(design.std(axis=0), 1e-300)
        if np.linalg.matrix_rank(inner / spread, tol=1e-8 * np.sqrt(len(sites))) < n_covariates:
            raise ModelError(
                "The covariates do not vary within the sites, or one says what others say, so "
                "that nobody can tell what they do from what the site does. Take one out.",
                code="covariate",
            )
        beta = np.linalg.lstsq(inner, within, rcond=None)[0]
        within = within - inner @ beta
        heights = means - design_means @ beta
    # values that are equal leave rounding behind, which must not pass for a spread
    tiny = 1e-13 * np.abs(values).max(axis=0)
    sigma = np.sqrt((within[of_reference] ** 2).sum(axis=0) / of_reference.sum())
    sigma[sigma <= tiny] = 0.0
    weights = counts / len(sites) if reference is None else there == reference
    return Standard(weights @ heights, beta, sigma)


def prior(found: Moments) -> Prior:
    """Return the prior by the method of moments (Johnson, Li and Rabinovic 2007).

    Examples
    --------
    >>> one = prior(Moments(np.full(2, 9.0), np.array([0.0, 2.0]), np.array([1.0, 3.0])))
    >>> one.mean, one.variance, one.shape, one.scale
    (1.0, 2.0, 4.0, 6.0)
    """
    centre, spread = found.variance.mean(), found.variance.var(ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shape = (2 * spread + centre**2) / spread
        scale = (centre * spread + centre**3) / spread
    return Prior(
        float(found.mean.mean()), float(found.mean.var(ddof=1)), float(shape), float(scale)
    )


def shrunk_mean(
    found: Moments, common: Prior, n: FloatArray | float, delta: FloatArray | float
) -> FloatArray:
    """Return the posterior mean of what a site adds, given the variance ``delta``."""
    weight = n * common.variance
    # columns that all say the same have no variance, and then the prior is all there is
    with np.errstate(invalid="ignore"):
        shrunk: FloatArray = (weight * found.mean + delta * common.mean) / (weight + delta)
    return np.where(np.isnan(shrunk), common.mean, shrunk)


def parametric(found: Moments, tolerance: float) -> tuple[FloatArray, FloatArray]:
    r"""Return :math:`\gamma^*` and :math:`\delta^{*2}` of a site, under normal and inverse gamma.

    Mean and variance each have a posterior given the other; they are iterated from the site's own
    values until no column changes by more than ``tolerance``. The changes are taken relative to
    the signed value before, as the published programs do: with another rule the numbers would
    differ from theirs in the fifth digit.

    Examples
    --------
    >>> found = moments(np.array([[1.0, 2.0, 5.0], [2.0, 4.0, 6.0], [3.0, 3.0, 8.0]]))
    >>> gamma, delta = parametric(found, 1e-10)
    >>> bool((np.abs(gamma - gamma.mean()) < np.abs(found.mean - found.mean.mean())).all())
    True
    """
    common = prior(found)
    if not np.isfinite(common.shape):  # all columns have one variance
        delta = found.variance.copy()
        return shrunk_mean(found, common, found.n, delta), delta
    squares = found.variance * (found.n - 1)
    gamma, delta = found.mean, found.variance
    for _ in range(MOST_STEPS):
        new_gamma = shrunk_mean(found, common, found.n, delta)
        left = squares + found.n * (found.mean - new_gamma) ** 2
        new_delta = (0.5 * left + common.scale) / (found.n / 2 + common.shape - 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            change = np.fmax.reduce(
                np.concatenate(
                    [np.abs(new_gamma - gamma) / gamma, np.abs(new_delta - delta) / delta]
                )
            )
        gamma, delta = new_gamma, new_delta
        if not change > tolerance:
            return gamma, delta
    raise ModelError(
        f"ComBat: no end after {MOST_STEPS} steps; the values of a site do not go with the others.",
        code="not_converged",
    )


def posterior_means(found: Moments, others: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    r"""Return :math:`\gamma^*` and :math:`\delta^{*2}` with the other columns as the prior.

    For each column the mean of the other columns' means and variances, weighted by the likelihood
    of the column's values under them (Johnson, Li and Rabinovic 2007, their appendix). In
    logarithms: products of a hundred densities are no numbers.

    Parameters
    ----------
    found
        Of the standardised values of a site.
    others : two arrays of shape (n_columns,)
        The columns' means and variances as they enter the prior.

    Examples
    --------
    >>> found = moments(np.array([[0.0, 1.0, 0.2], [0.4, 1.2, 0.1]]))
    >>> posterior_means(found, (found.mean, found.variance))[0].round(2).tolist()
    [0.15, 0.2, 0.2]
    """
    mean, variance = others
    n_columns = len(mean)
    gamma, delta = np.empty(n_columns), np.empty(n_columns)
    squares = found.variance * (found.n - 1)
    squares = np.where(found.n > 1, squares, 0.0)
    step = max(1, CHUNK // n_columns)
    for start in range(0, n_columns, step):
        at = np.arange(start, min(start + step, n_columns))
        n = found.n[at, None]
        left = squares[at, None] + n * (found.mean[at, None] - mean) ** 2
        likelihood = -0.5 * (n * np.log(2 * np.pi * variance) + left / variance)
        likelihood[np.arange(len(at)), at] = -np.inf
        weight = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        gamma[at], delta[at] = weight @ mean, weight @ variance
    return gamma, delta
