"""Page one: the estimates with their intervals, the baselines beside them, the two sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tumor_response.evaluation.comparison import BestOfK, best_of_k
from tumor_response.evaluation.intervals import METHODS
from tumor_response.evaluation.ledger import StudyLedger, outcome_sha256
from tumor_response.exceptions import EvaluationError
from tumor_response.reporting.figures import Figure, draw, draw_intervals
from tumor_response.reporting.parts import Table, number
from tumor_response.reporting.wording import (
    CHANCE,
    NO_DOUBTS,
    Conclusions,
    Interval,
    brake,
    conclude,
    expected_of_volume,
)

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult
    from tumor_response.outcomes import Coupling
    from tumor_response.reporting.evidence import Evidence

__all__ = ["BASELINES", "Headline", "describe_headline"]

BASELINES = ("volume_only", "clinical_only")
"""Names under which the two baselines are looked for in an evaluation."""

Intervals = dict[str, Interval]


@dataclass(frozen=True)
class Headline:
    """What page one shows of an evaluation."""

    model: str
    conclusions: Conclusions
    facts: list[tuple[str, str]]
    intervals: Figure
    results: Table
    reading: list[str]
    comparisons: Table | None


def describe_headline(
    result: EvaluationResult,
    headline: str | None,
    coupling: Coupling | None = None,
    ledger: StudyLedger | None = None,
    evidence: Evidence | None = None,
) -> Headline:
    """Turn an evaluation into page one.

    Raises
    ------
    EvaluationError
        If ``headline`` was not evaluated, or ``coupling`` is of another end point.
    """
    _check_reported(result)
    _check_coupling(result, coupling)
    model = _chosen(result, headline)
    estimates = _estimates(result)
    aucs = {
        name: Interval(row["auc_oob"], row["ci_low"], row["ci_high"])
        for name, row in estimates.items()
    }
    method = METHODS[estimates[model]["ci_method"]]
    limits, explanation = method.limits_are, method.explanation
    over = {
        baseline: _difference(result, model, baseline)
        for baseline in BASELINES
        if baseline in aucs and baseline != model
    }
    conclusions = conclude(
        model,
        aucs[model],
        estimates[model]["n_patients"],
        over.get("volume_only", _no_comparison(model)),
        limits,
        brake(aucs[model], _smaller_class(result), len(result.resamples)),
        NO_DOUBTS if evidence is None else evidence.doubts(model),
    )
    return Headline(
        model=model,
        conclusions=conclusions,
        facts=_facts(result, model, headline is not None),
        intervals=_figure(aucs, limits),
        results=_results(result, model, limits, coupling),
        reading=[
            text
            for text in (
                explanation,
                _expected_of_volume(coupling),
                _constant(estimates),
                _how_many(aucs),
                _best(result),
                _tried(result, ledger),
                _APPARENT,
            )
            if text
        ],
        comparisons=_comparisons(model, over) if over else None,
    )


_APPARENT = (
    "The apparent AUC is that of the model on the patients it was fitted to; it is shown because "
    "the .632+ estimate is made of it, and it says nothing about new patients. The .632+ estimate "
    "lies above 0.5 on average even where there is nothing to find, so the out-of-bag AUC is the "
    "one to quote."
)


def _estimates(result: EvaluationResult) -> dict[str, dict[str, Any]]:
    return {str(name): dict(row) for name, row in result.summary().iterrows()}


def _chosen(result: EvaluationResult, headline: str | None) -> str:
    if headline is None:
        return next((m for m in result.models if m not in BASELINES), result.models[0])
    if headline not in result.models:
        raise EvaluationError(
            f"headline={headline!r} was not evaluated; there are {', '.join(result.models)}.",
            code="unknown_model",
        )
    return headline


def _difference(result: EvaluationResult, model: str, baseline: str) -> Interval:
    compared = result.compare(model, baseline)
    return Interval(
        float(compared["difference"]), float(compared["ci_low"]), float(compared["ci_high"])
    )


def _no_comparison(model: str) -> str:
    if model == "volume_only":
        return "because it is tumour volume"
    return "because tumour volume alone was not evaluated beside it"


def _smaller_class(result: EvaluationResult) -> int:
    """Return the patients with a lesion of the rarer class."""
    rows = result.rows
    return min(len(np.unique(rows.patients[rows.y == value])) for value in (0, 1))


def _facts(result: EvaluationResult, model: str, was_named: bool) -> list[tuple[str, str]]:
    row = _estimates(result)[model]
    evaluated, *others = result.cohort_flow["n_lesions"].to_list()
    left_out = int(others[-1]) if others else 0  # the last row counts all of them
    responders, lesions = row["n_responders"], int(evaluated)
    return [
        ("Patients", f"{row['n_patients']}"),
        ("Lesions", f"{lesions}"),
        ("Responders", f"{responders} ({100 * responders / lesions:.0f} %)"),
        ("Lesions left out", f"{left_out}"),
        ("Resamples", f"{row['n_resamples']}"),
        ("Models evaluated", f"{len(result.models)}"),
        ("Headline" if was_named else "Headline (first of the models)", model),
    ]


def _figure(aucs: Intervals, limits: str) -> Figure:
    listed = "; ".join(f"{name} {interval.auc()}" for name, interval in aucs.items())
    return draw(
        lambda axes: draw_intervals(axes, list(aucs), list(aucs.values()), limits),
        alt=f"Out-of-bag AUC with {limits} per model: {listed}.",
        caption="Out-of-bag AUC of every model, in the order in which they were given. None is "
        "marked: the highest of several estimates is too high on average.",
        width_mm=120,
        height_mm=16 + 7 * len(aucs),
    )


def _results(result: EvaluationResult, model: str, limits: str, coupling: Coupling | None) -> Table:
    rows = {
        name: (
            name,
            number(row["auc_oob"]),
            f"{number(row['ci_low'])} to {number(row['ci_high'])}",
            number(row["auc_632plus"]),
            number(row["auc_apparent"]),
        )
        for name, row in _estimates(result).items()
    }
    listed = list(rows.values())
    if coupling is not None:
        expected = (
            expected_of_volume(coupling.observer_sd_mm),
            number(coupling.auc),
            f"{number(coupling.auc_low)} to {number(coupling.auc_high)}",
            "",
            "",
        )
        # beside volume_only, which it is to be read with
        place = list(rows).index("volume_only") + 1 if "volume_only" in rows else len(listed)
        listed.insert(place, expected)
    return Table(
        "Area under the ROC curve. Bold: the model that the sentences above speak about.",
        ("Model", "AUC out of bag", limits, ".632+", "apparent"),
        listed,
        numeric=frozenset({1, 2, 3, 4}),
        highlight=listed.index(rows[model]),
    )


def _check_reported(result: EvaluationResult) -> None:
    if result.headline != "auc_oob":
        raise EvaluationError(
            f"The report shows bootstrap evaluations of responses; this one has {result.headline}. "
            "result.summary() has its figures.",
            code="not_reported",
        )


def _check_coupling(result: EvaluationResult, coupling: Coupling | None) -> None:
    end_point = str(result.rows.end_point.name)
    if coupling is not None and result.rows.label is not None and coupling.by != end_point:
        raise EvaluationError(
            f"coupling is of {coupling.by}, and {end_point} was evaluated; give "
            f"tr.coupling(outcomes, by={end_point!r}).",
            code="other_end_point",
        )


def _expected_of_volume(coupling: Coupling | None) -> str:
    """Say what the AUC of volume alone has to be compared with."""
    if coupling is None or coupling.observer_sd_mm == 0:
        return ""
    return (
        "Baseline volume is a part of the end point, and so is the error of its contour. If the "
        "response had nothing to do with volume, contours that are off by "
        f"{coupling.observer_sd_mm:g} mm (SD) would by themselves give volume alone an AUC of "
        f"{coupling.auc:.2f} (95 % of simulated cohorts of this size: {coupling.auc_low:.2f} to "
        f"{coupling.auc_high:.2f}). Only what lies above that is a relation of response to size."
    )


def _constant(estimates: dict[str, dict[str, Any]]) -> str:
    """Name the models that did not tell patients apart: an AUC of 0.5 that looks precise."""
    named = [
        f"“{name}” in {row['n_constant']} of {row['n_resamples']} resamples"
        for name, row in estimates.items()
        if row["n_constant"] > 0
    ]
    if not named:
        return ""
    return (
        f"Every out-of-bag patient was given the same score by {'; '.join(named)}. Its AUC of 0.5 "
        "there, and a narrow interval, are no measurement: there were too few patients to learn "
        "anything from."
    )


def _how_many(aucs: Intervals) -> str:
    if len(aucs) == 1:
        return ""
    above = sum(interval.low > CHANCE for interval in aucs.values())
    return (
        f"{len(aucs)} models were evaluated and all are shown; {above or 'none'} of them "
        f"{'has its' if above == 1 else 'have their'} whole interval above 0.5. No interval is "
        "corrected for choosing among several."
    )


def _best(result: EvaluationResult) -> str:
    """Return the best model's value beside what is left of it after the choice."""
    candidates = [name for name in result.models if name not in BASELINES]
    if len(candidates) < 2:
        return ""
    return _corrected(best_of_k(result, candidates), "Of the models shown here but the baselines")


def _tried(result: EvaluationResult, ledger: StudyLedger | None) -> str:
    if ledger is None:
        return (
            "No study ledger was given: how many configurations were tried on this outcome beside "
            "those shown is not known."
        )
    outcome = outcome_sha256(result.rows.outcome, result.rows.label, result.task)
    told = f"By the study ledger, {ledger.text(outcome)}."
    if len(ledger.configurations(outcome)) < 2:
        return told
    return f"{told} {_corrected(ledger.best_of_k(outcome), 'Of all of them')}"


def _corrected(best: BestOfK, of: str) -> str:
    return (
        f"{of}: {best.text}. The corrected value is an upper estimate: the patients on whom the "
        "models are compared have trained them, too."
    )


def _comparisons(model: str, over: Intervals) -> Table:
    return Table(
        f"Paired differences in out-of-bag AUC, “{model}” minus baseline, on the same resamples.",
        ("Baseline", "difference (interval)", "excludes 0"),
        [
            (
                baseline,
                interval.difference(),
                "yes" if interval.low > 0 or interval.high < 0 else "no",
            )
            for baseline, interval in over.items()
        ],
        numeric=frozenset({1, 2}),
    )
