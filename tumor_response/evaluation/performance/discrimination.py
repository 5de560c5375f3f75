"""How well scores tell the classes apart: precision and recall, and the table at a threshold."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from tumor_response.evaluation.metrics import roc_curve
from tumor_response.evaluation.performance.arrays import FloatArray, checked_classes, numbers
from tumor_response.exceptions import EvaluationError

__all__ = [
    "at_threshold",
    "average_precision",
    "average_precision_by_chance",
    "precision_recall_curve",
    "sensitivity_threshold",
    "threshold_figures",
    "wilson_interval",
    "youden_threshold",
]

FIGURES: Final = ("sensitivity", "specificity", "ppv", "npv")


def precision_recall_curve(
    y: npt.ArrayLike, score: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (recall, precision, threshold), one entry per distinct score, highest first.

    At a threshold all lesions with a score of at least that are called responders; lesions with
    equal scores enter together.

    Parameters
    ----------
    y : array of shape (n,)
        1 for responders, 0 for the others.
    score : array of shape (n,)
        Higher means response is likelier; need not be a probability.

    Raises
    ------
    EvaluationError
        ``one_class``, ``y``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> recall, precision, threshold = precision_recall_curve([0, 1, 1], [0.2, 0.4, 0.9])
    >>> recall.tolist(), threshold.tolist()
    ([0.5, 1.0, 1.0], [0.9, 0.4, 0.2])
    >>> precision.round(3).tolist()
    [1.0, 1.0, 0.667]
    """
    outcome, scores = checked_classes(y, score)
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.nonzero(np.diff(scores[order]))[0], order.size - 1)
    true_positives = np.cumsum(outcome[order])[ends]
    return true_positives / outcome.sum(), true_positives / (ends + 1.0), scores[order][ends]


def average_precision(y: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Return the area under the precision-recall curve as average precision.

    ``sum over thresholds of (recall - recall before) x precision``: the curve is a staircase and
    is never interpolated, because straight lines between its points promise too much (Davis and
    Goadrich 2006). Read it beside the prevalence, which is what random scores reach in a large
    sample; in a small one they reach more, see :func:`average_precision_by_chance`.

    Raises
    ------
    EvaluationError
        ``one_class``, ``y``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> average_precision([0, 1, 0, 1], [0.1, 0.4, 0.5, 0.8])
    0.8333333333333333
    """
    recall, precision, _ = precision_recall_curve(y, score)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def average_precision_by_chance(n_positive: int, n: int) -> float:
    """Return the mean average precision of scores dealt out at random, without ties.

    The lesion of rank k is a responder with chance m / n; given that, (k - 1)(m - 1) / (n - 1) of
    those above it are expected to be responders. Summed over ranks, with H the n-th harmonic
    number: ``((m - 1) / (n - 1) (n - H) + H) / n`` for m responders among n lesions. It tends to
    the prevalence m / n as n grows and lies above it before.

    Raises
    ------
    EvaluationError
        ``one_class`` unless ``0 < n_positive < n``.

    Examples
    --------
    >>> round(average_precision_by_chance(18, 36), 3)
    0.545
    """
    if not 0 < n_positive < n:
        raise EvaluationError(
            f"{n_positive} responders among {n} lesions; this needs both classes.", code="one_class"
        )
    harmonic = float(np.sum(1.0 / np.arange(1, n + 1)))
    return ((n_positive - 1) / (n - 1) * (n - harmonic) + harmonic) / n


def wilson_interval(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion (Wilson 1927, JASA 22:209).

    Parameters
    ----------
    successes, n
        ``0 <= successes <= n`` independent observations.
    level
        Coverage, between 0 and 1; default 0.95.

    Returns
    -------
    tuple of float
        (NaN, NaN) if ``n`` is 0: nothing was observed.

    Raises
    ------
    EvaluationError
        ``proportion`` for impossible counts or levels.

    Examples
    --------
    >>> low, high = wilson_interval(9, 10)
    >>> round(low, 4), round(high, 4)
    (0.5958, 0.9821)
    """
    if not 0 <= successes <= n or not 0 < level < 1:
        raise EvaluationError(
            f"{successes} of {n} at level {level}: expected 0 <= successes <= n and a level "
            "between 0 and 1.",
            code="proportion",
        )
    if n == 0:
        return float("nan"), float("nan")
    z = float(norm.ppf((1 + level) / 2))
    share = successes / n
    centre = share + z**2 / (2 * n)
    half = z * float(np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)))
    scale = 1 + z**2 / n
    # at the ends the limit is exactly 0 or 1; rounding must not carry it across
    low = 0.0 if successes == 0 else (centre - half) / scale
    high = 1.0 if successes == n else (centre + half) / scale
    return low, high


