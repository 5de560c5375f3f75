"""The sections behind the strip: every check of a trace, every control, how far columns repeat."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

from tumor_response.evaluation.leakage.findings import PASSED
from tumor_response.reporting.evidence import CLASSES, Evidence
from tumor_response.reporting.figures import draw
from tumor_response.reporting.parts import Fold, Heading, Paragraph, Part, Section, Table, number

if TYPE_CHECKING:
    import pandas as pd

    from tumor_response.evaluation import (
        EvaluationResult,
        LeakageTrace,
        NegativeControls,
        PredictionSpread,
        SiteReport,
    )
    from tumor_response.repeatability import Robustness

__all__ = ["evidence_sections"]

_LEAKAGE = (
    "Three classes of evidence, none of which stands for another. Recorded: some resamples were "
    "run again while every fit was watched, and once more with the patients that are judged "
    "replaced by noise; what was fitted must not change by a bit. Provable: the table is held "
    "against what extraction wrote. Suspected: what the numbers look like; a reason to ask, never "
    "a proof. What cannot be checked is NOT CHECKABLE, which is not the same as passed."
)
_CONTROLS = (
    "Each control takes something away and stands beside what is to be expected of what it keeps. "
    "A model that does not beat a control has not been shown to use what the control lacks."
)
_ROBUSTNESS = (
    "How far the columns keep their order of patients when the same tumour is contoured, scanned "
    "or processed a little differently: intraclass correlations over the whole cohort. They are "
    "for reading: a selection by them would have seen the patients that a model is judged on."
)
_SPREAD = (
    "Another observer would have drawn another contour. Each lesion was extracted again under "
    "contours as they might have been drawn, and predicted by the fits that had not seen the "
    "patient."
)
_FIGURES = {
    "site": "the site, from the features",
    "outcome": "the outcome, from the features",
    "outcome_within_sites": "the outcome, among patients of one site",
    "outcome_by_site_alone": "the outcome, from the site alone",
}
_MOST_ROWS = 60


def evidence_sections(
    evidence: Evidence, result: EvaluationResult, identified: bool
) -> list[Section]:
    """Return a section for each kind that was given.

    Parameters
    ----------
    evidence
        What was given.
    result
        The evaluation, for the identifiers that must not appear.
    identified
        Whether patients may be named.
    """
    names = set() if identified else set(result.rows.X.index.get_level_values(0))
    sections = []
    if evidence.traces:
        parts: list[Part] = [Paragraph(_LEAKAGE)]
        for trace in evidence.traces:
            parts += _of_trace(trace, names)
        sections.append(Section("leakage", "Leakage trace", parts))
    if evidence.controls:
        parts = [Paragraph(_CONTROLS)]
        for controls in evidence.controls:
            parts += _of_controls(controls)
        sections.append(Section("controls", "Negative controls", parts))
    if evidence.robustness:
        parts = [Paragraph(_ROBUSTNESS)]
        for robustness in evidence.robustness:
            parts += _of_robustness(robustness)
        sections.append(Section("robustness", "Robustness", parts))
    if evidence.spreads:
        parts = [Paragraph(_SPREAD)]
        for spread in evidence.spreads:
            parts += _of_spread(spread)
        sections.append(Section("contours", "Predictions under other contours", parts))
    if evidence.sites:
        parts = []
        for report in evidence.sites:
            parts += _of_sites(report)
        sections.append(Section("sites", "Sites", parts))
    return sections


def _of_trace(trace: LeakageTrace, names: Collection[str]) -> list[Part]:
    watched = ", ".join(map(str, trace.resamples))
    parts: list[Part] = [
        Paragraph(f"Watched: resample {watched} of {trace.n_resamples}, counted from 0.")
    ]
    for class_, words in CLASSES.items():
        frame: pd.DataFrame = getattr(trace, class_)
        passed = frame["status"] == PASSED
        parts.append(Heading(f"{words}"))
        if not passed.all():
            parts.append(_findings_table("Not passed.", frame[~passed], names))
        if passed.any():
            told = f"{int(passed.sum())} passed"
            parts.append(Fold(told, [_findings_table("Passed.", frame[passed], names)]))
    return parts


def _findings_table(caption: str, frame: pd.DataFrame, names: Collection[str]) -> Table:
    rows = [
        (row["check"], row["status"], *(_without(names, row[c]) for c in ("where", "detail")))
        for row in frame.to_dict("records")
    ]
    if len(rows) > _MOST_ROWS:
        caption = f"{caption} The first {_MOST_ROWS} of {len(rows)} rows."
    return Table(caption, ("check", "status", "where", "what was seen"), rows[:_MOST_ROWS])


def _without(names: Collection[str], text: str) -> str:
    """Return a text, unless a patient's identifier may be in it: a report is made to be sent."""
    named = any(str(name) in text for name in names)
    return "(names patients: see the trace itself)" if named else text


