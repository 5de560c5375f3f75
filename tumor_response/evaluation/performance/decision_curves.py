"""Net benefit: whether acting on a prediction does more good than harm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.performance.arrays import (
    FloatArray,
    checked_probabilities,
    numbers,
)
from tumor_response.exceptions import EvaluationError

__all__ = ["THRESHOLDS", "decision_curve", "net_benefit", "net_benefit_of_all"]

THRESHOLDS: FloatArray = np.arange(1, 100) / 100
"""Threshold probabilities of 1 to 99 %."""


def net_benefit(y: npt.ArrayLike, p: npt.ArrayLike, thresholds: npt.ArrayLike) -> FloatArray:
    """Return the net benefit at threshold probabilities (Vickers and Elkin 2006, MDM 26:565).

    ``TP / n - FP / n x t / (1 - t)``, where a lesion with p >= t is called a responder. The
    threshold is the preference: at t = 0.2 four false alarms weigh as much as one responder found.
    The unit is true positives per lesion; no one to act on is 0.

    Parameters
    ----------
    y : array of shape (n,)
        1 for responders, 0 for the others.
    p : array of shape (n,)
        Probabilities.
    thresholds : array of shape (n_thresholds,)
        At least 0 and below 1.

    Returns
    -------
    array of shape (n_thresholds,)

    Raises
    ------
    EvaluationError
        ``threshold`` out of range; ``y``, ``not_probability``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> net_benefit([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.8], [0.5, 0.75])
    array([0.  , 0.25])
    """
    outcome, probabilities = checked_probabilities(y, p)
    at = _checked_thresholds(thresholds)
    order = np.argsort(probabilities, kind="stable")
    below = np.searchsorted(probabilities[order], at, side="left")
    responders_below = np.append(0.0, np.cumsum(outcome[order]))[below]
    true_positives = outcome.sum() - responders_below
    false_positives = (outcome.size - below) - true_positives
    benefit: FloatArray = (true_positives - false_positives * at / (1 - at)) / outcome.size
    return benefit


def net_benefit_of_all(prevalence: float, thresholds: npt.ArrayLike) -> FloatArray:
    """Return the net benefit of calling everybody a responder, ``pi - (1 - pi) t / (1 - t)``.

    Raises
    ------
    EvaluationError
        ``threshold`` or ``proportion`` out of range.

    Examples
    --------
    >>> net_benefit_of_all(0.4, [0.2, 0.4]).round(6).tolist()
    [0.25, 0.0]
    """
    if not 0 <= prevalence <= 1:
        raise EvaluationError(
            f"prevalence={prevalence}: expected a share of 0 to 1.", code="proportion"
        )
    at = _checked_thresholds(thresholds)
    return prevalence - (1 - prevalence) * at / (1 - at)


def decision_curve(
    y: npt.ArrayLike, p: npt.ArrayLike, thresholds: npt.ArrayLike = THRESHOLDS
) -> pd.DataFrame:
    """Return the decision curve of one set of predictions beside the two that need no model.

    Parameters
    ----------
    y, p, thresholds
        As for :func:`net_benefit`.

    Returns
    -------
    pandas.DataFrame
        Index ``threshold``; ``model``, ``treat_all``, ``treat_none``, and ``standardised``: the
        model's net benefit over the prevalence, its greatest possible value (Kerr et al. 2016,
        JCO 34:2534), NaN without a responder.

    Raises
    ------
    EvaluationError
        As :func:`net_benefit`.

    Examples
    --------
    >>> decision_curve([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.8], [0.25, 0.75]).round(2)
               model  treat_all  treat_none  standardised
    threshold
    0.25        0.42       0.33         0.0          0.83
    0.75        0.25      -1.00         0.0          0.50
    """
    outcome, _ = checked_probabilities(y, p)
    prevalence = float(outcome.mean())
    model = net_benefit(y, p, thresholds)
    return pd.DataFrame(
        {
            "model": model,
            "treat_all": net_benefit_of_all(prevalence, thresholds),
            "treat_none": 0.0,
            "standardised": model / prevalence if prevalence > 0 else np.nan,
        },
        index=pd.Index(_checked_thresholds(thresholds), name="threshold"),
    )


def _checked_thresholds(thresholds: npt.ArrayLike) -> FloatArray:
    at = numbers(thresholds, "thresholds")
    if at.min() < 0 or at.max() >= 1:
        raise EvaluationError(
            f"Thresholds run from {at.min():g} to {at.max():g}; a threshold probability is at "
            "least 0 and below 1, where the odds end.",
            code="threshold",
        )
    return at
