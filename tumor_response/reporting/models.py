"""All models that were evaluated, none marked as the best, and how to read their estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tumor_response.evaluation.intervals import METHODS
from tumor_response.reporting.figures import Figure, draw, draw_intervals
from tumor_response.reporting.headline import Headline, estimates_of
from tumor_response.reporting.parts import Paragraph, Part, Section, Table, number
from tumor_response.reporting.wording import CHANCE, Interval

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult
    from tumor_response.evaluation.comparison import BestOfK

__all__ = ["best_of_k_table", "models_section"]

MOST_CONFIGURATIONS = 40

_APPARENT = (
    "The apparent AUC is that of the model on the patients it was fitted to; it is shown because "
    "the .632+ estimate is made of it, and it says nothing about new patients. The .632+ estimate "
    "lies above 0.5 on average even where there is nothing to find, so the out-of-bag AUC is the "
    "one to quote."
)


def models_section(result: EvaluationResult, front: Headline) -> Section:
    """Return every model with its interval, in the order in which they were given."""
    estimates = estimates_of(result)
    aucs = {
        name: Interval(row["auc_oob"], row["ci_low"], row["ci_high"])
        for name, row in estimates.items()
    }
    method = METHODS[estimates[front.model]["ci_method"]]
    parts: list[Part] = [
        _figure(aucs, method.limits_are),
        _results(estimates, front.model, method.limits_are),
        Paragraph(method.explanation),
    ]
    if len(aucs) > 1:
        parts.append(Paragraph(_how_many(aucs)))
    if front.over:
        parts.append(_comparisons(front.model, front.over))
    if front.best is not None:
        parts += best_of_k_table(front.best)
    parts.append(Paragraph(_APPARENT))
    return Section("models", "All models", parts)


def best_of_k_table(best: BestOfK) -> list[Part]:
    """Return the best of several, corrected, and how firmly each configuration was the best."""
    frame = best.to_frame()
    shown = frame.head(MOST_CONFIGURATIONS)
    what = f"The first {len(shown)} of {len(frame)}. " if len(shown) < len(frame) else ""
    return [
        Paragraph(
            f"{best.text[0].upper()}{best.text[1:]}. The corrected value is an upper estimate: the "
            "patients on whom configurations are compared have trained them, too."
        ),
        Table(
            f"{what}Value on all pairs, and the share of {best.n_resamples} bootstrap samples of "
            "patients in which the configuration would have been chosen. A choice that many would "
            "have won says little.",
            ("configuration", "value", "would have been chosen"),
            [
                (str(name), number(float(row["value"])), f"{100 * row['share_chosen']:.0f} %")
                for name, row in shown.iterrows()
            ],
            numeric=frozenset({1, 2}),
        ),
    ]


def _figure(aucs: dict[str, Interval], limits: str) -> Figure:
    listed = "; ".join(f"{name} {interval.auc()}" for name, interval in aucs.items())
    return draw(
        lambda axes: draw_intervals(axes, list(aucs), list(aucs.values()), limits),
        alt=f"Out-of-bag AUC with {limits} per model: {listed}.",
        caption="Out-of-bag AUC of every model, in the order in which they were given. None is "
        "marked: the highest of several estimates is too high on average.",
        width_mm=120,
        height_mm=16 + 7 * len(aucs),
    )


def _results(estimates: dict[str, dict[str, Any]], model: str, limits: str) -> Table:
    return Table(
        "Area under the ROC curve. Bold: the model that the sentences on page one speak about.",
        ("Model", "AUC out of bag", limits, ".632+", "apparent"),
        [
            (
                name,
                number(row["auc_oob"]),
                f"{number(row['ci_low'])} to {number(row['ci_high'])}",
                number(row["auc_632plus"]),
                number(row["auc_apparent"]),
            )
            for name, row in estimates.items()
        ],
        numeric=frozenset({1, 2, 3, 4}),
        highlight=list(estimates).index(model),
    )


def _how_many(aucs: dict[str, Interval]) -> str:
    above = sum(interval.low > CHANCE for interval in aucs.values())
    return (
        f"{len(aucs)} models were evaluated and all are shown; {above or 'none'} of them "
        f"{'has its' if above == 1 else 'have their'} whole interval above 0.5. No interval is "
        "corrected for choosing among several."
    )


def _comparisons(model: str, over: dict[str, Interval]) -> Table:
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
