"""Scores to probabilities: a sigmoid fitted to scores of patients that were not trained on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from tumor_response.models.newton import damped_newton
from tumor_response.models.ridge_path import logistic_losses

__all__ = ["Calibrated", "Sigmoid", "calibrated_choice", "fit_sigmoid", "prior_sigmoid"]

FloatArray = npt.NDArray[np.float64]

LEAST_SLOPE = 0.01
"""The flattest sigmoid, in log-odds per standard deviation of the scores."""


class Sigmoid(NamedTuple):
    """``P(y = 1 | score) = expit(slope * score + offset)``."""

    slope: float
    offset: float


class Calibrated(NamedTuple):
    """The best of several candidates, with its sigmoid.

    Attributes
    ----------
    best : int
        Position of the candidate.
    sigmoid : Sigmoid
    deviances : ndarray of shape (n_candidates,)
        Two times the negative log-likelihood per row of the calibrated out-of-fold scores.
    """

    best: int
    sigmoid: Sigmoid
    deviances: FloatArray


def fit_sigmoid(scores: FloatArray, label: FloatArray, weight: FloatArray) -> Sigmoid:
    r"""Fit Platt's sigmoid to scores of rows that were not trained on.

    Minimises the weighted cross-entropy between ``expit(slope * score + offset)`` and Platt's
    targets :math:`t_+ = (N_+ + 1) / (N_+ + 2)` and :math:`t_- = 1 / (N_- + 2)` (Platt 1999, in
    Advances in Large Margin Classifiers, 61), which keep the slope finite where the scores
    separate the classes; :math:`N` are sums of weights. By Newton's method with halved steps on
    cross-entropies that cannot overflow, the algorithm of Lin, Lin and Weng (2007, Mach. Learn.
    68:267) that mends Platt's own.

    The slope is never below a hundredth per standard deviation of the scores. Out-of-fold
    scores of noise run against the classes more often than with them, since the held-out class is
    the one that the training rows have less of; a free slope would turn the model round. Held,
    the probability is the prior all but alone, and the order of the patients is the model's.

    Parameters
    ----------
    scores, label, weight : arrays of shape (n_rows,)
        ``label`` holds 0 and 1, both of them.

    Examples
    --------
    >>> found = fit_sigmoid(np.array([-1.0, 1.0]), np.array([0.0, 1.0]), np.ones(2))
    >>> round(found.slope, 6), round(abs(found.offset), 6)  # targets 1/3 and 2/3
    (0.693147, 0.0)
    """
    return _fit_sigmoids(scores[None, :], label, weight)[0]


def calibrated_choice(out_of_fold: FloatArray, label: FloatArray, weight: FloatArray) -> Calibrated:
    """Return the candidate whose calibrated out-of-fold scores have the smallest deviance.

    Every candidate gets two parameters, so that what fitting them flatters is alike for all. Of
    equal deviances the first candidate wins: give the simplest first.

    Parameters
    ----------
    out_of_fold : array of shape (n_candidates, n_rows)
    label, weight : arrays of shape (n_rows,)

    Examples
    --------
    >>> scores = np.array([[0.0, 1.0, 0.5, 0.2], [0.0, 0.1, 1.0, 0.9]])
    >>> calibrated_choice(scores, np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4)).best
    1
    """
    sigmoids = _fit_sigmoids(out_of_fold, label, weight)
    deviances = np.array(
        [
            2 * weight @ logistic_losses(one.slope * scores + one.offset, label) / weight.sum()
            for one, scores in zip(sigmoids, out_of_fold, strict=True)
        ]
    )
    # what differs by rounding is equal
    best = int(np.argmax(deviances <= deviances.min() + 1e-9))
    return Calibrated(best, sigmoids[best], deviances)


def prior_sigmoid(scores: FloatArray, label: FloatArray, weight: FloatArray) -> Sigmoid:
    """Return the flattest sigmoid about the classes' share, for scores of training rows.

    What may be said where no patient can be held out.

    Examples
    --------
    >>> flat = prior_sigmoid(np.array([0.0, 2.0]), np.array([0.0, 1.0]), np.ones(2))
    >>> flat.slope, flat.offset
    (0.01, -0.01)
    """
    mean = np.average(scores, weights=weight)
    spread = float(np.sqrt(np.average((scores - mean) ** 2, weights=weight)))
    share = float(np.average(label, weights=weight))
    slope = LEAST_SLOPE / spread if spread > 1e-12 * max(1.0, abs(float(mean))) else 0.0
    return Sigmoid(slope, float(np.log(share / (1 - share)) - slope * mean))


def _fit_sigmoids(scores: FloatArray, label: FloatArray, weight: FloatArray) -> list[Sigmoid]:
    """Fit the sigmoids of all candidates (rows of ``scores``) side by side."""
    positive, negative = weight @ label, weight @ (1 - label)
    target = np.where(label > 0, (positive + 1) / (positive + 2), 1 / (negative + 2))
    mean = scores @ weight / weight.sum()
    spread = np.sqrt((scores - mean[:, None]) ** 2 @ weight / weight.sum())
    constant = spread <= 1e-12 * np.maximum(1.0, np.abs(mean))
    spread[constant] = np.inf
    standard = (scores - mean[:, None]) / spread[:, None]
    ones = np.ones_like(standard)
    # a constant score has no slope: whatever it is multiplied with is 0
    start = np.where(constant[:, None], [[0.0, 0.0]], [[1.0, 0.0]])
    lines = _minimised(np.stack([standard, ones], axis=2), target, weight, start, 0.0)
    held = ~constant & (lines[:, 0] < LEAST_SLOPE)
    if held.any():
        lines[held, 0] = LEAST_SLOPE
        lines[held, 1:] = _minimised(
            ones[held][..., None], target, weight, lines[held, 1:], LEAST_SLOPE * standard[held]
        )
    slopes = lines[:, 0] / spread
    offsets = lines[:, 1] - slopes * mean
    return [Sigmoid(float(a), float(b)) for a, b in zip(slopes, offsets, strict=True)]


def _minimised(
    designs: FloatArray,
    target: FloatArray,
    weight: FloatArray,
    start: FloatArray,
    known: FloatArray | float,
) -> FloatArray:
    """Minimise each design's cross-entropy of targets strictly between 0 and 1.

    ``designs`` is (n_problems, n_rows, n_unknown); ``known`` is added to the log-odds.
    """

    def logits(at: FloatArray) -> FloatArray:
        summed: FloatArray = np.einsum("pru,pu->pr", designs, at) + known
        return summed

    def objective(at: FloatArray) -> FloatArray:
        value: FloatArray = logistic_losses(logits(at), target) @ weight
        return value

    def derivatives(at: FloatArray) -> tuple[FloatArray, FloatArray]:
        probability = expit(logits(at))
        gradient = np.einsum("pru,pr->pu", designs, weight * (probability - target))
        curved = designs * (weight * probability * (1 - probability))[..., None]
        hessian = np.einsum("pru,prv->puv", curved, designs)
        return gradient, hessian + 1e-12 * np.eye(designs.shape[2])

    return damped_newton(objective, derivatives, start, "Platt's sigmoid")
