"""The .632 family for every figure of merit, as Efron and Tibshirani (1997) define it for errors.

A figure is a loss (Brier, log-loss: 0 is best) or a gain (AUC, C, R2, average precision: 1 is
best). With ``apparent``, the figure of the model fitted and scored on all rows, ``out_of_bag``,
its mean out of bag, and ``no_information``, what the predictions of the fit on all rows would
reach if outcomes were dealt out to them at random:

- ``.632 = 0.368 apparent + 0.632 out_of_bag`` (Efron 1983), for every figure the formula of
  :func:`~tumor_response.evaluation.auc_632`;
- the out-of-bag figure is held at ``no_information``, for it cannot honestly be worse:
  ``held = min(out_of_bag, no_information)`` of a loss, ``max`` of a gain;
- ``R = (held - apparent) / (no_information - apparent)`` where out of bag is worse than apparent
  and apparent better than no information, else 0: always from 0 to 1;
- ``w = 0.632 / (1 - 0.368 R)`` and ``.632+ = (1 - w) apparent + w held``.

For the AUC and ``no_information = 0.5`` this is :func:`~tumor_response.evaluation.auc_632plus`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.performance.arrays import (
    FloatArray,
    checked_classes,
    checked_numbers,
    checked_probabilities,
)
from tumor_response.evaluation.performance.brier import CLIP
from tumor_response.evaluation.performance.discrimination import average_precision_by_chance
from tumor_response.exceptions import EvaluationError

__all__ = [
    "estimate_632plus",
    "no_information_average_precision",
    "no_information_brier",
    "no_information_log_loss",
    "no_information_r2",
    "overfitting_rate",
]

Better = Literal["low", "high"]


def overfitting_rate(
    apparent: float, out_of_bag: float, no_information: float, better: Better
) -> float:
    """Return R, the share of the way from apparent to no information that was lost, 0 to 1.

    Parameters
    ----------
    apparent, out_of_bag, no_information
        See the module.
    better
        ``"low"`` for a loss, ``"high"`` for a gain.

    Raises
    ------
    EvaluationError
        ``better`` is neither.

    Examples
    --------
    >>> overfitting_rate(0.0, 0.25, 0.5, "low"), overfitting_rate(1.0, 0.4, 0.5, "high")
    (0.5, 1.0)
    """
    sign = _sign(better)
    lost = sign * (apparent - _held(out_of_bag, no_information, sign))
    all_to_lose = sign * (apparent - no_information)
    if lost <= 0 or all_to_lose <= 0:
        return 0.0
    return lost / all_to_lose


def estimate_632plus(
    apparent: float, out_of_bag: float, no_information: float, better: Better
) -> float:
    """Return the .632+ estimate of a loss or a gain.

    Parameters
    ----------
    apparent, out_of_bag, no_information, better
        As for :func:`overfitting_rate`.

    Raises
    ------
    EvaluationError
        ``better`` is neither ``"low"`` nor ``"high"``.

    Examples
    --------
    >>> round(estimate_632plus(0.0, 0.25, 0.5, "low"), 4)
    0.1936
    >>> estimate_632plus(1.0, 0.45, 0.5, "high")
    0.5
    """
    w = 0.632 / (1 - 0.368 * overfitting_rate(apparent, out_of_bag, no_information, better))
    return (1 - w) * apparent + w * _held(out_of_bag, no_information, _sign(better))


def _held(out_of_bag: float, no_information: float, sign: int) -> float:
    return sign * max(sign * out_of_bag, sign * no_information)


def _sign(better: str) -> int:
    if better not in ("low", "high"):
        raise EvaluationError(f"better={better!r}: expected 'low' or 'high'.", code="better")
    return 1 if better == "high" else -1


def no_information_brier(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Return the mean of ``(y_i - p_j)^2`` over all n^2 pairs of outcomes and predictions.

    ``pi (1 - pi) + var(p) + (pi - mean(p))^2`` with the prevalence pi: never below what the
    prevalence itself reaches, and 0.5 for certain predictions, right or wrong, at a prevalence of
    one half.

    Raises
    ------
    EvaluationError
        ``y``, ``not_probability``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> no_information_brier([0, 1], [0, 1])
    0.5
    """
    outcome, probabilities = checked_probabilities(y, p)
    return _mean_over_pairs_of_squares(outcome, probabilities)


def no_information_log_loss(y: npt.ArrayLike, p: npt.ArrayLike, clip: float = CLIP) -> float:
    """Return the mean log-loss over all pairs of outcomes and predictions.

    ``-(pi mean(ln p) + (1 - pi) mean(ln(1 - p)))``. With certain predictions it is decided by the
    clip, and the .632+ estimate with it.

    Parameters
    ----------
    y, p, clip
        As for :func:`~.brier.log_loss`.

    Raises
    ------
    EvaluationError
        ``y``, ``not_probability``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> round(no_information_log_loss([0, 1], [0.5, 0.5]), 3)
    0.693
    """
    outcome, probabilities = checked_probabilities(y, p)
    kept = np.clip(probabilities, clip, 1 - clip)
    prevalence = outcome.mean()
    return float(-prevalence * np.log(kept).mean() - (1 - prevalence) * np.log1p(-kept).mean())


def no_information_r2(y: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Return R2 with its squared error replaced by the mean of that over all pairs.

    ``-(var(prediction) + (mean(y) - mean(prediction))^2) / var(y)``: 0 for a constant at the mean,
    and about -1 for predictions as spread as the outcome.

    Raises
    ------
    EvaluationError
        ``constant_outcome``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> no_information_r2([0, 1, 2], [0, 1, 2]), no_information_r2([0, 1, 2], [1, 1, 1])
    (-1.0, 0.0)
    """
    outcome, predicted = checked_numbers(y, prediction)
    variance = float(outcome.var())
    if np.ptp(outcome) == 0:
        raise EvaluationError(
            f"All {outcome.size} outcomes are {outcome[0]:g}; R2 has no value.",
            code="constant_outcome",
        )
    return 1 - _mean_over_pairs_of_squares(outcome, predicted) / variance


def no_information_average_precision(outcomes: Sequence[npt.ArrayLike]) -> float:
    """Return what random scores reach on the out-of-bag rows, averaged over resamples.

    Average precision is no mean over lesions, so there is nothing to average over pairs; what the
    pairs stand for, outcomes dealt out to the predictions at random, has the expectation
    :func:`~.discrimination.average_precision_by_chance`. It depends on the number of rows, and
    those of the out-of-bag figure are the ones that it is held against.

    Parameters
    ----------
    outcomes : sequence of arrays
        The out-of-bag classes of each resample.

    Raises
    ------
    EvaluationError
        ``one_class``, ``y``, ``shape`` or ``not_finite``.

    Examples
    --------
    >>> round(no_information_average_precision([[0, 1, 0, 1]]), 3)
    0.681
    """
    chances = []
    for one in outcomes:
        y, _ = checked_classes(one, np.zeros(np.size(one)))
        chances.append(average_precision_by_chance(int(y.sum()), y.size))
    return float(np.mean(chances))


def _mean_over_pairs_of_squares(y: FloatArray, prediction: FloatArray) -> float:
    return float(y.var() + prediction.var() + (y.mean() - prediction.mean()) ** 2)
