"""The outcomes as a sheet: what each number is made of, why it is missing, who was evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.export.codebook import END_POINTS, Definition
from tumor_response.export.free_text import OTHER, known_code, known_left_out
from tumor_response.export.pseudonymous import Keys
from tumor_response.formats import Sheet, Variable
from tumor_response.outcomes.shrinkage import OUTCOME_COLUMNS

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult

__all__ = ["KEY_VARIABLES", "cleaned_flow", "cleaned_outcomes", "lesions_of", "outcome_sheet"]

KEY_VARIABLES = (
    Variable("patient_id", "Patient: the same in all files of the bundle", "text"),
    Variable("lesion_id", "Lesion of the patient", "text"),
)

_TEXTS = ("dose_source", "reason", "findings")
_SOURCES = ("manifest", "plan", "")


@dataclass(frozen=True)
class _Column:
    """A column of the sheet, before it is one."""

    values: pd.Series
    variable: Variable
    reasons: pd.Series


def cleaned_outcomes(
    outcomes: pd.DataFrame, keys: Keys, keep: Sequence[str] = ()
) -> tuple[pd.DataFrame, list[str]]:
    """Return the outcomes as they may leave, and the columns that stay behind.

    Parameters
    ----------
    outcomes
        From :func:`tumor_response.shrinkage`, or any frame with that index.
    keys
        From :func:`tumor_response.export.pseudonymous.new_keys`.
    keep
        Further columns that somebody has looked at and lets out as they are.

    Returns
    -------
    tuple of DataFrame and list of str
        The columns of :func:`tumor_response.shrinkage` that are there, and ``keep``; reasons and
        findings by known codes.
    """
    known = [*OUTCOME_COLUMNS, *_TEXTS]
    allowed = [name for name in outcomes if name in known or name in keep]
    frame = keys.renamed(outcomes[allowed])
    if "reason" in frame:
        frame["reason"] = [known_code(_text(cell)) for cell in frame["reason"]]
    if "findings" in frame:
        frame["findings"] = [
            " ".join(dict.fromkeys(map(known_code, _text(cell).split())))
            for cell in frame["findings"]
        ]
    if "dose_source" in frame:
        frame["dose_source"] = [
            cell if cell in _SOURCES else OTHER for cell in map(_text, frame["dose_source"])
        ]
    days = outcomes.attrs.get("days")
    frame.attrs = {"days": days} if days in OUTCOME_COLUMNS else {}
    return frame, [str(name) for name in outcomes if name not in allowed]


def outcome_sheet(
    outcomes: pd.DataFrame | None,
    result: EvaluationResult | None,
    keys: Keys,
    rows: pd.MultiIndex,
) -> Sheet | None:
    """Return one row per lesion: outcomes, and what the evaluation made of them.

    Parameters
    ----------
    outcomes
        From :func:`cleaned_outcomes`, or None.
    result
        Adds ``evaluated``, ``end_point`` (what was handed over) and ``y`` (the class by the cut
        on all rows, or what is predicted).
    keys
        Those of the study.
    rows
        The lesions of the bundle, under their new keys.

    Returns
    -------
    Sheet or None
        None where there is neither.
    """
    if outcomes is None and result is None:
        return None
    columns = [] if outcomes is None else _outcome_columns(outcomes.reindex(rows))
    if result is not None:
        columns += _evaluated_columns(result, keys, rows)
    frame = rows.to_frame(index=False)
    reasons = pd.DataFrame("", index=frame.index, columns=frame.columns)
    for column in columns:
        frame[column.variable.name] = column.values.to_numpy()
        reasons[column.variable.name] = column.reasons.to_numpy()
    variables = (*KEY_VARIABLES, *(column.variable for column in columns))
    label = "Outcomes of each lesion, what they are made of and why they are missing"
    return Sheet("outcomes", label, frame, variables, reasons)


def _outcome_columns(outcomes: pd.DataFrame) -> list[_Column]:
    days = outcomes.attrs.get("days", "")
    why = outcomes["reason"] if "reason" in outcomes else pd.Series("", index=outcomes.index)
    why = why.astype("object").where(why.notna(), "no_outcome")
    found = []
    for name in map(str, outcomes):
        values = outcomes[name]
        about = END_POINTS.get(name, Definition(""))
        label = _label(name, about, days)
        if name in _TEXTS or not pd.api.types.is_numeric_dtype(values.dtype):
            cells = values.astype("object").where(values.notna(), "")
            variable = Variable(name, label, "text")
            found.append(_Column(cells, variable, pd.Series("", index=values.index)))
        else:
            number = values.astype("float64")
            variable = Variable(name, label, "number", about.unit)
            found.append(_Column(number, variable, why.where(number.isna(), "")))
    return found


def _label(name: str, about: Definition, days: str) -> str:
    """Return what a column is, by which formula, in which unit."""
    label = about.description.rstrip(".") or name
    if about.formula and len(about.formula) > len("V0"):  # else it is a symbol
        label = f"{label}: {about.formula}"
    if days and name.endswith("_per_day"):
        label = f"{label}, t = {days}"
    return f"{label} ({about.unit})" if about.unit else label


def _evaluated_columns(result: EvaluationResult, keys: Keys, rows: pd.MultiIndex) -> list[_Column]:
    index = keys.index(lesions_of(result))
    known = pd.Series(index=index, data=1.0).reindex(rows, fill_value=0.0)
    why = pd.Series(np.where(known == 1.0, "", "not_evaluated"), index=rows)
    end_point = pd.Series(result.rows.outcome.to_numpy(dtype="float64"), index=index)
    y = pd.Series(result.rows.y.astype("float64"), index=index)
    labels: dict[int, str] = {}
    about = "What is predicted"
    if result.task == "response":
        labels = {0: "shrank less", 1: "shrank more"}
        about = "Class by the cut on all evaluated lesions"
    name = str(result.rows.outcome.name or "outcome")
    return [
        _Column(
            known,
            Variable(
                "evaluated",
                "Whether the lesion took part in the evaluation",
                "number",
                value_labels={0: "no", 1: "yes"},
            ),
            pd.Series("", index=rows),
        ),
        _Column(
            end_point.reindex(rows),
            Variable("end_point", f"Outcome handed to the evaluation: {name}", "number"),
            why,
        ),
        _Column(
            y.reindex(rows),
            Variable("y", about, "number", value_labels=labels),
            why,
        ),
    ]


def lesions_of(result: EvaluationResult) -> pd.MultiIndex:
    """Return the keys of the evaluated rows as text.

    Raises
    ------
    TableError
        Code ``index``: the evaluated frame had patients for keys, and no lesions.
    """
    index = result.rows.X.index
    if not isinstance(index, pd.MultiIndex) or index.nlevels != 2:
        raise TableError(
            "The result is of a table without lesion_id; a bundle needs the index (patient_id, "
            "lesion_id) in both.",
            code="index",
        )
    return pd.MultiIndex.from_tuples(
        [(str(patient), str(lesion)) for patient, lesion in index],
        names=["patient_id", "lesion_id"],
    )


def cleaned_flow(result: EvaluationResult) -> pd.DataFrame:
    """Return who was evaluated and who was left out, reasons by known codes."""
    flow = result.cohort_flow
    start = "left out, "
    names = [
        f"{start}{known_left_out(group.removeprefix(start), list(result.rows.blocks))}"
        if group.startswith(start)
        else group
        for group in map(str, flow.index)
    ]
    return flow.set_axis(pd.Index(names, name="group")).reset_index()


def _text(cell: Any) -> str:
    return "" if cell is None or pd.isna(cell) else str(cell)
