"""Proper scores of probabilities: Brier, its decomposition, and the log-loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.metrics import r2
from tumor_response.evaluation.performance.arrays import FloatArray, checked_probabilities
from tumor_response.exceptions import EvaluationError

__all__ = ["BrierDecomposition", "brier_decomposition", "brier_score", "log_loss", "scaled_brier"]

CLIP = float(np.finfo(np.float64).eps)
"""Probabilities are moved this far from 0 and 1 before the logarithm is taken."""


def brier_score(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Return the mean squared distance of probability and outcome (Brier 1950); 0 is perfect.

    A constant prediction of one half has 0.25, the prevalence pi itself pi (1 - pi).

    Raises
    ------
    EvaluationError
        ``y``, ``not_probability``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> round(brier_score([0, 1], [0.1, 0.6]), 3)
    0.085
    """
    outcome, probabilities = checked_probabilities(y, p)
    return float(np.mean((outcome - probabilities) ** 2))


def scaled_brier(y: npt.ArrayLike, p: npt.ArrayLike, reference: float | None = None) -> float:
    """Return ``1 - Brier(p) / Brier(reference)``: 1 is perfect, 0 as good as the prevalence.

    Parameters
    ----------
    y, p
        As for :func:`brier_score`.
    reference
        The prevalence that is predicted for everybody. Default: that of ``y`` itself, the usual
        definition (Steyerberg et al. 2010, Epidemiology 21:128). Out of sample the training rows'
        prevalence is the honest opponent, since nobody knows the other one beforehand.

    Raises
    ------
    EvaluationError
        ``one_class`` if ``y`` has one class and the reference is exactly it; ``y``,
        ``not_probability``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> round(scaled_brier([0, 1], [0.1, 0.6]), 3)
    0.66
    """
    outcome, probabilities = checked_probabilities(y, p)
    return r2(outcome, probabilities, float(outcome.mean()) if reference is None else reference)


def log_loss(y: npt.ArrayLike, p: npt.ArrayLike, clip: float = CLIP) -> float:
    """Return the mean negative log-likelihood per lesion, in nats; ln 2 = 0.693 is a coin's.

    Parameters
    ----------
    y, p
        As for :func:`brier_score`.
    clip
        Probabilities below it, or above 1 minus it, are set there: a wrong prediction of exactly
        0 or 1 would otherwise cost infinity. Default 2.2e-16, scikit-learn's, which prices it at
        36 nats. With certain predictions the number is decided by the clip: say which.

    Raises
    ------
    EvaluationError
        ``clip`` outside of (0, 0.5); ``y``, ``not_probability``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> round(log_loss([0, 1], [0.5, 0.5]), 3)
    0.693
    """
    if not 0 < clip < 0.5:
        raise EvaluationError(f"clip={clip}: expected between 0 and 0.5.", code="clip")
    outcome, probabilities = checked_probabilities(y, p)
    kept = np.clip(probabilities, clip, 1 - clip)
    return float(-np.mean(outcome * np.log(kept) + (1 - outcome) * np.log1p(-kept)))


@dataclass(frozen=True, eq=False)
class BrierDecomposition:
    """Terms that add up to the Brier score exactly.

    ``brier = reliability - resolution + uncertainty + within_variance - within_covariance``

    Attributes
    ----------
    reliability : float
        Squared distance of a bin's mean prediction and its share of responders; 0 is calibrated.
    resolution : float
        Squared distance of a bin's share of responders and the prevalence; larger is better.
    uncertainty : float
        ``pi (1 - pi)`` with the prevalence pi: no model changes it.
    within_variance, within_covariance : float
        What binning hides: the spread of predictions within bins, and twice their covariance with
        the outcome there. Murphy's three terms add up only where all of a bin are equal.
    edges : array of shape (n_bins + 1,)
        Bins are [low, high), the last one closed.
    counts : array of shape (n_bins,)
        Lesions in each.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float
    edges: FloatArray
    counts: npt.NDArray[np.int64]


def brier_decomposition(
    y: npt.ArrayLike, p: npt.ArrayLike, bins: int | npt.ArrayLike = 10
) -> BrierDecomposition:
    """Decompose the Brier score (Murphy 1973), within-bin terms included.

    The two further terms are those of Stephenson, Coelho and Jolliffe (2008, Weather and
    Forecasting 23:752).

    Parameters
    ----------
    y, p
        As for :func:`brier_score`.
    bins
        A number of bins of equal width on [0, 1] (default 10), or their edges, rising from 0 to 1.
        The terms depend on the bins; their sum does not.

    Raises
    ------
    EvaluationError
        ``bins``; ``y``, ``not_probability``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> parts = brier_decomposition([0, 1, 0, 1], [0.2, 0.2, 0.7, 0.9], bins=2)
    >>> round(parts.reliability, 4), round(parts.uncertainty, 4), parts.counts.tolist()
    (0.09, 0.25, [2, 2])
    """
    outcome, probabilities = checked_probabilities(y, p)
    edges = _edges(bins)
    # rounding in linspace must not decide where 0.3 belongs
    where = np.digitize(probabilities.round(12), edges.round(12)[1:-1])
    counts = np.bincount(where, minlength=edges.size - 1)
    sizes = np.maximum(counts, 1)
    predicted = (np.bincount(where, probabilities, counts.size) / sizes)[where]
    observed = (np.bincount(where, outcome, counts.size) / sizes)[where]
    prevalence = float(outcome.mean())
    return BrierDecomposition(
        brier=float(np.mean((outcome - probabilities) ** 2)),
        reliability=float(np.mean((predicted - observed) ** 2)),
        resolution=float(np.mean((observed - prevalence) ** 2)),
        uncertainty=prevalence * (1 - prevalence),
        within_variance=float(np.mean((probabilities - predicted) ** 2)),
        within_covariance=2 * float(np.mean((outcome - observed) * (probabilities - predicted))),
        edges=edges,
        counts=counts,
    )


def _edges(bins: int | npt.ArrayLike) -> FloatArray:
    if isinstance(bins, int | np.integer) and not isinstance(bins, bool) and bins >= 1:
        return np.linspace(0.0, 1.0, int(bins) + 1)
    edges = np.asarray(bins, dtype=np.float64)
    if edges.ndim != 1 or edges.size < 2 or edges[0] != 0 or edges[-1] != 1:
        edges = np.zeros(2)
    if not (np.diff(edges) > 0).all():
        raise EvaluationError(
            f"bins={bins!r}: expected a number of bins, or edges that rise from 0 to 1.",
            code="bins",
        )
    return edges
