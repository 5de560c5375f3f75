"""Who was evaluated and who was left out, where and why: a flow chart and its table."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from tumor_response.reporting.figures import Figure, draw
from tumor_response.reporting.parts import Paragraph, Part, Section, Table, number
from tumor_response.style import COLOURS, NEUTRAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.evaluation import EvaluationResult
    from tumor_response.reporting.given import Given

__all__ = ["cohort_section"]

MOST_REASONS = 6
LINE = 46
"""Characters of a line in a box."""


@dataclass(frozen=True)
class _Step:
    """A box of the chart, and what left it on the way to the next one."""

    box: str
    left: Sequence[str] = ()


def cohort_section(result: EvaluationResult, given: Given) -> Section:
    """Return the flow from the cohort to the classes, and how the groups differ at baseline."""
    flow = result.cohort_flow
    steps = _steps(result, given)
    parts: list[Part] = [
        Paragraph(
            "Lesions without an outcome, or without what a model needs, are left out for all "
            "models. Where they differ from the others in volume or age, the result speaks about "
            "the others."
            if len(flow) > 1
            else "No lesion was left out of the evaluation."
        ),
        _chart(steps),
        _table(flow),
    ]
    if given.cohort is None:
        parts.append(
            Paragraph(
                "The cohort was not given, so that patients who were left out before features and "
                "outcomes were put together are not counted here."
            )
        )
    elif given.outcomes is not None and _has_flow(given.outcomes, result):
        parts += _before_treatment(result, given)
    return Section("who", "Who was evaluated", parts)


def _steps(result: EvaluationResult, given: Given) -> list[_Step]:
    flow = result.cohort_flow
    evaluated = flow.iloc[0]
    groups = flow.iloc[1:].drop(index="all left out", errors="ignore")
    n_rows = int(evaluated["n_lesions"] + groups["n_lesions"].sum())
    steps = []
    if given.cohort is not None:
        left = given.cohort.left_out
        reasons = left.loc[left["patient_id"] != "", "reason"].value_counts()
        if len(reasons):
            n_source = given.cohort.n_patients + int(reasons.sum())
            gone = [f"{reason}: {_count(int(n), 'patient')}" for reason, n in reasons.items()]
            steps.append(_Step(f"In the source\n{_count(n_source, 'patient')}", _few(gone)))
        n_lesions = len(given.cohort)
        without = n_lesions - n_rows
        gone = [f"not in the feature table: {_count(without, 'lesion')}"] if without > 0 else []
        n = _count(given.cohort.n_patients, "patient")
        steps.append(_Step(f"Cohort\n{n}, {_count(n_lesions, 'lesion')}", gone))
    gone = [
        f"{str(group).removeprefix('left out, ')}: {_count(int(row['n_lesions']), 'lesion')}"
        for group, row in groups.iterrows()
    ]
    steps.append(_Step(f"Features and outcomes\n{_count(n_rows, 'lesion')}", _few(gone)))
    yes, no = int(evaluated["n_responders"]), int(evaluated["n_non_responders"])
    n = _count(int(evaluated["n_patients"]), "patient")
    n_lesions = int(evaluated["n_lesions"])
    steps.append(
        _Step(
            f"Evaluated\n{n}, {_count(n_lesions, 'lesion')}\n"
            f"{_count(yes, 'responder')}, {_count(no, 'non-responder')}"
        )
    )
    return steps


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _few(reasons: list[str]) -> list[str]:
    if len(reasons) <= MOST_REASONS:
        return reasons
    return [*reasons[: MOST_REASONS - 1], f"and {len(reasons) - MOST_REASONS + 1} more reasons"]


def _chart(steps: Sequence[_Step]) -> Figure:
    told = "; then ".join(
        step.box.replace("\n", ", ") + (f" (left out: {'; '.join(step.left)})" if step.left else "")
        for step in steps
    )
    lines = sum(max(len(step.box.splitlines()), len(_wrapped(step.left))) for step in steps)
    return draw(
        lambda axes: _draw(axes, steps),
        alt=f"Flow chart. {told}.",
        caption="From the cohort to the lesions that were evaluated. To the right: who was left "
        "out at each step.",
        width_mm=130,
        height_mm=10 + 3.6 * lines + 11 * len(steps),
    )


def _wrapped(lines: Sequence[str]) -> list[str]:
    return [
        piece
        for line in lines
        for piece in textwrap.wrap(line, LINE, subsequent_indent="  ") or [""]
    ]


def _draw(axes: Axes, steps: Sequence[_Step]) -> None:
    """Draw boxes from the top down; y counts lines."""
    axes.axis("off")
    at, gap = 0.0, 3.0
    box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "linewidth": 0.8}
    for number_, step in enumerate(steps):
        lines = _wrapped(step.left)
        height = max(len(step.box.splitlines()), len(lines))
        middle = at - height / 2
        axes.text(
            0.26,
            middle,
            step.box,
            ha="center",
            va="center",
            linespacing=1.35,
            bbox=box | {"edgecolor": COLOURS[0]},
        )
        below = at - height - gap
        if number_ < len(steps) - 1:
            arrow = {"arrowstyle": "-|>", "color": NEUTRAL, "linewidth": 0.8, "shrinkA": 0}
            bottom = middle - len(step.box.splitlines()) / 2 - 0.7
            following = steps[number_ + 1]
            n_following = len(following.box.splitlines())
            following_height = max(n_following, len(_wrapped(following.left)))
            top = below - (following_height - n_following) / 2 + 0.7
            axes.annotate("", (0.26, top), (0.26, bottom), arrowprops=arrow)
        if lines:
            axes.text(
                0.58,
                middle,
                "left out\n" + "\n".join(lines),
                va="center",
                linespacing=1.25,
                fontsize=6.5,
                bbox=box | {"edgecolor": NEUTRAL},
            )
        at = below
    axes.set_xlim(0, 1.05)
    axes.set_ylim(at + gap - 1.5, 1.5)


def _table(flow: pd.DataFrame) -> Table:
    columns = ["", "patients", "lesions", "responders", "non-responders", "outcome unknown"]
    counted = ("n_patients", "n_lesions", "n_responders", "n_non_responders", "n_unknown")
    measured = _measured(flow)
    rows = [
        (
            str(group),
            *(str(int(row[name])) for name in counted),
            *(_quartiles(row, name) for name, _ in measured),
        )
        for group, row in flow.iterrows()
    ]
    columns += [f"{words}: median (quartiles)" for _, words in measured]
    return Table(
        "Evaluated and left out, with baseline volume and age per lesion.",
        columns,
        rows,
        numeric=frozenset(range(1, len(columns))),
    )


def _measured(flow: pd.DataFrame) -> list[tuple[str, str]]:
    known = (("volume_cc", "volume, cc"), ("age", "age, years"))
    return [(name, words) for name, words in known if f"{name}_median" in flow]


def _quartiles(row: pd.Series, name: str) -> str:
    return (
        f"{number(row[f'{name}_median'], 1)} "
        f"({number(row[f'{name}_q1'], 1)} to {number(row[f'{name}_q3'], 1)})"
    )


def _has_flow(outcomes: pd.DataFrame, result: EvaluationResult) -> bool:
    needed = {"reason", "findings", "volume_baseline_cc", str(result.rows.end_point.name)}
    return needed <= set(outcomes.columns)


def _before_treatment(result: EvaluationResult, given: Given) -> list[Part]:
    """Return how those without the end point differ from those who have it."""
    from tumor_response.outcomes import outcome_flow

    assert given.cohort is not None
    assert given.outcomes is not None
    if not given.outcomes.index.equals(given.cohort.keys):
        return []
    flow = outcome_flow(given.outcomes, given.cohort, by=str(result.rows.end_point.name))
    if len(flow) < 3:  # everybody has one
        return []
    measured = _measured(flow)
    columns = ["", "patients", "lesions", "complete response", "place in doubt"]
    counted = ("n_patients", "n_lesions", "n_complete_response", "n_place_in_doubt")
    for _, words in measured:
        columns += [f"{words}: median (quartiles)", "higher than with it"]
    rows = []
    for group, row in flow.iterrows():
        cells = [str(int(row[name])) for name in counted]
        for name, _ in measured:
            cells += [_quartiles(row, name), number(float(row[f"{name}_higher"]))]
        rows.append((str(group), *cells))
    return [
        Table(
            "The cohort with and without the end point. Last: the probability that a lesion of the "
            "row has a higher value than one that has the end point; 0.5: no difference.",
            columns,
            rows,
            numeric=frozenset(range(1, len(columns))),
        )
    ]
