"""What was measured of a predictor's model, as aggregates that travel with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.evaluation import EvaluationResult
from tumor_response.evaluation.controls import NegativeControls
from tumor_response.evaluation.leakage import LeakageTrace
from tumor_response.exceptions import EvaluationError
from tumor_response.models import final_estimator
from tumor_response.predictor.state import PredictorState

__all__ = ["ABOUT", "described"]

ABOUT: Final = ("name", "intended_use", "cohort", "limits", "contact", "licence")
"""What a person may say of a predictor, each one text."""

_PERFORMANCE: Final = (
    "calibration_slope",
    "calibration_in_the_large",
    "brier",
    "scaled_brier",
    "ici",
)


def described(
    state: PredictorState,
    *,
    evaluation: EvaluationResult | None = None,
    model: str | None = None,
    controls: NegativeControls | None = None,
    trace: LeakageTrace | None = None,
    about: Mapping[str, str] | None = None,
) -> PredictorState:
    """Return the state with what was measured of its model noted in its record.

    Parameters
    ----------
    state
        Of a fitted predictor.
    evaluation
        Of the same model on the same lesions; beside it the other models that were evaluated.
    model
        The predictor's model by its name in ``evaluation``; None: the only one that is none of
        the baselines (``volume_only``, ``clinical_only``, ``dummy``).
    controls, trace
        Negative controls and leakage trace of that model.
    about
        What a person has to say: some of ``name``, ``intended_use``, ``cohort``, ``limits``,
        ``contact`` and ``licence``. It travels as it is written.

    Raises
    ------
    EvaluationError
        Code ``other_evaluation``: other lesions, another end point or another kind of model than
        the predictor's. ``unknown_model``: no model of that name, or several that may be meant.
        ``about``: an unknown entry.
    """
    record = dict(state.record)
    if evaluation is not None:
        name = _name_of(evaluation, model)
        _check_same(state, evaluation, name)
        record["evaluation"] = _evaluation(evaluation, name)
    if controls is not None:
        record["controls"] = _controls(controls)
    if trace is not None:
        record["leakage"] = {
            "classes": trace.strip(),
            "n_watched": len(trace.resamples),
            "n_resamples": trace.n_resamples,
            "sha256": trace.sha256,
        }
    if about is not None:
        unknown = sorted(set(about) - set(ABOUT))
        if unknown or not all(isinstance(text, str) for text in about.values()):
            raise EvaluationError(
                f"about has {unknown or 'values that are no text'}; expected texts for some of "
                f"{', '.join(ABOUT)}.",
                code="about",
            )
        record["about"] = {**record.get("about", {}), **about}
    return replace(state, record=record)


def _name_of(evaluation: EvaluationResult, model: str | None) -> str:
    if model is not None and model in evaluation.models:
        return model
    baselines = {"volume_only", "clinical_only", "dummy"}
    others = [name for name in evaluation.models if name not in baselines]
    if model is None and len(others) == 1:
        return others[0]
    raise EvaluationError(
        f"model={model!r}: which of {', '.join(map(repr, evaluation.models))} is the predictor's?",
        code="unknown_model",
    )


def _check_same(state: PredictorState, evaluation: EvaluationResult, name: str) -> None:
    fit = state.record.get("fit", {})
    evaluated = {
        "n_lesions": len(evaluation.rows.X),
        "task": evaluation.task,
        "model": _kind(evaluation.rows.models[name]),
    }
    fitted = {
        "n_lesions": fit.get("n_lesions"),
        "task": state.task,
        "model": _kind(state.model),
    }
    differs = [key for key in fitted if fitted[key] != evaluated[key]]
    if differs:
        said = "; ".join(
            f"{key} {evaluated[key]}, the predictor's {fitted[key]}" for key in differs
        )
        raise EvaluationError(
            f"The evaluation is not of this predictor's model: {said}. A card that quotes another "
            "study's numbers would be believed.",
            code="other_evaluation",
        )


def _kind(model: BaseEstimator) -> str:
    return type(final_estimator(model)).__name__


def _evaluation(evaluation: EvaluationResult, name: str) -> dict[str, Any]:
    summary = evaluation.summary()
    headline = evaluation.headline
    wanted = [headline, "ci_low", "ci_high", f"{evaluation.measure}_apparent"]
    wanted += [f"{evaluation.measure}_632plus"]
    rows = {
        str(one): {
            column: _number(summary.loc[one, column]) for column in wanted if column in summary
        }
        for one in summary.index
    }
    own = summary.loc[name]
    noted: dict[str, Any] = {
        "model": name,
        "headline": headline,
        "ci_method": str(own["ci_method"]),
        "scheme": type(evaluation.scheme).__name__,
        "scheme_sha256": evaluation.scheme.sha256,
        "n_patients": int(str(own["n_patients"])),
        "n_lesions": int(str(own["n_lesions"])),
        "n_resamples": int(str(own["n_resamples"])),
        "cut": str(own["cut"]),
        "models": rows,
    }
    for baseline in ("volume_only", "clinical_only"):
        if baseline in evaluation.models and baseline != name:
            difference = evaluation.compare(name, baseline)
            noted[f"beyond_{baseline}"] = {
                key: _number(difference[key]) for key in ("difference", "ci_low", "ci_high")
            }
    if evaluation.is_probability.get(name):
        performance = evaluation.performance([name]).loc[name]
        quoted = next(c for c in ("oob", "cv", "test") if c in performance)
        noted["performance"] = {
            measure: _number(performance.loc[measure, quoted])
            for measure in _PERFORMANCE
            if measure in performance.index
        }
    return noted


def _controls(controls: NegativeControls) -> dict[str, Any]:
    summary = controls.summary()
    headline = controls.result.headline
    numbers = [headline, "ci_low", "ci_high", "expectation", "difference"]
    numbers += ["difference_low", "difference_high", "p_value"]
    return {
        "model": controls.model,
        "headline": headline,
        "rows": {
            str(name): {
                "keeps": str(row["keeps"]),
                "verdict": str(row["verdict"]),
                **{key: _number(row.get(key)) for key in numbers},
            }
            for name, row in summary.iterrows()
        },
        "skipped": dict(controls.skipped),
        "sentences": list(controls.verdicts()),
    }


def _number(value: Any) -> float | None:
    """Return a float that JSON can hold."""
    if value is None or pd.isna(value):
        return None
    number = float(value)
    return number if math.isfinite(number) else None
