"""Which lesions and columns are compared, and a plain word for each that is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.checks import (
    aligned_outcome,
    check_columns,
    check_index,
    check_no_outcome,
    check_values,
)
from tumor_response.evaluation.left_out import missing_outcomes
from tumor_response.exceptions import EvaluationError, ExplanationError
from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.frames import IntoFrame, as_keyed, as_values
from tumor_response.models import patients_of
from tumor_response.outcomes import LabelRule
from tumor_response.table import FeatureTable
from tumor_response.transformers import blocks_of

__all__ = ["ADJUST", "MIN_PATIENTS", "ComparedRows", "compared_rows"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

ADJUST = ("clinical__age", "clinical__volume_cc")
"""What columns are adjusted for by default, as far as the table has them."""

MIN_PATIENTS = 5
"""Per group: with four in each no order of the values has an exact p below 0.028."""


@dataclass(frozen=True, eq=False)
class ComparedRows:
    """Lesions with an outcome, and the columns of numbers that are compared between them.

    Attributes
    ----------
    values : DataFrame (lesions x columns)
        float64, NaN where missing.
    label : ndarray of shape (n_lesions,)
        0.0 and 1.0.
    patients : ndarray of int64, shape (n_lesions,)
    covariates : DataFrame (lesions x adjusted for)
    hierarchy : Hierarchy
        Blocks and families of the columns.
    dictionary : DataFrame or None
    left_out : dict of str to int
        Lesions by reason.
    categories : list of str
        Predictors that are no numbers, and so are not compared.
    cut : str
        Where the two groups come from.
    """

    values: pd.DataFrame
    label: FloatArray
    patients: IntArray
    covariates: pd.DataFrame
    hierarchy: Hierarchy
    dictionary: pd.DataFrame | None
    left_out: dict[str, int]
    categories: list[str]
    cut: str


def compared_rows(
    table: FeatureTable | IntoFrame,
    y: pd.Series | IntoFrame,
    label: LabelRule | None,
    adjust: Sequence[str] | None,
    blocks: Sequence[str] | Mapping[str, Sequence[str]] | None,
) -> ComparedRows:
    """Check everything that can be checked, and leave out what must be."""
    table = as_keyed(table, "table")
    y = as_values(y, "y")
    data = table.data if isinstance(table, FeatureTable) else table
    if not isinstance(data, pd.DataFrame):
        raise ExplanationError(
            f"table: expected a FeatureTable or a pandas DataFrame, received "
            f"{type(table).__name__}.",
            code="table_type",
        )
    if data.empty:
        raise EvaluationError("The table has no rows or no columns.", code="no_rows")
    check_index(data.index)
    check_columns(data)
    outcome = aligned_outcome(y, data.index, label)
    covariates = _adjusters(data, adjust)
    chosen = _blocks(data, blocks)
    members = [column for columns in chosen.values() for column in columns]
    check_values(data, [*members, *covariates])
    known = outcome.notna().to_numpy()
    groups, cut = _groups(outcome[known], label)
    X = data[known]
    check_no_outcome(X, [*members, *covariates], outcome[known], groups.astype(np.int64))
    patients = patients_of(X)
    _check_groups(groups, patients)
    is_number = {
        c: not isinstance(kind, pd.CategoricalDtype)
        for c, kind in zip(members, X[members].dtypes, strict=True)
    }
    numbers = {
        block: [c for c in columns if is_number[c] and c not in covariates]
        for block, columns in chosen.items()
    }
    numbers = {block: columns for block, columns in numbers.items() if columns}
    columns = [column for members in numbers.values() for column in members]
    values = X[columns].astype(np.float64)
    _check_not_empty(values, numbers)
    dictionary = table.dictionary if isinstance(table, FeatureTable) else None
    return ComparedRows(
        values=values,
        label=groups,
        patients=patients,
        covariates=X[covariates],
        hierarchy=Hierarchy.of(numbers, dictionary),
        dictionary=dictionary,
        left_out=dict(Counter(missing_outcomes(outcome, y).values())),
        categories=[c for c in members if not is_number[c] and c not in covariates],
        cut=cut,
    )


def _adjusters(data: pd.DataFrame, adjust: Sequence[str] | None) -> list[str]:
    if adjust is None:
        return [column for column in ADJUST if column in data]
    wanted = [adjust] if isinstance(adjust, str) else list(adjust)
    absent = [column for column in wanted if column not in data]
    if absent:
        raise ExplanationError(
            f"adjust: the table has no column {absent[0]!r}. Name columns of the table, or "
            "adjust=() for none.",
            code="adjust",
        )
    return list(dict.fromkeys(wanted))


def _blocks(
    data: pd.DataFrame, blocks: Sequence[str] | Mapping[str, Sequence[str]] | None
) -> dict[str, list[str]]:
    if isinstance(blocks, Mapping):
        chosen = {str(block): list(columns) for block, columns in blocks.items()}
        absent = [c for columns in chosen.values() for c in columns if c not in data]
        if absent:
            raise ExplanationError(
                f"blocks: the table has no column {absent[0]!r}.", code="missing_block"
            )
        empty = [block for block, columns in chosen.items() if not columns]
        if empty:
            raise ExplanationError(f"blocks: block {empty[0]!r} has no columns.", code="no_block")
        return chosen
    there = blocks_of(data.columns)
    if blocks is None:
        return there
    wanted = [blocks] if isinstance(blocks, str) else list(blocks)
    unknown = [block for block in wanted if block not in there]
    if unknown or not wanted:
        raise ExplanationError(
            f"blocks: the table has no block {unknown[0]!r}; there are {', '.join(there)}."
            if unknown
            else f"blocks: none was named; there are {', '.join(there)}.",
            code="missing_block",
        )
    return {block: there[block] for block in wanted}


def _groups(outcome: pd.Series, label: LabelRule | None) -> tuple[FloatArray, str]:
    if outcome.empty:
        raise EvaluationError("No lesion has an outcome.", code="no_rows")
    if label is not None:
        fitted = label.fit(outcome)
        groups = label.label(outcome, fitted).to_numpy(dtype=np.float64)
        cut = label.threshold(fitted)
        where = "cut by all lesions" if label.is_fitted else "cut fixed beforehand"
        return groups, f"{label.cut} of {outcome.name}: {cut:.4g}, {where}"
    strange = sorted(set(outcome.unique().tolist()) - {0.0, 1.0})
    if strange:
        raise ExplanationError(
            f"y holds {strange[:3]} besides 0 and 1. For a continuous end point give the rule that "
            "makes two groups of it, label=tr.ResponderCut('median').",
            code="y",
        )
    return outcome.to_numpy(dtype=np.float64), "given as 0 and 1"


def _check_groups(groups: FloatArray, patients: IntArray) -> None:
    counts = {value: len(np.unique(patients[groups == value])) for value in (0, 1)}
    if not all(counts.values()):
        raise ExplanationError(
            f"All {len(groups)} lesions are of class {1 if counts[1] else 0}; there is no other "
            "group to compare them with.",
            code="one_class",
        )
    fewest = min(counts, key=lambda value: counts[value])
    if counts[fewest] < MIN_PATIENTS:
        raise ExplanationError(
            f"Class {fewest} has lesions of {counts[fewest]} patient(s), expected {MIN_PATIENTS} "
            "or more: with fewer no column could differ beyond chance. Another cut makes other "
            "groups.",
            code="too_few_patients",
        )


def _check_not_empty(values: pd.DataFrame, blocks: Mapping[str, list[str]]) -> None:
    if not blocks:
        raise ExplanationError(
            "No column is left to compare: a table of numbers beside what is adjusted for is "
            "needed.",
            code="no_block",
        )
    for block, columns in blocks.items():
        if values[columns].isna().to_numpy().all():
            raise ExplanationError(
                f"Block {block!r} is empty: all values of its {len(columns)} column(s) are missing "
                "in the lesions with an outcome. Extract it again, or leave it out with blocks=.",
                code="empty_block",
            )
