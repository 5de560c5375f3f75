"""Who was in which resample, every score out of bag, and what the headline is made of.

Together they are all that a figure of the evaluation needs: the values themselves are not among
them, so that whoever recomputes them has not read them off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.evaluation.intervals import default_method
from tumor_response.exceptions import EvaluationError
from tumor_response.export.outcomes import KEY_VARIABLES, lesions_of
from tumor_response.export.pseudonymous import Keys
from tumor_response.formats import Sheet, Variable
from tumor_response.outcomes import SHRANK_SIGN, ResponderCut

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult

__all__ = [
    "LEVEL",
    "apparent_sheet",
    "headline_frame",
    "headline_model",
    "resample_sheet",
    "score_sheet",
]

LEVEL = 0.95
"""Level of the intervals, as in :meth:`tumor_response.EvaluationResult.summary`."""

_RESAMPLE = Variable("resample", "Number of the resample, from 1", "number")
_YES_NO = {0: "no", 1: "yes"}
_SETTINGS = ("n_resamples", "n_folds", "n_repeats", "n_inner_folds", "seed")
"""Settings of schemes that may leave: numbers. Others name sites and days."""


def resample_sheet(result: EvaluationResult, keys: Keys) -> Sheet:
    """Return one row per resample and patient: how often drawn, whether tested.

    Parameters
    ----------
    result
        The evaluation.
    keys
        From :func:`tumor_response.export.pseudonymous.new_keys`.
    """
    lesions = lesions_of(result)
    patients = keys.index(lesions).get_level_values(0).to_numpy(dtype=object)
    names, first, who = np.unique(patients, return_index=True, return_inverse=True)
    parts = []
    for number, (resample, one) in enumerate(
        zip(result.resamples, result.out_of_bag, strict=True), 1
    ):
        # a copy of a patient brings all its lesions, so the count is that of the first
        drawn = np.bincount(resample.train, minlength=len(patients))[first]
        tested = np.bincount(who[resample.test], minlength=len(names)) > 0
        part = pd.DataFrame(
            {
                "resample": float(number),
                "patient_id": names,
                "times_drawn": drawn.astype("float64"),
                "tested": tested.astype("float64"),
                "repetition": float(resample.repeat + 1),
                "fold": float(resample.fold + 1),
                "n_redrawn": float(resample.n_redrawn),
                "cut": np.nan if one.cut is None else one.cut,
            }
        )
        parts.append(part[(drawn > 0) | tested])
    variables = (
        _RESAMPLE,
        KEY_VARIABLES[0],
        Variable("times_drawn", "How often the training rows have the patient", "number"),
        Variable("tested", "Whether the patient was scored there", "number", value_labels=_YES_NO),
        Variable("repetition", "Repetition of the folds, from 1", "number"),
        Variable("fold", "Fold within the repetition, from 1", "number"),
        Variable("n_redrawn", "How often it was drawn again, a side having one class", "number"),
        Variable("cut", "Cut between the classes that its training rows decide", "number"),
    )
    label = "Who is in which resample: trained on, and how often, or tested"
    return Sheet("resamples", label, pd.concat(parts, ignore_index=True), variables)


def score_sheet(result: EvaluationResult, keys: Keys) -> Sheet:
    """Return one row per resample and tested lesion: outcome by that resample's cut, scores.

    Columns ``score_1``, ``score_2`` ... are the models, in order.
    """
    index = keys.index(lesions_of(result))
    at = np.concatenate([resample.test for resample in result.resamples])
    sizes = [len(resample.test) for resample in result.resamples]
    frame = index[at].to_frame(index=False)
    frame.insert(0, "resample", np.repeat(np.arange(1.0, len(sizes) + 1), sizes))
    frame["y"] = np.concatenate([one.y_test for one in result.out_of_bag]).astype("float64")
    for number, name in enumerate(result.models, 1):
        frame[f"score_{number}"] = np.concatenate([one.scores[name] for one in result.out_of_bag])
    frame = frame.sort_values(["resample", "patient_id", "lesion_id"], ignore_index=True)
    label = "Scores of lesions whose patients were left out, resample by resample"
    return Sheet("scores", label, frame, (_RESAMPLE, *_scored_variables(result)))


def apparent_sheet(result: EvaluationResult, keys: Keys) -> Sheet:
    """Return the scores of each model fitted to all rows, or to the training rows of one split."""
    frame = keys.index(lesions_of(result)).to_frame(index=False)
    frame["y"] = result.rows.y.astype("float64")
    for number, name in enumerate(result.models, 1):
        frame[f"score_{number}"] = result.apparent_scores[name]
    frame = frame.sort_values(["patient_id", "lesion_id"], ignore_index=True)
    label = "Scores of lesions by models fitted to these lesions: apparent, not honest"
    return Sheet("apparent", label, frame, _scored_variables(result))


def headline_model(result: EvaluationResult, name: str | None) -> str:
    """Return the model whose value is the headline: the first of the evaluation, unless named.

    Raises
    ------
    EvaluationError
        Code ``unknown_model``.
    """
    chosen = result.models[0] if name is None else name
    if chosen not in result.models:
        raise EvaluationError(
            f"headline={name!r}: the evaluation has {', '.join(map(repr, result.models))}.",
            code="unknown_model",
        )
    return chosen


def headline_frame(result: EvaluationResult, headline: str) -> pd.DataFrame:
    """Return, for each model, what the scripts are to compute; none of what they are to find."""
    scheme = result.scheme
    fields = type(scheme).model_fields
    about = {
        "task": result.task,
        "measure": result.measure,
        "headline": result.headline,
        "ci_method": default_method(result),
        "level": LEVEL,
        "scheme": type(scheme).__name__,
        "kind": scheme.kind,
        **{name: getattr(scheme, name) for name in _SETTINGS if name in fields},
        **_label(result),
    }
    return pd.DataFrame(
        [
            {
                "model": name,
                "score_column": f"score_{number}",
                "is_headline": int(name == headline),
                **about,
            }
            for number, name in enumerate(result.models, 1)
        ]
    )


def _label(result: EvaluationResult) -> Mapping[str, object]:
    """Return how classes come of the end point, as far as a few words and numbers say it."""
    rule = result.rows.label
    if not isinstance(rule, ResponderCut):
        return {"cut": "", "cut_is_fitted": int(result.rows.cut_is_fitted), "shrank_sign": 0}
    by = rule.by if rule.by is not None else str(result.rows.outcome.name)
    return {
        "cut": str(rule.cut),
        "cut_is_fitted": int(rule.is_fitted),
        "shrank_sign": SHRANK_SIGN[by],
    }


def _scored_variables(result: EvaluationResult) -> tuple[Variable, ...]:
    labels = {0: "shrank less", 1: "shrank more"} if result.task == "response" else {}
    scores = [
        Variable(f"score_{number}", f"Score by the model {name}", "number")
        for number, name in enumerate(result.models, 1)
    ]
    y = Variable("y", "Outcome, by the cut of that fit", "number", value_labels=labels)
    return (*KEY_VARIABLES, y, *scores)