def _of_controls(controls: NegativeControls) -> list[Part]:
    headline = controls.result.headline
    rows = []
    for name, row in controls.summary().iterrows():
        expected = "no null value"
        if not math.isnan(float(row["expectation"])):
            source = f" ({row['expectation_from']})" if row["expectation_from"] else ""
            expected = f"{number(float(row['expectation']))}{source}"
        rows.append(
            (
                str(name).replace("_", " "),
                str(row["keeps"]),
                f"{number(float(row[headline]))} "
                f"({number(float(row['ci_low']))} to {number(float(row['ci_high']))})",
                expected,
                f"{number(float(row['difference']))} ({number(float(row['difference_low']))} to "
                f"{number(float(row['difference_high']))})",
                number(float(row["p_value"]), 3),
                str(row["verdict"]),
            )
        )
    columns = ("control", "keeps", "AUC of the control", "expected", "model minus control")
    null = controls.null
    parts: list[Part] = [
        Heading(controls.model),
        Paragraph(
            f"{null.n_permutations} permutations of the outcome between patients, each with "
            f"{null.n_resamples} resamples and every step fitted anew."
        ),
        Table(
            "All on the same resamples; of permuted labels the mean and the middle 95 %, and a "
            "one-sided p value.",
            (*columns, "p", "verdict"),
            rows,
            numeric=frozenset({2, 4, 5}),
        ),
        draw(
            lambda axes: controls.plot(ax=axes),
            alt=f"Controls of {controls.model} beside their expectations and the model: "
            + "; ".join(f"{row[0]} {row[2]}, expected {row[3]}" for row in rows)
            + ".",
            caption="Circles: the controls with their intervals; diamonds: what is expected of "
            "what they keep; band: the model.",
            width_mm=120,
            height_mm=20 + 9 * len(rows),
        ),
    ]
    parts += [Paragraph(verdict) for verdict in controls.verdicts()]
    parts += [Paragraph(f"Not made: {name}, {why}.") for name, why in controls.skipped.items()]
    if len(controls.failures):
        counts = controls.failures["reason"].value_counts()
        listed = ", ".join(f"{reason} ({n})" for reason, n in counts.items())
        parts.append(Paragraph(f"Values that controls lack, by reason: {listed}."))
    return parts


def _of_robustness(robustness: Robustness) -> list[Part]:
    families = robustness.by_family()
    n_families = len(families.reset_index()[["block", "family"]].drop_duplicates())
    rows = [
        (
            str(row["block"]),
            str(row["perturbation"]),
            str(int(row["n_defined"])),
            number(float(row["median_icc"])),
            f"{number(float(row['low_icc']))} to {number(float(row['high_icc']))}",
            f"{number(100 * float(row['share_good']), 0)} %",
        )
        for row in robustness.by_perturbation().reset_index().to_dict("records")
    ]
    n_perturbations = len(robustness.perturbations)
    return [
        draw(
            lambda axes: robustness.plot_heatmap(ax=axes),
            alt="Share of columns of each family with a good intraclass correlation under each "
            "perturbation; the table below has the blocks' figures.",
            caption="Share of each family's columns whose ICC is 0.75 or more by its lower limit.",
            width_mm=max(110, 60 + 12 * n_perturbations),
            height_mm=35 + 5 * n_families,
        ),
        Table(
            f"ICC({robustness.headline}) of {robustness.n_cases} lesions.",
            ("block", "perturbation", "columns", "median", "quartiles", "good by lower limit"),
            rows,
            numeric=frozenset({2, 3, 4, 5}),
        ),
        Paragraph(
            f"{len(robustness.failures)} repeats without a value. Settings of this measurement: "
            f"SHA-256 {robustness.sha256}."
        ),
    ]


def _of_spread(spread: PredictionSpread) -> list[Part]:
    return [
        Heading(spread.model),
        Paragraph(spread.sentence()),
        draw(
            lambda axes: spread.plot(ax=axes),
            alt=f"Probability of each lesion with its spread over contours. {spread.sentence()}",
            caption="One lesion beside the other, without names, in order of the probability.",
            width_mm=150,
            height_mm=75,
        ),
    ]


def _of_sites(report: SiteReport) -> list[Part]:
    rows = [
        (_FIGURES[str(name)], *(_limited(row, side) for side in ("before", "after", "difference")))
        for name, row in report.table().iterrows()
    ]
    listed = "; ".join(f"{name}: {before}, {after}" for name, before, after, _ in rows)
    return [
        Paragraph(report.verdict),
        Table(
            f"AUC on held-out patients, {report.n_repeats} times {report.n_folds} folds.",
            ("what is told", "as it is", f"{report.step} in the fold", "difference"),
            rows,
            numeric=frozenset({1, 2, 3}),
        ),
        draw(
            lambda axes: report.plot(ax=axes),
            alt=f"Held-out AUC before and after {report.step}. {listed}.",
            caption="Dotted: chance. The site ought to go there, the outcome ought to stay.",
            width_mm=100,
            height_mm=75,
        ),
    ]


def _limited(row: pd.Series, side: str) -> str:
    value, low, high = (float(row[name]) for name in (side, f"{side}_low", f"{side}_high"))
    return "–" if math.isnan(value) else f"{number(value)} ({number(low)} to {number(high)})"
