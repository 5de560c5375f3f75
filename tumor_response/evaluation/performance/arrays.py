"""What a figure of merit may be computed from, checked once, with a reason for every refusal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import EvaluationError

__all__ = ["FloatArray", "checked_classes", "checked_numbers", "checked_probabilities", "numbers"]

FloatArray = npt.NDArray[np.float64]


def numbers(values: npt.ArrayLike, what: str) -> FloatArray:
    """Return a one-dimensional array of finite floats.

    Raises
    ------
    EvaluationError
        ``shape`` for nothing or for more than one axis, ``not_finite`` for NaN or infinity.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise EvaluationError(
            f"{what}: expected one number per lesion, received shape {array.shape}.", code="shape"
        )
    strange = int((~np.isfinite(array)).sum())
    if strange:
        raise EvaluationError(
            f"{what}: {strange} of {array.size} values are NaN or infinite; leave these lesions "
            "out of outcome and predictions alike, and say how many they were.",
            code="not_finite",
        )
    return array


def checked_numbers(y: npt.ArrayLike, prediction: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return outcome and predictions as finite floats of one length.

    Raises
    ------
    EvaluationError
        As :func:`numbers`; ``shape`` also where the lengths differ.

    Examples
    --------
    >>> checked_numbers([1, 2], [0.5, 1])
    (array([1., 2.]), array([0.5, 1. ]))
    """
    outcome, predicted = numbers(y, "y"), numbers(prediction, "predictions")
    if outcome.size != predicted.size:
        raise EvaluationError(
            f"y has {outcome.size} values and the predictions {predicted.size}; they must belong "
            "to the same lesions in the same order.",
            code="shape",
        )
    return outcome, predicted


def checked_classes(y: npt.ArrayLike, score: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return classes 0 and 1, both there, and scores of the same length.

    Raises
    ------
    EvaluationError
        As :func:`checked_numbers`; ``y`` for other values, ``one_class`` if one class is missing.

    Examples
    --------
    >>> checked_classes([0, 0], [0.1, 0.2])
    Traceback (most recent call last):
    ...
    tumor_response.exceptions.EvaluationError: y has 0 responders among 2 lesions; this needs \
both classes.
    """
    outcome, scores = checked_numbers(y, score)
    _check_binary(outcome)
    n_positive = int(outcome.sum())
    if n_positive in (0, outcome.size):
        raise EvaluationError(
            f"y has {n_positive} responders among {outcome.size} lesions; this needs both classes.",
            code="one_class",
        )
    return outcome, scores


def checked_probabilities(y: npt.ArrayLike, p: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return classes 0 and 1, one of them possibly missing, and probabilities.

    Raises
    ------
    EvaluationError
        As :func:`checked_numbers`; ``y`` for other classes, ``not_probability`` for predictions
        below 0 or above 1: a decision value is never squeezed into a probability silently.

    Examples
    --------
    >>> checked_probabilities([0, 1], [-0.3, 1.7])
    Traceback (most recent call last):
    ...
    tumor_response.exceptions.EvaluationError: The predictions run from -0.3 to 1.7 and are no \
probabilities; ...
    """
    outcome, probabilities = checked_numbers(y, p)
    _check_binary(outcome)
    low, high = float(probabilities.min()), float(probabilities.max())
    if low < 0 or high > 1:
        raise EvaluationError(
            f"The predictions run from {low:.4g} to {high:.4g} and are no probabilities; "
            "calibration, Brier score, log-loss and net benefit are not defined for decision "
            "values. Fit the model with its probabilities, inside the resampling.",
            code="not_probability",
        )
    return outcome, probabilities


def _check_binary(outcome: FloatArray) -> None:
    strange = outcome[(outcome != 0) & (outcome != 1)]
    if strange.size:
        raise EvaluationError(
            f"y holds {np.unique(strange)[:3].tolist()} besides 0 and 1; give the classes of one "
            "cut.",
            code="y",
        )
