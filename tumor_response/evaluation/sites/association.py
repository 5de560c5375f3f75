"""Do site and outcome go together? Counted by patients, tested exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gammaln
from scipy.stats import beta

__all__ = ["Association", "associated", "exact_p"]

IntArray = npt.NDArray[np.int64]

MOST_TABLES = 2_000_000
"""That are enumerated; with more, tables are drawn."""

N_DRAWN = 20_000
ALIKE = 1e-7
"""Probabilities that differ by less, relatively, are equal but for rounding."""


@dataclass(frozen=True)
class Association:
    """How the outcome is spread over the sites.

    Attributes
    ----------
    sites : DataFrame
        Index ``site``. ``n_patients``, ``n_responders`` (patients with a responder lesion),
        ``share`` and its exact 95 % interval ``ci_low``, ``ci_high``; ``finding``:
        ``"one_class"`` where all or none respond.
    p : float
        Of the exact test that the shares are one.
    method : str
        ``"fisher_exact"``, or ``"fisher_drawn"`` where there are too many tables.
    """

    sites: pd.DataFrame
    p: float
    method: str


def associated(site: pd.Series, responder: pd.Series) -> Association:
    """Return how the outcome is spread over the sites.

    Parameters
    ----------
    site, responder
        One value per patient: the site's name, and whether a lesion responded.

    Examples
    --------
    >>> site = pd.Series(["A"] * 10 + ["B"] * 10)
    >>> found = associated(site, pd.Series([True] * 9 + [False] * 10 + [True]))
    >>> found.sites["n_responders"].to_dict(), round(found.p, 4)
    ({'A': 9, 'B': 1}, 0.0011)
    """
    counts = responder.astype(np.int64).groupby(site.to_numpy()).agg(["size", "sum"])
    n, k = counts["size"].to_numpy(), counts["sum"].to_numpy()
    # Clopper and Pearson (1934), Biometrika 26:404
    low = np.where(k == 0, 0.0, beta.ppf(0.025, np.maximum(k, 1), n - k + 1))
    high = np.where(k == n, 1.0, beta.ppf(0.975, k + 1, np.maximum(n - k, 1)))
    sites = pd.DataFrame(
        {
            "n_patients": n,
            "n_responders": k,
            "share": k / n,
            "ci_low": low,
            "ci_high": high,
            "finding": np.where((k == 0) | (k == n), "one_class", ""),
        },
        index=pd.Index(counts.index, name="site"),
    )
    p, method = exact_p(n, k)
    return Association(sites, p, method)


def exact_p(sizes: IntArray, positives: IntArray) -> tuple[float, str]:
    """Return the p-value of Fisher's test of several groups and two classes.

    The share, under fixed margins, of tables that are no more probable than the one observed
    (Freeman and Halton 1951, Biometrika 38:141). Above two million tables 20,000 are drawn by a
    generator of its own seed, the observed one counted among them.

    Parameters
    ----------
    sizes, positives : arrays of int, shape (n_groups,)

    Examples
    --------
    >>> exact_p(np.array([4, 4]), np.array([3, 1]))[0].__round__(6)  # the lady tasting tea
    0.485714
    """
    sizes, positives = np.asarray(sizes, dtype=np.int64), np.asarray(positives, dtype=np.int64)
    total = int(positives.sum())
    observed = float(_log_ways(sizes, positives).sum())
    if np.prod(sizes[:-1] + 1.0) > MOST_TABLES:
        rng = np.random.default_rng(0)
        drawn = rng.multivariate_hypergeometric(sizes, total, size=N_DRAWN)
        ways = _log_ways(sizes, drawn).sum(axis=1)
        return float((1 + (ways <= observed + ALIKE).sum()) / (1 + N_DRAWN)), "fisher_drawn"
    taken, ways = np.zeros(1, dtype=np.int64), np.zeros(1)
    for size in sizes[:-1]:
        here = np.arange(size + 1)
        taken = (taken[:, None] + here).ravel()
        ways = (ways[:, None] + _log_ways(size, here)).ravel()
    left = total - taken
    possible = (left >= 0) & (left <= sizes[-1])
    ways = ways[possible] + _log_ways(sizes[-1], left[possible])
    shares = np.exp(ways - ways.max())
    as_rare = ways <= observed + ALIKE
    return float(min(1.0, shares[as_rare].sum() / shares.sum())), "fisher_exact"


def _log_ways(sizes: npt.NDArray[np.int64] | np.int64, taken: IntArray) -> npt.NDArray[np.float64]:
    """Return the logarithm of the number of ways to take some of a group."""
    n = np.asarray(sizes, dtype=np.float64)
    ways: npt.NDArray[np.float64] = gammaln(n + 1) - gammaln(taken + 1) - gammaln(n - taken + 1)
    return ways
