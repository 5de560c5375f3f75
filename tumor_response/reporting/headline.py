"""Page one: the estimate with its interval, the baselines beside it, the two sentences, the strip.

It fits one screen and one sheet. What needs more room has a section: all models are in
:mod:`tumor_response.reporting.models`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tumor_response.evaluation.comparison import BestOfK, best_of_k
from tumor_response.evaluation.intervals import METHODS
from tumor_response.evaluation.ledger import outcome_sha256
from tumor_response.exceptions import EvaluationError
from tumor_response.reporting.figures import Figure, draw, draw_intervals
from tumor_response.reporting.parts import Table, number
from tumor_response.reporting.wording import (
    CHANCE,
    Conclusions,
    Interval,
    brake,
    conclude,
    expected_of_volume,
    shared_by_chance,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tumor_response.evaluation import EvaluationResult, StudyLedger
    from tumor_response.evaluation.ledger import FrozenPlan
    from tumor_response.outcomes import Coupling
    from tumor_response.reporting.given import Given

__all__ = ["BASELINES", "Headline", "chosen_headline", "describe_headline", "estimates_of"]

BASELINES = ("volume_only", "clinical_only")
"""Names under which the two baselines are looked for in an evaluation."""

MOST_NAMED = 2
"""Models whose intervals above 0.5 are spoken of on page one; of more, their number."""

Intervals = dict[str, Interval]


@dataclass(frozen=True)
class Headline:
    """What page one shows of an evaluation.

    Parameters
    ----------
    over
        Paired differences of the headline's AUC to the baselines'.
    best
        The best of the configurations that are known of, corrected; ``None`` for one.
    """

    model: str
    conclusions: Conclusions
    facts: list[tuple[str, str]]
    intervals: Figure
    results: Table
    strip: Table
    remarks: list[str]
    over: Intervals
    best: BestOfK | None


def describe_headline(result: EvaluationResult, headline: str | None, given: Given) -> Headline:
    """Turn an evaluation into page one.

    Raises
    ------
    EvaluationError
        If ``headline`` was not evaluated.
    """
    model = chosen_headline(result, headline)
    estimates = estimates_of(result)
    aucs = {
        name: Interval(row["auc_oob"], row["ci_low"], row["ci_high"])
        for name, row in estimates.items()
    }
    limits = METHODS[estimates[model]["ci_method"]].limits_are
    over = {
        baseline: _difference(result, model, baseline)
        for baseline in BASELINES
        if baseline in aucs and baseline != model
    }
    best = _best(result, given.ledger)
    too_small = brake(aucs[model], _smaller_class(result), len(result.resamples))
    conclusions = conclude(
        model,
        aucs[model],
        estimates[model]["n_patients"],
        over.get("volume_only", _no_comparison(model)),
        limits,
        too_small,
        given.evidence.doubts(model, _paid_for(aucs[model], model, best, given.plan)),
    )
    shown = [model, *(name for name in BASELINES if name in aucs and name != model)]
    return Headline(
        model=model,
        conclusions=conclusions,
        facts=_facts(result, model, headline is not None),
        intervals=_figure(shown, aucs, given.coupling, limits),
        results=_results(shown, aucs, over, given.coupling, limits),
        strip=_strip(result, model, best, given),
        remarks=_remarks(result, model, conclusions, aucs, estimates, best, too_small),
        over=over,
        best=best,
    )


def chosen_headline(result: EvaluationResult, headline: str | None) -> str:
    """Return the model that the sentences are about.

    Raises
    ------
    EvaluationError
        Code ``not_reported``: no bootstrap of responses; code ``unknown_model``.
    """
    if result.headline != "auc_oob":
        raise EvaluationError(
            f"The report shows bootstrap evaluations of responses; this one has {result.headline}. "
            "result.summary() has its figures.",
            code="not_reported",
        )
    if headline is None:
        return next((m for m in result.models if m not in BASELINES), result.models[0])
    if headline not in result.models:
        raise EvaluationError(
            f"headline={headline!r} was not evaluated; there are {', '.join(result.models)}.",
            code="unknown_model",
        )
    return headline


def estimates_of(result: EvaluationResult) -> dict[str, dict[str, Any]]:
    """Return the summary's rows by model."""
    return {str(name): dict(row) for name, row in result.summary().iterrows()}


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


def _best(result: EvaluationResult, ledger: StudyLedger | None) -> BestOfK | None:
    """Return the best of all configurations that are known of; baselines were not chosen among."""
    if ledger is not None:
        outcome = outcome_sha256(result.rows.outcome, result.rows.label, result.task)
        several = len(ledger.configurations(outcome)) > 1
        return ledger.best_of_k(outcome) if several else None
    candidates = [name for name in result.models if name not in BASELINES]
    return best_of_k(result, candidates) if len(candidates) > 1 else None


