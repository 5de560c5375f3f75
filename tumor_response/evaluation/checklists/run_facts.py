"""What an evaluation knows that a checklist asks for, each in a sentence or two."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor

from tumor_response.evaluation.checklists.model_facts import (
    blocks_used,
    step_names,
    steps_of,
    tuning_of,
)
from tumor_response.evaluation.planning.riley import supported_parameters
from tumor_response.models import final_estimator

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["facts_of_run"]

_KINDS = {
    "bootstrap": (
        "Bootstrap of patients: drawn with replacement, with all their lesions, the others out of "
        "bag. In every resample each model was fitted anew, with all its steps, to the drawn "
        "patients and scored on those out of bag."
    ),
    "folds": (
        "Patients, with all their lesions, were left out fold by fold. For every fold each model "
        "was fitted anew, with all its steps, to the others and scored on those left out."
    ),
    "test_set": (
        "One fixed split. Each model was fitted, with all its steps, to the training patients and "
        "scored once on the others."
    ),
}
_APART = {
    "LeaveOneSiteOut": "Each site in turn was tested on by models trained on the others.",
    "TemporalSplit": "Models were trained on earlier patients and tested on later ones.",
    "ExternalSet": "Models were trained on one set and tested on another, named beforehand.",
}


def facts_of_run(result: EvaluationResult) -> dict[str, str]:
    """Return facts by name; a fact that the run does not know is left out."""
    facts = {
        "population": _population(result),
        "flow": _flow(result),
        "predictors": _predictors(result),
        "clinical": _clinical(result),
        "missing": _missing(result),
        "outcome": _outcome(result),
        "steps": _each(result, steps_of),
        "tuning": _each(result, tuning_of) + _untuned(result),
        "scheme": f"{_KINDS[result.scheme.kind]} {_settings(result)}",
        "sizes": _sizes(result),
        "measures": f"Headline: {result.headline}; columns of the summary: "
        f"{', '.join(map(str, result.summary().columns))}.",
        "performance": _performance(result),
        "uncertainty": _uncertainty(result),
        "predictions": "Every lesion was scored by models that had not seen its patient, in "
        f"{len(result.resamples)} resample(s).",
        "balance": _balance(result),
        "output": _output(result),
        "apart": _APART.get(
            type(result.scheme).__name__,
            "Training and test patients are of one cohort, split at random: no external test.",
        ),
        "characteristics": _characteristics(result),
        "riley": _riley(result),
        "sites": _sites(result),
        "site_scheme": _site_scheme(result),
        "by_site": _by_site(result),
        "limits": _limits(result),
        "baselines": _baselines(result),
        "comparison": _comparison(result),
    }
    return {name: text for name, text in facts.items() if text}


def _each(result: EvaluationResult, told: Callable[[BaseEstimator], str]) -> str:
    return "; ".join(f"{name}: {told(model)}" for name, model in result.rows.models.items()) + "."


def _population(result: EvaluationResult) -> str:
    rows = result.rows
    text = f"{len(np.unique(rows.patients))} patients with {len(rows.y)} lesions were evaluated"
    if result.task == "response":
        text += f", {int(rows.y.sum())} of the lesions responders"
    return f"{text}."


def _flow(result: EvaluationResult) -> str:
    flow = result.cohort_flow
    parts = []
    for group, row in flow.iterrows():
        if "n_responders" in flow:
            classes = (
                f" ({int(row['n_responders'])} responder, {int(row['n_non_responders'])} other, "
                f"{int(row['n_unknown'])} unknown)"
            )
        else:
            classes = ""
        parts.append(
            f"{group}: {int(row['n_patients'])} patients, {int(row['n_lesions'])} lesions{classes}"
        )
    return "; ".join(parts) + "."


def _predictors(result: EvaluationResult) -> str:
    blocks = result.rows.blocks
    sizes = ", ".join(f"{block} ({len(columns):,})" for block, columns in blocks.items())
    total = sum(len(columns) for columns in blocks.values())
    return f"{total:,} predictor columns on offer, by block: {sizes}."


def _clinical(result: EvaluationResult) -> str:
    columns = result.rows.blocks.get("clinical", [])
    return f"Clinical columns: {', '.join(columns)}." if columns else ""


def _missing(result: EvaluationResult) -> str:
    shares = []
    for block, columns in result.rows.blocks.items():
        values = result.rows.X[columns].isna().to_numpy()
        if values.size:
            shares.append(f"{block} {100 * values.mean():.2g} %")
    imputed = [
        name
        for name, model in result.rows.models.items()
        if any("Imputer" in step for step in step_names(model))
    ]
    told = f"Missing values among the evaluated lesions: {', '.join(shares)}."
    if imputed:
        told += f" Imputed within the training patients of each resample by {', '.join(imputed)}."
    return told


def _outcome(result: EvaluationResult) -> str:
    rows = result.rows
    name = rows.end_point.name or "not named"
    if result.task == "rate":
        return f"End point: {name}, predicted as a number."
    if result.task == "tertiles":
        return f"End point: {name}, in ordered thirds."
    return f"End point: {name}; classes: {result.summary()['cut'].iloc[0]}."


def _untuned(result: EvaluationResult) -> str:
    untuned = {
        name: sum(name in one.untuned for one in result.out_of_bag) for name in result.models
    }
    told = ", ".join(f"{name} {count}" for name, count in untuned.items() if count)
    return f" Resamples with too few patients to tune: {told}." if told else ""


def _settings(result: EvaluationResult) -> str:
    scheme = result.scheme
    return f"{type(scheme).__name__} {scheme.to_json()}, SHA-256 {scheme.sha256}."


def _sizes(result: EvaluationResult) -> str:
    patients = result.rows.patients
    train, test = (
        np.mean([len(np.unique(patients[getattr(one, side)])) for one in result.resamples])
        for side in ("train", "test")
    )
    redrawn = sum(one.n_redrawn for one in result.resamples)
    return (
        f"{len(result.resamples)} resample(s); on average {train:.1f} different patients trained "
        f"on and {test:.1f} tested on; {redrawn} drawn again because a side lacked a class."
    )


def _performance(result: EvaluationResult) -> str:
    parts = []
    for name, row in result.summary().iterrows():
        interval = (
            f"{row['ci_low']:.3f} to {row['ci_high']:.3f}, {row['ci_method']}"
            if np.isfinite(row["ci_low"])
            else "no interval"
        )
        apparent = row[f"{result.measure}_apparent"]
        parts.append(
            f"{name}: {result.headline} {row[result.headline]:.3f} ({interval}), apparent "
            f"{apparent:.3f}"
        )
    return "; ".join(parts) + "."


def _uncertainty(result: EvaluationResult) -> str:
    methods = sorted(set(result.summary()["ci_method"]) - {"none"})
    return f"95 % intervals of {result.headline}: {', '.join(methods)}." if methods else ""


def _balance(result: EvaluationResult) -> str:
    if result.task != "response":
        return ""
    weighted = []
    for name, model in result.rows.models.items():
        for parameter, value in model.get_params().items():
            if parameter.endswith("class_weight") and value is not None:
                weighted.append(f"{name} ({parameter}={value!r})")
    told = f"{100 * result.rows.y.mean():.0f} % of the lesions are responders. "
    return told + (
        f"Class weights: {', '.join(weighted)}."
        if weighted
        else "No model was given class weights."
    )


def _output(result: EvaluationResult) -> str:
    if result.task != "response":
        what = "a rate" if result.task == "rate" else "the expected third, 0 to 2"
        return f"The models give {what}."
    kinds = {
        name: "probability of response" if is_probability else "decision value"
        for name, is_probability in result.is_probability.items()
    }
    told = "; ".join(f"{name}: {kind}" for name, kind in kinds.items())
    return f"{told}. No threshold was chosen by the evaluation."


def _characteristics(result: EvaluationResult) -> str:
    row = result.cohort_flow.iloc[0]
    parts = []
    for short, unit in (("volume_cc", "cc"), ("age", "years")):
        if f"{short}_median" in row:
            low, middle, high = (row[f"{short}_{part}"] for part in ("q1", "median", "q3"))
            parts.append(f"{short} median {middle:.3g} {unit} ({low:.3g} to {high:.3g})")
    return f"Evaluated lesions: {'; '.join(parts)}." if parts else ""


def _riley(result: EvaluationResult) -> str:
    if result.task != "response":
        return ""
    rows = result.rows
    n, p = len(np.unique(rows.patients)), sum(len(columns) for columns in rows.blocks.values())
    best = float(result.summary()[result.headline].max())
    if not 0.5 < best < 1:
        return ""
    supported = supported_parameters(n, float(rows.y.mean()), anticipated_auc=best)
    return (
        f"Had {best:.2f}, the best AUC found here, been anticipated, {n} patients would support "
        f"{supported} candidate parameter(s) by criteria 1 and 2 of Riley et al. 2019; the table "
        f"offers {p:,} columns."
    )


def _site_column(result: EvaluationResult) -> str | None:
    column = getattr(result.scheme, "column", "meta__site")
    return column if column in result.rows.X else None


def _sites(result: EvaluationResult) -> str:
    column = _site_column(result)
    if column is None or column != "meta__site":
        return ""
    return f"{column}: {result.rows.X[column].nunique()} site(s)."


def _site_scheme(result: EvaluationResult) -> str:
    return _APART["LeaveOneSiteOut"] if type(result.scheme).__name__ == "LeaveOneSiteOut" else ""


def _by_site(result: EvaluationResult) -> str:
    if not _site_scheme(result):
        return ""
    frame = result.by_resample()
    parts = [
        f"{row['model']} at {row['name']}: {row['value']:.3f}"
        for _, row in frame.iterrows()
        if pd.notna(row["value"])
    ]
    return "; ".join(parts) + "."


def _limits(result: EvaluationResult) -> str:
    summary = result.summary()
    gap = summary[f"{result.measure}_apparent"] - summary[result.headline]
    told = ", ".join(f"{name} {value:.3f}" for name, value in gap.items())
    counts = {
        "lesions never left out": summary.get("n_never_out", pd.Series([0])).max(),
        "resamples without a measure": summary["n_undefined"].max(),
    }
    other = ", ".join(f"{what}: {int(count)}" for what, count in counts.items() if count)
    return f"Apparent less {result.headline}: {told}.{f' {other}.' if other else ''}"


def _baselines(result: EvaluationResult) -> str:
    simple = []
    for name, model in result.rows.models.items():
        if isinstance(final_estimator(model), DummyClassifier | DummyRegressor):
            simple.append(f"{name} (knows nothing)")
        elif (used := blocks_used(model)) and used <= {"clinical"}:
            simple.append(f"{name} (clinical columns alone)")
    return f"Evaluated on the same resamples: {', '.join(simple)}." if simple else ""


def _comparison(result: EvaluationResult) -> str:
    if len(result.models) < 2:
        return ""
    return (
        f"{len(result.models)} models met the same resamples, so that they can be compared in "
        "pairs within each."
    )
