"""What another hospital's own lesions tell: how far they have drifted, what recalibrates."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.checks import aligned_outcome
from tumor_response.exceptions import EvaluationError
from tumor_response.models import patients_of
from tumor_response.outcomes import ResponderCut
from tumor_response.parallel.threads import held_threads
from tumor_response.predictor.domain import Drift
from tumor_response.predictor.new_lesions import NewLesions
from tumor_response.predictor.predicting import checked_lesions, raw_outputs_of
from tumor_response.predictor.recalibration import recalibrated
from tumor_response.predictor.refusal import RefusalRule
from tumor_response.predictor.state import PredictorState

__all__ = ["drift_of", "outcome_by_the_cut", "recalibrated_on"]

_UNKNOWN = "outcome_missing"


def drift_of(state: PredictorState, new: NewLesions) -> Drift:
    """Compare lesions as a whole with the training cohort; those without features are left out."""
    X, codes, _ = checked_lesions(state, new, RefusalRule())
    known = codes == ""
    return state.domain.drift(X[known], None if new.facts is None else new.facts[known])


def recalibrated_on(
    state: PredictorState, new: NewLesions, y: pd.Series, *, parent_sha256: str
) -> PredictorState:
    """Return the state recalibrated on lesions whose outcome is known.

    Parameters
    ----------
    state
        The parent.
    new
        Local lesions.
    y
        Outcomes with the lesions' index: classes, the end point that the state's cut was made on,
        or rates.
    parent_sha256
        Of the parent's file; empty if it was never saved.

    Returns
    -------
    PredictorState
        Its last parent says how many lesions were left out, by reason.

    Raises
    ------
    EvaluationError
        Codes ``too_few_patients``, ``y``, ``index_mismatch``.
    """
    X, codes, _ = checked_lesions(state, new, RefusalRule())
    outcome = outcome_by_the_cut(state, aligned_outcome(y, X.index, None))
    left_out = np.where(codes == "", np.where(outcome.isna(), _UNKNOWN, ""), codes)
    used = left_out == ""
    rows = X[used]
    if not used.any():
        raise EvaluationError(
            f"No lesion is left to recalibrate on: {_counts(left_out)}.", code="too_few_patients"
        )
    with held_threads(1):
        outputs = raw_outputs_of(state, state.model, rows)
        of_volume = raw_outputs_of(state, state.volume_model, rows)
    child = recalibrated(
        state,
        outputs,
        outcome[used].to_numpy(),
        patients_of(rows),
        volume_outputs=of_volume,
        parent_sha256=parent_sha256,
    )
    told = {**child.parents[-1], "left_out": _counts(left_out)}
    return replace(child, parents=(*child.parents[:-1], told))


def outcome_by_the_cut(state: PredictorState, outcome: pd.Series) -> pd.Series:
    """Return outcomes as the model means them: by the cut that its training lesions fitted.

    Raises
    ------
    EvaluationError
        Code ``y``: neither 0 and 1 nor the end point of a cut that can be applied to it.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> cut = {"label": {"rule": "ResponderCut", "cut": "median", "by": None}, "cut": 0.9,
    ...        "name": "rate_percent_per_day"}
    >>> state = SimpleNamespace(task="response", end_point=cut)
    >>> rate = pd.Series([0.2, 1.4], name="rate_percent_per_day")
    >>> outcome_by_the_cut(state, rate).tolist()
    [0.0, 1.0]
    """
    if state.task == "rate" or set(outcome.dropna().unique()) <= {0.0, 1.0}:
        return outcome
    end_point = state.end_point
    label = end_point.get("label") or {}
    name = label.get("by") or end_point.get("name")
    if label.get("rule") != "ResponderCut" or outcome.name not in (name, end_point.get("name")):
        raise EvaluationError(
            f"y ({outcome.name}) holds other values than 0 and 1, and the predictor has no cut for "
            f"it: it was fitted to {end_point.get('name')!r}"
            f"{' by ' + label['rule'] if label else ''}. Give 0 and 1.",
            code="y",
        )
    return ResponderCut(float(end_point["cut"]), name).label(outcome, float(end_point["cut"]))


def _counts(left_out: npt.NDArray[Any]) -> dict[str, int]:
    return dict(sorted(Counter(str(code) for code in left_out if code).items()))