def _paid_for(auc: Interval, model: str, best: BestOfK | None, plan: FrozenPlan | None) -> str:
    """Return a clause if the headline is the best of several and does not survive the choice.

    The interval is moved by what the choice is worth, as Noma and others (2021) move that of an
    apparent value by its optimism. A plan that was frozen first and names the model takes the
    choice out of anybody's hands.
    """
    if best is None or best.name.partition(", entry ")[0] != model:
        return ""
    if plan is not None and plan.n_evaluations_before == 0 and plan.plan.primary[0] == model:
        return ""
    if auc.low - (best.value - best.corrected) > CHANCE:
        return ""
    return (
        f"it is the best of {best.n_configurations} configurations, and less what that choice is "
        f"worth ({best.value - best.corrected:.2f}) the interval reaches 0.5"
    )


def _facts(result: EvaluationResult, model: str, was_named: bool) -> list[tuple[str, str]]:
    row = estimates_of(result)[model]
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


def _figure(
    shown: Sequence[str], aucs: Intervals, coupling: Coupling | None, limits: str
) -> Figure:
    drawn = {name: aucs[name] for name in shown}
    if coupling is not None:
        expected = Interval(coupling.auc, coupling.auc_low, coupling.auc_high)
        drawn["contour error alone"] = expected
    listed = "; ".join(f"{name} {interval.auc()}" for name, interval in drawn.items())
    return draw(
        lambda axes: draw_intervals(axes, list(drawn), list(drawn.values()), limits),
        alt=f"Out-of-bag AUC with {limits}: {listed}.",
        caption="Out-of-bag AUC of the headline and the baselines. All models are below.",
        width_mm=92,
        height_mm=13 + 4 * len(drawn),
    )


def _results(
    shown: Sequence[str],
    aucs: Intervals,
    over: Intervals,
    coupling: Coupling | None,
    limits: str,
) -> Table:
    rows = []
    for name in shown:
        value = aucs[name]
        cells = (number(value.value), f"{number(value.low)} to {number(value.high)}")
        rows.append((name, *cells, over[name].difference() if name in over else ""))
        if name == "volume_only" and coupling is not None:
            # beside what it is to be read with
            rows.append(
                (
                    expected_of_volume(coupling.observer_sd_mm),
                    number(coupling.auc),
                    f"{number(coupling.auc_low)} to {number(coupling.auc_high)}",
                    "",
                )
            )
    return Table(
        "Out-of-bag AUC. Bold: the model that the sentences are about.",
        ("Model", "AUC", limits, "bold minus this"),
        rows,
        numeric=frozenset({1, 2, 3}),
        highlight=0,
    )


def _strip(result: EvaluationResult, model: str, best: BestOfK | None, given: Given) -> Table:
    """Return what was asked against the result, a row for each question, asked or not."""
    coupling = given.coupling
    expected = "not asked"
    if coupling is not None and coupling.observer_sd_mm > 0:
        expected = (
            f"contours off by {coupling.observer_sd_mm:g} mm give volume an AUC of "
            f"{coupling.auc:.2f} ({coupling.auc_low:.2f} to {coupling.auc_high:.2f})"
        )
    elif coupling is not None:
        expected = "asked for an error of 0 mm: there is none"
    rows = [
        *given.evidence.strip_rows(),
        ("Contour error", expected),
        ("Configurations tried", _tried(result, best, given.ledger)),
    ]
    plan = given.plan
    if plan is not None:
        first = plan.n_evaluations_before == 0
        named = plan.plan.primary[0] == model
        when = "frozen first" if first else f"frozen after {plan.n_evaluations_before} evaluations"
        rows.append(
            ("Plan", f"{when}; its model is {'this headline' if named else plan.plan.primary[0]}")
        )
    return Table("Can it be believed?", ("asked", "found"), rows)


def _tried(result: EvaluationResult, best: BestOfK | None, ledger: StudyLedger | None) -> str:
    if ledger is None:
        told = (
            f"{len(result.models)} here; no study ledger was given, so how many more is not known"
        )
        return told if best is None else f"{told}. Without the baselines, {best.text}"
    outcome = outcome_sha256(result.rows.outcome, result.rows.label, result.task)
    told = ledger.text(outcome)
    return told if best is None else f"{told}. {best.text[0].upper()}{best.text[1:]}"


def _remarks(
    result: EvaluationResult,
    model: str,
    conclusions: Conclusions,
    aucs: Intervals,
    estimates: dict[str, dict[str, Any]],
    best: BestOfK | None,
    too_small: str,
) -> list[str]:
    told = [_constant(estimates)]
    if conclusions.verdict not in ("separates", "beyond volume"):
        told += _others(result, model, aucs, best, too_small)
    return [text for text in told if text]


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


def _others(
    result: EvaluationResult,
    model: str,
    aucs: Intervals,
    best: BestOfK | None,
    too_small: str,
) -> list[str]:
    """Say what intervals above 0.5 of other models are worth where the headline shows nothing."""
    above = [name for name, auc in aucs.items() if name != model and auc.low > CHANCE]
    n_models = max(len(aucs), 0 if best is None else best.n_configurations)
    told = []
    for name in above[:MOST_NAMED]:
        wider = result.interval(name, level=1 - 0.05 / n_models)
        corrected = Interval(aucs[name].value, wider.low, wider.high)
        told.append(shared_by_chance(name, aucs[name], corrected, n_models, too_small))
    if more := len(above) - len(told):
        told.append(f"So does the interval of {more} more; see All models.")
    return told