def threshold_figures(y: npt.ArrayLike, score: npt.ArrayLike, threshold: float) -> dict[str, float]:
    """Return sensitivity, specificity, PPV and NPV where a score >= ``threshold`` means responder.

    A figure whose denominator is 0, as the PPV where nobody is called a responder, is NaN.

    Raises
    ------
    EvaluationError
        ``one_class``, ``y``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> threshold_figures([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.8], 0.5)
    {'sensitivity': 0.5, 'specificity': 0.5, 'ppv': 0.5, 'npv': 0.5}
    """
    return {
        name: hits / n if n else float("nan")
        for name, (hits, n) in _counts(y, score, threshold).items()
    }


def at_threshold(
    y: npt.ArrayLike,
    score: npt.ArrayLike,
    threshold: float,
    level: float = 0.95,
    patients: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Return the figures at one threshold on one test set, with Wilson's intervals.

    For a set that no part of the model has seen, a threshold that was fixed before looking at it
    included. Out-of-bag rows of a bootstrap are no such set: a lesion comes back in many
    resamples, and these intervals would be far too narrow.

    Parameters
    ----------
    y, score
        As for :func:`average_precision`.
    threshold
        A score of at least this means responder.
    level
        Coverage of the intervals.
    patients : array of shape (n,), optional
        Who each lesion belongs to. Lesions of one patient are not independent, so with a patient
        that comes twice the intervals are NaN and ``note`` says ``repeated_patients``.

    Returns
    -------
    pandas.DataFrame
        Index sensitivity, specificity, ppv, npv; columns value, low, high, hits, n, note.

    Raises
    ------
    EvaluationError
        ``one_class``, ``y``, ``shape``, ``not_finite`` or ``proportion``.

    Examples
    --------
    >>> at_threshold([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.8], 0.5)[["value", "low", "high"]].round(2)
                 value   low  high
    sensitivity    0.5  0.09  0.91
    specificity    0.5  0.09  0.91
    ppv            0.5  0.09  0.91
    npv            0.5  0.09  0.91
    """
    whose = None if patients is None else np.asarray(patients)
    repeated = whose is not None and np.unique(whose).size < whose.size
    rows = []
    for hits, n in _counts(y, score, threshold).values():
        low, high = (np.nan, np.nan) if repeated else wilson_interval(hits, n, level)
        note = "repeated_patients" if repeated else "" if n else "nobody"
        value = hits / n if n else np.nan
        rows.append((value, low, high, hits, n, note))
    return pd.DataFrame(
        rows, index=list(FIGURES), columns=["value", "low", "high", "hits", "n", "note"]
    )


def _counts(y: npt.ArrayLike, score: npt.ArrayLike, threshold: float) -> dict[str, tuple[int, int]]:
    """Return (hits, of how many) for each figure."""
    outcome, scores = checked_classes(y, score)
    responder, called = outcome == 1, scores >= float(numbers([threshold], "threshold")[0])
    pairs = (
        (responder & called, responder),
        (~responder & ~called, ~responder),
        (responder & called, called),
        (~responder & ~called, ~called),
    )
    return {
        name: (int(hits.sum()), int(of.sum()))
        for name, (hits, of) in zip(FIGURES, pairs, strict=True)
    }


def youden_threshold(y: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Return the score at which sensitivity + specificity - 1 is largest (Youden 1950).

    Of equally good thresholds the highest is taken. Give it scores of training rows only, and of
    models that have not seen them (inner folds): with more columns than patients a model's scores
    on its own training rows lie apart, and any threshold between the classes looks perfect.

    Raises
    ------
    EvaluationError
        ``one_class``, ``y``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> youden_threshold([0, 0, 1, 1], [0.1, 0.3, 0.35, 0.8])
    0.35
    """
    outcome, scores = checked_classes(y, score)
    fpr, tpr = roc_curve(outcome, scores)
    thresholds = np.unique(scores)[::-1]
    return float(thresholds[np.argmax((tpr - fpr)[1:].round(12))])


def sensitivity_threshold(y: npt.ArrayLike, score: npt.ArrayLike, sensitivity: float) -> float:
    """Return the highest score at which at least this share of the responders is found.

    The advice of :func:`youden_threshold` on which scores to give holds here as well.

    Raises
    ------
    EvaluationError
        ``proportion`` unless ``0 < sensitivity <= 1``; ``one_class``, ``y``, ``shape`` or
        ``not_finite``.

    Examples
    --------
    >>> sensitivity_threshold([0, 0, 1, 1], [0.1, 0.3, 0.35, 0.8], 0.9)
    0.35
    """
    if not 0 < sensitivity <= 1:
        raise EvaluationError(
            f"sensitivity={sensitivity}: expected a share above 0, at most 1.", code="proportion"
        )
    recall, _, thresholds = precision_recall_curve(y, score)
    return float(thresholds[np.argmax(recall >= sensitivity - 1e-12)])
