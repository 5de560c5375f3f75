"""What is refused before the first fit, each with a plain word and the way out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import EvaluationError
from tumor_response.outcomes import ResponderCut

__all__ = ["aligned_outcome", "check_classes", "check_columns", "check_index", "check_values"]

IntArray = npt.NDArray[np.int64]


def check_index(index: pd.Index) -> None:
    """Refuse rows that do not say their patient, or say it twice."""
    if "patient_id" not in index.names:
        raise EvaluationError(
            f"The table's index is named {list(index.names)}; expected (patient_id, lesion_id), or "
            "patient_id alone. Patients are what is resampled: set_index([...]) says who they are.",
            code="index",
        )
    if not index.is_unique:
        twice = index[index.duplicated()].unique().tolist()
        raise EvaluationError(
            f"{len(twice)} index entries of the table occur more than once, e.g. {twice[:3]}. One "
            "row is one lesion; give lesions of a patient different lesion_id.",
            code="duplicate_index",
        )
    if index.to_frame().isna().to_numpy().any():
        raise EvaluationError("The table's index has missing patient or lesion ids.", code="index")


def check_columns(X: pd.DataFrame) -> None:
    """Refuse column names that are not unique or no text."""
    if not X.columns.is_unique:
        twice = X.columns[X.columns.duplicated()].unique().tolist()
        raise EvaluationError(f"The table has columns of the same name: {twice[:5]}.")
    if not all(isinstance(column, str) for column in X.columns):
        raise EvaluationError("The table's column names must be text.")


def aligned_outcome(y: pd.Series, index: pd.Index, label: ResponderCut | None) -> pd.Series:
    """Return the outcome as float64 in the order of ``index``."""
    if not isinstance(y, pd.Series):
        raise EvaluationError(
            f"y: expected a pandas Series with the table's index, received {type(y).__name__}; "
            "without an index nobody can tell whose outcome is whose."
        )
    if label is not None and not isinstance(label, ResponderCut):
        raise EvaluationError(
            f"label: expected tr.ResponderCut(...) or None, received {type(label).__name__}."
        )
    if not y.index.is_unique:
        raise EvaluationError("y has index entries more than once.", code="duplicate_index")
    if not y.index.equals(index):
        without, beyond = (
            index.difference(y.index, sort=False),
            y.index.difference(index, sort=False),
        )
        if len(without) or len(beyond):
            raise EvaluationError(
                f"y and the table do not have the same index: {len(without)} rows of the table "
                f"are not in y (e.g. {without[:2].tolist()}), {len(beyond)} of y are not in the "
                f"table (e.g. {beyond[:2].tolist()}). y.reindex(table.data.index) gives missing "
                "outcomes as NaN, which are left out and counted.",
                code="index_mismatch",
            )
    numeric = pd.api.types.is_numeric_dtype(y.dtype) or pd.api.types.is_bool_dtype(y.dtype)
    if not numeric:
        raise EvaluationError(
            f"y holds {y.dtype} values; expected 0 and 1, or an end point with label=.", code="y"
        )
    values = y.reindex(index).to_numpy(dtype=np.float64, na_value=np.nan)
    # no attrs: they would be copied with every slice
    return pd.Series(values, index=index, name=y.name)


def check_values(X: pd.DataFrame, used: Iterable[str]) -> None:
    """Refuse text and infinite values in the columns that some model uses."""
    columns = list(dict.fromkeys(used))
    numeric, wrong = [], []
    kinds: dict[object, str] = {}
    for column, dtype in zip(columns, X[columns].dtypes, strict=True):
        if dtype not in kinds:
            is_category = isinstance(dtype, pd.CategoricalDtype)
            is_number = pd.api.types.is_numeric_dtype(dtype)
            kinds[dtype] = "category" if is_category else "number" if is_number else "other"
        if kinds[dtype] == "number":
            numeric.append(column)
        elif kinds[dtype] == "other":
            wrong.append(f"{column!r} ({dtype})")
    if wrong:
        raise EvaluationError(
            f"{len(wrong)} predictor column(s) are neither numbers nor categories: "
            f"{', '.join(wrong[:5])}. Turn them into numbers, or declare them with "
            "astype('category').",
            code="object_columns",
        )
    infinite = np.isinf(X[numeric].to_numpy(dtype=np.float64, na_value=np.nan))
    if infinite.any():
        row, place = (int(found) for found in np.argwhere(infinite)[0])
        raise EvaluationError(
            f"{int(infinite.sum())} infinite values in {int(infinite.any(axis=0).sum())} "
            f"column(s), the first in {numeric[place]!r} at {X.index[row]!r}. Correct them, or "
            "make them NaN if they are unknown.",
            code="infinite",
        )


def check_classes(y: IntArray, patients: IntArray) -> None:
    """Refuse one class, and classes of one patient."""
    counts = {value: len(np.unique(patients[y == value])) for value in (0, 1)}
    if not all(counts.values()):
        there = 1 if counts[1] else 0
        raise EvaluationError(
            f"All {len(y)} lesions are of class {there}; an AUC compares two classes.",
            code="one_class",
        )
    for value, count in counts.items():
        if count < 2:
            raise EvaluationError(
                f"Class {value} has lesions of {count} patient only; with fewer than two patients "
                "per class no resample can train on one and be tested on another.",
                code="too_few_patients",
            )
