"""Which predictions a figure is made of: three ways of collecting an evaluation's scores."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.performance.arrays import FloatArray
from tumor_response.exceptions import EvaluationError

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = [
    "apparent_predictions",
    "bagged_predictions",
    "check_models",
    "check_probabilities",
    "check_responses",
    "single_fit_predictions",
    "words_for_predictions",
]

Pairs = tuple[npt.NDArray[Any], FloatArray]

_WORDS = {
    "bootstrap": "out of bag, each resample's own fit",
    "folds": "left out, each fold's own fit",
    "test_set": "on the test set",
}


def words_for_predictions(result: EvaluationResult) -> str:
    """Return how a figure names the predictions of :func:`single_fit_predictions`."""
    return _WORDS[result.scheme.kind]


def check_models(result: EvaluationResult, names: Iterable[str]) -> None:
    """Refuse a name that was not evaluated.

    Raises
    ------
    EvaluationError
        ``unknown_model``.
    """
    for name in names:
        if name not in result.models:
            raise EvaluationError(
                f"No model {name!r} in this evaluation; there are "
                f"{', '.join(map(repr, result.models))}.",
                code="unknown_model",
            )


def check_responses(result: EvaluationResult) -> None:
    """Refuse an evaluation of rates or tertiles.

    Raises
    ------
    EvaluationError
        ``task``.
    """
    if result.task != "response":
        raise EvaluationError(
            f"This evaluation is of the task {result.task!r}; calibration of probabilities, "
            "precision, thresholds and net benefit are of responses, 0 or 1.",
            code="task",
        )


def check_probabilities(result: EvaluationResult, names: Iterable[str]) -> None:
    """Refuse models whose scores are no probabilities of response, and names that are not there.

    Raises
    ------
    EvaluationError
        ``unknown_model``, ``task``, ``not_probability``.
    """
    names = list(names)
    check_models(result, names)
    check_responses(result)
    for name in names:
        if not result.is_probability[name]:
            raise EvaluationError(
                f"The scores of model {name!r} are decision values and no probabilities; "
                "calibration, Brier score, log-loss and net benefit are not defined for them. "
                "Evaluate a model with predict_proba, such as one with Platt scaling in the fold.",
                code="not_probability",
            )


def single_fit_predictions(result: EvaluationResult, name: str) -> Pairs:
    """Return outcome and score of every lesion in every resample it was left out of, end to end.

    A lesion comes as often as it was out of bag, each time with the score of another fit and with
    its class by that resample's cut. What is computed from these pairs is about *one* fit of the
    model, averaged over fits: one fit is what will be used on the next patient, though one that
    has seen more patients than a bootstrap sample holds.

    Returns
    -------
    tuple of arrays of shape (n_pairs,)
    """
    return (
        np.concatenate([one.y_test for one in result.out_of_bag]),
        np.concatenate([one.scores[name] for one in result.out_of_bag]),
    )


def bagged_predictions(result: EvaluationResult, name: str) -> Pairs:
    """Return outcome (by the full-data cut) and mean left-out score of each lesion.

    The mean of hundreds of fits' scores is the prediction of an ensemble. It tends to rank better
    and is less extreme than its members, so that its calibration is not theirs.

    Returns
    -------
    tuple of arrays of shape (n_lesions_ever_left_out,)
    """
    scores = result.bagged_scores[name].to_numpy()
    seen = np.isfinite(scores)
    return result.rows.y[seen], scores[seen]


def apparent_predictions(result: EvaluationResult, name: str) -> Pairs:
    """Return outcome and score of the fit on all rows (with a test set: its training rows)."""
    scores = result.apparent_scores[name]
    seen = np.isfinite(scores)
    return result.rows.y[seen], scores[seen]
